"""Publishing a model with an autoregressive decoder: its graph is given the image too."""

import numpy as np
import pytest
import tiny_artifact

import zoo
from export import publish, verify
from export.report import relative_error
from trainers import runs
from zoo.backend import to_numpy

LATENTS = 3


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    """(folder, model) of an artifact with a PixelCNN++ decoder, images given that are too few."""
    parts = tiny_artifact.model_config(binary=True)
    shape = parts["decoder"]["image_shape"]
    parts["decoder"] = {"name": "pixelcnn", "depth": 4, "num_resnets": 1, "latent_dim": LATENTS}
    parts["decoder"]["image_shape"] = shape
    model = tiny_artifact.make_model(parts)
    # Its blocks multiply: with the other tests' weights logits would be in the thousands.
    for weight in model.decoder.trainable_variables:
        weight.assign(weight / np.sqrt(max(1, np.prod(weight.shape[:-1]))))
    folder = tmp_path_factory.mktemp("pixelcnn")
    data = {"name": "tiny", "binarisation": "static"}
    images = tiny_artifact.images(3).astype("float32") / 255
    publish.write_artifact(
        folder, runs.Run(model, {}, None, 7, []), "pixelcnn", data, images > 0.5, True
    )
    return folder, model


@pytest.mark.parametrize("runtime", ["onnxruntime", "tensorflow"])
def test_every_number_agrees(artifact, runtime):
    report = verify.verify(artifact[0], runtime)
    assert report.ok, [check for check in report.checks if check.ok is False]


def test_the_light_decoder_gives_probabilities_and_says_what_it_cannot_do(artifact, rng):
    folder, model = artifact
    decoder = zoo.load_decoder(folder)
    images = tiny_artifact.images(5, seed=3)
    x = (images > 127).astype("float32")
    z = rng.normal(size=(5, LATENTS)).astype("float32")
    found = decoder.probabilities(z, images, batch_size=2)
    assert relative_error(found, to_numpy(model.decode(z, x)["mean"])) < 1e-5
    with pytest.raises(ValueError, match="depend on one another"):
        decoder.decode(z)
    with pytest.raises(ValueError, match="as many images as latents. Received: 4 and 5"):
        decoder.probabilities(z, images[:4])


def test_the_loaded_model_draws_what_the_published_one_draws(artifact):
    folder, model = artifact
    loaded = zoo.load(folder)
    x = (tiny_artifact.images(2) > 127).astype("float32")
    np.testing.assert_array_equal(to_numpy(loaded.sample(3)), to_numpy(model.sample(3)))
    np.testing.assert_array_equal(to_numpy(loaded.reconstruct(x)), to_numpy(model.reconstruct(x)))


def test_the_readme_says_what_the_decoder_takes(artifact):
    text = (artifact[0] / "README.md").read_text(encoding="utf-8")
    assert "and `image` (each output is of a pixel given those before it)" in text
