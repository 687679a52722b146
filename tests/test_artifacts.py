"""Every model in `artifacts/` is whole, gives its golden numbers, and is what its card says."""

import pathlib

import numpy as np
import pytest

import zoo
from export import verify
from export.report import TOLERANCE, relative_error
from zoo.backend import to_numpy
from zoo.releases import card as cards

FOLDER = pathlib.Path(__file__).parents[1] / "artifacts"
NAMES = sorted(path.name for path in FOLDER.glob("[a-z]*") if path.is_dir())


def _kinds(spec):
    """Returns the names of a part and of the parts inside it."""
    if isinstance(spec, str):
        return (spec,)
    inner = [value for value in spec.values() if isinstance(value, dict)]
    return (spec.get("name"), *(name for part in inner for name in _kinds(part)))


def _architecture(name):
    model = cards.read_card(FOLDER / name)["model"]
    return tuple(_kinds(model[room]) for room in ("encoder", "decoder", "marginal"))


FIRST = set({_architecture(name): name for name in reversed(NAMES)}.values())
# Keras loads the others by the same code.
LOADED = [pytest.param(name, marks=[] if name in FIRST else [pytest.mark.slow]) for name in NAMES]


def test_list_models_finds_them_all():
    assert sorted(model["name"] for model in zoo.list_models()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_graph_gives_its_golden_numbers(name):
    report = verify.verify(FOLDER / name)
    assert report.ok, str(report)
    assert all("value" in metric for metric in zoo.load_encoder(name).card["metrics"].values())


@pytest.mark.parametrize("name", LOADED)
def test_the_weights_give_the_codes_of_the_graph(name):
    encoder, model = zoo.load_encoder(name), zoo.load(name)
    images = np.random.default_rng(17).integers(0, 2, (5, *encoder.image_shape)).astype("float32")
    features = encoder.features(images)
    assert relative_error(features, to_numpy(model.encode(images)["loc"])) <= TOLERANCE
