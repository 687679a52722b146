"""Divergences on samples against closed forms and finite differences; both backends."""

import gaussians
import keras
import numpy as np
import pytest
from keras import ops
from scipy.integrate import trapezoid

import zoo
from zoo import registry
from zoo.backend import BACKEND, compiled, fold_in, gradients, tfd, tfp_seed, to_numpy
from zoo.divergences import adversarial, stein
from zoo.divergences.mmd import mmd, mmd_of_sets

Z = 2
NORMAL = zoo.Normal(Z).distribution()


@pytest.fixture
def smooth(monkeypatch):
    """Critics of tanh, as a kink between the two points would spoil a difference."""
    monkeypatch.setattr("zoo.divergences.critic.activation", ops.tanh)


def _slope(function, z, size=1e-2):
    """Returns the gradient of a NumPy function by central differences, like `z`."""
    found = np.zeros(z.shape)
    for index in np.ndindex(*z.shape):
        step = np.zeros(z.shape, "float32")
        step[index] = size
        found[index] = (function(z + step) - function(z - step)) / (2 * size)
    return found


def _gradient(function, z):
    """Returns the gradient of `function`, tensor to scalar, at `z`, as NumPy."""
    return to_numpy(gradients(function, [ops.convert_to_tensor(z)])[0])


@pytest.mark.parametrize(
    "spec",
    [
        {"name": "mmd"},
        {"name": "mmd", "kernel": "imq", "estimator": "v"},
        {"name": "mmd", "kernel": "imq", "bandwidth": 1.0},
        {"name": "adversarial", "hidden_units": [16]},
        {"name": "adversarial", "hidden_units": [16], "saturating": True},
        {"name": "wgan_gp", "hidden_units": [16]},
    ],
    ids=str,
)
def test_gradients_are_those_of_finite_differences(spec, rng, smooth):
    keras.utils.set_random_seed(17)
    divergence = registry.DIVERGENCES.create(spec)
    divergence.build((None, Z))
    z, _ = gaussians.draws(rng, 5)
    seed = tfp_seed(3)

    def loss(values):
        return divergence.estimate(ops.convert_to_tensor(values), NORMAL, seed)["loss"]

    # Differences err by size^2 and by rounding of 1e-7 / size.
    expected = _slope(lambda values: float(to_numpy(loss(values))), z, 1e-2)
    gradient = _gradient(loss, z)
    assert np.abs(gradient).max() > 1e-3
    np.testing.assert_allclose(gradient, expected, atol=2e-4 + 2e-3 * np.abs(expected).max())


@pytest.mark.parametrize("kernel", ["rbf", "imq"])
def test_a_median_is_held_constant(kernel, rng):
    z, y = gaussians.draws(rng, 12)
    h = float(np.median(np.sum((z[:, None] - y) ** 2, axis=-1)))
    by_rule, by_number = (
        _gradient(lambda z, h=h: mmd(z, ops.convert_to_tensor(y), kernel, bandwidth=h), z)
        for h in ("median", h)
    )
    np.testing.assert_allclose(by_rule, by_number, rtol=1e-4, atol=1e-6)


def _direction(z, score, h):
    """Returns SVGD's direction as the reference writes it, a double loop in float64."""
    found = np.zeros(z.shape)
    for i in range(len(z)):
        for j in range(len(z)):
            k = np.exp(-np.sum((z[j] - z[i]) ** 2) / h)
            found[i] += k * score[j] - 2 / h * (z[j] - z[i]) * k
    return found / len(z)


@pytest.mark.parametrize("marginal", ["normal", "logistic"])
def test_stein_gradient_is_minus_the_svgd_direction(marginal, rng):
    z, _ = gaussians.draws(rng, 12)
    prior = registry.MARGINALS.create({"name": marginal, "latent_dim": Z}).distribution()
    scale = np.sqrt(3) / np.pi
    score = {"normal": -z, "logistic": -np.tanh(z / (2 * scale)) / scale}[marginal]
    divergence = zoo.Stein(bandwidth=1.5)
    gradient = _gradient(lambda x: divergence.estimate(x, prior, tfp_seed(1))["loss"], z)
    expected = -_direction(z.astype("float64"), score, 1.5) / len(z)
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-6)


def test_stein_direction_is_zero_at_the_target_on_average(rng):
    # phi at fixed points, over draws of p: Stein's identity says E[k s + grad k] = 0.
    points, h = np.array([[0.0, 0.0], [1.0, -0.5], [2.0, 1.0]]), 2.0
    z = rng.normal(size=(200_000, Z))
    for point in points:
        k = np.exp(-np.sum((z - point) ** 2, axis=1, keepdims=True) / h)
        draws = k * -z - 2 / h * (z - point) * k
        error = draws.std(axis=0) / np.sqrt(len(z))
        assert np.all(np.abs(draws.mean(axis=0)) < 5 * error)
    # Ours, of samples of p against samples of another q: smaller by far.
    norms = []
    for loc in (0.0, 0.7):
        x = (loc + z[:2000]).astype("float32")
        phi = to_numpy(
            stein.stein_direction(ops.convert_to_tensor(x), ops.convert_to_tensor(-x), h)
        )
        norms.append(np.linalg.norm(phi, axis=1).mean())
    assert norms[0] < 0.1 * norms[1]


@pytest.mark.parametrize("size", [Z, 3])  # for two latents 2 Z is 4 and Z^2
def test_stein_discrepancy_is_its_sum_over_pairs_and_zero_at_the_target(size, rng):
    z = rng.normal(size=(15, size)).astype("float32")
    h, total = 1.3, 0.0
    for x in z.astype("float64"):
        for y in z.astype("float64"):
            d = x - y
            k = np.exp(-d @ d / h)
            total += k * (x @ y + 2 * size / h - 4 * d @ d / h**2)
            total += k * 2 / h * (-x + y) @ d  # s(x) . grad_y k + s(y) . grad_x k, s(x) = -x
    tensors = ops.convert_to_tensor(z), ops.convert_to_tensor(-z)
    ours = float(to_numpy(stein.squared_discrepancy(*tensors, h)))
    assert ours == pytest.approx(total / 15**2, rel=1e-4)
    found = {}
    for loc in (0.0, 1.0):
        x = ops.convert_to_tensor((loc + rng.normal(size=(1000, size))).astype("float32"))
        found[loc] = float(to_numpy(stein.squared_discrepancy(x, -x, h)))
    # At the target only the diagonal is left, E|s|^2 + 2 Z / h over N.
    assert 0 < found[0.0] < 3 * (size + 2 * size / h) / 1000 < 0.1 * found[1.0]


def test_gradient_penalty_of_a_linear_critic(rng):
    w = rng.normal(size=Z)
    points = ops.convert_to_tensor(rng.normal(size=(20, Z)).astype("float32"))
    for length in (1.0, 3.0, 0.0):
        slope = (length * w / np.linalg.norm(w)).astype("float32")
        found = adversarial.gradient_penalty(lambda z, slope=slope: ops.sum(z * slope, -1), points)
        assert float(to_numpy(found)) == pytest.approx((length - 1) ** 2, abs=1e-5)


def test_losses_of_critic_and_encoder_are_their_formulas(rng):
    z, y = (draws.astype("float64") for draws in gaussians.draws(rng, 200))
    tensors = [ops.convert_to_tensor(values.astype("float32")) for values in (z, y)]

    def f(points):  # a quadratic, whose gradient is the point itself
        return 0.5 * ops.sum(ops.square(points), axis=-1) - 1.0

    of_z, of_y = (0.5 * np.sum(values**2, axis=1) - 1.0 for values in (z, y))
    softplus = lambda a: np.logaddexp(0.0, a)  # noqa: E731
    for saturating, expected in ((False, softplus(-of_z)), (True, -softplus(of_z))):
        divergence = zoo.Adversarial(saturating=saturating)
        found = to_numpy(divergence.judge(f, *tensors))
        assert found["loss"] == pytest.approx(expected.mean(), rel=1e-5)
        critic = softplus(-of_y).mean() + softplus(of_z).mean()
        assert found["divergence"] == pytest.approx(np.log(2) - critic / 2, rel=1e-5)
        assert float(to_numpy(divergence.critic_loss(f, *tensors))) == pytest.approx(critic)
    seed = tfp_seed(3)
    u = to_numpy(adversarial._uniform(tensors[0], seed)).astype("float64")
    assert 0 <= u.min() < 0.1 and 0.9 < u.max() <= 1
    slopes = np.linalg.norm(u * y + (1 - u) * z, axis=1)
    for penalty in (0.0, 10.0):
        divergence = zoo.WassersteinGP(penalty=penalty)
        expected = of_z.mean() - of_y.mean() + penalty * np.mean((slopes - 1) ** 2)
        found = float(to_numpy(divergence.critic_loss(f, *tensors, seed)))
        assert found == pytest.approx(expected, rel=1e-4)
        judged = to_numpy(divergence.judge(f, *tensors))
        assert judged["loss"] == judged["divergence"]
        assert judged["loss"] == pytest.approx(of_y.mean() - of_z.mean(), rel=1e-4)


CRITICS = {"adversarial": {}, "wgan_gp": {"beta_1": 0.5}}


@pytest.mark.parametrize("name", CRITICS)
def test_the_critic_follows_the_gradient_of_its_own_loss(name, rng, smooth):
    keras.utils.set_random_seed(17)
    divergence = registry.DIVERGENCES.create(
        {"name": name, "hidden_units": [8], "critic_steps": 1, **CRITICS[name]}
    )
    divergence.build((None, Z))
    z, y = gaussians.draws(rng, 6)
    seed, critic = tfp_seed(5), divergence.critic
    tensors = ops.convert_to_tensor(z), ops.convert_to_tensor(y)
    start = [to_numpy(w).copy() for w in critic.network_weights]

    def loss():
        return float(to_numpy(divergence.critic_loss(critic.call, *tensors, seed)))

    def slope(i):
        def at(values):
            critic.network_weights[i].assign(values)
            return loss()

        found = _slope(at, start[i], 5e-3)
        critic.network_weights[i].assign(start[i])
        return found

    expected = [slope(i) for i in range(len(start))]
    critic.learn(lambda f: divergence.critic_loss(f, *tensors, seed))
    # From zero, the first moment is (1 - beta_1) of the gradient.
    for moment, wanted in zip(critic.moments[::2], expected):
        found = to_numpy(moment) / (1 - critic.beta_1)
        # Differences err by size^2 and, rounded at a few nats, by 3e-7 / size.
        np.testing.assert_allclose(found, wanted, atol=5e-4 + 2e-3 * np.abs(wanted).max())


def test_the_critic_moves_as_keras_adam_would(rng):
    keras.utils.set_random_seed(17)
    critic = zoo.Adversarial([4], 1e-2, 0.5, 0.9).critic
    critic.build((None, Z))
    twin = [keras.Variable(to_numpy(w)) for w in critic.network_weights]
    optimizer = keras.optimizers.Adam(1e-2, 0.5, 0.9, epsilon=1e-8)
    z = ops.convert_to_tensor(rng.normal(size=(5, Z)).astype("float32"))
    for _ in range(3):
        critic.learn(lambda f: ops.mean(ops.square(f(z) - 1.0)))
        slopes = [
            ops.convert_to_tensor((to_numpy(now) - 0.5 * before) / 0.5)
            for now, before in zip(critic.moments[::2], _first_moments(critic, optimizer))
        ]
        optimizer.apply(slopes, twin)
    for ours, theirs in zip(critic.network_weights, twin):
        np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs), rtol=1e-5, atol=1e-6)


def _first_moments(critic, optimizer):
    if not optimizer.built:
        return [np.zeros(w.shape, "float32") for w in critic.network_weights]
    return [to_numpy(m) for m in optimizer._momentums]


@pytest.mark.parametrize("name", CRITICS)
def test_each_step_of_critic_and_encoder_has_draws_of_its_own(name, rng, monkeypatch):
    drawn, draw_like = [], adversarial.draw_like
    monkeypatch.setattr(
        adversarial, "draw_like", lambda *a: drawn.append(draw_like(*a)) or drawn[-1]
    )
    divergence = registry.DIVERGENCES.create({"name": name, "hidden_units": [8], "critic_steps": 3})
    divergence.build((None, Z))
    z, _ = gaussians.draws(rng, 6)
    divergence.estimate(ops.convert_to_tensor(z), NORMAL, tfp_seed(5), training=True)
    assert len(drawn) == len({to_numpy(y).tobytes() for y in drawn}) == 4


@pytest.mark.parametrize("name", CRITICS)
def test_a_critic_learns_only_in_training_and_before_it_is_asked(name, rng):
    divergence = registry.DIVERGENCES.create({"name": name, "hidden_units": [8]})
    divergence.build((None, Z))
    z, _ = gaussians.draws(rng, 6)
    z, seed = ops.convert_to_tensor(z), tfp_seed(5)
    first = to_numpy(divergence.estimate(z, NORMAL, seed))
    assert int(to_numpy(divergence.critic.updates)) == 0
    trained = to_numpy(divergence.estimate(z, NORMAL, seed, training=True))
    assert int(to_numpy(divergence.critic.updates)) == divergence.critic_steps
    after = to_numpy(divergence.estimate(z, NORMAL, seed))
    assert trained["loss"] == pytest.approx(float(after["loss"]), rel=1e-5)
    assert abs(trained["loss"] - first["loss"]) > 1e-6


def test_jensen_shannon_is_approached_from_below(rng):
    # q = N(1.5, 1), p = N(0, 1): JS by the trapezium rule, the best critic is the log-odds.
    x = np.linspace(-12, 14, 20_001)
    q, p = (np.exp(-0.5 * (x - m) ** 2) / np.sqrt(2 * np.pi) for m in (1.5, 0.0))
    middle = 0.5 * (q + p)
    exact = 0.5 * trapezoid(q * np.log(q / middle) + p * np.log(p / middle), x)
    z = ops.convert_to_tensor((1.5 + rng.normal(size=(20_000, 1))).astype("float32"))
    y = ops.convert_to_tensor(rng.normal(size=(20_000, 1)).astype("float32"))
    best = zoo.Adversarial().judge(lambda v: (0.5 * 1.5**2 - 1.5 * v)[:, 0], z, y)
    # Each term's deviation is under one, of 20,000: five standard errors of the half sum.
    assert float(to_numpy(best["divergence"])) == pytest.approx(exact, abs=5 * 0.5 * 2**0.5 / 141)
    worse = zoo.Adversarial().judge(lambda v: -0.3 * v[:, 0], z, y)
    assert worse["divergence"] < best["divergence"]


# Arguments, and how far samples go for a gradient of one, in so many steps. Wasserstein's is one
# everywhere, so that its steps must be short to end anywhere.
FLOWS = {
    "mmd": ({}, 0.3, 60),
    "stein": ({}, 0.3, 60),
    "adversarial": ({"hidden_units": [16], "learning_rate": 1e-2, "critic_steps": 3}, 0.3, 60),
    "wgan_gp": ({"hidden_units": [16], "learning_rate": 1e-2, "critic_steps": 3}, 0.06, 60),
}


@pytest.mark.parametrize("name", FLOWS)
def test_each_divergence_brings_samples_of_q_to_p(name, rng):
    keras.utils.set_random_seed(17)
    arguments, size, steps = FLOWS[name]
    divergence = registry.DIVERGENCES.create({"name": name, **arguments})
    divergence.build((None, Z))
    z, y = gaussians.draws(rng, 100, loc=1.5, scale=0.5)
    start = mmd_of_sets(z, y)["value"]
    found = []

    def train(z, seed):
        return divergence.estimate(z, NORMAL, seed, training=True)["loss"]

    def slope(z, seed):
        return gradients(lambda x: divergence.estimate(x, NORMAL, seed)["loss"], [z])[0]

    slope = compiled(slope, divergence.variables)
    if BACKEND == "tensorflow":  # under JAX compiled code could not move the critic's weights
        train = compiled(train, divergence.variables)
    for step in range(-20, steps):
        seed = fold_in(tfp_seed(1), 20 + step)
        train(ops.convert_to_tensor(z), seed)
        if step < 0:  # a critic that knows nothing yet points anywhere
            continue
        z = z - size * len(z) * to_numpy(slope(ops.convert_to_tensor(z), seed))
        if step % 10 == 9:
            found.append(mmd_of_sets(z, y)["value"])
    assert start > 0.3
    # On the way: where a critic leads, samples and critic go round and round the target.
    assert min(found) < 0.1 * start


def test_the_prior_is_a_target_without_a_gradient(rng):
    z, _ = gaussians.draws(rng, 6)
    z = ops.convert_to_tensor(z)

    def loss(shift):
        prior = tfd.Independent(tfd.Normal(shift, ops.ones(Z)), 1)
        return zoo.MMD().estimate(z, prior, tfp_seed(1))["loss"] + 0.0 * ops.sum(shift)

    assert np.all(_gradient(loss, np.zeros(Z, "float32")) == 0)


@pytest.mark.parametrize("name", registry.DIVERGENCES.names())
def test_a_batch_of_one_is_finite(name, rng):
    z, _ = gaussians.draws(rng, 1)
    divergence, seed = registry.DIVERGENCES.create(name), fold_in(tfp_seed(1), 2)
    divergence.build((None, Z))
    estimate = divergence.of_batch(ops.convert_to_tensor(z), NORMAL, seed, training=True)
    assert all(np.isfinite(to_numpy(value)) for value in estimate.values())
    gradient = _gradient(
        lambda z: divergence.of_batch(z, NORMAL, seed)["loss"] + 0.0 * ops.sum(z), z
    )
    assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize(
    "spec", [{"name": "mmd"}, {"name": "mmd", "estimator": "v"}, {"name": "stein"}]
)
def test_what_takes_pairs_has_no_value_for_a_batch_of_one(spec, rng):
    divergence, seed = registry.DIVERGENCES.create(spec), fold_in(tfp_seed(1), 2)
    for count in (1, 2):
        z, _ = gaussians.draws(rng, count)
        loss = divergence.of_batch(ops.convert_to_tensor(z), NORMAL, seed)["loss"]
        gradient = _gradient(lambda z: divergence.of_batch(z, NORMAL, seed)["loss"], z)
        assert (float(to_numpy(loss)) != 0) == (count == 2)
        assert np.any(gradient != 0) == (count == 2)


def test_the_u_statistic_of_one_sample_is_no_number(rng):
    one, two = (ops.convert_to_tensor(gaussians.draws(rng, count)[0]) for count in (1, 2))
    for pair in ((one, one), (one, two), (two, one)):
        assert np.isnan(to_numpy(mmd(*pair)))
    assert np.isfinite(to_numpy(mmd(two, two)))


@pytest.mark.parametrize("size", [2, 64])
@pytest.mark.parametrize("count", [1, 3])
def test_stein_of_equal_codes_pulls_by_the_score_alone(rng, size, count):
    prior, divergence = zoo.Normal(size).distribution(), zoo.Stein()
    for _ in range(20):  # distances of equal points are roundings of either sign
        z = np.repeat(5 * rng.normal(size=(1, size)), count, axis=0).astype("float32")
        found = divergence.estimate(ops.convert_to_tensor(z), prior, None)["divergence"]
        gradient = _gradient(lambda z: divergence.estimate(z, prior, None)["loss"], z)
        np.testing.assert_allclose(gradient, z / count, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(found, np.sum(z[0] ** 2) + 2 * size / size**2, rtol=1e-3)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"name": "mmd", "kernel": "rfb"}, "`kernel` must be .*kernel='rfb'.*\"rbf\""),
        ({"name": "mmd", "estimator": "w"}, "`estimator` must be .*estimator='w'"),
        ({"name": "mmd", "bandwidth": -1.0}, "`bandwidth` must be .*bandwidth=-1.0"),
        ({"name": "stein", "bandwidth": "mean"}, "`bandwidth` must be .*bandwidth='mean'"),
        ({"name": "adversarial", "critic_steps": 0}, "`critic_steps` must be .*critic_steps=0"),
        ({"name": "wgan_gp", "penalty": -1.0}, "`penalty` must be .*penalty=-1.0"),
    ],
)
def test_bad_arguments(spec, message):
    with pytest.raises(ValueError, match=message):
        registry.DIVERGENCES.create(spec)
