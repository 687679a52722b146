"""A run's folder: what is refused, what is the same run, and its evaluation."""

import json
import shutil

import pytest
import small_run
import tiny_artifact
from ml_collections import ConfigDict

from trainers import loop, runs
from zoo.releases import card as cards
from zoo.storage import files


def test_a_workdir_of_another_config_is_refused(run):
    folder, _, _ = run
    other = small_run.config(folder, objective__beta=2.0)
    message = r"(?s)another config.*objective\.beta: 1\.0 there, 2\.0 here"
    with pytest.raises(ValueError, match=message):
        loop.train_and_evaluate(other, folder / "run", progress=False)


@pytest.mark.faults("hostile files")
def test_a_card_decides_no_folder_and_has_what_evaluation_needs(tmp_path):
    artifact = tiny_artifact.copy_to(tmp_path)
    card = files.read_json(artifact / "card.json")
    config = card["run_config"]
    forged = {
        **config,
        "data": {**config["data"], "data_dir": str(tmp_path / "elsewhere")},
        "evaluation": {**config["evaluation"], "classifier": str(tmp_path / "elsewhere")},
    }
    cards.write_card(artifact, {**card, "run_config": forged})
    assert "elsewhere" not in str(runs.load_released(artifact).config)
    changes = {
        "'run_config.data' .dict. in": {**config, "data": None},
        "'run_config.evaluation.metrics' .list.": {**config, "evaluation": {}},
        "'run_config.seed' .int.": {**config, "seed": "17"},
        "'run_config.data'": {},
    }
    for text, change in changes.items():
        cards.write_card(artifact, {**card, "run_config": change})
        with pytest.raises(ValueError, match=text) as raised:
            runs.load_released(artifact)
        assert str(artifact / "card.json") in str(raised.value)


@pytest.mark.faults("hostile files")
def test_a_config_makes_no_model_that_the_checkpoint_cannot_hold(tmp_path):
    folder = shutil.copytree(tiny_artifact.run()[0], tmp_path / "run")
    saved = files.read_json(folder / "config.json")
    saved["config"]["encoder"]["hidden_units"] = [10**9]
    files.write_json(folder / "config.json", saved)
    with pytest.raises(ValueError, match=r"fit a weights file of .*hidden_units\.0=1000000000"):
        runs.load_run(folder)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(ValueError, match=r"empty or new folder.*thesis\.tex"):
        loop.train_and_evaluate(small_run.config(tmp_path), tmp_path / "mine", progress=False)


def test_what_a_kill_left_of_the_first_write_is_no_run(tmp_path):
    (tmp_path / "run" / ".config.json.x1").mkdir(parents=True)
    runs.check_folder(tmp_path / "run", small_run.config(tmp_path))


def test_moved_data_is_the_same_run(run):
    folder, config, _ = run
    moved = ConfigDict(config.to_dict())
    moved.data.data_dir = "/elsewhere"
    runs.check_folder(folder / "run", moved)


def test_an_argument_newer_than_a_run_is_at_its_default_there(run, tmp_path):
    folder, config, _ = run
    saved = json.loads((folder / "run" / "config.json").read_text())
    del saved["config"]["encoder"]["scale"]
    del saved["config"]["decoder"]["likelihood"]
    del saved["config"]["optimizer"]["epsilon"]
    (tmp_path / "config.json").write_text(json.dumps(saved))
    runs.check_folder(tmp_path, config)
    other = ConfigDict(config.to_dict())
    other.encoder.scale = "log_variance"
    message = r"encoder\.scale: 'softplus_scale' there, 'log_variance' here"
    with pytest.raises(ValueError, match=message):
        runs.check_folder(tmp_path, other)


def test_data_that_has_changed_is_refused(tmp_path):
    config = small_run.config(tmp_path, epochs=1, evaluation__metrics=["rate"])
    loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    small_run.images(tmp_path, count=42)
    with pytest.raises(ValueError, match="data has changed.*'train': 33.*'train': 34"):
        loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    saved = json.loads((tmp_path / "run" / "config.json").read_text())
    assert set(saved["num_examples"]) == {"train", "validation", "test", "source"}
    del saved["num_examples"]["source"]  # a run of an earlier version, on its own data
    files.write_json(tmp_path / "run" / "config.json", saved)
    small_run.images(tmp_path, count=41)
    runs.check_data(tmp_path / "run", loop.data.load_splits(config.data))
    small_run.images(tmp_path, count=42)
    del saved["num_examples"], saved["fingerprint"]  # and one of before that
    files.write_json(tmp_path / "run" / "config.json", saved)
    runs.check_data(tmp_path / "run", loop.data.load_splits(config.data))


def test_a_limit_hides_no_change_of_the_data_and_is_said_where_it_cuts(tmp_path):
    few = {"epochs": 1, "evaluation__metrics": ["rate"]}
    config = small_run.config(tmp_path, **few, data__limit=20)
    result = loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert "20 drawn training examples alone" in runs.load_run(tmp_path / "run").training["cut"]
    assert result.evaluation is not None
    saved = files.read_json(tmp_path / "run" / "config.json")
    assert saved["limit_rule"] == "drawn"
    del saved["limit_rule"]  # a run of an earlier version, on the first examples
    files.write_json(tmp_path / "run" / "config.json", saved)
    assert "the first 20 training examples" in runs.load_run(tmp_path / "run").training["cut"]
    with pytest.raises(ValueError, match="begun on the first training examples.*20 of train, dr"):
        loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    small_run.images(tmp_path, count=42)
    with pytest.raises(ValueError, match="data has changed.*'source': 41.*'source': 42"):
        loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    whole = small_run.config(tmp_path, **few, data__limit=1000)
    splits = loop.data.load_splits(whole.data)
    loop.train(whole, tmp_path / "whole", splits, progress=False)
    assert runs.load_run(tmp_path / "whole").training["cut"] == ""


def test_a_run_that_measures_nothing_is_finished(tmp_path):
    config = small_run.config(tmp_path, epochs=1, evaluation__metrics=[])
    result = loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert result.evaluation["metrics"] == {}
    assert files.read_json(tmp_path / "run" / "evaluation.json")["metrics"] == {}


def test_an_evaluation_of_a_few_metrics_is_completed(run, tmp_path):
    shutil.copytree(run[0] / "run", tmp_path / "run")
    found = files.read_json(tmp_path / "run" / "evaluation.json")
    whole = found["metrics"]
    found["metrics"] = {"mmd": whole["rate"], "rate": whole["rate"]}
    files.write_json(tmp_path / "run" / "evaluation.json", found)
    again = loop.train_and_evaluate(run[1], tmp_path / "run", progress=False)
    assert {name: again.evaluation["metrics"][name] for name in whole} == whole
    assert "mmd" in again.evaluation["metrics"]


def test_load_run_without_a_run(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"with config\.json. Received: workdir="):
        runs.load_run(tmp_path)
    files.write_json(tmp_path / "config.json", {"config": {}})
    with pytest.raises(FileNotFoundError, match="a run with a checkpoint"):
        runs.load_run(tmp_path)
