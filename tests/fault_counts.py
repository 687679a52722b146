"""Counts the faults that tests inject, and prints and writes the counts at the end of a run.

A test with `@pytest.mark.faults("kind")` is one fault of that kind; it counts as wrong if it fails.
A test of many faults takes the fixture `faults` and counts them itself.
"""

import collections
import json
import shlex
import sys
import time

import pytest

_AUDITED = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "pickle.find_class")


def add_options(parser):
    parser.addoption("--fault-seed", type=int, default=17, help="The seed of all faults.")
    parser.addoption(
        "--fault-count",
        type=int,
        help="Faults of each kind under -m faults (default: each test's).",
    )
    parser.addoption(
        "--fault-report",
        help="A JSON file to write the counts to (benchmarks.reliability).",
    )


class FaultCounts:
    """A plugin of pytest: `faults` counts in a test, the end of the run prints all counts."""

    def __init__(self, config):
        self.config, self.start = config, time.monotonic()
        self.counts, self.outcomes = {}, collections.Counter()

    @pytest.fixture
    def faults(self, request):
        """Returns a `Faults` of this test."""
        return Faults(self.config, self.counts)

    def pytest_runtest_setup(self, item):
        kinds = [mark.args[0] for mark in item.iter_markers("faults") if mark.args]
        item.user_properties += [("fault", kind) for kind in kinds[:1]]  # the closest mark

    def pytest_runtest_logreport(self, report):
        if hasattr(self.config, "workerinput"):  # one of several processes: the first one counts
            return
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.outcome] += 1
            for kind in (kind for name, kind in report.user_properties if name == "fault"):
                counts = {"skipped": 1} if report.skipped else {"injected": 1}
                _add(self.counts, kind, {**counts, "not as promised": int(report.failed)})

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node):
        for kind, counts in getattr(node, "workeroutput", {}).get("faults", {}).items():
            _add(self.counts, kind, counts)

    def pytest_sessionfinish(self):
        if hasattr(self.config, "workeroutput"):  # one of several processes
            self.config.workeroutput["faults"] = self.counts
        elif self.config.getoption("--fault-report"):
            with open(self.config.getoption("--fault-report"), "w") as file:
                json.dump(self._report(), file, indent=2, sort_keys=True)
                file.write("\n")

    def _report(self):
        from trainers import environment

        return {
            "command": shlex.join(["python", "-m", "pytest", *sys.argv[1:]]),
            "hardware": environment.hardware(),
            "versions": environment.versions(),
            "seconds": round(time.monotonic() - self.start),
            "seed": self.config.getoption("--fault-seed"),
            "tests": dict(self.outcomes),
            "faults": self.counts,
        }

    def pytest_terminal_summary(self, terminalreporter):
        if not self.counts:
            return
        seed = self.config.getoption("--fault-seed")
        terminalreporter.section(f"faults, seed {seed}")
        for kind, counts in sorted(self.counts.items()):
            text = ", ".join(f"{name} {number:,}" for name, number in counts.items())
            terminalreporter.write_line(f"{kind}: {text}")


def _add(all_counts, kind, counts):
    """Adds counts to those of a kind; of those named "most ..." the largest counts."""
    total = all_counts.setdefault(kind, {})
    for name, number in counts.items():
        if name.startswith("most "):
            total[name] = max(total.get(name, 0), number)
        else:
            total[name] = total.get(name, 0) + number


class Faults:
    """The seed, the number of faults, and the counts of one test."""

    def __init__(self, config, counts):
        self.seed = config.getoption("--fault-seed")
        self._most = config.getoption("--fault-count")
        self._counts = counts

    def number(self, count, is_long):
        """Returns `count`, or `--fault-count` in a long test that has it."""
        return self._most if is_long and self._most else count

    def add(self, kind, **counts):
        """Adds counts to a kind of fault: `add("mutations", injected=3, undetected=0)`."""
        _add(self._counts, kind, counts)


class Canary(collections.Counter):
    """Counts commands that are started and pickles that name a class while it is entered."""

    def __init__(self):
        import sys

        self.is_watching = False
        sys.addaudithook(self._see)

    def _see(self, event, _):
        if self.is_watching and event in _AUDITED:
            self[event] += 1

    def __enter__(self):
        self.is_watching = True
        return self

    def __exit__(self, *_):
        self.is_watching = False
