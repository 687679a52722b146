"""VampPrior: the mixture against SciPy, its samples, what it owns, and whole models with it."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats
from scipy.special import log_softmax, logsumexp

import zoo
from zoo.backend import BACKEND, tfp_seed, to_numpy
from zoo.distributions import DiagonalNormalMixture
from zoo.evaluation import nll
from zoo.layers import flow

SIZE = 3
SHAPE = (8, 8, 1)
GAUSSIAN = {"name": "mlp", "latent_dim": SIZE, "hidden_units": [5]}
FLOW = {
    "name": "iaf",
    "latent_dim": SIZE,
    "base": {"name": "mlp", "hidden_units": [5]},
    "num_flows": 2,
    "hidden_units": [8],
}
ENCODERS = {"-": GAUSSIAN, "+": FLOW}
MARGINALS = {
    "-": {"name": "normal", "latent_dim": SIZE},
    "+": {"name": "maf", "latent_dim": SIZE, "num_flows": 2, "hidden_units": [8]},
    "v": {"name": "vamp", "latent_dim": SIZE, "num_pseudo_inputs": 5},
}


def compose(encoder="-", marginal="v", rng=None, strength=0.5, **objective):
    model = zoo.build(
        {
            "encoder": ENCODERS[encoder],
            "decoder": {
                "name": "mlp",
                "latent_dim": SIZE,
                "image_shape": list(SHAPE),
                "hidden_units": [5],
            },
            "marginal": MARGINALS[marginal],
            "objective": {"name": "beta", **objective},
        }
    )
    if rng is not None:  # far from the alike components and the flat flow of the start
        for layer in (model.encoder.flow, getattr(model.marginal, "flow", None)):
            for weight in layer.weights if layer is not None else ():
                weight.assign(rng.normal(size=weight.shape) * strength)
        if marginal == "v":
            model.marginal.raw_pseudo_inputs.assign(3.0 * rng.normal(size=(5, *SHAPE)))
            model.marginal.logits.assign(rng.normal(size=5))
    return model


def images(rng, count=6):
    return rng.integers(0, 2, (count, *SHAPE)).astype("float32")


def reference(u, logits, loc, scale):
    """log sum_i w_i N(u; loc_i, scale_i) by SciPy, float64."""
    u, loc, scale = (np.asarray(value, "float64") for value in (u, loc, scale))
    terms = stats.norm(loc, scale).logpdf(u[..., None, :]).sum(axis=-1)
    return logsumexp(terms + log_softmax(np.asarray(logits, "float64")), axis=-1)


@pytest.mark.parametrize("smallest", [0.5, 0.05, 1e-3])
def test_mixture_keeps_its_digits_where_scales_are_small(smallest, rng):
    """64 latents as far out as 5: u^2 / s^2 is up to 1e9, and the answer about 100 nats."""
    logits = rng.normal(size=30).astype("float32")
    loc = (2.0 * rng.normal(size=(30, 64))).astype("float32")
    scale = (smallest * (1 + rng.random((30, 64)))).astype("float32")
    which = rng.integers(0, 30, 40)
    u = (loc[which] + scale[which] * rng.normal(size=(40, 64))).astype("float32")
    found = to_numpy(DiagonalNormalMixture(logits, loc, scale).log_prob(ops.convert_to_tensor(u)))
    np.testing.assert_allclose(found, reference(u, logits, loc, scale), rtol=2e-6, atol=2e-4)


def test_mixture_takes_leading_dimensions(rng):
    logits, loc, scale = rng.normal(size=4), rng.normal(size=(4, 2)), 1 + rng.random((4, 2))
    mixture = DiagonalNormalMixture(*(value.astype("float32") for value in (logits, loc, scale)))
    u = rng.normal(size=(2, 5, 2)).astype("float32")
    found = to_numpy(mixture.log_prob(ops.convert_to_tensor(u)))
    np.testing.assert_allclose(found, reference(u, logits, loc, scale), rtol=1e-5, atol=1e-5)
    weights = np.exp(log_softmax(logits))
    np.testing.assert_allclose(to_numpy(mixture.mean()), weights @ loc, rtol=1e-5)


def test_samples_come_from_the_components_by_their_weights(rng):
    """Components so far apart that each draw tells its own; frequencies and spread."""
    weights = np.array([0.5, 0.3, 0.15, 0.05])
    loc = np.array([[0, 0], [100, 0], [0, 100], [100, 100]], "float32")
    scale = np.array([[1, 2], [3, 1], [0.5, 0.5], [2, 2]], "float32")
    mixture = DiagonalNormalMixture(np.log(weights).astype("float32"), loc, scale)
    u = to_numpy(mixture.sample(20000, seed=tfp_seed(17)))
    which = (u[:, 0] > 50) + 2 * (u[:, 1] > 50)
    counts = np.bincount(which, minlength=4)
    assert stats.chisquare(counts, 20000 * weights).pvalue > 1e-4
    for i in range(4):
        standard = (u[which == i] - loc[i]) / scale[i]
        for column in standard.T:
            assert stats.kstest(column, "norm").pvalue > 1e-4
    assert mixture.sample(seed=tfp_seed(1)).shape == (2,)
    assert mixture.sample((3, 4), seed=tfp_seed(1)).shape == (3, 4, 2)


def test_noise_chooses_components_by_their_weights(rng):
    logits, loc = rng.normal(size=5).astype("float32"), rng.normal(size=(5, 2)).astype("float32")
    scale = rng.uniform(0.1, 1.0, (5, 2)).astype("float32")
    mixture = DiagonalNormalMixture(logits, loc, scale)
    noise = rng.standard_normal((40000, 3)).astype("float32")
    u = to_numpy(mixture.sample_from_noise(noise))
    weights = np.exp(logits.astype("float64")) / np.exp(logits.astype("float64")).sum()
    mean = weights @ loc
    variance = weights @ (scale**2 + loc**2) - mean**2
    error = np.sqrt(variance / len(u))
    assert np.all(np.abs(u.mean(axis=0) - mean) < 4 * error)
    np.testing.assert_allclose(u.var(axis=0), variance, rtol=0.05)
    # Far out on either side stand the first and the last component.
    ends = np.array([[-9.0, 0, 0], [9.0, 0, 0]], "float32")
    np.testing.assert_allclose(to_numpy(mixture.sample_from_noise(ends)), loc[[0, -1]], rtol=1e-6)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_density_is_the_mixture_of_the_encoder_s_posteriors(encoder, rng):
    model = compose(encoder, rng=rng)
    z = rng.normal(size=(7, SIZE)).astype("float32")
    phi = np.clip(to_numpy(model.marginal.raw_pseudo_inputs), 0, 1)
    np.testing.assert_array_equal(to_numpy(model.marginal.pseudo_inputs()), phi)
    components = [
        to_numpy(model.encoder.distribution(phi[i : i + 1]).log_prob(ops.convert_to_tensor(z)))
        for i in range(5)
    ]
    weights = log_softmax(to_numpy(model.marginal.logits))
    expected = logsumexp(np.stack(components, axis=1) + weights, axis=1)
    found = to_numpy(model.marginal.distribution().log_prob(ops.convert_to_tensor(z)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_samples_of_a_flow_mixture_have_its_density(rng, monkeypatch):
    calls, solve = [], flow._solve
    monkeypatch.setattr(flow, "_solve", lambda *a: calls.append(1) or solve(*a))
    prior = compose("+", rng=rng).marginal.distribution()
    z = prior.sample(9, seed=tfp_seed(17))
    own = to_numpy(prior.log_prob(z))
    assert calls == []
    foreign = to_numpy(prior.log_prob(ops.convert_to_tensor(to_numpy(z).copy())))
    assert len(calls) == 2
    np.testing.assert_allclose(own, foreign, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("marginal", MARGINALS)
def test_no_training_or_evaluation_inverts_a_flow(marginal, rng, monkeypatch):
    calls, solve = [], flow._solve
    monkeypatch.setattr(flow, "_solve", lambda *a: calls.append(1) or solve(*a))
    model = compose("+", marginal)
    model.compile("adam", jit_compile=BACKEND == "jax")
    x = images(rng)
    model.fit(x, batch_size=3, verbose=0)
    model.evaluate(x, verbose=0)
    model.log_prob(x, num_samples=3)
    model.elbo(x)
    assert calls == []


def test_pseudo_inputs_leave_the_statistics_of_batch_normalisation_alone(rng):
    encoder = zoo.DCGANEncoder(SIZE, filters=(4, 8), kernel_size=3)
    decoder = zoo.MLPDecoder(SIZE, (8, 8, 1), [5])
    marginal = {"name": "vamp", "num_pseudo_inputs": 5}
    model = zoo.VAE(encoder, decoder, marginal)
    model.compile(keras.optimizers.SGD(0.0))
    x = rng.random((16, *SHAPE)).astype("float32")
    inputs = encoder.maps[0](x)
    model.fit(x, batch_size=16, verbose=0)
    expected = (1 - encoder.norms[0].momentum) * to_numpy(inputs).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(
        to_numpy(encoder.norms[0].moving_mean), expected, rtol=1e-4, atol=1e-7
    )


def test_the_encoder_s_weights_are_the_encoder_s_alone():
    model = compose("+")
    names = [weight.path for weight in model.trainable_weights]
    assert len(names) == len(set(names)) == len({id(w) for w in model.trainable_weights})
    assert [weight.name for weight in model.marginal.weights] == ["raw_pseudo_inputs", "logits"]
    assert model.marginal.pseudo_inputs().shape == (5, *SHAPE)
    start = to_numpy(model.marginal.raw_pseudo_inputs)  # N(0.05, 0.01^2), 320 numbers
    assert abs(start.mean() - 0.05) < 5 * 0.01 / np.sqrt(start.size)
    assert start.std() == pytest.approx(0.01, rel=5 / np.sqrt(2 * start.size))
    np.testing.assert_allclose(to_numpy(model.marginal.logits), 0.0)


# Every encoder, and every marginal that has weights; the other pairs have no other part.
PAIRS = [("-", "v"), ("+", "v"), ("+", "+")]
PAIRS += [pytest.param(*pair, marks=pytest.mark.slow) for pair in ("--", "-+", "+-")]


@pytest.mark.parametrize(("encoder", "marginal"), PAIRS)
def test_saving_and_loading_restores_every_weight(encoder, marginal, rng, tmp_path):
    model = compose(encoder, marginal)
    model.compile("adam", run_eagerly=BACKEND == "tensorflow", jit_compile=BACKEND == "jax")
    x = images(rng)
    model.fit(x, batch_size=3, verbose=0)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    other = compose(encoder, marginal, rng)
    other.load_weights(tmp_path / "model.weights.h5")
    for again in (keras.saving.load_model(tmp_path / "model.keras"), other):
        for weight, expected in zip(again.trainable_weights, model.trainable_weights, strict=True):
            assert weight.shape == expected.shape
            np.testing.assert_array_equal(to_numpy(weight), to_numpy(expected))
        np.testing.assert_array_equal(to_numpy(again.sample(3)), to_numpy(model.sample(3)))
        np.testing.assert_array_equal(
            nll.elbo(again, x, num_samples=2), nll.elbo(model, x, num_samples=2)
        )


@pytest.mark.parametrize(("encoder", "marginal"), [("-", "v"), ("+", "v"), ("+", "+")])
def test_bound_against_brute_force(encoder, marginal, rng, seed):
    """log p(x) by 40,000 draws of the prior in NumPy, against 20,000 of the posterior.

    All posteriors are of one scale, wide: where one had thinner tails than the prior, the weights
    m(z) / e(z|x) would have no variance. Two different flows spread them most: a standard
    deviation of the bound of about 0.012 here, hence the 0.05.
    """
    keras.utils.set_random_seed(seed)
    model = compose(encoder, marginal, rng, strength=0.2)
    head = getattr(model.encoder, "base", model.encoder).head
    head.loc_layer.kernel.assign(0.1 * to_numpy(head.loc_layer.kernel))
    head.scale_layer.kernel.assign(0.0 * to_numpy(head.scale_layer.kernel))
    head.scale_layer.bias.assign(np.full(SIZE, 1.5, "float32"))
    x = images(rng, 4)
    z = to_numpy(model.marginal.distribution().sample(40000, seed=tfp_seed(17)))
    logits = to_numpy(model.decoder(z)["logits"]).astype("float64").reshape(len(z), -1)
    flat = x.reshape(len(x), -1)
    log_likelihood = flat @ logits.T - np.logaddexp(0, logits).sum(axis=1)
    weights = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    expected = np.log(weights.mean(axis=1)) + log_likelihood.max(axis=1)
    stderr = weights.std(axis=1) / weights.mean(axis=1) / np.sqrt(len(z))
    found = nll.importance_weighted_bound(model, x, num_samples=20000)
    assert (np.abs(found - expected) < 6 * stderr + 0.05).all()


def test_adapt_starts_at_images_that_can_learn(rng):
    model = compose()
    x = images(rng, 20)
    model.marginal.adapt(x, seed=1)
    phi = to_numpy(model.marginal.pseudo_inputs())
    assert phi.min() >= 0.01 - 1e-6 and phi.max() <= 0.99 + 1e-6
    rows = {image.tobytes() for image in x}
    chosen = {image.tobytes() for image in (phi > 0.5).astype("float32")}
    assert chosen <= rows and len(chosen) == 5
    model.marginal.adapt(x[:5])  # each of so few once
    np.testing.assert_allclose(
        to_numpy(model.marginal.pseudo_inputs()), 0.01 + 0.98 * x[:5], atol=1e-6
    )
    with pytest.raises(ValueError, match="Expected at least 5 images. Received: 4"):
        model.marginal.adapt(x[:4])
    for wrong in ((255 * x).astype("uint8"), 255 * x, x - 0.5):
        with pytest.raises(ValueError, match=r"float images in \[0, 1\].*Received: dtype="):
            model.marginal.adapt(wrong)


@pytest.mark.skipif(BACKEND == "jax", reason="on JAX TFP draws by a key alone")
def test_a_draw_needs_no_seed():
    assert compose().marginal.distribution().sample(3).shape == (3, SIZE)


def test_float32_under_mixed_precision(rng):
    earlier = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        model = compose("+")
    finally:
        keras.mixed_precision.set_dtype_policy(earlier)
    prior = model.marginal.distribution()
    z = prior.sample(4, seed=tfp_seed(17))
    for value in (z, prior.log_prob(z), *model.marginal.parameters().values()):
        assert keras.backend.standardize_dtype(value.dtype) == "float32"
    assert model.marginal.raw_pseudo_inputs.dtype == "float32"


def test_analytic_rate_is_refused(rng):
    model = compose("-", "v", rate="analytic")
    with pytest.raises(ValueError, match="A rate without a closed form needs samples.*vamp"):
        model.objective(
            images(rng), encoder=model.encoder, decoder=model.decoder, marginal=model.marginal
        )


def test_wrong_use(rng):
    with pytest.raises(ValueError, match="`num_pseudo_inputs` must be a positive int. Rec"):
        zoo.VampPrior(2, num_pseudo_inputs=0)
    for use in (lambda prior: prior.build(), lambda prior: prior.distribution()):
        with pytest.raises(ValueError, match="compose a `zoo.VAE`, or call `connect"):
            use(zoo.VampPrior(2))
    model = compose()
    with pytest.raises(ValueError, match=r"Expected images of shape \(8, 8, 1\).*\(4, 4, 1\)"):
        model.marginal.connect(model.encoder, (4, 4, 1))
    with pytest.raises(ValueError, match="give each model its own.*encoder '.*' of another model"):
        zoo.VAE(zoo.MLPEncoder(SIZE, [8]), zoo.MLPDecoder(SIZE, SHAPE, [8]), model.marginal)
    again = zoo.VAE(model.encoder, model.decoder, model.marginal)
    assert again.marginal is model.marginal

    class Other(zoo.MLPEncoder):
        def posterior(self, parameters):
            return None

    with pytest.raises(ValueError, match="Received: encoder=Other, with a posterior of its own"):
        zoo.VampPrior(SIZE).connect(Other(SIZE), SHAPE)
