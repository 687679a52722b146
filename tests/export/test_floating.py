"""Publishing a model whose prior and likelihood are estimated after training, on scaled data."""

import numpy as np
import pytest
import tiny_artifact

from export import publish, verify
from trainers import runs
from zoo.backend import to_numpy
from zoo.light import runtime
from zoo.storage import files

WHITE = 4.0


def config():
    parts = tiny_artifact.model_config()
    parts["marginal"]["name"] = "floating"
    parts["decoder"]["likelihood"] = {"name": "baggins", "tau": 0.5}
    return parts


def write(folder, model, images):
    data = {"name": "tiny", "binarisation": "none", "pixel_scale": WHITE}
    publish.write_artifact(
        folder, runs.Run(model, {}, None, 7, []), "floating", data, images, False
    )


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    folder = tmp_path_factory.mktemp("floating")
    model = tiny_artifact.make_model(config())
    images = WHITE * tiny_artifact.images(20).astype("float32") / 255
    model.adapt(images)
    write(folder, model, images)
    return folder, model, images


def test_the_card_says_which_prior_to_draw_from(artifact):
    folder, model, _ = artifact
    prior = files.read_json(folder / "card.json")["prior"]
    assert prior["family"] == "diagonal_normal"
    expected = np.sqrt(to_numpy(model.marginal.variance.value()))
    np.testing.assert_allclose(prior["scale"], expected, rtol=1e-6)
    assert np.abs(expected - 1).min() > 0.05
    assert "**not** N(0, I)" in (folder / "README.md").read_text()


def test_the_light_decoder_draws_from_it(artifact):
    folder, model, _ = artifact
    decoder = runtime.load_decoder(folder)
    noise = np.random.default_rng(3).standard_normal((6, 3), np.float32)
    z = noise * np.sqrt(to_numpy(model.marginal.variance.value()))
    expected = to_numpy(model.decode(z)["mean"])
    np.testing.assert_allclose(decoder.sample(6, seed=3), expected, rtol=1e-4, atol=1e-5)
    scale = decoder.decode(z, kind="params")["scale"]
    np.testing.assert_allclose(scale**2, to_numpy(model.decoder.likelihood.variance.value()), 1e-5)


def test_hard_golden_latents_are_four_deviations_of_the_prior_from_0(artifact):
    folder, model, _ = artifact
    with np.load(folder / "golden.npz") as arrays:
        hard = arrays["decoder.z"][-3:]
    scale = np.sqrt(to_numpy(model.marginal.variance.value()))
    expected = np.zeros((3, 3))
    expected[1, 0], expected[2, 2] = 4 * scale[0], -4 * scale[2]
    np.testing.assert_allclose(hard, expected, rtol=1e-6)


def test_the_light_encoder_scales_pixels_as_the_data_was(artifact):
    folder, model, images = artifact
    features = runtime.load_encoder(folder).features(tiny_artifact.images(20))
    np.testing.assert_allclose(features, model.predict_codes(images), rtol=1e-4, atol=1e-5)
    assert "multiplied by 4.0" in (folder / "README.md").read_text()


def test_the_reloaded_weights_are_whole(artifact):
    publish.prove(artifact[0], with_saved_model=False)
    assert verify.verify(artifact[0], "onnxruntime").ok


def test_a_model_never_adapted_is_not_published(tmp_path):
    with pytest.raises(ValueError, match="prior variance S\\^2 of 'floating'.*not adapted since"):
        write(tmp_path, tiny_artifact.make_model(config()), None)
