"""`export.remeasure`: new numbers in a card and its README, everything else as it was."""

import numpy as np
import pytest
import tiny_artifact

from export import remeasure, verify
from trainers import environment
from zoo.storage import files


@pytest.fixture
def artifact(tmp_path, monkeypatch):
    """The tiny artifact in a folder of its own, and its data where its card says."""
    data = tmp_path / "run-data.npz"
    images = {"x_train": tiny_artifact.images(20), "x_test": tiny_artifact.images(9, seed=18)}
    labels = {"y_train": np.arange(20) % 2, "y_test": 2 + np.arange(9) % 3}
    np.savez(data, **images, **labels)
    monkeypatch.chdir(tmp_path)  # a card keeps the name of a data file, and no folder
    monkeypatch.setattr(environment, "command", lambda: "python -m export.remeasure")
    return tiny_artifact.copy_to(tmp_path)


def test_new_metrics_stand_in_the_card_and_the_readme_and_nothing_else_changes(artifact):
    before, card = tiny_artifact.content(artifact), files.read_json(artifact / "card.json")
    found = remeasure.remeasure(artifact, ["linear_probe", "rate"])
    after, new = tiny_artifact.content(artifact), files.read_json(artifact / "card.json")
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"README.md", "card.json"} and set(after) == set(before)
    assert new["metrics"] == {**card["metrics"], **found}
    assert found["linear_probe"]["value"] is None  # labels 2, 3, 4 and training of 0 and 1
    assert found["rate"]["value"] > 0
    (again,) = new["evaluation"].pop("again")
    assert again["metrics"] == ["linear_probe", "rate"] and again["hardware"]
    assert new["evaluation"] == card["evaluation"]
    text = (artifact / "README.md").read_text()
    assert "| linear_probe | not available: left out: none of the test examples' classes" in text
    assert "Measured again by `python -m export.remeasure`: `linear_probe`, `rate`." in text
    report = verify.verify(artifact)
    assert report.ok, str(report)


def test_a_metric_is_noted_once(artifact):
    remeasure.remeasure(artifact, ["linear_probe", "rate"])
    remeasure.remeasure(artifact, ["rate", "distortion"])
    remeasure.remeasure(artifact, ["distortion", "rate"])
    again = files.read_json(artifact / "card.json")["evaluation"]["again"]
    assert [entry["metrics"] for entry in again] == [["linear_probe"], ["distortion", "rate"]]


def test_other_data_than_the_card_s_are_refused(artifact):
    np.savez("run-data.npz", x_train=tiny_artifact.images(20), x_test=tiny_artifact.images(8))
    before = tiny_artifact.content(artifact)
    with pytest.raises(ValueError, match="'num_examples': 9.* Received: .*'num_examples': 8"):
        remeasure.remeasure(artifact, ["rate"])
    with pytest.raises(ValueError, match="Received: 'ratte'"):
        remeasure.remeasure(artifact, ["ratte"])
    assert tiny_artifact.content(artifact) == before


def test_errors_of_shares_are_computed_from_value_and_examples(artifact):
    card = files.read_json(artifact / "card.json")
    share = {"value": 1.0, "stderr": 0.0, "num_examples": 3, "unit": "fraction"}
    none = {"value": None, "stderr": None, "num_examples": 0, "unit": "fraction", "note": "none"}
    metrics = {**card["metrics"], "knn_probe": share, "linear_probe": none}
    remeasure.write(artifact, {**card, "metrics": metrics})
    assert remeasure.recompute_errors(artifact) == {"knn_probe": pytest.approx(0.25)}
    new = files.read_json(artifact / "card.json")
    assert new["metrics"] == {**metrics, "knn_probe": {**share, "stderr": pytest.approx(0.25)}}
    assert verify.verify(artifact).ok
    assert remeasure.recompute_errors(artifact) == {}
