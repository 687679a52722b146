"""Runs of studies: found by what they compute, shared by items and papers, kept as tables."""

import pytest

from trainers import history
from trainers.experiments.runs import Runs, Trained, how
from trainers.experiments.study import Context, Study
from trainers.sweeps import archive, grid, identity, ledger, records, running
from trainers.sweeps.archive import Stored
from zoo.storage import files

STUDY = Study("broken_elbo", "broken_elbo/mnist", keys={"beta": "objective.beta"})
AXES = {"beta": [0.5, 1.0], "seed": [17]}
EPOCH = {"epoch": 1, "step": 3, "elbo": -1 / 3, "seconds": 2.0}
CONFIG = "configs/broken_elbo/mnist.py"


@pytest.fixture
def pretend(monkeypatch):
    """Replaces the training of a run by the writing of its folder; the seed 13 fails."""
    begun = []

    def run(pool):
        for spec in pool.waiting:
            begun.append(spec.name)
            if spec.point["seed"] == 13:
                records.write(pool.workdir, records.Record(spec, "failed", "it broke"))
            else:
                _write(pool.workdir / spec.name, grid.load(spec.arguments))
        ledger.write(pool.workdir)

    monkeypatch.setattr(running.Pool, "run", run)
    return begun


def _write(folder, config):
    entries = {name: {"value": 10 * config.objective.beta, "stderr": None} for name in METRICS}
    evaluation = {"epochs": config.train.epochs, "metrics": entries, "seconds": 0.1}
    files.write_json(folder / "config.json", {"config": grid.configs.plain(config)})
    files.write_json(folder / "evaluation.json", evaluation)
    history.write(
        folder, [{"epoch": 1, "step": 3, "elbo": -1 / 3, "val_elbo": None, "seconds": 2.0}]
    )
    files.atomic_write(folder / "report.html", "")


METRICS = grid.load([f"--config={CONFIG}:tiny"]).evaluation.metrics


def test_runs_are_trained_once_and_shared_by_items(pretend, tmp_path):
    shared = tmp_path / "shared"
    runs = STUDY.runs(Context("tiny", tmp_path / "fig1", runs=shared), AXES, data="MNIST", cut="1")
    assert [run.metric("elbo")["value"] for run in runs] == [5.0, 10.0]
    assert [(run["beta"], run["objective.beta"], run["latent_dim"]) for run in runs] == [
        (0.5, 0.5, 64),
        (1.0, 1.0, 64),
    ]
    assert runs.cut.startswith("1; 2 of 200 epochs; ")
    axes = [{**AXES, "beta": [2.0]}, {**AXES, "beta": [1.0, 2.0]}]
    again = STUDY.runs(Context("tiny", tmp_path / "fig2", runs=shared), axes)
    assert [run["beta"] for run in again] == [2.0, 1.0], "in the plan's order, each run once"
    assert len(pretend) == len(set(pretend)) == 3
    assert runs.select(beta=1.0)[0].stored == again.select(beta=1.0)[0].stored
    with pytest.raises(ValueError, match=r"evaluated with nothing\. Received: broken_elbo-mnist"):
        again[0].metric("nothing")
    with pytest.raises(FileNotFoundError, match="checkpoint"):
        again[0].load()


def test_a_name_is_readable_and_has_a_hash_of_what_differs(pretend, tmp_path):
    STUDY.runs(Context("tiny", tmp_path), {**AXES, "latent_dim": [64], "family": ["-+v"]})
    first, second = pretend
    assert first.startswith("broken_elbo-mnist-family=-+v-tiny-beta=0.5-seed=17-")
    assert second.startswith("broken_elbo-mnist-family=-+v-tiny-seed=17-"), "beta is at its default"
    assert first[-8:] != second[-8:] and all(len(name.split("-")[-1]) == 8 for name in pretend)
    STUDY.runs(Context("tiny", tmp_path / "2"), {**AXES, "family": ["-+v"]})
    assert pretend[2:] == [first, second], "a key at its default is no other run"


def test_a_run_of_another_name_or_a_folder_deeper_is_found(pretend, tmp_path):
    for beta, folder in ((0.5, "family=---_beta=0.5"), (1.0, "mnist/my run")):
        flags = [f"--config={CONFIG}:tiny", f"--config.objective.beta={beta}"]
        config = grid.load([*flags, "--config.seed=17"])
        del config.unlock().data.crop  # as in a run from before this key was there
        _write(tmp_path / folder, config)
    runs = STUDY.runs(Context("tiny", tmp_path / "work", runs=tmp_path), AXES)
    assert not pretend and [run.folder.name for run in runs] == ["family=---_beta=0.5", "my run"]
    STUDY.runs(Context("reduced", tmp_path / "work", runs=tmp_path), AXES)
    assert len(pretend) == 2, "another scale is another run"
    (tmp_path / "mnist" / "my run" / "evaluation.json").unlink()
    runs = STUDY.runs(Context("tiny", tmp_path / "work", runs=tmp_path), AXES)
    assert pretend[2:] == ["my run"] and runs[1].is_finished, "a run that was begun goes on"


def test_a_failed_run_is_said_and_stops_no_other(pretend, tmp_path):
    runs = STUDY.runs(Context("tiny", tmp_path), {**AXES, "seed": [13, 17]}, data="MNIST")
    assert len(runs.finished) == len(runs.failed) == 2 and "runs not finished: 2" in runs.cut
    rows = runs.rows("elbo", "rate", paper=lambda run: run["beta"])
    assert [(r["metric"], r["ours"], r["seeds"]) for r in rows] == [
        *(("elbo", None, [13]), ("elbo", 5.0, [17]), ("rate", 5.0, [17])),
        *(("elbo", None, [13]), ("elbo", 10.0, [17]), ("rate", 10.0, [17])),
    ]
    assert rows[0]["note"] == "failed: it broke" and rows[0]["paper"] == 0.5
    assert rows[0]["data"] == "MNIST" and runs[0].load() is None
    mean = runs.select(beta=0.5).mean("elbo")
    assert (mean["ours"], mean["seeds"], mean["note"]) == (5.0, [17], "1 of 2 runs")
    assert runs.failed.mean("elbo")["note"] == "every run failed"


def test_a_run_that_another_process_trains_is_no_failed_one(tmp_path, monkeypatch):
    monkeypatch.setattr(running.Pool, "run", lambda pool: ledger.write(pool.workdir))
    with pytest.raises(ValueError, match=r"Another process.*Received: \['broken_elbo-mnist-"):
        STUDY.runs(Context("tiny", tmp_path), AXES)


def test_means_have_the_standard_error_over_runs():
    values = {17: 1.0, 18: 3.0, 19: None}
    runs = Runs(tuple(Trained("a", {"seed": s}, Stored(str(s)), {}) for s in values))
    mean = runs.mean("elbo", lambda run: values[run["seed"]])
    assert (mean["ours"], mean["stderr"], mean["seeds"]) == (2.0, 1.0, [17, 18])
    assert mean["note"] == "standard error over 2 of 3 runs" and mean["name"] == "a, mean of runs"


def test_what_plans_shorten_is_said_once_and_what_failed_is_added_up():
    def run(status="finished", cut="few", policy="float32"):
        config = {"cut": cut, "train": {"dtype_policy": policy}}
        return Trained("a", {}, Stored("a", status, config={"config": config}), config)

    first = Runs((run(), run("failed")), ("one",))
    second = Runs((run(cut="others"), run("failed"), run("failed")), ("one",))
    assert (first + second).cut == "one; few; others; runs not finished: 3"
    for policy, cut, expected in (
        ("float32", "few", "few"),
        ("mixed_bfloat16", "few", "few; trained in bfloat16"),
        ("mixed_bfloat16", "", "trained in bfloat16"),
        ("mixed_bfloat16", "few, in bfloat16", "few, in bfloat16"),
    ):
        assert Runs((run(cut=cut, policy=policy),)).cut == expected


def test_tables_give_back_every_number_and_train_what_they_lack_elsewhere(pretend, tmp_path):
    context = Context("tiny", tmp_path / "fig1")
    runs = STUDY.runs(context, AXES, cut="few")
    archive.write(tmp_path / "kept", [run.stored for run in runs])
    before = {path.name: path.read_bytes() for path in (tmp_path / "kept").iterdir()}
    assert sorted(before) == ["history.csv", "runs.csv"]
    again = Context("tiny", tmp_path / "fig2", runs=tmp_path / "kept")
    read = STUDY.runs(again, {**AXES, "beta": [0.5, 1.0, 2.0]}, cut="few")
    assert len(pretend) == 3 and read[2].folder.parent == tmp_path / "fig2" / "runs"
    for old, new in zip(runs, read):
        assert (new.stored.config, new.evaluation) == (old.stored.config, old.evaluation)
        assert new.history() == [EPOCH]
        assert new.measured("elbo") == old.measured("elbo")
    assert read.cut == runs.cut
    with pytest.raises(FileNotFoundError, match="tables of runs have numbers alone"):
        read[0].load()
    assert {path.name: path.read_bytes() for path in (tmp_path / "kept").iterdir()} == before


def test_tables_keep_values_of_every_kind(tmp_path):
    config = {"a": {"x": 1, "y": 1.0, "text": "1.0", "empty": "", "none": None, "flag": True}}
    config.update(list=[1, "b"], dict={}, words='a, "b"\nc', infinite=float("inf"))
    first = Stored("first", config=config, evaluation={"seconds": 0.1 + 0.2})
    second = Stored("second", "failed", "it\nbroke", {"b": -0.0}, epochs=({"epoch": "1"},))
    archive.write(tmp_path, [first])
    archive.write(tmp_path, [second])
    assert archive.read(tmp_path) == [first, second]
    assert type(archive.read(tmp_path)[0].config["a"]["x"]) is int
    with pytest.raises(ValueError, match="Received: key='a/b'"):
        archive.write(tmp_path, [Stored("third", config={"a/b": 1})])


def test_a_name_begins_with_the_config_in_every_checkout():
    config = identity.computed({"encoder": {"name": "of_another_process"}, "seed": 3})
    for file, expected in (
        ("configs/quickstart.py", "quickstart-seed=3-"),
        ("/a/configs/b/configs/bilbo/mnist.py:bilbo,tiny", "bilbo-mnist-bilbo-tiny-seed=3-"),
        ("/a/b/apart.py:reduced", "apart-reduced-seed=3-"),
    ):
        assert identity.name({}, (f"--config={file}",), config).startswith(expected)


def test_a_run_of_a_custom_part_has_an_identity():
    config = {"encoder": {"name": "of_another_process"}, "seed": 17, "cut": "few"}
    assert identity.computed(config) == {"encoder.name": "of_another_process", "seed": 17}


def test_how_a_metric_was_measured():
    entry = {"value": 1.0, "kernel": "rbf", "bandwidth": 64.0, "num_generated": 2000}
    assert how(entry) == "2,000 generated images; RBF kernel of bandwidth 64"
    assert how({"value": None}) == ""
