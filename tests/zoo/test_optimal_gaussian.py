"""The Gaussian of the best scale, in closed form: sigma-VAE."""

import numpy as np
import pytest
import scipy.optimize
import scipy.stats

import zoo
from zoo.backend import to_numpy


@pytest.fixture
def setting(rng):
    mlp = {"name": "mlp", "hidden_units": [5], "latent_dim": 2}
    decoder = {**mlp, "image_shape": [4, 4, 3], "likelihood": "optimal_gaussian"}
    model = zoo.build({"encoder": {**mlp, "scale": 1e-3}, "decoder": decoder})
    return model, rng.random((20, 4, 4, 3)).astype("float32")


def test_no_other_scale_of_the_batch_is_better(setting, rng):
    model, x = setting
    z = rng.normal(size=(20, 2)).astype("float32")
    likelihood = model.decoder.likelihood
    distortion, cost = likelihood.distortion_and_cost(model.decoder, z, x, None, True)
    mean = to_numpy(model.decoder(z)["mean"]).astype("float64")

    def negative(scale):
        return -scipy.stats.norm(mean, scale).logpdf(x).sum(axis=(1, 2, 3))

    best = scipy.optimize.minimize_scalar(
        lambda scale: negative(scale).mean(), bounds=(0.01, 3), method="bounded"
    )
    np.testing.assert_allclose(to_numpy(distortion), negative(best.x), rtol=1e-3)
    np.testing.assert_array_equal(to_numpy(distortion), to_numpy(cost))


def test_after_training_the_scale_is_that_of_the_training_set(setting):
    model, x = setting
    with pytest.raises(ValueError, match="likelihood variance sigma.*call `model.adapt"):
        model.log_prob(x)
    model.compile("adam", run_eagerly=True)
    model.adapt(x)
    scale = model.decode(model.encode(x)["loc"])["scale"]
    residual = model.reconstruct(x) - x  # the posterior's scale is nearly 0
    assert scale.min() == scale.max() == pytest.approx(np.sqrt((residual**2).mean()), rel=1e-3)
    assert np.isfinite(model.log_prob(x, 2)).all()
    model.train_on_batch(x)
    with pytest.raises(ValueError, match="a model not adapted since"):
        model.log_prob(x)


def test_a_perfect_reconstruction_has_a_finite_density(setting):
    model, _ = setting
    z = np.zeros((2, 2), "float32")
    mean = to_numpy(model.decoder(z)["mean"])
    distortion, _ = model.decoder.likelihood.distortion_and_cost(model.decoder, z, mean, None, True)
    expected = -scipy.stats.norm(0, 1e-3).logpdf(0) * 48
    np.testing.assert_allclose(to_numpy(distortion), expected, rtol=1e-4)
