"""Likelihoods against SciPy's densities, constants included."""

import numpy as np
import pytest
import scipy.stats

import zoo
from zoo.backend import to_numpy


def _log_prob(likelihood, raw, x):
    likelihood.build()
    return to_numpy(likelihood.distribution(likelihood(raw)).log_prob(x))


def test_bernoulli(rng):
    raw = rng.normal(size=(4, 3, 3, 2)).astype("float32") * 3
    x = rng.integers(0, 2, raw.shape).astype("float32")
    expected = scipy.stats.bernoulli(1 / (1 + np.exp(-raw.astype("float64")))).logpmf(x)
    np.testing.assert_allclose(
        _log_prob(zoo.Bernoulli(), raw, x), expected.sum((1, 2, 3)), rtol=1e-5
    )


def test_bernoulli_at_hard_logits_is_finite():
    raw = np.float32([[[[100.0, -100.0, 100.0, -100.0]]]])
    x = np.float32([[[[1.0, 0.0, 0.0, 1.0]]]])
    np.testing.assert_allclose(_log_prob(zoo.Bernoulli(), raw, x), [-200.0], rtol=1e-6)


def test_bernoulli_of_grey_levels_is_the_expected_log_probability(rng):
    raw, x = rng.normal(size=(1, 2, 2, 1)).astype("float32"), np.full((1, 2, 2, 1), 0.3, "float32")
    ones = _log_prob(zoo.Bernoulli(), raw, np.ones_like(x))
    zeros = _log_prob(zoo.Bernoulli(), raw, np.zeros_like(x))
    np.testing.assert_allclose(
        _log_prob(zoo.Bernoulli(), raw, x), 0.3 * ones + 0.7 * zeros, rtol=1e-5
    )


def test_bernoulli_of_what_is_no_pixel_is_no_number():
    raw = np.full((4, 1, 1, 2), 0.5, "float32")
    x = np.float32([[0.5, 255.0], [-0.1, 1.0], [1.00001, -0.00001], [np.nan, 0.0]])
    found = _log_prob(zoo.Bernoulli(), raw, x.reshape(raw.shape))
    assert np.isnan(found).tolist() == [True, True, False, True]


@pytest.mark.parametrize("activation", ["linear", "sigmoid"])
def test_gaussian_with_fixed_scale(rng, activation):
    raw, x = rng.normal(size=(2, 4, 3, 3, 1)).astype("float32")
    mean = 1 / (1 + np.exp(-raw)) if activation == "sigmoid" else raw
    expected = scipy.stats.norm(mean, 0.3).logpdf(x).sum((1, 2, 3))
    likelihood = zoo.Gaussian(scale=0.3, mean_activation=activation)
    np.testing.assert_allclose(_log_prob(likelihood, raw, x), expected, rtol=1e-4)


def test_gaussian_with_learned_scale(rng):
    raw = rng.normal(size=(4, 3, 3, 2)).astype("float32")
    x = rng.normal(size=(4, 3, 3, 1)).astype("float32")
    scale = np.log1p(np.exp(raw[..., 1:])) + 1e-3
    expected = scipy.stats.norm(raw[..., :1], scale).logpdf(x).sum((1, 2, 3))
    np.testing.assert_allclose(_log_prob(zoo.Gaussian("learned"), raw, x), expected, rtol=1e-4)


def test_gaussian_scalar_scale_starts_at_one_and_is_one_weight(rng):
    likelihood = zoo.Gaussian("scalar")
    raw, x = rng.normal(size=(2, 4, 3, 3, 1)).astype("float32")
    expected = scipy.stats.norm(raw, 1.001).logpdf(x).sum((1, 2, 3))
    np.testing.assert_allclose(_log_prob(likelihood, raw, x), expected, rtol=1e-4)
    assert [w.shape for w in likelihood.trainable_weights] == [()]


def test_half_squared_error_is_a_gaussian_of_scale_sqrt_half(rng):
    raw, x = rng.normal(size=(2, 4, 3, 3, 1)).astype("float32")
    log_prob = _log_prob(zoo.Gaussian(scale=0.5**0.5), raw, x)
    constant = -9 / 2 * np.log(np.pi)
    np.testing.assert_allclose(log_prob, -((x - raw) ** 2).sum((1, 2, 3)) + constant, rtol=1e-4)


@pytest.mark.parametrize("scale", [0, -1.0, "pixel", True])
def test_bad_scale(scale):
    with pytest.raises(ValueError, match="positive number, 'scalar' or 'learned'. Received"):
        zoo.Gaussian(scale=scale)


def test_bad_activation():
    with pytest.raises(ValueError, match=r"Did you mean \"sigmoid\""):
        zoo.Gaussian(mean_activation="sigmoidal")
