"""A card cannot make a model that is larger than its weights file."""

import copy
import time

import pytest

import zoo
from zoo.releases import card as cards
from zoo.releases import catalogue, loading
from zoo.releases.sizes import check_sizes
from zoo.storage import files

pytestmark = pytest.mark.faults("hostile files")

MODEL = "bilbo-mnist-z2"
SEEDED = {
    "encoder": {"name": "mlp", "latent_dim": 2, "hidden_units": [8]},
    "decoder": {"name": "mlp", "latent_dim": 2, "hidden_units": [8], "image_shape": [4, 4, 1]},
    "objective": {"name": "infovae", "seed": 2**31, "lambda_": 3.0},
}


@pytest.fixture
def card():
    return cards.read_card(catalogue.resolve(MODEL))


@pytest.mark.parametrize("size", [10**9, 10**18, 200_000])
@pytest.mark.parametrize("room", ["encoder", "decoder"])
def test_huge_layers_are_refused_in_seconds(card, size, room):
    config = copy.deepcopy(card["model"])
    config[room]["hidden_units"] = [size, size]
    assert zoo.VAE  # the time is not that of importing Keras
    start = time.monotonic()
    with pytest.raises(ValueError, match="weights file of|weights fit into a file"):
        check_sizes(config, card["files"][loading.WEIGHTS]["bytes"])
    assert time.monotonic() - start < 20


def test_many_layers_of_small_sizes_are_refused(card):
    config = copy.deepcopy(card["model"])
    config["encoder"]["hidden_units"] = [1000] * 8
    with pytest.raises(ValueError, match=r"Expected a model whose weights fit.*\d{7} weights"):
        check_sizes(config, card["files"][loading.WEIGHTS]["bytes"])


def test_loading_an_edited_card_is_refused(card, tmp_path, monkeypatch):
    folder = catalogue.resolve(MODEL)
    card["model"]["decoder"]["hidden_units"] = [10**9]
    monkeypatch.setattr(loading.catalogue, "open_artifact", lambda model: (folder, card))
    with pytest.raises(ValueError, match="decoder.hidden_units.0=1000000000"):
        zoo.load(folder)
    assert files.read_json(folder / "card.json") != card


@pytest.mark.faults("whole files and answers, which pass")
def test_released_models_fit(card):
    check_sizes(card["model"], card["files"][loading.WEIGHTS]["bytes"])


@pytest.mark.faults("whole files and answers, which pass")
def test_a_seed_and_a_schedule_are_no_sizes():
    check_sizes(SEEDED, 10_000)
