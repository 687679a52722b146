"""The mean-only flow, the IAF encoder and the MAF marginal: densities, inverses, memory."""

import gc

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

import zoo
from zoo.backend import BACKEND, compiled, tfp_seed, to_numpy
from zoo.divergences import kl
from zoo.layers import MeanFlow, flow

SIZE = 4
SHAPE = (8, 8, 1)


def strengthen(layer, rng):
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape) * 0.6)
    return layer


@pytest.fixture
def mean_flow(rng):
    layer = MeanFlow(SIZE, 3, [12, 10])
    layer.build()
    return strengthen(layer, rng)


@pytest.fixture
def solves(monkeypatch):
    """Counts the sequential solves."""
    calls, solve = [], flow._solve
    monkeypatch.setattr(flow, "_solve", lambda *a: calls.append(1) or solve(*a))
    return calls


def in_float64(layer, v):
    """The flow in NumPy and float64, whose derivatives differences can resolve."""
    for made in layer.mades:
        h = v
        for i, (kernel, bias, mask) in enumerate(zip(made.kernels, made.biases, made.masks)):
            kernel = to_numpy(kernel).astype("float64") * mask
            h = (h if i == 0 else np.maximum(h, 0)) @ kernel + to_numpy(bias)
        v = v + h
    return v


def jacobian(function, v, step=1e-6):
    columns = []
    for j in range(v.shape[-1]):
        shift = np.zeros(v.shape[-1])
        shift[j] = step
        columns.append((function(v + shift) - function(v - shift)) / (2 * step))
    return np.stack(columns, axis=-1)


def iaf(rng=None, **kwargs):
    base = {"name": "mlp", "hidden_units": [5]}
    encoder = zoo.IAFEncoder(SIZE, base, num_flows=3, hidden_units=(12, 10), **kwargs)
    encoder.build((None, *SHAPE))
    return encoder if rng is None else strengthen(encoder, rng)


def maf(rng):
    marginal = zoo.MAFMarginal(SIZE, num_flows=3, hidden_units=(12, 10))
    marginal.build()
    return strengthen(marginal, rng)


def images(rng, count=6):
    return rng.random((count, *SHAPE)).astype("float32")


def test_volume_is_preserved_and_no_dimension_is_left_out(mean_flow, rng):
    v = rng.normal(size=(5, SIZE))
    np.testing.assert_allclose(
        to_numpy(mean_flow(v.astype("f4"))), in_float64(mean_flow, v), rtol=1e-4, atol=1e-4
    )
    for row in v:
        derivative = jacobian(lambda x: in_float64(mean_flow, x), row)
        np.testing.assert_allclose(np.linalg.det(derivative), 1.0, rtol=1e-5)
    # Orders alternate, so that neither triangle of the whole flow's Jacobian is empty.
    assert (
        np.abs(np.triu(derivative, 1)).max() > 0.1 and np.abs(np.tril(derivative, -1)).max() > 0.1
    )


@pytest.mark.parametrize("how", ["eager", "compiled", "xla"])
def test_inverse_of_a_foreign_point(how, mean_flow, rng):
    v = rng.normal(size=(7, SIZE)).astype("float32")
    inverse = mean_flow.inverse
    if how != "eager":
        inverse = compiled(inverse, mean_flow.variables, jit_compile=how == "xla")
    y = to_numpy(mean_flow(v)).copy()
    np.testing.assert_allclose(to_numpy(inverse(ops.convert_to_tensor(y))), v, atol=2e-4)


def test_inverse_survives_passes_that_overflow_on_the_way(rng):
    """Gains of 1e4 a pass: coordinates whose turn has not come run off and come back."""
    layer = MeanFlow(40, 1, [])
    layer.build()
    kernel = np.triu(rng.normal(size=(40, 40)), 1) * 1e4
    layer.mades[0].kernels[0].assign(kernel)
    v = np.zeros((1, 40), "float32")
    v[0, 0], v[0, -1] = 0.0, 2.0
    y = to_numpy(layer(v)).copy()
    np.testing.assert_array_equal(to_numpy(layer.inverse(ops.convert_to_tensor(y))), v)
    y[0] = 1.0
    assert np.isfinite(to_numpy(layer.inverse(ops.convert_to_tensor(y)))).all()


def test_gradient_of_the_inverse(mean_flow, rng):
    """d f^-1 / dy is the inverse of df / dv: by training y towards a known v."""
    target = rng.normal(size=(1, SIZE)).astype("float32")
    y = to_numpy(mean_flow(target)) + 0.1
    gradient = _gradient(lambda y: ops.sum(mean_flow.inverse(y)), mean_flow, y)
    v = to_numpy(mean_flow.inverse(ops.convert_to_tensor(y))).astype("float64")[0]
    expected = np.linalg.inv(jacobian(lambda x: in_float64(mean_flow, x), v)).sum(axis=0)
    np.testing.assert_allclose(gradient[0], expected, rtol=1e-3, atol=1e-3)


def _gradient(function, layer, y):
    if BACKEND == "jax":
        import jax

        return np.asarray(jax.grad(function)(y))
    import tensorflow as tf

    y = tf.constant(y)
    with tf.GradientTape() as tape:
        tape.watch(y)
        value = function(y)
    return tape.gradient(value, y).numpy()


def test_iaf_density_against_the_change_of_variables(rng):
    encoder, x = iaf(rng), images(rng)
    parameters = to_numpy(encoder(x))
    loc, scale = parameters["base_loc"], parameters["base_scale"]
    u = loc + scale * rng.normal(size=loc.shape)
    z = in_float64(encoder.flow, u)
    log_det = [
        np.linalg.slogdet(jacobian(lambda v: in_float64(encoder.flow, v), row))[1] for row in u
    ]
    expected = stats.norm(loc, scale).logpdf(u).sum(axis=1) - log_det
    found = to_numpy(encoder.distribution(x).log_prob(ops.convert_to_tensor(z.astype("float32"))))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-3)
    np.testing.assert_allclose(
        parameters["loc"], in_float64(encoder.flow, loc), rtol=1e-3, atol=1e-3
    )


def test_maf_density_against_the_change_of_variables(rng):
    marginal = maf(rng)
    z = rng.normal(size=(6, SIZE))
    log_det = [
        np.linalg.slogdet(jacobian(lambda v: in_float64(marginal.flow, v), row))[1] for row in z
    ]
    expected = stats.norm.logpdf(in_float64(marginal.flow, z)).sum(axis=1) + log_det
    found = to_numpy(marginal.distribution().log_prob(z.astype("float32")))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_maf_samples_are_draws_of_its_density(rng, solves):
    """f of the samples is standard normal: all moments of a Kolmogorov-Smirnov test, Bonferroni."""
    marginal = maf(rng)
    z = to_numpy(marginal.distribution().sample(4000, seed=tfp_seed(17)))
    assert len(solves) == 3
    u = in_float64(marginal.flow, z.astype("float64"))
    for j in range(SIZE):
        assert stats.kstest(u[:, j], "norm").pvalue > 1e-4
    assert np.abs(np.corrcoef(u.T) - np.eye(SIZE)).max() < 5 / np.sqrt(4000)


@pytest.mark.parametrize("way", ["sample, then log_prob", "in one"])
def test_own_sample_needs_no_inverse(way, rng, solves):
    encoder, x = iaf(rng), images(rng)
    posterior = encoder.distribution(x)
    if way == "in one":
        z, log_prob = posterior.experimental_sample_and_log_prob(3, seed=tfp_seed(17))
    else:
        z = posterior.sample(3, seed=tfp_seed(17))
        log_prob = posterior.log_prob(z)
    assert z.shape == (3, 6, SIZE) and log_prob.shape == (3, 6) and solves == []
    foreign = posterior.log_prob(ops.convert_to_tensor(to_numpy(z).copy()))
    assert len(solves) == 3
    np.testing.assert_allclose(to_numpy(log_prob), to_numpy(foreign), rtol=1e-3, atol=1e-3)


def test_own_sample_needs_no_inverse_when_compiled(rng, solves):
    encoder, x = iaf(rng), images(rng)

    def both(x):
        posterior = encoder.distribution(x)
        z = posterior.sample(seed=tfp_seed(17))
        return {"log_prob": posterior.log_prob(z), "z": z}

    found = to_numpy(compiled(both, encoder.variables)(x))
    assert solves == []
    expected = encoder.distribution(x).log_prob(ops.convert_to_tensor(found["z"]))
    np.testing.assert_allclose(found["log_prob"], to_numpy(expected), rtol=1e-3, atol=1e-3)


def test_memory_ends_with_the_posterior(rng):
    encoder, x = iaf(rng), images(rng)
    posterior = encoder.distribution(x)
    z = posterior.sample(seed=tfp_seed(17))
    assert len(encoder.flow._pairs) == 1
    del posterior
    gc.collect()
    assert len(encoder.flow._pairs) == 0
    del z


def test_memory_does_not_outlive_the_weights(rng, solves):
    encoder, x = iaf(rng), images(rng)
    posterior = encoder.distribution(x)
    z = posterior.sample(seed=tfp_seed(17))
    before = to_numpy(encoder.flow.inverse(z))
    assert solves == []
    strengthen(encoder.flow, rng)
    after = encoder.flow.inverse(z)
    assert len(solves) == 3
    assert np.abs(to_numpy(after) - before).max() > 0.1
    np.testing.assert_allclose(to_numpy(encoder.flow(after)), to_numpy(z), atol=1e-3)


def test_posterior_of_some_rows(rng):
    encoder, x = iaf(rng), images(rng)
    parameters = to_numpy(encoder(x))
    z = ops.convert_to_tensor(rng.normal(size=(2, SIZE)).astype("float32"))
    rows = encoder.posterior({name: value[1:3] for name, value in parameters.items()})
    np.testing.assert_allclose(
        to_numpy(rows.log_prob(z)), to_numpy(encoder.distribution(x[1:3]).log_prob(z)), rtol=1e-4
    )


def test_sample_from_noise_is_a_posterior_sample(rng):
    encoder, x = iaf(rng), images(rng)
    parameters = encoder(x)
    noise = rng.normal(size=(6, SIZE)).astype("float32")
    assert encoder.noise_shape == (SIZE,)
    z = encoder.sample_from_noise(parameters, noise)
    log_prob = encoder.posterior(parameters).log_prob(ops.convert_to_tensor(to_numpy(z).copy()))
    expected = stats.norm.logpdf(noise).sum(axis=1)
    expected = expected - np.log(to_numpy(parameters["base_scale"])).sum(axis=1)
    np.testing.assert_allclose(to_numpy(log_prob), expected, rtol=1e-3, atol=2e-3)
    plain = zoo.MLPEncoder(SIZE, [5])
    plain.build((None, *SHAPE))
    assert plain.noise_shape is None
    found = plain.sample_from_noise(plain(x), noise)
    expected = to_numpy(plain(x))
    np.testing.assert_allclose(
        to_numpy(found), expected["loc"] + expected["scale"] * noise, rtol=1e-5, atol=1e-6
    )


def test_rate_is_sampled_and_the_analytic_one_refused(rng):
    encoder, marginal, x = iaf(rng), maf(rng), images(rng)
    posterior = encoder.distribution(x)
    normal = zoo.Normal(SIZE).distribution()
    gaussian = zoo.MLPEncoder(SIZE, [5]).distribution(x)
    for one, other in (
        (posterior, normal),
        (gaussian, marginal.distribution()),
        (posterior, marginal.distribution()),
    ):
        assert not kl.has_analytic_rate(one, other)
        z = one.sample(seed=tfp_seed(17))
        expected = to_numpy(one.log_prob(z)) - to_numpy(other.log_prob(z))
        np.testing.assert_allclose(to_numpy(kl.rate(one, other, z)), expected, rtol=1e-5)
        with pytest.raises(ValueError, match="A rate without a closed form needs samples"):
            kl.rate(one, other)
    assert kl.has_analytic_rate(gaussian, normal)


def test_flow_stays_float32_under_mixed_precision(rng):
    earlier = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        encoder, marginal = iaf(rng), maf(rng)
    finally:
        keras.mixed_precision.set_dtype_policy(earlier)
    for made in (*encoder.flow.mades, *marginal.flow.mades):
        assert made.compute_dtype == "float32"
    x = images(rng)
    z, log_prob = encoder.distribution(x).experimental_sample_and_log_prob(seed=tfp_seed(17))
    for value in (*encoder(x).values(), z, log_prob, marginal.distribution().log_prob(z)):
        assert keras.backend.standardize_dtype(value.dtype) == "float32"


def test_wrong_arguments():
    with pytest.raises(ValueError, match="`base` must be a Gaussian encoder of 4 latents.*=3"):
        zoo.IAFEncoder(4, zoo.MLPEncoder(3))
    with pytest.raises(ValueError, match="`base` must be a Gaussian encoder.*IAFEncoder"):
        zoo.IAFEncoder(SIZE, iaf())

    class Other(zoo.MLPEncoder):
        def posterior(self, parameters):
            return None

    with pytest.raises(ValueError, match="`base` must be a Gaussian encoder.*Other"):
        zoo.IAFEncoder(4, Other(4))
    with pytest.raises(ValueError, match="without a `posterior` of its own. Received: base=Other"):
        zoo.PixelNoiseEncoder(4, Other(4))
    with pytest.raises(ValueError, match='Did you mean "gated_conv"'):
        zoo.IAFEncoder(4, {"name": "gated_con"})
    with pytest.raises(ValueError, match="`num_flows` must be a positive int. Received"):
        zoo.MAFMarginal(4, num_flows=0)
