"""Searches: their space, which trials run, which are pruned, and how an ended search goes on.

Optuna is an extra of its own (`pip install -e ".[optuna]"`): without it most tests are skipped.
"""

import pathlib

import pytest

from trainers import history
from trainers.executors import Ended, Executor
from trainers.sweeps import ledger, records, running, search, space
from trainers.sweeps.grid import RunSpec
from trainers.sweeps.space import Range
from zoo.storage import files

ROOT = pathlib.Path(__file__).parents[2]
CONFIG = str(ROOT / "configs/quickstart.py")


def test_a_space_has_ranges_and_lists():
    text = "objective.beta=log(0.01..1e1);latent_dim=2..32;seed=1,2;optimizer.learning_rate=.1..1"
    assert space.parse(text) == {
        "objective.beta": Range(0.01, 10.0, True),
        "latent_dim": Range(2, 32),
        "seed": ["1", "2"],
        "optimizer.learning_rate": Range(0.1, 1),
    }
    assert space.ends(space.parse("latent_dim=2..32;seed=1,2")) == [
        {"latent_dim": 2, "seed": "1"},
        {"latent_dim": 32, "seed": "2"},
    ]
    for wrong in ("a=1..2,3", "a=3..2", "a=log(0..1)", "a=exp(1..2)", "a=1..b"):
        with pytest.raises(ValueError, match="Expected a range.*Received: a="):
            space.parse(wrong)


class Curves(Executor):
    """Runs whose NLL is the distance of beta from 2, seen in every epoch; no process runs."""

    def __init__(self, slots=2, epochs=8, failing=()):
        self.slots, self.epochs, self.failing = slots, epochs, failing
        self.running, self.cancelled, self.started = {}, set(), []

    def start(self, job):
        self.started.append(job.name)
        self.running[job.name] = job, 0
        return True

    def wait(self, seconds):
        ended = []
        for name, (job, epoch) in list(self.running.items()):
            folder = pathlib.Path(job.command[-1].removeprefix("--workdir="))
            nll = 100 + abs(float(name.partition("beta=")[2].partition("_")[0]) - 2)
            if name in self.cancelled or epoch == self.epochs:
                code = 143 if name in self.cancelled else int(len(self.started) in self.failing)
                if code == 0:
                    self._finish(folder, nll)
                ended.append(Ended(job, code, "diverged" if code == 1 else ""))
                del self.running[name]
                continue
            self.running[name] = job, epoch + 1
            rows = [
                {"epoch": e + 1, "step": e, "seconds": 1.0, "val_elbo": -nll}
                for e in range(epoch + 1)
            ]
            folder.mkdir(exist_ok=True)
            history.write(folder, rows)
        return ended

    def _finish(self, folder, nll):
        config = {"train": {"epochs": self.epochs}, "evaluation": {"metrics": ["nll"]}}
        files.write_json(folder / "config.json", {"config": config})
        metrics = {"nll": {"value": nll}}
        files.write_json(folder / "evaluation.json", {"epochs": self.epochs, "metrics": metrics})
        (folder / "report.html").touch()

    def cancel(self, name):
        self.cancelled.add(name)

    def stop(self, seconds):
        self.running = {}


def _search(workdir, executor, trials, **options):
    return search.search(
        CONFIG,
        workdir,
        "objective.beta=log(0.1..10)",
        trials=trials,
        executor=executor,
        say=lambda line: None,
        **options,
    )


@pytest.fixture
def _optuna():
    pytest.importorskip("optuna", reason='Needs the extra "optuna".')


@pytest.mark.parametrize("method", search.METHODS)
def test_a_search_finds_the_best_and_prunes_the_poor(method, tmp_path, _optuna):
    executor = Curves()
    best, value = _search(tmp_path, executor, 12, method=method)
    rows = ledger.read(tmp_path)
    assert len(rows) == len(executor.started) == 12
    finished = [row for row in rows if row["status"] == "finished"]
    pruned = [row for row in rows if row["status"] == "pruned"]
    assert len(finished) + len(pruned) == 12 and len(pruned) >= 3
    assert value == min(row["nll"] for row in finished) and best.spec.name in executor.started
    distance = {row["run"]: abs(float(row["run"].partition("=")[2]) - 2) for row in rows}
    assert min(distance, key=distance.get) == best.spec.name, "the best is never pruned"
    again = Curves()
    assert _search(tmp_path, again, 12, method=method) == (best, value)
    assert again.started == [], "trials of earlier calls count"
    _search(tmp_path, again, 14, method=method)
    assert len(again.started) == 2 and not set(again.started) & set(executor.started)


def test_an_ended_search_goes_on_with_its_runs(tmp_path, _optuna, monkeypatch):
    executor, waits = Curves(epochs=4), []

    class Killed(BaseException):
        pass

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 8:  # in the middle of the second pair of runs
            raise Killed
        return Curves.wait(executor, seconds)

    monkeypatch.setattr(executor, "wait", wait)
    with pytest.raises(Killed):
        _search(tmp_path, executor, 6, prune=False)
    assert len(executor.started) == 4
    again = Curves(epochs=4)
    _search(tmp_path, again, 6, prune=False)
    assert again.started[:2] == executor.started[2:] and len(again.started) == 4
    assert [row["status"] for row in ledger.read(tmp_path)] == ["finished"] * 6


def test_a_failed_run_is_a_trial_and_stops_no_other(tmp_path, _optuna):
    executor = Curves(slots=1, failing=(2,))
    best, _ = _search(tmp_path, executor, 4, prune=False)
    statuses = [records.read(tmp_path, name).status for name in executor.started]
    assert statuses == ["finished", "failed", "finished", "finished"]
    assert best.spec.name != executor.started[1]


def test_a_search_is_checked_before_it_begins(tmp_path, _optuna):
    for options, words in (
        ({"metric": "mmd"}, "Expected --direction"),
        ({"metric": "mmd", "direction": "minimize"}, "metric"),
        ({"trials": 0}, "trials"),
        ({"method": "grid"}, "search"),
    ):
        with pytest.raises(ValueError, match=words):
            _search(tmp_path, Curves(), **{"trials": 2, **options})
    with pytest.raises(ValueError, match="objective.bta"):
        search.search(CONFIG, tmp_path, "objective.bta=1..2", executor=Curves())


def test_a_run_that_ends_costs_the_reading_of_one_folder(tmp_path, monkeypatch):
    read, seen, row = [], [], ledger.row

    def counted(workdir, record, extra=()):
        read.append(record.spec.name)
        return row(workdir, record, extra)

    def say(line):
        if line.startswith("["):  # of a run that ended
            seen.append([entry["status"] for entry in ledger.read(tmp_path)])

    monkeypatch.setattr(ledger, "row", counted)
    specs = [
        RunSpec(f"beta={i}", {"objective.beta": str(i)}, (f"--config={CONFIG}",)) for i in range(8)
    ]
    running.train(specs, tmp_path, executor=Curves(epochs=2), say=say)
    assert seen[0] == ["finished"] * 2 + ["waiting"] * 6  # both ended at the same time
    assert seen[2] == ["finished"] * 3 + ["running"] + ["waiting"] * 4
    assert seen[-1] == ["finished"] * 8
    assert len(read) <= 4 * 8, "at the first end and at the last all; else what starts or ends"
