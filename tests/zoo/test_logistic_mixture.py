"""The discretised logistic mixture: probabilities that sum to 1, its mean and its draws."""

import itertools

import numpy as np
import pytest

import zoo
from zoo.backend import tfp_seed, to_numpy
from zoo.evaluation import evaluate


def distribution(rng, channels, levels, spread=3.0, components=3):
    likelihood = zoo.LogisticMixture(components, levels)
    raw = rng.normal(0, spread, (1, 1, 1, likelihood.raw_channels(channels))).astype("float32")
    return likelihood.distribution(likelihood(raw))


def probabilities(dist, pixels):
    return np.exp(to_numpy(dist.log_prob(pixels.astype("float32"))).astype("float64"))


@pytest.mark.parametrize("spread", [1.0, 10.0])
def test_the_probabilities_of_256_levels_sum_to_one(rng, spread):
    dist = distribution(rng, 1, 256, spread)
    pixels = (np.arange(256) / 255).reshape(256, 1, 1, 1)
    p = probabilities(dist, pixels)
    assert p.sum() == pytest.approx(1.0, abs=2e-5)
    mean = to_numpy(dist.mean()).item()
    assert mean == pytest.approx((p * pixels.ravel()).sum(), abs=0.5 / 255)


def test_the_joint_of_three_channels_sums_to_one(rng):
    dist = distribution(rng, 3, 8)
    grid = np.array(list(itertools.product(np.arange(8) / 7, repeat=3)))
    p = probabilities(dist, grid.reshape(-1, 1, 1, 3))
    assert p.sum() == pytest.approx(1.0, abs=2e-5)
    # The red channel's mean is exact but for the rounding; the others' take red at its mean.
    assert to_numpy(dist.mean())[0, 0, 0, 0] == pytest.approx((p * grid[:, 0]).sum(), abs=0.5 / 7)


def test_a_cell_against_scipys_logistic(rng):
    scipy_stats = pytest.importorskip("scipy.stats")
    dist = distribution(rng, 1, 256, components=1)
    loc, scale = (to_numpy(dist.parameters[name]).item() for name in ("loc", "scale"))
    logistic = scipy_stats.logistic(loc, scale)
    for level in (1, 100, 254):
        y = 2 * level / 255 - 1
        expected = np.log(logistic.cdf(y + 1 / 255) - logistic.cdf(y - 1 / 255))
        received = to_numpy(dist.log_prob(np.full((1, 1, 1, 1), level / 255, "float32"))).item()
        assert received == pytest.approx(expected, rel=1e-4)


def test_far_from_the_mean_it_is_finite_and_has_a_gradient():
    likelihood = zoo.LogisticMixture(1)
    raw = np.float32([0.0, -500.0, -100.0]).reshape(1, 1, 1, 3)  # loc -500, the smallest scale
    pixels = np.float32([0, 0.5, 1]).reshape(3, 1, 1, 1)
    log_prob = to_numpy(likelihood.distribution(likelihood(raw)).log_prob(pixels))
    assert log_prob[0] == 0 and np.isfinite(log_prob).all() and (np.diff(log_prob) < -100).all()


def test_draws_have_the_probabilities(rng, seed):
    dist = distribution(rng, 3, 4, spread=1.0)
    draws = to_numpy(dist.sample(4000, seed=tfp_seed(seed))).reshape(-1, 3)
    assert set(np.unique(np.rint(draws * 3))) <= {0, 1, 2, 3}
    grid = np.array(list(itertools.product(np.arange(4) / 3, repeat=3)))
    p = probabilities(dist, grid.reshape(-1, 1, 1, 3))
    codes = (np.rint(draws * 3) @ [16, 4, 1]).astype(int)
    share = np.bincount(codes, minlength=64) / len(draws)
    np.testing.assert_allclose(share, p, atol=6 * np.sqrt(0.25 / len(draws)))


def test_what_is_no_pixel_has_no_probability(rng):
    dist = distribution(rng, 1, 256)
    pixels = np.float32([-0.1, 255.0, np.nan, 1.0]).reshape(4, 1, 1, 1)
    assert np.isnan(to_numpy(dist.log_prob(pixels))).tolist() == [True, True, True, False]


def test_bits_per_dimension_is_of_discrete_pixels(rng):
    x = (rng.integers(0, 256, (6, 4, 4, 1)) / 255).astype("float32")
    mlp = {"name": "mlp", "hidden_units": [5], "latent_dim": 2}
    names = ["nll", "bits_per_dimension"]

    def measured(likelihood):
        decoder = {**mlp, "image_shape": [4, 4, 1], "likelihood": likelihood}
        model = zoo.build({"encoder": mlp, "decoder": decoder})
        return evaluate(model, x, metrics=names, num_samples=2, progress=False)

    nll, bits = measured("logistic_mixture").values()
    assert bits["value"] == pytest.approx(nll["value"] / (16 * np.log(2)))
    assert bits["stderr"] == pytest.approx(nll["stderr"] / (16 * np.log(2)))
    assert bits["unit"] == "bits" and bits["num_samples"] == 2
    assert measured("bernoulli")["bits_per_dimension"]["note"].startswith("left out")


@pytest.mark.parametrize("argument", [{"levels": 1}, {"num_components": 0}, {"levels": 2.5}])
def test_bad_arguments(argument):
    with pytest.raises(ValueError, match="Received: " + next(iter(argument))):
        zoo.LogisticMixture(**argument)
