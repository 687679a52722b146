"""Running a sweep: processes side by side, none of which can stop another."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from trainers import stopping
from trainers.sweeps import grid, ledger, records
from trainers.sweeps.records import Record
from trainers.wording import duration
from zoo.storage.locks import try_lock

POLL_SECONDS = 0.2
_RAISED = re.compile(r"(error|[\w.]*(Error|Exception)\b.*?):")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
GRACE_SECONDS = 30  # for a process to save the present step, before it is killed


def sweep(config, workdir, grid_text, overrides=(), **options):
    """Trains every run of a grid that is not finished, and writes `ledger.csv` after each.

    Args:
        config: A config's file, with its argument if any.
        workdir: The sweep's folder; each run's folder is in it, its output in `logs`.
        grid_text: `key=value,value;key=value`, a dict key -> values, or a list; see `grid.points`.
        overrides: Flags `--config.key=value` that all runs have.
        **options: Of `train`.

    Returns:
        The `Record` of every run of the grid.

    Raises:
        ValueError: If the grid, or a run begun before, does not fit.
    """
    return train(grid.runs(config, grid_text, overrides), workdir, **options)


@stopping.resumable()
def train(
    specs,
    workdir,
    jobs=2,
    threads=0,
    retry_failed=False,
    environment=None,
    say=print,
):
    """Trains runs that are not finished, and writes `ledger.csv` after each.

    A run is a process of its own, so that one that crashes, runs out of memory or diverges stops
    no other. Finished runs are left alone, begun ones resume, failed ones are listed.

    Args:
        specs: List of `RunSpec`.
        workdir: The sweep's folder; each run's folder is in it, its output in `logs`.
        jobs: Processes at the same time.
        threads: Of each process; 0 shares the cores.
        retry_failed: Whether to go on with runs that failed.
        environment: Of the processes, in addition to their threads; this process's by default.
        say: Called with each line of status.

    Returns:
        The `Record` of every run, in the order of `specs`.

    Raises:
        ValueError: If a run of the same name was begun in `workdir` with other flags.
    """
    if jobs < 1 or threads < 0:
        raise ValueError(f"Expected jobs >= 1 and threads >= 0. Received: {jobs=}, {threads=}")
    workdir = Path(workdir)
    records.check_same(workdir, specs)
    (workdir / records.LOGS).mkdir(parents=True, exist_ok=True)
    waiting = []
    for spec in specs:
        record = records.read(workdir, spec.name) or Record(spec)
        if record.status == "finished" or (record.status == "failed" and not retry_failed):
            reason = f" ({record.error}); --retry_failed tries again" if record.error else ""
            say(f"{spec.name}: {record.status} before{reason}")
            continue
        records.write(workdir, Record(spec))
        waiting.append(spec)
    environment = process_environment(environment, threads or max(1, _cores() // jobs))
    pool = _Pool(workdir, waiting, jobs, environment, say)
    with stopping.raised():
        pool.run()
    ledger.write(workdir)
    return [records.read(workdir, spec.name) for spec in specs]


class _Pool:
    """The processes of one sweep."""

    def __init__(self, workdir, waiting, jobs, environment, say):
        self.workdir, self.waiting, self.jobs, self.say = workdir, list(waiting), jobs, say
        self.environment = environment
        self.total, self.running = len(waiting), {}
        self.seconds = []

    def run(self):
        try:
            while self.waiting or self.running:
                while self.waiting and len(self.running) < self.jobs:
                    self._start(self.waiting.pop(0))
                time.sleep(POLL_SECONDS)
                for spec, (process, _) in list(self.running.items()):
                    if process.poll() is not None:
                        self._end(spec)
        finally:
            self._stop()

    def _start(self, spec):
        log = open(records.log_path(self.workdir, spec.name), "ab")  # noqa: SIM115
        with log:
            if not try_lock(log):  # the child holds it with its output, until it ends
                self.say(f"{spec.name}: left out, another sweep is running it")
                self.total -= 1
                return
            records.write(self.workdir, Record(spec, "running"))
            process = subprocess.Popen(
                [sys.executable, *spec.command(self.workdir / spec.name)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                start_new_session=True,  # Ctrl-C reaches this process alone, which stops the rest
            )
        self.running[_Key(spec)] = (process, time.monotonic())

    def _end(self, key):
        process, start = self.running.pop(key)
        spec, seconds = key.spec, time.monotonic() - start
        self.seconds.append(seconds)
        code, error, status = process.returncode, "", "finished"
        if code in stopping.EXIT_CODES:  # it was asked to end, and saved
            status = "stopped"
        elif code:
            error, status = _error(self.workdir, spec, code), "failed"
        records.write(self.workdir, Record(spec, status, error))
        rows = {row["run"]: row for row in ledger.write(self.workdir)}
        outcome = "the same command resumes" if status == "stopped" else error
        self.say(
            f"[{len(self.seconds)}/{self.total}] {spec.name} {status} in {duration(seconds)}: "
            f"{outcome or ledger.summary(rows[spec.name])}{self._left()}"
        )

    def _left(self):
        left = self.total - len(self.seconds)
        if not left:
            return ""
        mean = sum(self.seconds) / len(self.seconds)
        # Those that run now are half done, on average.
        batches = (len(self.waiting) + len(self.running) / 2) / self.jobs
        return f"; {left} left, about {duration(mean * max(batches, 0.5))}"

    def _stop(self):
        """Asks what still runs to save and end; kills it after a while or on a second signal."""
        processes = [process for process, _ in self.running.values()]
        try:
            for process in processes:
                _signal(process, signal.SIGTERM)
            deadline = time.monotonic() + GRACE_SECONDS
            for process in processes:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - time.monotonic()))
        finally:
            for process in processes:
                _signal(process, signal.SIGKILL)
                process.wait()
            for key in self.running:
                records.write(self.workdir, Record(key.spec, "stopped"))
            if self.running:
                ledger.write(self.workdir)
            self.running = {}


class _Key:
    """A run as a key: its dict of values has no hash."""

    def __init__(self, spec):
        self.spec = spec


def process_environment(environment, threads):
    """Returns the environment of a run's process: its threads limited, a GPU's memory shared."""
    environment = dict(os.environ if environment is None else environment)
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        environment[name] = str(threads)
    # Otherwise the first process would take all memory of a GPU, and the second none.
    environment.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    environment.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    paths = (str(Path(__file__).parents[2]), environment.get("PYTHONPATH"))
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return environment


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _signal(process, number):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _error(workdir, spec, code):
    """Returns why a run failed: the signal, the error that Python printed, or the last line."""
    if code < 0:
        name = signal.Signals(-code).name
        return f"ended by {name}" + (", perhaps out of memory" if name == "SIGKILL" else "")
    text = records.log_path(workdir, spec.name).read_text(encoding="utf-8", errors="replace")
    lines = [_COLOUR.sub("", line).strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    errors = [i for i, line in enumerate(lines) if _RAISED.match(line)]
    # Keras says behind its first line what went wrong, and then lists arguments.
    shown = lines[errors[-1] :][:2] if errors else lines[-1:]
    return " ".join(shown)[:300] or f"ended with {code}"
