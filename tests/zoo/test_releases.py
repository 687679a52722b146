"""`zoo.releases`: names and folders, cards and hashes, loading without running code."""

import os
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import tiny_artifact

import zoo
from zoo import releases
from zoo.releases import card as cards
from zoo.storage import files

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def artifact(tmp_path):
    return tiny_artifact.copy_to(tmp_path)


@pytest.fixture
def artifacts(tmp_path, monkeypatch):
    """A folder of named artifacts with one, `tiny`."""
    folder = tmp_path / "artifacts"
    tiny_artifact.copy_to(folder)
    monkeypatch.setenv("ELBO_ZOO_ARTIFACTS", str(folder))
    return folder


def edit_card(artifact, **changes):
    card = {**files.read_json(artifact / "card.json"), **changes}
    cards.write_card(artifact, {k: v for k, v in card.items() if v is not None})


@pytest.mark.faults("hostile files")
def test_sizes_that_are_stated_take_no_memory(artifact):
    card = files.read_json(artifact / "card.json")
    card["files"]["encoder.onnx"]["bytes"] = cards.LARGEST
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="not the file that was published"):
            cards.read_file(artifact, card, "encoder.onnx")
        (artifact / "large.onnx").touch()
        os.truncate(artifact / "large.onnx", cards.LARGEST)  # sparse
        with pytest.raises(ValueError, match=r"at most 2,147,483,648 bytes. Received: .*large"):
            zoo.load_encoder(artifact / "large.onnx")
        assert tracemalloc.get_traced_memory()[1] < 10**8
    finally:
        tracemalloc.stop()


# Names and folders.


def test_a_name_a_path_and_a_string_find_the_same_artifact(artifacts):
    expected = artifacts / "tiny"
    assert releases.resolve("tiny") == expected
    assert releases.resolve(expected) == releases.resolve(str(expected)) == expected


def test_a_folder_here_is_found_by_its_name_after_the_catalogue(artifact, tmp_path, monkeypatch):
    monkeypatch.setenv("ELBO_ZOO_ARTIFACTS", str(tmp_path / "nothing"))
    monkeypatch.chdir(tmp_path)
    assert releases.resolve("tiny") == Path("tiny")


def test_an_unknown_name_offers_the_nearest(artifacts):
    text = r"one of \['tiny'\].*Received: 'tinny'. Did you mean \"tiny\"\?"
    with pytest.raises(FileNotFoundError, match=text):
        releases.resolve("tinny")


@pytest.mark.parametrize("model", ["", None, 3])
def test_what_is_no_name_is_refused(model):
    with pytest.raises(TypeError, match="Expected a model's name, folder or URL. Received: "):
        releases.resolve(model)


def test_a_folder_without_a_card_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="which holds card.json. Received: folder="):
        releases.resolve(tmp_path)
    with pytest.raises(
        FileNotFoundError, match="Expected an artifact's folder. Received: .*absent"
    ):
        releases.resolve(tmp_path / "absent")


def test_a_run_in_place_of_its_artifact_is_pointed_out(tmp_path):
    run, _ = tiny_artifact.run()
    with pytest.raises(FileNotFoundError, match="a run whose artifact is .*artifact"):
        releases.resolve(run)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="publish it first: python -m export.publish"):
        releases.resolve(tmp_path)


@pytest.mark.faults("hostile files")
@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"image_shape": [8, 6, 3]}, r"image of encoder to be \[batch, 8, 6, 3\].*8, 6, 1\]"),
        ({"latent_dim": 2}, r"z of decoder to be \[batch, 2\].*Received: \['batch', 3\]"),
    ],
)
def test_a_card_whose_graphs_have_other_shapes_is_refused(artifacts, change, text):
    path = artifacts / "tiny" / "card.json"
    files.write_json(path, {**files.read_json(path), **change})
    with pytest.raises(ValueError, match=text):
        zoo.load_encoder("tiny")


def test_list_models_reads_cards_alone(artifacts):
    (row,) = zoo.list_models()
    assert row["name"] == "tiny" and row["paper"] == "infovae"
    assert row["image_shape"] == (8, 6, 1) and row["latent_dim"] == 3
    assert row["metrics"]["nll"]["value"] == 31.25 and row["metrics"]["nll"]["stderr"] == 0.5
    paths = [path for path in (artifacts / "tiny").rglob("*") if path.is_file()]
    sizes = {path.name: path.stat().st_size for path in paths}
    assert row["encoder_bytes"] == sizes["encoder.onnx"]
    assert row["bytes"] == sum(sizes.values()) - sizes["card.json"]
    assert zoo.list_models(paper="bilbo") == []
    with pytest.raises(ValueError, match="Received: data='mnist'"):
        zoo.list_models(data="mnist")
    assert zoo.list_models(paper="infovae", data=row["data"]) == [row]


def test_list_models_refuses_unknown_papers(artifacts):
    with pytest.raises(ValueError, match="Received: paper='infovea'. Did you mean \"infovae\""):
        zoo.list_models(paper="infovea")


@pytest.mark.faults("hostile files")
@pytest.mark.parametrize(
    "text",
    ["{", "[" * 100_000, '{"a": ' * 100_000, "[]", "{}", '{"a": 1, "a": 2}', '"\\ud800"', "\x00"],
)
def test_a_damaged_card_hides_no_other_model(artifacts, text):
    (row,) = zoo.list_models()
    shutil.copytree(artifacts / "tiny", artifacts / "bad")
    (artifacts / "bad" / "card.json").write_text(text)
    with pytest.warns(UserWarning, match="left out of the list: .*bad/card.json"):
        assert zoo.list_models() == [row]
    with pytest.raises(ValueError, match="bad/card.json"):
        zoo.load_encoder("bad")


def test_list_models_is_empty_without_artifacts(tmp_path, monkeypatch):
    monkeypatch.setenv("ELBO_ZOO_ARTIFACTS", str(tmp_path / "absent"))
    assert zoo.list_models() == []


def test_the_catalogue_needs_no_framework():
    code = (
        "import sys, zoo; zoo.list_models(); "
        "print([m for m in ('tensorflow', 'keras', 'onnx', 'onnxruntime') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


# Cards and files.


@pytest.mark.faults("hostile files")
@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"format": "other"}, "Expected format='elbo-zoo artifact' in .*Received: format='other'"),
        ({"format_version": 2}, "reads format_version=1 of .*Received: format_version=2"),
        ({"files": None}, r"Expected 'files' \(dict\) in .*Received: files=None"),
        ({"files": {"a": 3}}, "`sha256` and `bytes` of each file in .*Received: a=3"),
        ({"files": {"a": {"bytes": 1}}}, "Received: a={'bytes': 1}"),
        ({"latent_dim": "3"}, r"Expected 'latent_dim' \(int\) in .*Received: latent_dim='3'"),
    ],
)
def test_cards_that_are_refused(artifact, changes, text):
    edit_card(artifact, **changes)
    with pytest.raises(ValueError, match=text):
        releases.read_card(artifact)


@pytest.mark.faults("hostile files")
def test_a_card_that_is_no_mapping_is_refused(artifact):
    (artifact / "card.json").write_text("[]")
    with pytest.raises(ValueError, match="Received: format='list'"):
        releases.read_card(artifact)


@pytest.mark.faults("hostile files")
@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "a/../../secret", "a\\b", "C:x", "a/C:x"]
)
def test_a_card_cannot_lead_out_of_its_folder(artifact, name):
    (artifact.parent / "secret").write_text("secret")
    card = {"name": "tiny", "files": {name: {"sha256": "0" * 64, "bytes": 6}}}
    with pytest.raises(ValueError, match="names of files inside the folder in .*Received: name="):
        cards.read_file(artifact, card, name)


@pytest.mark.faults("hostile files")
def test_a_file_that_is_not_listed_is_not_read(artifact):
    with pytest.raises(ValueError, match="one of .*encoder.onnx.*Received: name='other'"):
        releases.read_file(artifact, releases.read_card(artifact), "other")


# Loading.


def test_load_gives_back_the_model(artifact):
    model = tiny_artifact.run()[1]
    loaded = zoo.load(artifact)
    images = (tiny_artifact.images(4) / 255).astype(np.float32)
    np.testing.assert_allclose(loaded.predict(images, verbose=0), model(images), atol=1e-6)
    assert loaded.objective.beta == 2.0
    assert zoo.vae_config(loaded) == zoo.vae_config(model)


@pytest.mark.faults("hostile files")
@pytest.mark.parametrize("damage", ["changed", "cut", "missing"])
def test_load_checks_the_weights(artifact, damage):
    path = artifact / "model.weights.h5"
    content = path.read_bytes()
    expected = files.sha256(path)
    if damage == "missing":
        path.unlink()
        with pytest.raises(FileNotFoundError, match=f"model.weights.h5 with sha256={expected}"):
            zoo.load(artifact)
        return
    path.write_bytes(content[:-7] if damage == "cut" else content[:-1] + bytes([content[-1] ^ 1]))
    text = f"model.weights.h5 is not the file.*Expected: sha256={expected}.*Received: sha256="
    with pytest.raises(ValueError, match=text + files.sha256(path)):
        zoo.load(artifact)


@pytest.mark.faults("hostile files")
def test_load_refuses_a_part_that_is_not_registered(artifact):
    model = files.read_json(artifact / "card.json")["model"]
    model["encoder"]["name"] = "mpl"
    edit_card(artifact, model=model)
    with pytest.raises(ValueError, match="Received: name='mpl'. Did you mean \"mlp\""):
        zoo.load(artifact)


@pytest.mark.faults("hostile files")
def test_load_runs_no_code_from_a_card(artifact):
    model = files.read_json(artifact / "card.json")["model"]
    model["encoder"]["activation"] = {"class_name": "function", "module": "os", "config": "abort"}
    edit_card(artifact, model=model)
    text = "names and numbers in the card's model.encoder.activation. Received: class_name="
    with pytest.raises(ValueError, match=text):
        zoo.load(artifact)
