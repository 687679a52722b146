"""The beta family against its formula, its schedule and its limits."""

import keras
import numpy as np
import pytest
import scipy.stats

import zoo
from zoo.backend import to_numpy
from zoo.objectives.schedules import linear_ramp


@pytest.fixture(scope="module")
def parts():
    keras.utils.set_random_seed(17)
    shape = (6, 5, 1)
    encoder, decoder = zoo.MLPEncoder(3, [8]), zoo.MLPDecoder(3, shape, [8])
    model = zoo.VAE(encoder, decoder)
    return {"encoder": encoder, "decoder": decoder, "marginal": model.marginal}


@pytest.fixture
def x(rng):
    return rng.integers(0, 2, (32, 6, 5, 1)).astype("float32")


def _terms(objective, x, parts, **kwargs):
    if not objective.built:
        objective.build(x.shape)
    return to_numpy(objective(x, **parts, **kwargs))


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 4.0])
def test_loss_is_distortion_plus_beta_rate(parts, x, beta):
    terms = _terms(zoo.Beta(beta), x, parts)
    assert terms["distortion"].shape == terms["rate"].shape == terms["elbo"].shape == (32,)
    np.testing.assert_allclose(
        terms["loss"], np.mean(terms["distortion"] + beta * terms["rate"]), rtol=1e-5
    )
    np.testing.assert_allclose(terms["elbo"], -terms["distortion"] - terms["rate"], rtol=1e-6)


def test_analytic_rate_is_the_gaussian_kl(parts, x):
    q = to_numpy(parts["encoder"](x))
    loc, scale = q["loc"].astype("float64"), q["scale"].astype("float64")
    expected = 0.5 * (scale**2 + loc**2 - 1 - 2 * np.log(scale)).sum(-1)
    np.testing.assert_allclose(_terms(zoo.Beta(), x, parts)["rate"], expected, rtol=1e-5)


def test_sampled_rate_agrees_with_the_analytic_one(parts, x, seed):
    analytic = _terms(zoo.Beta(rate="analytic"), x, parts)["rate"]
    objective = zoo.Beta(rate="sampled", seed=seed)
    draws = np.stack([_terms(objective, x, parts)["rate"] for _ in range(200)])
    error = draws.std(0, ddof=1) / np.sqrt(len(draws))
    # 32 tests at once: 5 standard errors is a chance of 2e-5.
    assert np.all(np.abs(draws.mean(0) - analytic) < 5 * error)


def test_sampled_rate_uses_the_sample_of_the_distortion(parts, x):
    q = to_numpy(parts["encoder"](x))
    objective = zoo.Beta(rate="sampled", seed=5)
    objective.build(x.shape)
    from zoo.backend import next_seed, tfd

    posterior = tfd.Independent(tfd.Normal(q["loc"], q["scale"]), 1)
    z = to_numpy(posterior.sample(seed=next_seed(keras.random.SeedGenerator(5))))
    expected = scipy.stats.norm(q["loc"], q["scale"]).logpdf(z) - scipy.stats.norm().logpdf(z)
    rate = _terms(objective, x, parts)["rate"]
    np.testing.assert_allclose(rate, expected.sum(-1), rtol=1e-3, atol=1e-4)


def test_annealing_is_linear_in_the_step_and_only_while_training(parts, x):
    objective = zoo.Beta(2.0, anneal_steps=10)
    for step, expected in ((0, 0.0), (5, 1.0), (10, 2.0), (1000, 2.0)):
        terms = _terms(objective, x, parts, training=True, step=step)
        assert terms["beta"] == pytest.approx(expected)
    assert _terms(objective, x, parts, training=False, step=0)["beta"] == 2.0


def test_linear_ramp_without_steps_is_one():
    assert float(linear_ramp(0, 0)) == 1.0


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"beta": -1}, "`beta` must be .* Received: beta=-1"),
        ({"beta": float("nan")}, "Received: beta=nan"),
        ({"anneal_steps": 1.5}, "`anneal_steps` must be an int"),
        ({"rate": "exact"}, "`rate` must be one of .*Received: rate='exact'"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        zoo.Beta(**kwargs)
