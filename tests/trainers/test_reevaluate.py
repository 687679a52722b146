"""Evaluating again keeps what was measured, and loses no file."""

import shutil

import numpy as np
import pytest
import tiny_artifact

from trainers import reevaluate
from zoo.releases import card as cards
from zoo.storage import files


@pytest.fixture
def workdir(tmp_path):
    shutil.copytree(tiny_artifact.run()[0], tmp_path / "run")
    return tmp_path / "run"


def test_a_run_again_with_more_samples(workdir):
    first = reevaluate.reevaluate(workdir=workdir, metrics=["rate", "elbo"], progress=False)
    again = reevaluate.reevaluate(workdir, metrics=["nll"], num_samples=7, progress=False)
    assert again["metrics"]["nll"]["num_samples"] == 7
    assert again["metrics"]["rate"] == first["metrics"]["rate"]
    assert files.read_json(workdir / "evaluation.json") == again
    assert "nll" in (workdir / "report.html").read_text()


def test_what_another_process_measured_meanwhile_is_kept(workdir, monkeypatch):
    path, measure = workdir / "evaluation.json", reevaluate.runs.evaluation_suite.evaluate

    def meanwhile(*arguments, **options):
        found = measure(*arguments, **options)
        there = files.read_json(path)
        there["metrics"]["mmd"] = {"value": 0.5}
        there["step"] += later
        files.write_json(path, there)
        return found

    monkeypatch.setattr(reevaluate.runs.evaluation_suite, "evaluate", meanwhile)
    later = 0
    reevaluate.reevaluate(workdir, metrics=["elbo"], progress=False)
    assert files.read_json(path)["metrics"]["mmd"] == {"value": 0.5}
    later = 1
    with pytest.raises(ValueError, match="earlier step went on; nothing is written"):
        reevaluate.reevaluate(workdir, metrics=["elbo"], progress=False)
    assert files.read_json(path)["step"] == 8


def _stop_at(monkeypatch, name):
    """Makes the measuring of a metric fail; returns the names that were asked for, by call."""
    calls, measure = [], reevaluate.runs.evaluation_suite.evaluate

    def evaluate(*arguments, metrics, keep, **options):
        calls.append(list(metrics))

        def kept(metric, entry):
            if metric == name:
                raise KeyboardInterrupt
            keep(metric, entry)

        return measure(*arguments, metrics=metrics, keep=kept, **options)

    monkeypatch.setattr(reevaluate.runs.evaluation_suite, "evaluate", evaluate)
    return calls


def test_a_metric_is_kept_as_soon_as_it_is_measured(workdir, monkeypatch):
    path, names = workdir / "evaluation.json", ["nll", "rate", "elbo"]
    files.write_json(path, {**files.read_json(path), "metrics": {"mmd": {"value": 0.5}}})
    _stop_at(monkeypatch, "nll")
    with pytest.raises(KeyboardInterrupt):
        reevaluate.reevaluate(workdir, metrics=names, progress=False)
    monkeypatch.undo()
    partial = files.read_json(path)
    assert set(partial["metrics"]) == {"mmd", "rate", "elbo"}
    assert reevaluate.runs.load_run(workdir).evaluation.keys() == partial.keys() - {"unfinished"}

    calls = _stop_at(monkeypatch, None)
    whole = reevaluate.reevaluate(workdir, metrics=names, progress=False)
    assert calls == [["nll"]]
    assert whole == files.read_json(path) and "unfinished" not in whole
    assert set(whole["metrics"]) == {"mmd", *names}
    assert whole["metrics"]["rate"] == partial["metrics"]["rate"]
    assert whole["seconds"] > partial["seconds"]
    reevaluate.reevaluate(workdir, metrics=names, progress=False)  # asked again: measured again
    assert calls[1] == names


def test_an_unfinished_evaluation_with_other_settings_is_begun_anew(workdir, monkeypatch):
    _stop_at(monkeypatch, "nll")
    with pytest.raises(KeyboardInterrupt):
        reevaluate.reevaluate(workdir, metrics=["nll", "rate"], progress=False)
    monkeypatch.undo()
    calls = _stop_at(monkeypatch, None)
    reevaluate.reevaluate(workdir, metrics=["nll", "rate"], num_samples=7, progress=False)
    assert calls == [["nll", "rate"]]


def test_an_evaluation_elsewhere_goes_on_where_it_ended(workdir, tmp_path, monkeypatch):
    out = {"model": workdir / "artifact", "out": tmp_path / "out", "progress": False}
    np.savez(tmp_path / "other.npz", images=tiny_artifact.images(20))
    out.update(metrics=["rate", "nll"], data=f"npz:{tmp_path / 'other.npz'}")
    _stop_at(monkeypatch, "nll")
    with pytest.raises(KeyboardInterrupt):
        reevaluate.reevaluate(**out)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="so that no result is lost"):
        reevaluate.reevaluate(**{**out, "num_samples": 7})
    calls = _stop_at(monkeypatch, None)
    assert set(reevaluate.reevaluate(**out)["metrics"]) >= {"rate", "nll"}
    assert calls == [["nll"]]
    with pytest.raises(ValueError, match="so that no result is lost"):
        reevaluate.reevaluate(**out)


def test_an_artifact_s_evaluation_says_how_long_it_was_trained(workdir, tmp_path):
    card = files.read_json(workdir / "artifact" / "card.json")
    card["training"]["epochs"] = 12
    shutil.copytree(workdir / "artifact", tmp_path / "model")
    cards.write_card(tmp_path / "model", card)
    data = f"npz:{workdir.parent / 'other.npz'}"
    np.savez(workdir.parent / "other.npz", images=tiny_artifact.images(20))
    out = {"out": tmp_path / "out", "progress": False}
    found = reevaluate.reevaluate(model=tmp_path / "model", metrics=["elbo"], data=data, **out)
    assert found["epochs"] == 12


@pytest.mark.parametrize(
    ("channels", "kept"), [(1, {"channels": 1}), (3, {"channels": 3}), (4, {})]
)
def test_other_data_has_the_model_s_binarisation_and_channels(channels, kept):
    config = {"name": "binarized_mnist", "binarisation": "none"}
    expected = {"name": "mnist", "image_size": [8, 6], "binarisation": "static", **kept}
    assert reevaluate._other_data(config, "mnist", (8, 6, channels)) == expected


def test_settings_reach_the_metrics(workdir):
    names = ["nll_ais", "generated_nll", "reconstruction_l2"]
    settings = {"nll_examples": 3, "num_chains": 2, "num_temperatures": 4, "num_generated": 5}
    found = reevaluate.reevaluate(workdir, metrics=names, progress=False, **settings)["metrics"]
    entry = found["nll_ais"]
    assert (entry["num_chains"], entry["num_temperatures"], entry["num_examples"]) == (2, 4, 3)
    assert found["generated_nll"]["num_generated"] == 5
    assert "chains: 2, temperatures: 4" in (workdir / "report.html").read_text()
    with pytest.raises(ValueError, match='"num_chains"'):
        reevaluate.reevaluate(workdir, metrics=names, num_chain=3)


def test_settings_out_of_range_and_all_examples(workdir):
    run = files.read_json(workdir / "config.json")
    run["config"]["evaluation"]["nll_examples"] = 2
    files.write_json(workdir / "config.json", run)
    asked = {"metrics": ["nll"], "num_samples": 2, "progress": False}
    assert reevaluate.reevaluate(workdir, **asked)["metrics"]["nll"]["num_examples"] == 2
    found = reevaluate.reevaluate(workdir, nll_examples=0, **asked)
    assert found["metrics"]["nll"]["num_examples"] == found["num_examples"] > 2
    for name, value in (("num_samples", 0), ("num_chains", -1), ("nll_examples", -1)):
        with pytest.raises(
            ValueError, match=rf"Expected --{name} of at least .* Received: .*{value}"
        ):
            reevaluate.reevaluate(workdir, metrics=["nll"], **{name: value})


def test_a_run_s_own_evaluation_has_no_other_place(workdir, tmp_path):
    before = (workdir / "evaluation.json").read_bytes()
    with pytest.raises(ValueError, match="--out only with --model or --data:"):
        reevaluate.reevaluate(workdir, metrics=["elbo"], out=tmp_path / "other")
    assert (workdir / "evaluation.json").read_bytes() == before


def test_a_run_is_not_evaluated_on_splits_that_moved(workdir):
    run = files.read_json(workdir / "config.json")
    run["num_examples"] = {"train": 21, "test": 9}  # one more than there are
    files.write_json(workdir / "config.json", run)
    with pytest.raises(ValueError, match="data has changed since this run was begun"):
        reevaluate.reevaluate(workdir, metrics=["elbo"], progress=False)


def test_wrong_names(workdir):
    with pytest.raises(ValueError, match=r'--metrics among.*Received: \'nnl\'. Did you mean "nll"'):
        reevaluate.reevaluate(workdir=workdir, metrics=["nnl"])
    with pytest.raises(FileNotFoundError, match="Expected a run's folder"):
        reevaluate.reevaluate(workdir=workdir / "absent")


def test_an_evaluation_elsewhere_is_not_overwritten(workdir, tmp_path):
    (tmp_path / "evaluation.json").write_text("{}")
    with pytest.raises(ValueError, match="without evaluation.json, so that no result is lost"):
        reevaluate.reevaluate(model=str(workdir / "artifact"), out=tmp_path)


@pytest.mark.parametrize("of", ["workdir", "model"])
def test_other_data_is_brought_to_the_model_and_stands_alone(workdir, tmp_path, rng, of):
    images = rng.integers(0, 256, (40, 20, 24, 3), dtype=np.uint8)
    np.savez(tmp_path / "own.npz", x_train=images, x_test=images[:7])
    run = {of: str(workdir if of == "workdir" else workdir / "artifact")}
    before = {file: file.read_bytes() for file in workdir.rglob("*") if file.is_file()}
    asked = {"data": f"npz:{tmp_path}/own.npz", "metrics": ["elbo"], "progress": False}
    found = reevaluate.reevaluate(**run, **asked, out=tmp_path / "out")
    assert set(found["metrics"]) == {"elbo"} and found["num_examples"] == 7
    assert found["data"]["name"] == "npz:own.npz" and found["data"]["split"] == "test"
    assert files.read_json(tmp_path / "out" / "evaluation.json") == found
    assert {file: file.read_bytes() for file in workdir.rglob("*") if file.is_file()} == before
    with pytest.raises(ValueError, match="without evaluation.json"):
        reevaluate.reevaluate(**run, **asked, out=tmp_path / "out")


def test_data_that_is_not_there_can_be_named(workdir, tmp_path):
    asked = {"workdir": workdir, "metrics": ["elbo"], "out": tmp_path, "progress": False}
    with pytest.raises(FileNotFoundError, match="absent'.*Name the data with --data=NAME_OR_PATH"):
        reevaluate.reevaluate(**asked, data="folder:absent")
