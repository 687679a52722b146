"""Runs the jobs of a sweep side by side; a failed run stops no other."""

import re
import signal
import time
from pathlib import Path

from trainers import executors, stopping
from trainers.sweeps import grid, ledger, records
from trainers.sweeps.records import Record
from trainers.wording import duration

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
    executor=None,
):
    """Trains runs that are not finished, and writes `ledger.csv` after each.

    A run is a process of its own, so that one that crashes, runs out of memory or diverges stops
    no other. Finished runs are left alone, begun ones resume, failed ones are listed.

    Args:
        specs: List of `RunSpec`.
        workdir: The sweep's folder; each run's folder is in it, its output in `logs`.
        jobs: Processes at the same time.
        threads: Threads of each process; 0 shares the cores.
        retry_failed: Whether to go on with runs that failed.
        environment: Environment variables of the processes, in addition to those of their
            threads; this process's by default.
        say: Called with each line of status.
        executor: An `executors.Executor`, which stays open; by default processes of this machine,
            as `jobs`, `threads` and `environment` say.

    Returns:
        The `Record` of every run, in the order of `specs`.

    Raises:
        ValueError: If a run of the same name was begun in `workdir` with other flags.
    """
    if executor is None:
        options = {"jobs": jobs, "threads": threads, "environment": environment}
        with executors.make("local", **options) as executor:
            return train(specs, workdir, retry_failed=retry_failed, say=say, executor=executor)
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
    pool = Pool(workdir, waiting, executor, say)
    with stopping.raised():
        pool.run()
    ledger.write(workdir)
    return [records.read(workdir, spec.name) for spec in specs]


class Pool:
    """The runs of one sweep, from the first to the last.

    Args:
        workdir: The sweep's folder.
        waiting: List of `RunSpec`.
        executor: An `executors.Executor`.
        say: Called with each line of status.
    """

    def __init__(self, workdir, waiting, executor, say):
        self.workdir, self.waiting, self.executor, self.say = workdir, list(waiting), executor, say
        self.total, self.running = len(waiting), {}  # name -> (spec, start)
        self.seconds, self.table = [], None

    def run(self):
        """Starts all runs and waits for them; stops them if it is interrupted."""
        try:
            self.refill()
            while self.running:
                for end in self.executor.wait(POLL_SECONDS):
                    self._end(end)
                self.refill()
        finally:
            self._stop()

    def refill(self):
        """Starts waiting runs while the executor has room."""
        while self.waiting and len(self.running) < self.executor.slots:
            self.start(self.waiting.pop(0))

    def start(self, spec):
        """Hands a run to the executor."""
        records.write(self.workdir, Record(spec, "running"))
        if self.table:
            self.table.read(spec.name)
        command = tuple(spec.command(self.workdir / spec.name))
        job = executors.Job(spec.name, command, records.log_path(self.workdir, spec.name))
        self.running[spec.name] = spec, time.monotonic()
        if not self.executor.start(job):
            self._leave_out(spec.name)

    def status_of(self, spec, end):
        """Returns (status, error) of a run that ended."""
        if end.code in stopping.EXIT_CODES:  # it was asked to end, and saved
            return "stopped", ""
        if end.code:
            return "failed", end.error or _error(self.workdir, spec, end.code)
        return "finished", ""

    def ended(self, record):
        """Called with the record of each run that ended."""

    def _leave_out(self, name):
        del self.running[name]
        self.say(f"{name}: left out, another sweep is running it")
        self.total -= 1

    def _end(self, end):
        if end.code is None:
            self._leave_out(end.job.name)
            return
        spec, start = self.running.pop(end.job.name)
        seconds = time.monotonic() - start
        self.seconds.append(seconds)
        status, error = self.status_of(spec, end)
        records.write(self.workdir, Record(spec, status, error))
        self.table = self.table or ledger.Table(self.workdir)
        row = self.table.update(spec.name)
        outcome = "the same command resumes" if status == "stopped" else error
        self.say(
            f"[{len(self.seconds)}/{self.total}] {spec.name} {status} in {duration(seconds)}: "
            f"{outcome or ledger.summary(row)}{self._left()}"
        )
        self.ended(Record(spec, status, error))

    def _left(self):
        remaining = self.total - len(self.seconds)
        if not remaining:
            return ""
        mean = sum(self.seconds) / len(self.seconds)
        # Those that run now are half done, on average.
        batches = (len(self.waiting) + len(self.running) / 2) / max(
            1, min(self.executor.slots, remaining)
        )
        return f"; {remaining} left, about {duration(mean * max(batches, 0.5))}"

    def _stop(self):
        """Asks what still runs to save and end; kills it after a while or on a second signal."""
        try:
            self.executor.stop(GRACE_SECONDS)
        finally:
            for spec, _ in self.running.values():
                records.write(self.workdir, Record(spec, "stopped"))
            if self.running:
                ledger.write(self.workdir)
            self.running = {}


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
