"""InfoVAE and Infomax: the formula, the special cases, deterministic encoders; both backends."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

import zoo
from trainers.runs import dtype_policy
from zoo.backend import BACKEND, fold_in, next_seed, tfp_seed, to_numpy
from zoo.divergences.mmd import mmd
from zoo.encoders import pixel_noise

SHAPE = (6, 5, 1)
Z = 3
QUICK = {"run_eagerly": BACKEND == "tensorflow", "jit_compile": BACKEND == "jax"}


def _model(objective, marginal="normal", encoder=None, likelihood="bernoulli"):
    """Returns a model with the same weights whatever the objective."""
    keras.utils.set_random_seed(17)
    encoder = encoder or {"name": "mlp", "hidden_units": [8], "activation": "tanh"}
    decoder = {"name": "mlp", "hidden_units": [8], "activation": "tanh", "likelihood": likelihood}
    return zoo.build(
        {
            "encoder": {"latent_dim": Z, **encoder},
            "decoder": {"latent_dim": Z, "image_shape": list(SHAPE), **decoder},
            "marginal": {"name": marginal, "latent_dim": Z},
            "objective": objective,
        }
    )


@pytest.fixture
def x(rng):
    return rng.integers(0, 2, (32, *SHAPE)).astype("float32")


def _terms(model, x, training=False):
    return to_numpy(
        model.objective(
            ops.convert_to_tensor(x),
            encoder=model.encoder,
            decoder=model.decoder,
            marginal=model.marginal,
            training=training,
            step=0,
        )
    )


def _gradient(objective, x, **parts):
    """Returns what a step of SGD at rate 1 takes from each weight of encoder and decoder."""
    return _step(_model(objective, **parts), x)


def _step(model, x):
    before = [to_numpy(w).copy() for w in model.trainable_weights]
    model.compile(keras.optimizers.SGD(1.0), **QUICK)
    model.fit(x, batch_size=len(x), shuffle=False, verbose=0)
    return [b - to_numpy(w) for b, w in zip(before, model.trainable_weights)]


def _assert_same_training(ours, theirs, x):
    models = [_model(ours), _model(theirs)]
    loss, expected = (_terms(model, x)["loss"] for model in models)
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    for mine, wanted in zip(*(_step(model, x) for model in models), strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("divergence", ["none", "mmd", "stein"])
def test_alpha_0_lambda_1_is_the_elbo(divergence, x):
    infovae = {"name": "infovae", "alpha": 0.0, "lambda_": 1.0, "divergence": divergence}
    _assert_same_training(infovae, "beta", x)


@pytest.mark.parametrize("beta", [0.25, 4.0])
def test_alpha_and_lambda_that_add_to_1_are_a_beta_vae(beta, x):
    infovae = {"name": "infovae", "alpha": 1.0 - beta, "lambda_": beta}
    _assert_same_training(infovae, {"name": "beta", "beta": beta}, x)


@pytest.mark.parametrize("beta", [1.4, 8.2])
def test_alpha_and_lambda_that_add_to_1_in_decimals_alone(beta):
    alpha = float(f"{1 - beta:.1f}")
    assert alpha + beta < 1
    zoo.InfoVAE(alpha, beta)
    with pytest.raises(ValueError, match="`lambda_` must be"):
        zoo.InfoVAE(alpha, beta - 1e-6)


def test_alpha_1_lambda_0_is_the_autoencoder_without_regularisation(x):
    infovae = {"name": "infovae", "alpha": 1.0, "lambda_": 0.0}
    _assert_same_training(infovae, {"name": "beta", "beta": 0.0}, x)


@pytest.mark.parametrize("divergence", ["mmd", "stein"])
def test_infomax_is_infovae_of_alpha_1(divergence, x):
    infovae = {"name": "infovae", "alpha": 1.0, "lambda_": 10.0, "divergence": divergence}
    infomax = {"name": "infomax", "lambda_": 10.0, "divergence": divergence}
    _assert_same_training(infomax, infovae, x)


def _draws(model, x, seed=17):
    """Returns the z of the objective's first call, and the stateless seed of its divergence."""
    first = next_seed(keras.random.SeedGenerator(seed))
    z = model.encoder.distribution(x).sample(seed=first)
    return z, fold_in(first, 1)


@pytest.mark.parametrize(("alpha", "lambda_"), [(0.0, 1000.0), (0.5, 3.0), (-1.0, 2.5)])
def test_the_loss_is_equation_6(alpha, lambda_, x):
    model = _model({"name": "infovae", "alpha": alpha, "lambda_": lambda_})
    z, seed = _draws(model, x)
    y = model.marginal.distribution().sample(len(x), seed=seed)
    divergence = float(to_numpy(mmd(z, y)))
    terms = _terms(model, x)
    plain = _terms(_model("beta"), x)
    for name in ("distortion", "rate", "elbo"):
        np.testing.assert_allclose(terms[name], plain[name], rtol=1e-5)
    assert terms["divergence"] == pytest.approx(divergence, rel=1e-4, abs=1e-6)
    expected = plain["distortion"].mean() + (1 - alpha) * plain["rate"].mean()
    assert terms["loss"] == pytest.approx(expected + (alpha + lambda_ - 1) * divergence, rel=1e-4)


def test_alpha_1_lambda_1_adversarial_is_the_adversarial_autoencoder(x):
    spec = {"name": "adversarial", "hidden_units": [8]}
    model = _model({"name": "infovae", "alpha": 1.0, "lambda_": 1.0, "divergence": spec})
    z, _ = _draws(model, x)
    logits = to_numpy(model.objective.divergence.critic.call(z)).astype("float64")
    distortion = -to_numpy(model.decoder.distribution(z).log_prob(x)).mean()
    # Makhzani et al.: reconstruction, and -log of what the discriminator says of z as a prior's.
    expected = distortion + np.mean(-stats.logistic.logcdf(logits))
    assert _terms(model, x)["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["adversarial", "wgan_gp"])
def test_the_encoder_follows_the_critic_as_it_is_after_its_steps(name, x):
    spec = {"name": name, "hidden_units": [8], "critic_steps": 2, "learning_rate": 0.01}
    objective = {"name": "infomax", "lambda_": 5.0, "divergence": spec}
    gradient = _gradient(objective, x)

    # The critic of a step of training alone, then the encoder's loss with that critic held fixed.
    trained = _model(objective)
    _terms(trained, x, training=True)
    start = to_numpy(trained.objective.divergence.critic.network_weights[0])
    trained.objective.seed_generator.state.assign(to_numpy(_fresh_state()))

    def loss(size, direction):
        for weight, w, d in zip(trained.trainable_weights, before, direction):
            weight.assign(w + size * d)
        trained.objective.seed_generator.state.assign(to_numpy(_fresh_state()))
        return float(_terms(trained, x)["loss"])

    before = [to_numpy(w).copy() for w in trained.trainable_weights]
    norm = np.sqrt(sum(np.sum(g**2) for g in gradient))
    direction = [g / norm for g in gradient]
    slope = (loss(5e-3, direction) - loss(-5e-3, direction)) / 1e-2
    assert slope == pytest.approx(norm, rel=1e-2)
    untrained = to_numpy(_model(objective).objective.divergence.critic.network_weights[0])
    assert np.abs(start - untrained).max() > 5e-3
    after = to_numpy(trained.objective.divergence.critic.network_weights[0])
    np.testing.assert_array_equal(after, start)


def _fresh_state():
    return keras.random.SeedGenerator(17).state


@pytest.mark.parametrize("name", ["adversarial", "wgan_gp"])
def test_critics_are_trained_saved_and_not_the_optimiser_s(name, x, tmp_path):
    model = _model({"name": "infovae", "divergence": {"name": name, "hidden_units": [8]}})
    assert model.objective.trainable_weights == []
    model.compile(keras.optimizers.SGD(1e-6))  # a step of the encoder that moves next to nothing
    critic = model.objective.divergence.critic
    before = [to_numpy(w).copy() for w in critic.network_weights]
    model.fit(x, batch_size=16, epochs=1, verbose=0)
    assert int(to_numpy(critic.updates)) == 2 * model.objective.divergence.critic_steps
    for was, w in zip(before, critic.network_weights):
        # The last bias of a Wasserstein critic shifts both means alike, and has no gradient.
        if name == "adversarial" or w.shape != (1,):
            assert np.abs(to_numpy(w) - was).max() > 1e-5, w.path
    now = [to_numpy(w).copy() for w in critic.variables]
    model.evaluate(x, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras").objective.divergence.critic
    for kept, mine, w in zip(now, critic.variables, again.variables):
        np.testing.assert_array_equal(to_numpy(mine), kept)
        np.testing.assert_array_equal(to_numpy(w), kept)


def test_squared_error_is_the_gaussian_of_variance_one_half(x):
    encoder = {"name": "mlp", "hidden_units": [8], "scale": "deterministic"}
    likelihood = {"name": "gaussian", "scale": 2**-0.5}
    model = _model({"name": "infomax", "lambda_": 0.0}, encoder=encoder, likelihood=likelihood)
    images = to_numpy(model.reconstruct(x))
    squared = np.sum((x - images) ** 2, axis=(1, 2, 3), dtype="float64")
    expected = squared + np.prod(SHAPE) * np.log(np.pi) / 2
    np.testing.assert_allclose(_terms(model, x)["distortion"], expected, rtol=1e-5)


def test_logistic_marginal_has_unit_variance_and_scipy_s_density(rng, seed):
    distribution = zoo.Logistic(2).distribution()
    z = rng.normal(size=(50, 2)).astype("float32")
    expected = stats.logistic(0, np.sqrt(3) / np.pi).logpdf(z).sum(axis=1)
    np.testing.assert_allclose(to_numpy(distribution.log_prob(z)), expected, rtol=1e-5)
    draws = to_numpy(distribution.sample(40_000, seed=tfp_seed(seed))).astype("float64")
    # The variance's own error is sqrt((kurtosis - 1) / N), 0.009 for a kurtosis of 4.2.
    np.testing.assert_allclose(draws.var(axis=0), 1.0, atol=5 * 0.009)
    np.testing.assert_allclose(draws.mean(axis=0), 0.0, atol=5 / 200)


DETERMINISTIC = {"name": "mlp", "hidden_units": [8], "scale": "deterministic"}


def test_a_deterministic_encoder_samples_its_code(x):
    model = _model("infomax", encoder=DETERMINISTIC)
    parameters = to_numpy(model.encode(x))
    assert set(parameters) == {"loc"}
    posterior = model.encoder.distribution(x)
    np.testing.assert_array_equal(to_numpy(posterior.sample(seed=tfp_seed(1))), parameters["loc"])
    assert to_numpy(posterior.sample(4, seed=tfp_seed(1))).shape == (4, 32, Z)
    assert len(model.encoder.trainable_weights) == 4


@pytest.mark.parametrize("objective", ["beta", {"name": "target_rate", "target": 1.0}, "infovae"])
@pytest.mark.parametrize("rate", ["auto", "sampled", "analytic"])
def test_objectives_with_a_rate_refuse_a_deterministic_encoder(objective, rate, x):
    objective = {"name": objective} if isinstance(objective, str) else objective
    model = _model({**objective, "rate": rate}, encoder=DETERMINISTIC)
    with pytest.raises(ValueError, match=r"Received: .*posterior='Deterministic'"):
        _terms(model, x)


def test_flows_refuse_a_deterministic_encoder(x):
    encoder = {"name": "iaf", "base": DETERMINISTIC, "num_flows": 1, "hidden_units": [4]}
    with pytest.raises(ValueError, match="Received: a deterministic MLPEncoder"):
        _model("infomax", encoder=encoder).encode(x)


def test_a_learned_marginal_needs_the_rate():
    for objective in ("infomax", {"name": "infovae", "alpha": 1.0}):
        with pytest.raises(ValueError, match="Received: marginal=MAFMarginal"):
            _model(objective, marginal="maf")
    _model({"name": "infovae", "alpha": 0.5}, marginal="maf")


def test_pixel_noise_is_truncated_and_for_training_alone(x):
    encoder = {"name": "pixel_noise", "base": DETERMINISTIC, "limit": 0.3}
    model = _model("infomax", encoder=encoder)
    seen, base = [], model.encoder.base
    call = base.call
    base.call = lambda x, training=False: seen.append(to_numpy(x)) or call(x, training=training)
    for training in (True, True, False):
        model.encoder.distribution(x, training=training)
    first, second, plain = (images - x for images in seen)
    assert np.all(plain == 0)
    assert np.abs(first - second).max() > 0.1
    for noise in (first, second):
        assert 0.25 < np.abs(noise).max() <= 0.3 + 1e-6
        # Two standard deviations of 0.15; truncated there, the spread is 0.88 of it.
        spread = 0.15 * stats.truncnorm(-2, 2).std()
        assert noise.std() == pytest.approx(spread, rel=5 / np.sqrt(2 * noise.size))


def test_pixel_noise_is_no_stream_of_an_objective_of_the_same_seed(x, monkeypatch):
    model = _model("infomax", encoder={"name": "pixel_noise", "base": DETERMINISTIC})
    assert model.encoder.seed == model.objective.seed
    seeds, draw = [], pixel_noise.truncated_normal
    monkeypatch.setattr(
        pixel_noise, "truncated_normal", lambda shape, seed: seeds.append(seed) or draw(shape, seed)
    )
    model.encoder(x, training=True)
    of_objective = next_seed(keras.random.SeedGenerator(model.objective.seed))
    assert np.any(to_numpy(seeds[0]) != to_numpy(of_objective))


def test_pixel_noise_around_an_encoder_in_mixed_precision(x):
    encoder = {"name": "pixel_noise", "base": DETERMINISTIC, "limit": 0.01}
    with dtype_policy("mixed_bfloat16"):
        model = _model("infomax", encoder=encoder)
    assert model.encoder.base.compute_dtype == "bfloat16"
    assert np.isfinite(_terms(model, x, training=True)["loss"])


def test_pixel_noise_keeps_flow_and_names_of_the_encoder_inside(x):
    flow = {"name": "iaf", "num_flows": 1, "hidden_units": [4]}
    inner = {"name": "mlp", "hidden_units": [8]}
    encoder = {"name": "pixel_noise", "base": {**flow, "base": inner}}
    model = _model("beta", encoder=encoder)
    assert set(to_numpy(model.encode(x))) == {"loc", "base_loc", "base_scale"}
    assert np.isfinite(_terms(model, x, training=True)["loss"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: zoo.InfoVAE(alpha=1.5), "`alpha` must be .*Received: alpha=1.5"),
        (lambda: zoo.InfoVAE(0.0, 0.5), "`lambda_` must be .*Received: lambda_=0.5, alpha=0.0"),
        (lambda: zoo.InfoVAE(0.5, rate="none"), "needs alpha=1. Received: rate='none', alpha=0.5"),
        (lambda: zoo.InfoVAE(rate="exact"), "`rate` must be one of .*Received: rate='exact'"),
        (lambda: zoo.InfoVAE(divergence="mdm"), "name of a divergence.*name='mdm'.*\"mmd\""),
        (lambda: zoo.Infomax(-1.0), "`lambda_` must be .*Received: lambda_=-1.0"),
        (lambda: zoo.PixelNoiseEncoder(2, limit=0), "`limit` must be .*Received: limit=0"),
        (
            lambda: zoo.PixelNoiseEncoder(2, zoo.MLPEncoder(3)),
            "encoder of 2 latents .*Received: base=MLPEncoder of latent_dim=3",
        ),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
