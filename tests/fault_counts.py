"""Counts the faults that tests inject, and prints and writes the counts at the end of a run."""

import collections
import json

import pytest

_AUDITED = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "pickle.find_class")


def add_options(parser):
    parser.addoption("--fault-seed", type=int, default=17, help="The seed of all faults.")
    parser.addoption(
        "--fault-count",
        type=int,
        help="Faults of each kind under -m faults (default: each test's).",
    )
    parser.addoption("--fault-report", help="A JSON file to write the counts of faults to.")


class FaultCounts:
    """A plugin of pytest: `faults` counts in a test, the end of the run prints all counts."""

    def __init__(self, config):
        self.config = config
        self.counts = {}

    @pytest.fixture
    def faults(self, request):
        """Returns a `Faults` of this test."""
        return Faults(self.config, self.counts)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node):
        for kind, counts in getattr(node, "workeroutput", {}).get("faults", {}).items():
            _add(self.counts, kind, counts)

    def pytest_sessionfinish(self):
        if hasattr(self.config, "workeroutput"):  # one of several processes
            self.config.workeroutput["faults"] = self.counts
        elif self.config.getoption("--fault-report"):
            with open(self.config.getoption("--fault-report"), "w") as file:
                json.dump(self.counts, file, indent=2, sort_keys=True)

    def pytest_terminal_summary(self, terminalreporter):
        if not self.counts:
            return
        seed = self.config.getoption("--fault-seed")
        terminalreporter.section(f"faults, seed {seed}")
        for kind, counts in sorted(self.counts.items()):
            text = ", ".join(f"{name} {number:,}" for name, number in counts.items())
            terminalreporter.write_line(f"{kind}: {text}")


def _add(all_counts, kind, counts):
    total = all_counts.setdefault(kind, {})
    for name, number in counts.items():
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
