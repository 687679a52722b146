"""The beta family and the target rate: formula, schedule, limits, and gradients."""

import keras
import numpy as np
import pytest
import scipy.stats

import zoo
from zoo.backend import BACKEND, to_numpy
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
    many = np.tile(x, (100, 1, 1, 1))
    draws = np.concatenate([_terms(objective, many, parts)["rate"] for _ in range(2)])
    draws = draws.reshape(200, len(x))
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
        loss = np.mean(terms["distortion"] + expected * terms["rate"])
        assert terms["loss"] == pytest.approx(loss, rel=1e-5)
    assert _terms(objective, x, parts, training=False, step=0)["beta"] == 2.0


def test_linear_ramp_without_steps_is_one():
    assert float(linear_ramp(0, 0)) == 1.0


def test_target_rate_is_the_distance_of_the_mean_rate(parts, x):
    rate = _terms(zoo.Beta(), x, parts)["rate"].mean()
    for target in (0.5 * rate, 2 * rate):
        terms = _terms(zoo.TargetRate(target, weight=3.0), x, parts)
        assert terms["distortion"].shape == terms["rate"].shape == terms["elbo"].shape == (32,)
        expected = terms["distortion"].mean() + 3.0 * abs(target - rate)
        np.testing.assert_allclose(terms["loss"], expected, rtol=1e-5)
        np.testing.assert_allclose(terms["elbo"], -terms["distortion"] - terms["rate"], rtol=1e-6)


def test_target_rate_of_zero_is_beta(parts, x):
    ours = _terms(zoo.TargetRate(0, weight=2.0), x, parts)["loss"]
    np.testing.assert_allclose(ours, _terms(zoo.Beta(2.0), x, parts)["loss"], rtol=1e-6)


# Of the untrained model below, whose rate is about 1.6 nats: both sides of the kink.
GRADIENTS = {
    "annealed": (lambda: zoo.Beta(4.0, anneal_steps=10), 3),
    "annealed sampled": (lambda: zoo.Beta(4.0, anneal_steps=10, rate="sampled"), 3),
    "ramp over": (lambda: zoo.Beta(4.0, anneal_steps=10), 50),
    "rate below target": (lambda: zoo.TargetRate(20.0, weight=4.0), 0),
    "rate above target": (lambda: zoo.TargetRate(0.2, weight=4.0), 0),
    "rate above target, sampled": (lambda: zoo.TargetRate(0.2, weight=4.0, rate="sampled"), 0),
    "mu": (lambda: zoo.Mu("dimension", "kl"), 0),
    "mu as printed": (lambda: zoo.Mu("batch", "printed"), 0),
    "bilbo": (lambda: zoo.Bilbo(), 0),
    "bilbo of constant scale": (lambda: zoo.Bilbo(), 0, 0.3),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_are_those_of_finite_differences(name, x):
    keras.utils.set_random_seed(17)
    make, step, *scale = GRADIENTS[name]
    objective = make()
    # tanh, as a kink of the network between the two points would spoil the quotient.
    encoder = zoo.MLPEncoder(3, [8], "tanh", *scale)
    decoder = zoo.MLPDecoder(3, (6, 5, 1), [8], activation="tanh")
    marginal = "floating" if isinstance(objective, zoo.Bilbo) else "normal"
    model = zoo.VAE(encoder, decoder, marginal, objective)
    start = [to_numpy(w).copy() for w in model.trainable_weights]
    noise = to_numpy(objective.seed_generator.state).copy()
    rooms = {"encoder": model.encoder, "decoder": model.decoder, "marginal": model.marginal}

    # A step of SGD at rate 1 shows the gradient on either backend.
    model.step.assign(step)
    model.compile(keras.optimizers.SGD(1.0), run_eagerly=BACKEND == "tensorflow")
    model.fit(x, batch_size=len(x), shuffle=False, verbose=0)  # the order of the noise
    gradients = [a - to_numpy(w) for a, w in zip(start, model.trainable_weights)]

    def loss(direction, size):
        for weight, a, d in zip(model.trainable_weights, start, direction):
            weight.assign(a + size * d)
        objective.seed_generator.state.assign(noise)
        return float(to_numpy(objective(x, **rooms, training=True, step=step)["loss"]))

    for room in ("encoder", "decoder"):
        mine = {id(w) for w in rooms[room].trainable_weights}
        direction = [
            g if id(w) in mine else np.zeros_like(g)
            for w, g in zip(model.trainable_weights, gradients)
        ]
        norm = np.sqrt(sum(np.sum(d**2) for d in direction))
        direction = [d / norm for d in direction]
        # Central differences: the slope errs by size^2 and, rounded at 20 nats, by 2e-6 / size.
        slope = (loss(direction, 5e-3) - loss(direction, -5e-3)) / 1e-2
        assert norm > 0.1
        assert slope == pytest.approx(norm, rel=5e-3, abs=2e-3), room


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"target": -1}, "`target` must be .* Received: target=-1"),
        ({"target": float("nan")}, "Received: target=nan"),
        ({"target": 1, "weight": -0.5}, "`weight` must be .* Received: weight=-0.5"),
        ({"target": 1, "rate": "exact"}, "`rate` must be one of .*Received: rate='exact'"),
    ],
)
def test_bad_arguments_of_target_rate(kwargs, message):
    with pytest.raises(ValueError, match=message):
        zoo.TargetRate(**kwargs)


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
