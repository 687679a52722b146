"""BILBO, the floating prior and BAGGINS against the paper's equations; hard-coded scales."""

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo.backend import BACKEND, tfd, to_numpy

SHAPE = (6, 5, 1)
PIXELS = 30
# A few steps cost less to run eagerly than to compile; JAX must compile to differentiate.
QUICK = {"run_eagerly": BACKEND == "tensorflow", "jit_compile": BACKEND == "jax"}


def _model(objective="bilbo", scale="softplus_scale", likelihood="bernoulli", marginal="floating"):
    keras.utils.set_random_seed(17)
    encoder = zoo.MLPEncoder(3, [8], activation="tanh", scale=scale)
    # Means away from 0 and scales that differ, or half of the equations would not be seen.
    encoder.build((None, *SHAPE))
    head = encoder.head.loc_layer
    head.set_weights([2 * to_numpy(head.kernel), np.array([1, -2, 0.5])])
    decoder = zoo.MLPDecoder(3, SHAPE, [8], activation="tanh", likelihood=likelihood)
    return zoo.VAE(encoder, decoder, {"name": marginal, "latent_dim": 3}, objective)


def _rooms(model):
    return {"encoder": model.encoder, "decoder": model.decoder, "marginal": model.marginal}


def _terms(model, x):
    return to_numpy(model.objective(x, **_rooms(model), training=True))


def _moments(model, x):
    q = to_numpy(model.encode(x))
    return q["loc"].astype("float64"), q["scale"].astype("float64") ** 2


def _drawn(model, x):
    """Returns z of the objective's first step."""
    seed = keras.random.SeedGenerator(model.objective.seed)
    from zoo.backend import next_seed

    return to_numpy(model.encoder.distribution(x).sample(seed=next_seed(seed)))


@pytest.fixture
def x(rng):
    return rng.random((32, *SHAPE)).astype("float32")


SCALES = ["softplus_scale", 1.0, 0.1]


@pytest.mark.parametrize("scale", SCALES)
def test_rate_is_that_of_eq_2_and_of_tfp(x, scale):
    model = _model("beta", scale)
    loc, variance = _moments(model, x)
    prior = np.mean(variance + loc**2, axis=0)
    # Eq. 2: minus its first term.
    eq_2 = -0.5 * np.sum(
        np.log(np.e * variance / prior) - variance / prior - loc**2 / prior, axis=1
    )
    posterior = tfd.MultivariateNormalDiag(
        ops.cast(loc, "float32"), ops.cast(np.sqrt(variance), "float32")
    )
    of_tfp = tfd.MultivariateNormalDiag(np.zeros(3, "f4"), np.sqrt(prior).astype("f4"))
    rate = _terms(model, x)["rate"]
    np.testing.assert_allclose(rate, eq_2, rtol=1e-5, atol=1e-5)
    of_tfp = to_numpy(tfd.kl_divergence(posterior, of_tfp))
    np.testing.assert_allclose(rate, of_tfp, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("likelihood", ["bernoulli", "baggins"])
@pytest.mark.parametrize("scale", SCALES)
def test_eq_24_is_eq_2_averaged_with_the_optimal_prior(x, scale, likelihood):
    bilbo = _terms(_model("bilbo", scale, likelihood), x)
    eq_2 = _terms(_model("beta", scale, likelihood), x)
    assert bilbo["loss"] == pytest.approx(eq_2["loss"], rel=2e-6)
    for name in ("distortion", "rate", "elbo"):
        np.testing.assert_allclose(bilbo[name], eq_2[name], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("sigma", [1.0, 0.1])
def test_bilbo_of_constant_variance_is_printed_as_eq_24(x, sigma):
    model = _model(scale=sigma)
    terms = _terms(model, x)
    loc, _ = _moments(model, x)
    m = np.mean(loc**2, axis=0)
    eq_24 = -0.5 * np.sum(np.log1p(m / sigma**2)) - np.mean(terms["distortion"])
    assert -terms["loss"] == pytest.approx(eq_24, rel=1e-5)
    assert terms["prior_trace"] == pytest.approx(np.sum(m + sigma**2), rel=1e-5)


def test_no_other_prior_has_a_better_bound(x, rng):
    model = _model("beta")
    loc, variance = _moments(model, x)
    prior = np.mean(variance + loc**2, axis=0)

    def rate(prior):
        return 0.5 * np.mean(
            np.sum(np.log(prior / variance) + (variance + loc**2) / prior - 1, axis=1)
        )

    assert rate(prior) == pytest.approx(_terms(model, x)["rate"].mean(), rel=1e-5)
    for _ in range(20):
        assert rate(prior * np.exp(0.1 * rng.normal(size=3))) > rate(prior)


@pytest.mark.parametrize("sigma", [1.0, 0.3])
@pytest.mark.parametrize("tau", [0.2, 3.0])
def test_eq_30_is_eq_24_with_t_put_in_by_hand(x, sigma, tau):
    model = _model(scale=sigma, likelihood={"name": "baggins", "tau": tau})
    loc, _ = _moments(model, x)
    mean = to_numpy(model.decode(_drawn(model, x))["mean"]).astype("float64")
    squared = np.sum((x - mean) ** 2, axis=(1, 2, 3))
    m = np.mean(loc**2, axis=0)
    information = np.sum(1 + m / sigma**2)
    t = tau * squared / information  # eq. 29
    log_likelihood = -0.5 * (squared / t + PIXELS * np.log(2 * np.pi * t))
    eq_24 = -0.5 * np.sum(np.log1p(m / sigma**2)) + np.mean(log_likelihood)
    eq_30 = -0.5 * (
        np.sum(np.log1p(m / sigma**2)) + information / tau + np.mean(PIXELS * np.log(2 * np.pi * t))
    )
    assert eq_24 == pytest.approx(eq_30, rel=1e-12)
    terms = _terms(model, x)
    assert -terms["loss"] == pytest.approx(eq_30, rel=1e-4)
    # What is logged is a density's: one T for the batch.
    common = np.mean(t)
    density = 0.5 * (squared / common + PIXELS * np.log(2 * np.pi * common))
    np.testing.assert_allclose(terms["distortion"], density, rtol=1e-4)


def test_baggins_is_invariant_to_the_data_s_scale(x):
    """Means scaled with the data: the same loss but for a constant, the same gradient by z."""
    losses, gradients = [], []
    for factor in (1.0, 10.0, 0.02):
        model = _model(likelihood="baggins")
        first, pixels = model.encoder.hidden[0], model.decoder.pixels
        first.kernel.assign(first.kernel / factor)
        pixels.kernel.assign(pixels.kernel * factor)
        pixels.bias.assign((pixels.bias + 0.3) * factor)
        before = to_numpy(model.encoder.head.loc_layer.kernel).copy()
        model.compile(keras.optimizers.SGD(1e-3), run_eagerly=BACKEND == "tensorflow")
        scaled = np.float32(factor) * x
        losses.append(_terms(model, scaled)["loss"] - PIXELS * np.log(factor))
        model.objective.seed_generator.state.assign(
            keras.random.SeedGenerator(model.objective.seed).state
        )
        model.fit(scaled, batch_size=len(x), shuffle=False, verbose=0)
        gradients.append(before - to_numpy(model.encoder.head.loc_layer.kernel))
    np.testing.assert_allclose(losses, losses[0], rtol=1e-5)
    assert np.abs(gradients[0]).max() > 1e-4
    for gradient in gradients[1:]:
        np.testing.assert_allclose(gradient, gradients[0], rtol=1e-2, atol=1e-6)


def test_baggins_of_a_perfect_reconstruction_is_finite():
    likelihood = zoo.Baggins()
    likelihood.build()
    image = np.full((2, *SHAPE), 0.5, "float32")
    terms = likelihood.batch_terms({"mean": image}, image, np.ones(2, "float32"))
    assert all(np.isfinite(to_numpy(value)).all() for value in terms)


@pytest.mark.parametrize("encoder", ["mlp", "iaf"])
def test_adapt_estimates_over_all_images(x, encoder, rng):
    model = _model("beta", likelihood={"name": "baggins", "tau": 0.5})
    if encoder == "iaf":
        flow = zoo.IAFEncoder(3, model.encoder, 2, [8])
        model = zoo.VAE(flow, model.decoder, model.marginal)
    images = rng.random((200, *SHAPE)).astype("float32")  # more than a tile of evaluation
    for use in (lambda: model.sample(2), lambda: model.elbo(x), lambda: model.log_prob(x)):
        with pytest.raises(
            ValueError, match="prior variance S\\^2 of 'floating'.*not adapted since"
        ):
            use()
    with pytest.raises(ValueError, match="likelihood variance T of 'baggins'"):
        model.decoder.distribution(np.zeros((1, 3), "f4"))
    model.adapt(images)
    received = to_numpy(model.marginal.variance.value())
    if encoder == "mlp":
        loc, variance = _moments(model, images)
        np.testing.assert_allclose(received, np.mean(variance + loc**2, axis=0), rtol=1e-5)
    else:
        z = to_numpy(model.encoder.distribution(images).sample(100, seed=_seed()))
        np.testing.assert_allclose(received, np.mean(z**2, axis=(0, 1)), rtol=0.5)
    t = to_numpy(model.decoder.likelihood.variance.value())
    # Eq. 29 at other samples z: two means over 200 images, which differ by their errors.
    z = model.encoder.distribution(images).sample(seed=_seed())
    squared = np.sum((images - to_numpy(model.decode(z)["mean"])) ** 2, axis=(1, 2, 3))
    _, scale = model.encoder.gaussian(to_numpy(model.encode(images)))
    ratios = 0.5 * squared / np.sum(received / scale**2, axis=1)
    assert abs(t - ratios.mean()) < 5 * np.sqrt(2 / 200) * ratios.std()
    assert model.elbo(x).mean() < model.log_prob(x, num_samples=50).mean()
    assert model.sample(2, sample_pixels=True).shape == (2, *SHAPE)


def test_training_takes_an_estimate_back(x):
    model = _model("beta", likelihood={"name": "baggins", "tau": 0.5})
    model.compile(keras.optimizers.Adam(0.1), **QUICK)
    model.adapt(x)
    model.evaluate(x, verbose=0)
    before = model.elbo(x)  # judging is no training
    model.fit(x, verbose=0)
    uses = (model.marginal.distribution, lambda: model.elbo(x), lambda: model.log_prob(x))
    for use in (*uses, model.check_adapted, lambda: model.sample(2, sample_pixels=True)):
        with pytest.raises(ValueError, match="call `model.adapt"):
            use()
    with pytest.raises(ValueError, match="likelihood variance T of 'baggins'"):
        model.decoder.distribution(np.zeros((1, 3), "f4"))
    model.adapt(x)
    assert np.isfinite(before).all() and (model.elbo(x) != before).all()


def _seed():
    from zoo.backend import tfp_seed

    return tfp_seed(3)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_an_estimate_is_positive_and_finite(value):
    model = _model("beta")
    with pytest.raises(ValueError, match="Expected the prior variance S\\^2 .*positive and finite"):
        model.marginal.variance.assign([1.0, value, 1.0])


def test_samples_spread_as_the_prior_does(x):
    model = _model("beta")
    model.marginal.variance.assign([4.0, 0.25, 1.0])
    z = to_numpy(model.marginal.distribution().sample(20000, seed=_seed()))
    # The standard error of a standard deviation is sd / sqrt(2 N), 0.5 % here.
    np.testing.assert_allclose(z.std(axis=0), [2.0, 0.5, 1.0], rtol=0.03)


@pytest.mark.parametrize("likelihood", ["bernoulli", "baggins"])
def test_estimates_are_saved_and_loaded(x, tmp_path, likelihood):
    model = _model(likelihood=likelihood)
    model.compile("adam", **QUICK)
    model.fit(x, verbose=0)
    model.adapt(x)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.elbo(x), model.elbo(x))
    fresh = zoo.build(zoo.vae_config(model))
    fresh.set_weights(model.get_weights())
    np.testing.assert_array_equal(fresh.elbo(x), model.elbo(x))


def test_a_scaled_pair_is_the_same_model_in_other_coordinates(x):
    plain = _model("bilbo", scale=1.0)
    encoder = zoo.ScaledEncoder(3, plain.encoder, 10.0)
    decoder = zoo.ScaledDecoder(3, SHAPE, plain.decoder, 10.0)
    scaled = zoo.VAE(encoder, decoder, {"name": "floating", "latent_dim": 3}, "bilbo")
    np.testing.assert_allclose(scaled.encode(x)["loc"], 10 * plain.encode(x)["loc"], rtol=1e-6)
    np.testing.assert_array_equal(scaled.encode(x)["scale"], plain.encode(x)["scale"])
    np.testing.assert_allclose(scaled.reconstruct(x), plain.reconstruct(x), atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: zoo.Baggins(0), "`tau` must be a positive number. Received: tau=0"),
        (lambda: zoo.Baggins(mean_activation="relu"), "Received: mean_activation='relu'"),
        (lambda: zoo.ScaledEncoder(3, "mlp", -1), "`factor` must be .* Received: factor=-1"),
        (lambda: zoo.ScaledEncoder(3, zoo.MLPEncoder(4)), r"Received: base.latent_dim=4"),
        (lambda: zoo.ScaledDecoder(3, SHAPE, "mlp", 0), "`factor` must be .* Received: factor=0"),
        (lambda: zoo.ScaledDecoder(3, SHAPE, "pixelcnn"), "Received: base=PixelCNNDecoder"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
