"""What a published artifact holds: files and their hashes, card, README, weights."""

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tiny_artifact

import zoo
from export import card as export_card
from export import publish, verify
from zoo.storage import files

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def artifact():
    return tiny_artifact.run()[0] / "artifact"


def test_an_artifact_is_whole_and_every_file_has_its_hash(artifact):
    card = files.read_json(artifact / "card.json")
    listed = {path for path in tiny_artifact.content(artifact) if path != "card.json"}
    assert set(card["files"]) == listed
    assert {
        *("README.md", "model.weights.h5", "encoder.onnx", "decoder.onnx", "golden.npz"),
        "saved_model/saved_model.pb",
    } <= listed
    for name, entry in card["files"].items():
        assert entry["sha256"] == files.sha256(artifact / name)
        assert entry["bytes"] == (artifact / name).stat().st_size
    assert verify.verify(artifact).ok


def test_the_card_says_what_the_model_is(artifact):
    card = files.read_json(artifact / "card.json")
    assert card["name"] == "tiny" and card["paper"] == "infovae"
    assert card["licence"] == "" and card["step"] == 7
    assert card["image_shape"] == [8, 6, 1] and card["latent_dim"] == 3
    assert card["model"]["encoder"]["hidden_units"] == [9, 7]
    assert card["model"]["decoder"]["likelihood"] == {"name": "bernoulli"}
    assert card["model"]["objective"]["beta"] == 2.0
    assert card["run_config"]["objective"] == {"name": "beta", "beta": 2.0}
    assert card["prior"] == {"family": "standard_normal"}
    assert card["posterior"]["family"] == "diagonal_normal"
    assert card["data"]["binarisation"] == "static" and card["data"]["number"] == 20
    assert card["data"]["golden"].startswith("the first 8 of the test split")
    expected = {"scale": "uint8/255", "range": [0.0, 1.0], "binarise": "threshold 0.5"}
    assert card["preprocessing"] == expected
    assert card["metrics"]["nll"] == {
        "value": 31.25,
        "stderr": 0.5,
        "num_samples": 100,
        "unit": "nats",
    }
    assert card["evaluation"]["split"] == "test"
    assert card["graphs"]["encoder"]["inputs"] == {"image": ["batch", 8, 6, 1]}
    assert card["graphs"]["decoder"]["outputs"]["mean"] == ["batch", 8, 6, 1]
    assert card["versions"]["keras"] == keras.__version__


def test_the_readme_says_how_to_load_and_what_it_reached(artifact):
    text = (artifact / "README.md").read_text(encoding="utf-8")
    for part in (
        "# tiny",
        'encoder = zoo.load_encoder("tiny")',
        'onnxruntime.InferenceSession("encoder.onnx")',
        'model = zoo.load("tiny")',
        "[N, 8, 6] or [N, 8, 6, 1] -> float32 [N, 3]",
        "Pixels become 1 where they are at least 0.5, otherwise 0.",
        "| nll | 31.25 +- 0.5 nats (100 samples) |",
        "| linear_probe | not available: no labels |",
        "On 9 examples of the split 'test', seed 17",
        "Of the weights: not stated. The data has its own terms.",
        "## Use and limits",
        "## Training",
    ):
        assert part in text, part


def test_the_code_of_the_readme_runs(artifact, monkeypatch):
    text = (artifact / "README.md").read_text(encoding="utf-8")
    blocks = [block.partition("```")[0] for block in text.split("```python\n")[1:]]
    monkeypatch.chdir(artifact)
    monkeypatch.setattr(zoo, "load", lambda name: zoo.releases.load("."), raising=False)
    monkeypatch.setattr(
        zoo, "load_encoder", lambda _: zoo.light.runtime.load_encoder("."), raising=False
    )
    names = {"images": tiny_artifact.images(2), "x": np.zeros((2, 8, 6, 1), "f4")}
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 3
    assert names["z"].shape == names["loc"].shape == (2, 3)
    assert names["reconstructions"].shape == (2, 8, 6, 1)


def test_no_file_names_this_machine(artifact):
    run = str(artifact.parent.parent).encode()
    for name, value in tiny_artifact.content(artifact).items():
        assert run not in value and str(ROOT).encode() not in value, name
    card = files.read_json(artifact / "card.json")
    assert card["evaluation"]["command"] == "python -m trainers.evaluate --workdir=run"
    assert card["run_config"]["data"]["name"] == "npz:run-data.npz"
    assert "data_dir" not in card["run_config"]["data"]


def test_paths_are_cut_and_nothing_else():
    given = {
        "a": [
            "--x=/home/me/run",
            "~/data/run",
            "folder:/data/faces",
            "see https://example.org/a/b",
        ],
        "b": ("uint8/255", "a / b", 1, None, "/single"),
        "data_dir": "/home/me",
    }
    assert export_card.without_paths(given) == {
        "a": ["--x=run", "run", "folder:faces", "see https://example.org/a/b"],
        "b": ["uint8/255", "a / b", 1, None, "/single"],
    }


def test_weights_come_without_optimiser(artifact):
    names = []
    with h5py.File(artifact / "model.weights.h5") as file:
        file.visit(names.append)
    assert any("encoder" in name for name in names)
    assert not any("optimizer" in name for name in names)


def test_weights_come_without_the_classifier_beside_the_model(tmp_path):
    base = {"name": "mu", "mean_term": "batch"}
    objective = {"name": "classified", "base": base, "hidden_units": (4,)}
    workdir = tmp_path / "run"
    trained = tiny_artifact.make_run(workdir, objective=objective)
    out = publish.publish(workdir, "tiny", saved_model=False)
    card = files.read_json(out / "card.json")
    assert card["model"]["objective"].items() >= base.items()
    assert card["run_config"]["objective"]["name"] == "classified"
    again = zoo.load(out)
    assert type(again.objective) is zoo.Mu
    for room in ("encoder", "decoder", "marginal"):
        kept, expected = (getattr(one, room).get_weights() for one in (again, trained))
        for one, other in zip(kept, expected, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("binarisation", "rule"), [("none", None), ("dynamic", None), ("static", "threshold 0.5")]
)
def test_preprocessing_follows_the_binarisation(binarisation, rule):
    assert export_card.preprocessing(binarisation)["binarise"] == rule
