"""Costs of the runs of a sweep: their start, new or forked, and the driver's work for each.

python -m benchmarks.runs start --count=4 --rounds=2      # trains; new processes against forks
python -m benchmarks.runs driver --executor=ray --count=200  # jobs that do nothing
"""

import json
import os
import pickle
import resource
import tempfile
import time
from pathlib import Path

from trainers import executors, scripts
from trainers.executors import Job

ROOT = Path(__file__).resolve().parents[1]


def start(count, rounds, jobs, config):
    """Trains `count` runs with new processes and with forks, in turns.

    Returns:
        dict kind -> list of (seconds, CPU seconds) of the runs of a round.
    """
    from trainers.sweeps import grid, running

    specs = grid.runs(config, {"seed": range(1, count + 1)})
    measured = {"new": [], "forked": []}
    for _ in range(rounds):
        for kind, rows in measured.items():
            with tempfile.TemporaryDirectory() as folder:
                begin, before = time.perf_counter(), _children()
                with executors.make("local", jobs=jobs, reuse=kind == "forked") as executor:
                    found = running.train(specs, folder, executor=executor, say=_silent)
                rows.append((time.perf_counter() - begin, _children() - before))
                bad = [record for record in found if record.status != "finished"]
                if bad:
                    raise RuntimeError(f"Expected runs that finish. Received: {bad[0]}")
    return measured


def driver(name, count):
    """Runs jobs that do nothing through a sweep's pool; returns what the driver spent on each.

    Returns:
        dict of CPU seconds, seconds and bytes of a job.
    """
    with tempfile.TemporaryDirectory() as folder, executors.make(name) as executor:
        jobs = [Job(f"{i}", ("-c", ""), Path(folder) / f"{i}.log") for i in range(count)]
        ended = _all(executor, jobs[:2])  # starts what starts once
        begin, before = time.perf_counter(), time.process_time()
        ended = _all(executor, jobs[2:])
        spent = time.process_time() - before, time.perf_counter() - begin
        if any(end.code for end in ended):
            raise RuntimeError(f"Expected jobs that end with 0. Received: {ended[0]}")
        place = getattr(executor, "place", None)
        sent = len(pickle.dumps((jobs[-1], place, "0" * 32)))
    received = len(pickle.dumps((0, "")))
    number = count - 2
    return {
        "cpu_seconds": spent[0] / number,
        "seconds": spent[1] / number,
        "bytes": sent + received,
    }


def _all(executor, jobs):
    waiting, running, ended = list(jobs), 0, []
    while waiting or running:
        while waiting and running < executor.slots:
            running += executor.start(waiting.pop(0))
        done = executor.wait(0.2)
        running -= len(done)
        ended += done
    return ended


def _children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _silent(line):
    return None


def main(arguments=None):
    """Measures what the command line names, and prints it."""
    parser = scripts.Parser(__doc__)
    parser.add_argument("what", choices=("start", "driver"))
    parser.add_argument("--count", type=int, default=4, help="Runs, or jobs.")
    parser.add_argument("--rounds", type=int, default=1, help="Rounds of `start`.")
    parser.add_argument("--jobs", type=int, default=2, help="Runs at the same time.")
    parser.add_argument("--config", default=str(ROOT / "configs" / "quickstart.py"))
    parser.add_argument("--executor", default="local", choices=executors.NAMES)
    options = parser.parse_args(arguments)
    if options.what == "driver":
        print(json.dumps({"executor": options.executor, **driver(options.executor, options.count)}))
        return
    measured = start(options.count, options.rounds, options.jobs, options.config)
    load = os.getloadavg()[0]
    for kind, rows in measured.items():
        for seconds, cpu in rows:
            print(
                f"{kind}: {options.count} runs in {seconds:.1f} s, {cpu:.1f} CPU s; load {load:.1f}"
            )
    ratios = [new[1] / fork[1] for new, fork in zip(measured["new"], measured["forked"])]
    print(f"CPU seconds, new over forked: {', '.join(f'{ratio:.2f}' for ratio in ratios)}")


if __name__ == "__main__":
    main()
