"""`zoo.publish`: a model in memory becomes an artifact like that of a run."""

import numpy as np
import pytest
import tiny_artifact
from PIL import Image

import zoo
from export import cover, verify
from trainers import grids
from zoo.releases import card as cards

LIGHT = {"saved_model": False, "probability": False}


def readme_of(folder):
    return (folder / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A fine-tuned model and the folder that it was published in."""
    first = tmp_path_factory.mktemp("model") / "first"
    images = tiny_artifact.images(9)
    zoo.publish(tiny_artifact.make_model(), first, "pictures", images=images, **LIGHT)
    model = zoo.load(first)
    model.compile("adam")
    model.fit(images / np.float32(255), epochs=1, batch_size=3, verbose=0)
    about = {"name": "pictures", "source": "a camera"}
    how = {"name": "tuned", "images": images, "licence": "CC0-1.0", "paper": "bilbo", **LIGHT}
    return model, zoo.publish(model, first.parent / "second", about, **how)


def test_a_fine_tuned_model_is_published_and_loads_with_its_weights(published):
    model, folder = published
    assert verify.verify(folder).ok
    x = tiny_artifact.images(4, seed=5) / np.float32(255)
    expected = np.asarray(model.encode(x)["loc"])
    np.testing.assert_allclose(zoo.load_encoder(folder).features(x), expected, atol=1e-5)
    np.testing.assert_allclose(np.asarray(zoo.load(folder).encode(x)["loc"]), expected, atol=1e-6)


def test_its_card_says_what_is_known(published):
    card = cards.read_card(published[1])
    assert (card["name"], card["licence"], card["paper"]) == ("tuned", "CC0-1.0", "bilbo")
    assert card["data"]["source"] == "a camera" and card["step"] == 3 and card["metrics"] == {}
    assert card["preprocessing"]["binarise"] is None
    metadata = zoo.load_encoder(published[1])._graph.metadata
    assert metadata["name"] == "tuned" and metadata["licence"] == "CC0-1.0"
    assert "Not evaluated." in readme_of(published[1])


def test_the_readme_shows_images_above_their_reconstructions(published):
    model, folder = published
    assert "\n![Images of the data, each above its reconstruction](" in readme_of(folder)
    assert cover.PICTURE in cards.read_card(folder)["files"]
    x = tiny_artifact.images(9)[:8] / np.float32(255)
    grid = grids.reconstruction_grid(x, np.clip(model.reconstruct(x), 0, 1))
    picture = np.asarray(Image.open(folder / cover.PICTURE))
    factor = picture.shape[1] // grid.shape[1]
    assert factor > 1 and picture.shape[1] <= cover.LEAST_WIDTH
    difference = picture[::factor, ::factor].astype(int) - grid
    assert np.abs(difference).max() <= 1  # the weights were stored and read in between


def test_a_model_without_images_has_no_picture(tmp_path):
    folder = zoo.publish(tiny_artifact.make_model(), tmp_path / "plain", "pictures", **LIGHT)
    assert not (folder / cover.PICTURE).exists() and cover.PICTURE not in readme_of(folder)


def test_preprocessing_is_what_users_images_get(tmp_path):
    rules = {"binarise": "threshold 0.5"}
    model = tiny_artifact.make_model(tiny_artifact.model_config(binary=True))
    images = tiny_artifact.images(3)
    folder = zoo.publish(
        model, tmp_path / "bits", "bits", preprocessing=rules, images=images, **LIGHT
    )
    encoder = zoo.load_encoder(folder)
    expected = np.asarray(model.encode((images >= 128).astype("f4"))["loc"])
    np.testing.assert_allclose(encoder.features(images), expected, atol=1e-5)


@pytest.mark.parametrize(
    "error, text, arguments",
    [
        (TypeError, "Expected a zoo.VAE. Received: model=int", {"model": 3}),
        (ValueError, "Expected the data's name, or a mapping with `name`", {"data": {}}),
        (ValueError, "Expected `preprocessing` with some of", {"preprocessing": {"mean": 0.5}}),
        (
            ValueError,
            "Expected a positive number as `multiply`",
            {"preprocessing": {"multiply": -1}},
        ),
        (ValueError, "Expected a name of lower-case letters", {"name": "My Model"}),
    ],
)
def test_wrong_arguments_write_nothing(tmp_path, error, text, arguments):
    known = {"model": tiny_artifact.make_model(), "data": "pictures", **arguments}
    with pytest.raises(error, match=text):
        zoo.publish(folder=tmp_path / "out", **known)
    assert not (tmp_path / "out").exists()
