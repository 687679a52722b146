"""The catalogue from a folder of runs: evaluated once, published, no failure stopping another."""

import json
from pathlib import Path

import pytest
import tiny_artifact

import zoo
from export import catalogue as releases
from export import float16, publish, release
from trainers import data
from trainers.sweeps import identity
from zoo.storage import files

ROOT = Path(__file__).resolve().parents[2]

METRICS = ("rate", "distortion", "elbo", "nll", "reconstruction_l2")


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A folder with a run and a run without its weights, and the names of both and of a third."""
    run, broken = tmp_path / "runs" / "infovae" / "one", tmp_path / "runs" / "two"
    tiny_artifact.make_run(run)
    content = files.read_json(run / "config.json")
    broken.mkdir()
    files.write_json(
        broken / "config.json", {**content, "config": {**content["config"], "seed": 3}}
    )
    keys = {path.name: key for key, path in identity.folders(tmp_path / "runs").items()}
    named = {"broken": keys["two"], "absent": "another config", "tiny": keys["one"]}
    monkeypatch.setattr(releases, "RELEASES", named)
    monkeypatch.setattr(releases, "planned", lambda name: releases.RELEASES[name])
    monkeypatch.setattr(releases, "METRICS", METRICS)
    return tmp_path / "runs"


def test_the_catalogue_names_the_runs_of_the_released_models():
    # Three models are of runs before a default changed, or have no family in their config.
    earlier = {
        "broken-elbo-mnist": {"family"},
        "broken-elbo-omniglot": {"data.limit"},
        "bilbo-mnist-z2": {"family", "train.pictures_every", "train.checkpoint_every"},
    }
    for name in releases.RELEASES:
        card = files.read_json(ROOT / "artifacts" / name / "card.json")
        planned = json.loads(releases.planned(name))
        changes = identity.differences(planned, identity.computed(card["run_config"]))
        assert set(changes) == earlier.get(name, set()), name


def test_what_is_there_is_published_and_the_rest_is_named(runs, tmp_path):
    found = release.release(runs, out=tmp_path / "out")
    assert found["tiny"] == "published" and found["absent"] == "no run"
    assert found["broken"] not in ("published", "no run")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["tiny"]
    card = files.read_json(tmp_path / "out" / "tiny" / "card.json")
    assert set(METRICS) <= set(card["metrics"])
    assert card["training"]["epochs"] == 0 and card["storage"]["dtype"] == "float16"
    evaluation = files.read_json(runs / "infovae" / "one" / "evaluation.json")
    assert evaluation["metrics"] == card["metrics"]  # kept with the run: measured once


def test_an_artifact_is_published_anew_from_itself(runs, tmp_path, monkeypatch):
    release.release(runs, ["tiny"], tmp_path / "out")
    before = files.read_json(tmp_path / "out" / "tiny" / "card.json")
    monkeypatch.setattr(releases, "RELEASES", {"tiny": "a config no longer there"})
    monkeypatch.chdir(runs / "infovae")  # a card keeps the name of a data file, and no folder
    monkeypatch.setattr(release, "ARTIFACTS", tmp_path / "out")
    monkeypatch.setattr(releases, "METRICS", (*METRICS, "active_units"))
    assert release.release(runs, ["tiny"], tmp_path / "again") == {"tiny": "published"}
    after = files.read_json(tmp_path / "again" / "tiny" / "card.json")
    assert set(after["metrics"]) - set(before["metrics"]) == {"active_units"}
    assert {k: v for k, v in after["metrics"].items() if k in before["metrics"]} == before[
        "metrics"
    ]
    assert after["storage"] == before["storage"]  # what rounding changed when it was done
    images = tiny_artifact.images(4)
    codes = [zoo.load_encoder(tmp_path / d / "tiny").features(images) for d in ("out", "again")]
    assert (codes[0] == codes[1]).all()


def test_the_folder_of_the_data_reaches_all_that_reads_it(runs, tmp_path, monkeypatch):
    source, places, load = runs / "infovae" / "one", [], data.load_splits
    monkeypatch.setattr(
        data, "load_splits", lambda config: places.append(config["data_dir"]) or load(config)
    )
    release.publish_model(source, "tiny", tmp_path / "out", data_dir="/elsewhere")
    assert places and set(places) == {"/elsewhere"}
    assert "/elsewhere" not in (tmp_path / "out" / "card.json").read_text()


def test_without_its_data_a_model_is_not_published_with_random_images(runs, tmp_path, monkeypatch):
    release.release(runs, ["tiny"], tmp_path / "out")
    monkeypatch.setattr(releases, "RELEASES", {"tiny": "a config no longer there"})
    monkeypatch.setattr(release, "ARTIFACTS", tmp_path / "out")
    monkeypatch.chdir(tmp_path)  # where the card's data file is not
    found = release.release(runs, ["tiny"], tmp_path / "again")
    assert found["tiny"].startswith("Expected the data of tiny, whose images its golden file has")
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("error", [float16.Refused("too large"), publish.NotKept("other numbers")])
def test_weights_that_float16_does_not_suit_stay_in_float32(runs, tmp_path, monkeypatch, error):
    def refuse(run):
        raise error

    monkeypatch.setattr(float16, "halve", refuse)
    assert release.release(runs, ["tiny"], tmp_path / "out") == {"tiny": "published"}
    card = files.read_json(tmp_path / "out" / "tiny" / "card.json")
    assert card["storage"] == {"dtype": "float32"}


def test_unknown_names_and_sizes_beyond_the_limits(runs, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="Expected names among .*Received: 'tinny'.*tiny"):
        release.release(runs, ["tinny"], tmp_path / "out")
    release.release(runs, ["tiny"], tmp_path / "out")
    assert release.check_sizes(tmp_path / "out") == []
    monkeypatch.setattr(release, "MAX_BYTES", 1000)
    monkeypatch.setattr(release, "MAX_FILE_BYTES", 20000)
    lines = release.check_sizes(tmp_path / "out")
    assert any("all artifacts have" in line for line in lines)
    assert any("of at most 20,000" in line for line in lines)
