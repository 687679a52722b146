"""The table of released models: measured through the light encoder, and put into a README whole."""

import numpy as np
import pytest
import tiny_artifact

import zoo
from benchmarks import features
from zoo import files


@pytest.fixture
def released(tmp_path, monkeypatch):
    """A catalogue of one tiny model, and images of two classes that differ in brightness."""
    run, _ = tiny_artifact.run()
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / "tiny").symlink_to(run / "artifact")
    monkeypatch.setenv("ELBO_ZOO_ARTIFACTS", str(tmp_path / "artifacts"))
    rng = np.random.default_rng(1)
    labels = np.arange(60) % 2
    images = rng.random((60, *tiny_artifact.IMAGE_SHAPE), "f4") * (0.2 + 0.8 * labels)[
        :, None, None, None
    ].astype("f4")
    return lambda name: [(images[:40], labels[:40]), (images[40:], labels[40:])]


def test_every_model_has_its_line(released):
    (row,) = features.measure_models(released, seconds=0.02)
    card = files.read_json(f"{zoo.list_models()[0]['folder']}/card.json")
    assert row["name"] == card["name"] and row["latent_dim"] == 3
    assert set(row["probes"]) == {"linear", "kNN", "SVM, 1000 labels"}
    assert all(0 <= value <= 1 and error >= 0 for value, error in row["probes"].values())
    assert row["images_per_second"]["256"] > row["images_per_second"]["1"] > 0
    line = features.models_table([row]).splitlines()[-1]
    assert line.startswith("| `tiny` | infovae | ") and line.count("|") == 12


def test_pixels_and_components_stand_beside_the_encoder(released):
    rows = features.measure_transfer(released, ["anything"])
    assert [row["features"] for row in rows] == ["raw pixels", "PCA", "tiny"]
    assert [row["size"] for row in rows] == [48, 3, 3]
    assert rows[0]["probes"]["linear"][0] > 0.9  # brightness tells the classes apart
    text = features.transfer_table(rows)
    assert "| anything | raw pixels | 48 | " in text and "`tiny`, trained on " in text


def test_models_that_are_kept_are_not_measured_again(released, tmp_path, monkeypatch):
    path = tmp_path / "models.json"
    models = [{"name": "tiny", "probes": 1}, {"name": "gone", "probes": 2}]
    names = ("tiny", 3), ("raw pixels", 48), ("PCA", 3), ("gone", 7)
    transfer = [{"data": "any", "features": name, "size": size} for name, size in names]
    files.write_json(path, {"models": models, "transfer": transfer, "hardware": "here"})
    kept = features.read_kept(path, [], "here")
    assert features.measure_models(released, 0.02, kept[0]) == models[:1]
    found = features.measure_transfer(released, ["any"], kept[1])
    assert found == [transfer[i] for i in (1, 2, 0)]
    kept = features.read_kept(path, ["tiny"], "here")
    assert features.measure_models(released, 0.02, kept[0])[0]["probes"] != 1
    found = features.measure_transfer(released, ["any"], kept[1])
    assert ["probes" in row for row in found] == [False, False, True]
    with pytest.raises(ValueError, match="Expected released models among .* Received: 'gone'"):
        features.read_kept(path, ["gone"], "here")
    with pytest.raises(ValueError, match="Expected a file of 'there'. Received: 'here'"):
        features.read_kept(path, ["tiny"], "there")


def test_a_table_replaces_the_earlier_one_and_nothing_else(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{features.BEGIN}\nold\n{features.END}\nafter\n")
    features.into_readme(path, "new")
    assert path.read_text() == f"before\n{features.BEGIN}\nnew\n{features.END}\nafter\n"
    path.write_text("nothing")
    with pytest.raises(ValueError, match="Expected the lines .* Received: "):
        features.into_readme(path, "new")
    assert path.read_text() == "nothing"
