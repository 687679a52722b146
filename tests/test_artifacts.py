"""Every model in `artifacts/` is whole, gives its golden numbers, and is what its card says."""

import pathlib

import numpy as np
import pytest

import zoo
from export import verify
from export.report import TOLERANCE, relative_error
from zoo.backend import to_numpy

FOLDER = pathlib.Path(__file__).parents[1] / "artifacts"
NAMES = sorted(path.name for path in FOLDER.glob("[a-z]*") if path.is_dir())


def test_list_models_finds_them_all():
    assert sorted(model["name"] for model in zoo.list_models()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_artifact(name):
    report = verify.verify(FOLDER / name)
    assert report.ok, str(report)
    encoder, model = zoo.load_encoder(name), zoo.load(name)
    images = np.random.default_rng(17).integers(0, 2, (5, *encoder.image_shape)).astype("float32")
    features = encoder.features(images)
    assert relative_error(features, to_numpy(model.encode(images)["loc"])) <= TOLERANCE
    assert all("value" in metric for metric in encoder.card["metrics"].values())
