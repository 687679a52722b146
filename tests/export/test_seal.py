"""Every edit of a card is noticed; a damaged or hostile card ends in one documented error."""

import itertools
import json
import os
from pathlib import Path

import light_artifact
import mutations
import numpy as np
import pytest
import tiny_artifact

import zoo
from export import seal, verify
from zoo.releases import card as cards
from zoo.storage import files, json_text

ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts"
# Mutations of each card: 100 of three cards, or ELBO_ZOO_MUTATIONS of every released one.
COUNT = int(os.environ.get("ELBO_ZOO_MUTATIONS", 0))
NAMES = ["bilbo-mnist-z2", "broken-elbo-mnist-iaf-maf", "infovae-mnist-pixelcnn-z5"]
if COUNT:
    NAMES = sorted(path.parent.name for path in ARTIFACTS.glob("*/card.json"))


@pytest.fixture
def artifact(tmp_path):
    return tiny_artifact.copy_to(tmp_path)


def test_a_published_card_has_the_hash_of_its_content(artifact):
    card = files.read_json(artifact / "card.json")
    assert card["content_sha256"] == json_text.digest(card)
    assert verify.main([str(artifact)]) == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_edit_of_a_card_is_noticed(name, tmp_path, capsys):
    for path in (ARTIFACTS / name).iterdir():
        if path.name != "card.json":
            (tmp_path / path.name).symlink_to(path)
    card = files.read_json(ARTIFACTS / name / "card.json")
    places, rng = list(mutations.places(card)), np.random.default_rng(17)
    passed = []
    for number in range(COUNT or 100):
        place = places[rng.integers(len(places))]
        (tmp_path / "card.json").write_text(json_text.render(mutations.mutate(card, place, rng)))
        # A card that is read without an error is verified whole, which takes long and must fail.
        if verify.main([str(tmp_path)]) == 0:
            passed.append((number, place))
    assert passed == []
    assert "Traceback" not in capsys.readouterr().err


def test_what_decides_outputs_is_noticed_when_it_loads(tmp_path):
    scales = [1.0, 1.0, 1.0]
    artifact = light_artifact.make(tmp_path, prior={"family": "diagonal_normal", "scale": scales})
    card = files.read_json(artifact / "card.json")
    edits = {
        "prior": {"family": "diagonal_normal", "scale": [9.0, 1.0, 1.0]},
        "preprocessing": {"scale": "uint8/255", "binarise": "threshold 0.5"},
        "posterior": {"family": "deterministic"},
    }
    for key, value in edits.items():
        files.write_json(artifact / "card.json", {**card, key: value})
        for load in (zoo.load_encoder, zoo.load_decoder, zoo.load):
            with pytest.raises(ValueError, match="card.json was changed after it was written"):
                load(artifact)


def test_an_edit_of_whitespace_alone_loads_and_is_noticed_by_verify(artifact, capsys):
    path = artifact / "card.json"
    path.write_text(json.dumps(files.read_json(path), ensure_ascii=False))
    assert zoo.load_encoder(artifact).latent_dim == 3
    assert verify.main([str(artifact)]) == 1
    assert "text changed after it was written" in capsys.readouterr().out


def test_a_card_of_an_earlier_version_loads_and_is_sealed_by_a_command(artifact, capsys):
    card = files.read_json(artifact / "card.json")
    files.write_json(artifact / "card.json", {k: v for k, v in card.items() if k != cards.SEAL})
    assert zoo.load_encoder(artifact).latent_dim == zoo.load(artifact).latent_dim == 3
    assert verify.main([str(artifact)]) == 1
    assert "python -m export.seal" in capsys.readouterr().out
    assert seal.main([str(artifact)]) == 0
    assert files.read_json(artifact / "card.json") == card
    assert verify.main([str(artifact)]) == 0


def test_a_damaged_artifact_is_not_sealed(artifact, capsys):
    (artifact / "README.md").write_text("other")
    assert seal.main([str(artifact)]) == 1
    assert "README.md is not the file that was published" in capsys.readouterr().err


def test_a_forged_card_ends_in_a_documented_error(tmp_path):
    artifact = light_artifact.make(tmp_path, golden={"file": "golden.npz"})
    images = np.zeros((10, *light_artifact.IMAGE_SHAPE), "f4")
    z = np.zeros((10, light_artifact.LATENT_DIM), "f4")
    encoded = zoo.load_encoder(artifact).features(images, kind="params")
    arrays = {f"encoder.{key}": value for key, value in {"image": images, **encoded}.items()}
    arrays |= {"decoder.z": z, "decoder.mean": zoo.load_decoder(artifact).decode(z)}
    np.savez(artifact / "golden.npz", **arrays)
    light_artifact.write_card(artifact)
    assert verify.verify(artifact).ok
    card, rng = files.read_json(artifact / "card.json"), np.random.default_rng(17)
    places = [place for place in mutations.places(card) if place[0] not in ("format", cards.SEAL)]
    uses = [
        lambda: str(verify.verify(artifact)),
        lambda: zoo.load_encoder(artifact).features(images, kind="sample"),
        lambda: zoo.load_decoder(artifact).sample(2),
        lambda: zoo.load(artifact),
    ]
    refused = 0
    for place, _ in itertools.product(places, range(2)):
        cards.write_card(artifact, mutations.mutate(card, place, rng))
        for use in uses:
            try:
                use()
            except (ValueError, FileNotFoundError) as error:
                assert str(error)
                refused += 1
    assert refused > len(places)


@pytest.mark.parametrize("latent_dim", [2**40, 2**62])
def test_a_huge_number_in_a_card_takes_no_memory(tmp_path, latent_dim):
    artifact = light_artifact.make(tmp_path)
    card = {**files.read_json(artifact / "card.json"), "latent_dim": latent_dim}
    cards.write_card(artifact, card)
    with pytest.raises(ValueError, match=f"z of decoder to be .batch, {latent_dim}. in "):
        zoo.load_encoder(artifact)
