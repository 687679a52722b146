"""The table of released models: measured through the light encoder, and put into a README whole."""

import pathlib

import numpy as np
import pytest
import tiny_artifact

import zoo
from export.tables import models
from zoo.storage import files


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
    (row,) = models.measure_models(released, seconds=0.02)
    card = files.read_json(f"{zoo.list_models()[0]['folder']}/card.json")
    assert row["name"] == card["name"] and row["latent_dim"] == 3
    assert row["probes"]["linear"] == {"value": None, "stderr": None, "note": "no labels"}
    assert row["probes"]["kNN"] == {}  # the card has none
    assert row["images_per_second"]["256"] > row["images_per_second"]["1"] > 0
    line = models.models_table([row]).splitlines()[-1]
    assert line.startswith("| `tiny` | infovae | ") and line.count("|") == 12
    assert " | - | - | - | " in line


def test_probes_of_a_model_are_those_of_its_card_and_of_the_labelled_twin(released):
    (model,) = zoo.list_models()
    metrics = {"linear_probe": {"value": 0.25, "stderr": 0.1, "num_train": 7, "unit": "fraction"}}
    probes = models.own_probes({**model, "data": "mnist", "metrics": metrics}, None)
    assert probes == {
        "linear": {"value": 0.25, "stderr": 0.1, "num_train": 7},
        "kNN": {},
        "SVM, 1000 labels": {},
    }
    twin = {**model, "data": "binarized_mnist"}
    probes = models.own_probes(twin, released)
    assert [entry["num_train"] for entry in probes.values()] == [40, 40, 40]
    assert all(0 <= entry["value"] <= 1 and entry["stderr"] >= 0 for entry in probes.values())
    assert models.own_probes(twin, None, earlier=probes) is probes


def test_pixels_and_components_stand_next_to_the_encoder(released):
    rows = models.measure_transfer(released, ["anything"], [])
    assert [row["features"] for row in rows] == ["raw pixels", "PCA", "tiny"]
    assert [row["size"] for row in rows] == [48, 3, 3]
    linear = rows[0]["probes"]["linear"]
    assert linear["value"] > 0.9 and linear["num_train"] == 40  # brightness tells the classes apart
    text = models.transfer_table(rows)
    assert "| anything | raw pixels | 48 | " in text and "`tiny`, trained on " in text


def test_what_is_kept_is_not_measured_again(released, tmp_path):
    path, speeds = tmp_path / "models.json", {"1": 10.0, "256": 20.0}
    rows = [{"name": name, "probes": 1, "images_per_second": speeds} for name in ("tiny", "gone")]
    names = ("tiny", 3), ("raw pixels", 48), ("PCA", 3), ("gone", 7)
    transfer = [
        {"data": "any", "features": name, "size": size, "probes": 1} for name, size in names
    ]
    files.write_json(path, {"models": rows, "transfer": transfer, "hardware": "here"})
    kept = models.read_kept(path, parts=())
    (row,) = models.measure_models(released, 0.02, kept["models"])
    assert row["images_per_second"] == speeds and row["latent_dim"] == 3
    rows = models.measure_transfer(released, ["any"], [], kept["transfer"])
    assert [row["probes"] for row in rows] == [1, 1, 1]
    own = [{"name": "tiny", "data": "any", "probes": 2}, {"name": "tiny", "data": "b", "probes": 3}]
    rows = models.measure_transfer(released, ["any"], own, kept["transfer"])
    assert [row["probes"] for row in rows] == [1, 1, 2]  # a model's own data: the first table's
    kept = models.read_kept(path, ["tiny"], machine="here")
    assert models.measure_models(released, 0.02, kept["models"])[0]["images_per_second"] != speeds
    rows = models.measure_transfer(released, ["any"], [], kept["transfer"])
    assert [row["probes"] == 1 for row in rows] == [True, True, False]
    kept = models.read_kept(path, parts=["probes"], machine="there")
    assert models.measure_models(released, 0.02, kept["models"])[0]["images_per_second"] == speeds
    assert not any("probes" in row for row in kept["transfer"])
    assert models.read_kept(tmp_path / "none") == {"models": [], "transfer": []}
    with pytest.raises(ValueError, match="Expected released models among .* Received: 'gone'"):
        models.read_kept(path, ["gone"], machine="here")
    with pytest.raises(ValueError, match="Expected --parts among .* Received: 'sped'"):
        models.read_kept(path, parts=["sped"])
    with pytest.raises(ValueError, match="Expected a file of 'there'. Received: 'here'"):
        models.read_kept(path, ["tiny"], machine="there")


def test_a_table_replaces_the_earlier_one_and_nothing_else(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{models.BEGIN}\nold\n{models.END}\nafter\n")
    models.into_readme(path, "new")
    assert path.read_text() == f"before\n{models.BEGIN}\nnew\n{models.END}\nafter\n"
    path.write_text("nothing")
    with pytest.raises(ValueError, match="Expected the lines .* Received: "):
        models.into_readme(path, "new")
    assert path.read_text() == "nothing"


def test_cards_list_models_pages_and_readme_have_the_same_numbers():
    """The documented tables are what the command makes of the cards and of docs/models.json."""
    root = pathlib.Path(__file__).parents[2]
    content = files.read_json(root / "docs" / "models.json")
    listed = {model["name"]: model for model in zoo.list_models()}
    assert [row["name"] for row in content["models"]] == list(listed)
    for row in content["models"]:
        model = listed[row["name"]]
        for column, metric in models.PROBES.items():
            probe, expected = row["probes"][column], model["metrics"][metric]
            if model["data"] in models.LABELLED:
                assert expected["value"] is None and probe["value"] > 0.5
            else:
                assert probe == models.entry(expected)
        if row["bound"]:
            assert row["bound"]["value"] == model["metrics"][row["bound"]["metric"]]["value"]
    page = (root / "docs" / "models.md").read_text(encoding="utf-8")
    assert page == models.document(content["models"], content["transfer"], content["hardware"])
    table = models.short_table(content["models"])
    assert table.count("\n") == 1 + len(models.README_MODELS)
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert f"{models.BEGIN}\n{table}\n{models.END}" in readme
    first = {row["name"]: row["probes"] for row in content["models"]}
    for row in content["transfer"]:
        trained_on = row.get("trained_on")
        if models.LABELLED.get(trained_on, trained_on) == row["data"]:
            assert row["probes"] == first[row["features"]]
        else:
            assert row["probes"]["linear"]["num_train"] == 60_000
        assert row["probes"]["SVM, 1000 labels"]["num_train"] == models.NUM_LABELLED
    # The other page with linear probes has those of the second table, where it has the same data.
    probes = {(row["data"], row["features"]): row["probes"] for row in content["transfer"]}
    variants = (root / "docs" / "variants.md").read_text(encoding="utf-8").splitlines()
    for row in content["models"]:
        own = models.LABELLED.get(row["data"], row["data"])
        if own in models.TRANSFER:
            (line,) = (v for v in variants if v.startswith(f"| `{row['name']}` |"))
            linear = models.percent(probes[own, row["name"]]["linear"])
            assert line.split(" | ")[4] == linear, row["name"]


def test_no_released_accuracy_is_of_classes_that_training_never_saw():
    for model in zoo.list_models():
        for name, metric in model["metrics"].items():
            if metric.get("unit") == "fraction":
                assert metric["value"] is None or metric["value"] > 0, (model["name"], name)
                assert metric["value"] is not None or metric["note"]
