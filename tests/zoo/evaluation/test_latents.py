"""The aggregated posterior: its MMD from the marginal and its covariance, against closed forms."""

import numpy as np
import oracles
import pytest
from scipy.stats import sem

import zoo
from zoo import evaluation
from zoo.evaluation import latents


@pytest.fixture
def exact():
    return oracles.exact()


@pytest.fixture
def narrow():
    """A model whose encoder is four times too narrow and two scales off, so that q is not p."""
    oracle = oracles.LinearGaussian(stretch=0.25, shift=2.0)
    return oracle, oracle.vae()


def _covariance(oracle):
    """Returns Cov[q(z)] = A Cov[x] A^T + Sigma, exactly."""
    of_x = oracles.WEIGHTS @ oracles.WEIGHTS.T + oracles.SIGMA**2 * np.eye(4)
    return oracle.kernel.T @ of_x @ oracle.kernel + np.diag(oracle.scale**2)


def _mmd(mean, covariance, h):
    """Returns MMD^2 between N(mean, covariance) and N(0, I) for k = exp(-|x - y|^2 / h)."""
    size = len(mean)

    def term(shift, cov):
        wide = np.eye(size) + 2 * cov / h
        quadratic = shift @ np.linalg.solve(wide, shift) / h
        return np.exp(-quadratic) / np.sqrt(np.linalg.det(wide))

    unit, zero = np.eye(size), np.zeros(size)
    return term(zero, 2 * covariance) - 2 * term(mean, covariance + unit) + term(zero, 2 * unit)


def test_samples_have_the_exact_moments(narrow, rng, seed):
    oracle, model = narrow
    z = latents.aggregated_samples(model, oracle.images(rng, 20_000), seed=seed)
    covariance = _covariance(oracle)
    spread = np.sqrt(np.diag(covariance))
    assert z.shape == (20_000, 2)
    assert np.all(np.abs(z.mean(axis=0) - oracle.shift) < 5 * spread / np.sqrt(len(z)))
    # A correlation of nothing, and two variances: each with an error of sqrt(2 / N).
    np.testing.assert_allclose(
        np.cov(z.T) / np.outer(spread, spread),
        covariance / np.outer(spread, spread),
        atol=5 * np.sqrt(2 / len(z)),
    )


def test_samples_do_not_depend_on_the_batch_size(narrow, rng):
    oracle, model = narrow
    x = oracle.images(rng, 200)
    z = latents.aggregated_samples(model, x)
    again = latents.aggregated_samples(model, x, batch_size=32)
    np.testing.assert_allclose(z, again, rtol=1e-5, atol=1e-6)
    assert np.abs(z - latents.aggregated_samples(model, x, seed=18)).max() > 0.1


def test_log_det_cov_is_that_of_the_covariance(narrow, rng, seed):
    oracle, model = narrow
    z = latents.aggregated_samples(model, oracle.images(rng, 20_000), seed=seed)
    found = latents.log_det_cov(z)
    expected = np.linalg.slogdet(_covariance(oracle))[1]
    # For a Gaussian the delta method's error is sqrt(2 Z / N).
    assert found["stderr"] == pytest.approx(np.sqrt(2 * 2 / len(z)), rel=0.05)
    assert abs(found["value"] - expected) < 5 * found["stderr"]
    assert found["per_dimension"] == pytest.approx(found["value"] / 2)
    np.testing.assert_allclose(found["variances"], z.var(axis=0, ddof=1), rtol=1e-4)


def test_the_exact_posterior_aggregates_to_the_prior(exact, rng, seed):
    oracle, model = exact
    x = oracle.images(rng, 3000)
    metrics = evaluation.evaluate(
        model, x, metrics=("mmd", "log_det_cov"), seed=seed, progress=False
    )
    for name, entry in metrics.items():
        assert abs(entry["value"]) < 5 * entry["stderr"], name
        assert entry["num_examples"] == 3000


def test_mmd_is_the_closed_form_between_gaussians(narrow, rng, seed):
    oracle, model = narrow
    x = oracle.images(rng, 3000)
    expected = _mmd(oracle.shift, _covariance(oracle), 2.0**2)
    found = latents.mmd(model, x, seed=seed)
    assert found["bandwidth"] == 4.0
    assert expected > 20 * found["stderr"]
    assert abs(found["value"] - expected) < 5 * found["stderr"]


def test_draws_of_the_prior_share_no_noise_with_the_codes(exact, rng, monkeypatch):
    oracle, model = exact
    sets = []
    monkeypatch.setattr(latents, "mmd_of_sets", lambda z, y, *_: sets.append((z, y)))
    x = oracle.images(rng, 128)  # a tile: draws of one seed would be the same numbers
    latents.mmd(model, x)
    ((z, y),) = sets
    noise = (z - oracle.loc(x)) / oracle.scale
    assert noise.shape == y.shape == (128, 2)
    assert abs(np.corrcoef(noise.ravel(), y.ravel())[0, 1]) < 5 / np.sqrt(noise.size)


def test_log_det_cov_of_few_draws_is_unbiased_in_its_covariance(rng):
    z = rng.normal(size=(8, 3))
    found, covariance = latents.log_det_cov(z), np.cov(z.T)
    assert found["value"] == pytest.approx(np.linalg.slogdet(covariance)[1], rel=1e-9)
    np.testing.assert_allclose(found["variances"], np.var(z, axis=0, ddof=1), rtol=1e-9)
    centred, inverse = z - z.mean(axis=0), np.linalg.inv(covariance)
    assert found["stderr"] == pytest.approx(sem([d @ inverse @ d for d in centred]), rel=1e-9)


def test_log_det_cov_of_hardly_more_draws_than_latents_has_no_error(rng):
    # Of Z + 1 draws all distances are equal: their spread is zero whatever the draws.
    for count, has_error in ((4, False), (5, False), (6, True)):
        found = latents.log_det_cov(rng.normal(size=(count, 3)))
        assert np.isfinite(found["value"])
        assert (found["stderr"] is not None) == has_error


def test_a_direction_that_does_not_vary_has_no_volume():
    z = np.zeros((10, 2))
    z[:, 0] = np.arange(10)
    found = latents.log_det_cov(z)
    assert found["value"] == -np.inf
    assert found["stderr"] is None


def test_log_det_cov_needs_more_draws_than_latents():
    with pytest.raises(ValueError, match=r"Received: shape=\(3, 3\)"):
        latents.log_det_cov(np.eye(3))


def _deterministic_model():
    encoder = zoo.MLPEncoder(2, [8], scale="deterministic")
    likelihood = {"name": "gaussian", "scale": 2**-0.5}
    decoder = zoo.MLPDecoder(2, (4, 4, 1), [8], likelihood=likelihood)
    return zoo.VAE(encoder, decoder, objective="infomax")


def test_what_a_deterministic_encoder_has_is_measured_and_the_rest_left_out(rng):
    model = _deterministic_model()
    x = rng.random((40, 4, 4, 1)).astype("float32")
    names = ("rate", "distortion", "elbo", "nll", "active_units", "mmd", "log_det_cov")
    metrics = evaluation.evaluate(model, x, metrics=names, num_samples=2, progress=False)
    assert tuple(metrics) == names
    for name in ("rate", "elbo", "nll"):
        assert metrics[name]["value"] is None
        assert "deterministic" in metrics[name]["note"]
    images = np.asarray(model.reconstruct(x))
    expected = np.sum((x - images) ** 2, axis=(1, 2, 3)).mean() + 16 * np.log(np.pi) / 2
    assert metrics["distortion"]["value"] == pytest.approx(expected, rel=1e-5)
    codes = evaluation.codes(model, x)
    np.testing.assert_array_equal(latents.aggregated_samples(model, x), codes)
    for name in ("active_units", "mmd", "log_det_cov"):
        assert np.isfinite(metrics[name]["value"])


def test_too_few_examples_are_noted(rng):
    model = _deterministic_model()
    x = rng.random((1, 4, 4, 1)).astype("float32")
    metrics = evaluation.evaluate(model, x, metrics=("mmd", "log_det_cov"), progress=False)
    assert metrics["mmd"]["value"] is None
    assert metrics["log_det_cov"]["note"] == "needs more examples than latents"
