"""Trackers: what they keep of a run, under one identifier when the run resumes.

MLflow and Weights & Biases are extras (`pip install -e ".[mlflow]"`): without them their tests are
skipped.
"""

import numpy as np
import pytest

from trainers import loop, overrides, trackers
from trainers.trackers import base
from zoo.storage import files


class Notes(trackers.Tracker):
    """Keeps the calls."""

    def __init__(self):
        self.calls = []

    def begin(self, workdir, settings):
        self.calls.append(("begin", settings))

    def scalars(self, values, step):
        self.calls.append(("scalars", step, dict(values)))

    def picture(self, tag, image, step):
        self.calls.append(("picture", step, tag))

    def finish(self, workdir, evaluation):
        assert (workdir / "report.html").is_file()
        self.calls.append(("finish", base.values(evaluation)))

    def close(self, is_finished=True):
        self.calls.append(("close", is_finished))


@pytest.fixture(scope="module")
def config():
    loaded = overrides.load("configs/quickstart.py:tiny")
    with loaded.unlocked():
        loaded.train.pictures_every = 2
        loaded.evaluation.metrics = ["rate", "elbo"]
    return loaded


@pytest.mark.slow
def test_a_tracker_is_handed_what_a_run_measures(config, tmp_path):
    tracker = Notes()
    run = loop.train_and_evaluate(config, tmp_path, progress=False, tracker=tracker)
    kinds = [call[0] for call in tracker.calls]
    assert kinds == [
        "begin",
        "scalars",
        "scalars",
        "picture",
        "picture",
        "begin",
        "finish",
        "close",
    ]
    assert tracker.calls[0][1]["objective.name"] == "beta"
    step, values = tracker.calls[2][1:]
    assert step == run.step == 6
    assert values == {k: v for k, v in run.history[-1].items() if k not in ("epoch", "step")}
    assert [call[2] for call in tracker.calls if call[0] == "picture"] == [
        "reconstructions",
        "samples",
    ]
    assert tracker.calls[-2][1]["elbo"] == run.evaluation["metrics"]["elbo"]["value"]
    assert "elbo_stderr" in tracker.calls[-2][1]
    assert tracker.calls[-1] == ("close", True)


def test_a_run_that_fails_is_closed_as_failed(config, tmp_path):
    tracker = Notes()
    (tmp_path / "something").touch()
    with pytest.raises(ValueError, match="empty or new folder"):
        loop.train_and_evaluate(config, tmp_path, progress=False, tracker=tracker)
    assert tracker.calls == [("close", False)]


def test_a_tracker_is_found_by_name(monkeypatch):
    monkeypatch.delenv(trackers.VARIABLE, raising=False)
    assert type(trackers.make()) is trackers.Tracker
    with pytest.raises(ValueError, match="tracker.*'mlfow'"):
        trackers.make("mlfow")
    assert trackers.names() == ["mlflow", "wandb"]
    monkeypatch.setenv(trackers.VARIABLE, "wadb")
    with pytest.raises(ValueError, match="'wandb'"):
        trackers.make()


MINE = """
from trainers.trackers import base


class Mine(base.Tracker):
    name = "mine"


TRACKERS = (Mine,)
"""


def test_a_new_tracker_is_one_file(tmp_path, monkeypatch):
    (tmp_path / "mine_as_file.py").write_text(MINE)
    monkeypatch.setattr(trackers, "__path__", [*trackers.__path__, str(tmp_path)])
    trackers._trackers.cache_clear()
    try:
        assert trackers.names() == ["mine", "mlflow", "wandb"]
        assert trackers.make("mine").name == "mine"
        with pytest.raises(ValueError, match=r'Did you mean "mine"'):
            trackers.make("mime")
    finally:
        monkeypatch.undo()
        trackers._trackers.cache_clear()


PIXELS = np.zeros((4, 6, 3), np.uint8)
EVALUATION = {"step": 6, "metrics": {"nll": {"value": 90.5, "stderr": 0.25}}}


def _use(tracker, workdir, step):
    with tracker:
        tracker.begin(workdir, {"seed": 3, "objective.beta": 0.5})
        tracker.scalars({"elbo": -float(step), "val_elbo": -1.5}, step)
        tracker.picture("samples", PIXELS, step)
        for name in ("report.html", "evaluation.json", "config.json"):
            files.atomic_write(workdir / name, "<p>A page.</p>")
        tracker.finish(workdir, EVALUATION)


def test_mlflow_keeps_a_run_in_its_local_store(tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason='Needs the extra "mlflow".')
    from mlflow.tracking import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    workdir = tmp_path / "run"
    workdir.mkdir()
    for step in (3, 6):  # the second time as a resumed run
        _use(trackers.make("mlflow"), workdir, step)
    client = MlflowClient()
    (experiment,) = [e for e in client.search_experiments() if e.name == "elbo-zoo"]
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.params == {"seed": "3", "objective.beta": "0.5"}
    assert run.data.metrics == {
        **{"elbo": -6.0, "val_elbo": -1.5, "test/nll": 90.5, "test/nll_stderr": 0.25}
    }
    history = client.get_metric_history(run.info.run_id, "elbo")
    assert [(metric.step, metric.value) for metric in history] == [(3, -3.0), (6, -6.0)]
    there = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert there == {"pictures", "report.html", "evaluation.json", "config.json"}
    pictures = client.list_artifacts(run.info.run_id, "pictures")
    assert [item.path for item in pictures] == [
        f"pictures/samples-{step:08d}.png" for step in (3, 6)
    ]
    assert (run.info.run_name, run.info.status) == ("run", "FINISHED")


@pytest.mark.slow  # Its service takes seconds to start and to end.
def test_wandb_keeps_a_run_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason='Needs the extra "wandb".')
    monkeypatch.setenv("WANDB_MODE", "offline")
    workdir = tmp_path / "run"
    workdir.mkdir()
    _use(trackers.make("wandb"), workdir, 6)
    (folder,) = (workdir / "wandb").glob("offline-run-*")
    number = files.read_json(workdir / "tracker.json")["wandb"]
    assert folder.name.endswith(number)
    (record,) = folder.glob("*.wandb")
    content = record.read_bytes()
    assert b"objective.beta" in content and b"test/nll" in content
    media = {path.suffix for path in (folder / "files" / "media").rglob("*") if path.is_file()}
    assert {".png", ".html"} <= media
