"""Runs that the items of a paper share."""

import pytest

from trainers.experiments import training
from trainers.experiments.item import Context
from trainers.sweeps import ledger, running
from trainers.sweeps.records import Record
from zoo.storage import files

AXES = {"objective.beta": [0.5, 1.0], "seed": [17]}


@pytest.fixture
def pretend(monkeypatch):
    """Replaces the training of a run by the writing of its folder; the seed 13 fails."""
    begun = []

    def run(pool):
        for spec in pool.waiting:
            folder = pool.workdir / spec.name
            begun.append(spec.name)
            if spec.point["seed"] == "13":
                running.records.write(pool.workdir, Record(spec, "failed", "it broke"))
                continue
            beta = float(spec.point["objective.beta"])
            config = {"objective": {"beta": beta}, "seed": 17, "cut": "few", "train": {"epochs": 1}}
            entry = {"value": 10 * beta, "stderr": 0.1}
            files.write_json(folder / "config.json", {"config": config})
            files.write_json(folder / "evaluation.json", {"epochs": 1, "metrics": {"rate": entry}})
            files.atomic_write(folder / "report.html", "")
        ledger.write(pool.workdir)

    monkeypatch.setattr(running._Pool, "run", run)
    return begun


def test_runs_are_trained_once_and_shared_by_items(pretend, tmp_path):
    shared = tmp_path / "shared"
    first = Context("tiny", tmp_path / "fig1", runs=shared)
    trained = training.train(first, "broken_elbo/mnist", AXES, cut="one seed")
    assert [row["rate"] for row in trained.rows] == [5.0, 10.0]
    assert trained.cut == "one seed; few"
    second = Context("tiny", tmp_path / "fig2", runs=shared)
    axes = {**AXES, "objective.beta": [1.0, 2.0]}
    again = training.train(second, "broken_elbo/mnist", axes)
    assert [row["beta"] for row in again.rows] == [1.0, 2.0]
    assert len(pretend) == len(set(pretend)) == 3
    assert training.read(shared).metric(again.rows[1], "rate") == {"value": 20.0, "stderr": 0.1}
    with pytest.raises(ValueError, match=r"evaluated with nll\. Received: beta=1.0.*\['rate'\]"):
        again.metric(again.rows[0], "nll")


def test_a_failed_run_is_said_and_stops_no_other(pretend, tmp_path):
    context = Context("tiny", tmp_path)
    trained = training.train(context, "broken_elbo/mnist", {**AXES, "seed": [13, 17]})
    assert len(trained.rows) == 2
    assert "runs not finished: 2" in trained.cut
    with pytest.raises(ValueError, match="2 runs, 2 failed: it broke"):
        training.train(context, "broken_elbo/mnist", {**AXES, "seed": [13]})


def test_what_grids_cut_is_said_once_and_what_failed_is_added_up(tmp_path):
    trained = training.Trained(tmp_path, [], ("few", "", "few", "others", "others"), missing=3)
    assert trained.cut == "few; others; runs not finished: 3"
    assert trained.also("one", "").cut == "one; few; others; runs not finished: 3"
    assert training.Trained(tmp_path, [], ("few",)).cut == "few"
    for policy, cut, expected in (
        ("float32", "few", ("few",)),
        ("mixed_bfloat16", "few", ("few", "trained in bfloat16")),
        ("mixed_bfloat16", "", ("trained in bfloat16",)),
        ("mixed_bfloat16", "few, in bfloat16", ("few, in bfloat16",)),
    ):
        config = {"cut": cut, "train": {"dtype_policy": policy}}
        files.write_json(tmp_path / "config.json", {"config": config})
        assert training.differences(tmp_path) == expected


def test_runs_that_another_process_trains_are_no_failed_ones(pretend, tmp_path, monkeypatch):
    training.train(Context("tiny", tmp_path), "broken_elbo/mnist", {**AXES, "seed": [17]})
    monkeypatch.setattr(running._Pool, "run", lambda pool: ledger.write(pool.workdir))
    with pytest.raises(ValueError, match=r"Another process.*Received: \['beta=0.5_seed=18'"):
        training.train(Context("tiny", tmp_path), "broken_elbo/mnist", {**AXES, "seed": [17, 18]})


def test_runs_of_another_scale_are_not_taken(pretend, tmp_path):
    training.train(Context("tiny", tmp_path), "broken_elbo/mnist", AXES)
    with pytest.raises(ValueError, match="other flags"):
        training.train(Context("reduced", tmp_path), "broken_elbo/mnist", AXES)
