"""E <= I_d <= G on models where I_d is known, and U - C = -D. Tolerances: 5 standard errors."""

import itertools

import keras
import numpy as np
import oracles
import pytest
from scipy.stats import bernoulli, multivariate_normal

import zoo
from zoo.backend import to_numpy
from zoo.evaluation import ALL_METRICS, density, evaluate, generative, information

SHAPE = (2, 2, 1)
EVERY_IMAGE = np.array(list(itertools.product([0.0, 1.0], repeat=4)), "float32").reshape(-1, *SHAPE)


class Evidence:
    """The linear-Gaussian model's own p(x), its covariance times `stretch`."""

    def __init__(self, stretch=1.0):
        covariance = oracles.WEIGHTS @ oracles.WEIGHTS.T + oracles.SIGMA**2 * np.eye(4)
        self.normal = multivariate_normal(oracles.OFFSET, stretch * covariance)

    def log_prob(self, x):
        return self.normal.logpdf(np.asarray(x, "float64").reshape(len(x), -1))


def near(terms, expected):
    stderr = np.std(terms, ddof=1) / np.sqrt(len(terms))
    return abs(np.mean(terms) - expected) < 5 * stderr


@pytest.mark.parametrize("name", ["exact", "loose"])
def test_bounds_of_the_linear_gaussian_model(name, seed):
    oracle, model = getattr(oracles, name)()
    draws = generative.generate(model, 4000, seed=seed)
    # I_d = 1/2 log |I + W^T W / sigma^2|, and log e - log m misses it by KL(p(z|x) || e(z|x)).
    exact = -np.sum(np.log(oracle.exact_scale))
    ratio, offset = oracle.scale / oracle.exact_scale, oracle.shift / oracle.exact_scale
    missed = np.sum(np.log(ratio) + (1 + offset**2) / (2 * ratio**2) - 0.5)
    assert near(generative.lower_bound(draws), exact - missed)
    # With the optimal q(x) = d(x), G = I_d; with a wider one KL(d || q) more.
    assert near(generative.upper_bound(draws, Evidence()), exact)
    excess = 0.5 * 4 * (np.log(2.0) + 1 / 2.0 - 1.0)
    assert near(generative.upper_bound(draws, Evidence(2.0)), exact + excess)
    assert (missed > 0.1) == (name == "loose")


def test_with_the_exact_posterior_each_draw_has_both_bounds_equal(seed):
    _, model = oracles.exact()
    draws = generative.generate(model, 300, seed=seed)
    upper = generative.upper_bound(draws, Evidence())
    np.testing.assert_allclose(generative.lower_bound(draws), upper, atol=2e-3)  # float32 densities


def test_u_less_the_cross_entropy_is_minus_the_distortion(rng, seed):
    oracle, model = oracles.loose()
    x = oracle.images(rng, 500)
    u, cross_entropy = generative.representational_terms(model, x, Evidence(), seed=seed)
    distortion = information.rate_distortion(model, x, seed=seed)["distortion"]
    np.testing.assert_allclose(u - cross_entropy, -distortion, rtol=1e-9)
    # q = p*: S = C - H = 0, so U = H - D <= I <= R.
    np.testing.assert_allclose(cross_entropy, -oracle.log_evidence(x), rtol=1e-9)
    assert near(u - (-oracle.log_evidence(x) - oracle.distortion(x)), 0.0)


def test_draws_do_not_depend_on_their_number(seed):
    _, model = oracles.exact()
    few, many = (generative.generate(model, n, seed=seed) for n in (130, 300))
    np.testing.assert_array_equal(few.images, many.images[:130])
    parts = many.split(100, 50, 150)
    assert [len(part.images) for part in parts] == [100, 50, 150]
    np.testing.assert_array_equal(parts[1].likelihood, many.likelihood[100:150])


def test_pixels_are_drawn_by_other_noise_than_their_latents(seed, monkeypatch):
    _, model = oracles.exact()
    drawn, distribution = [], oracles.LinearDecoder.distribution

    def keep(self, z, *arguments, **options):
        drawn.append(z)
        return distribution(self, z, *arguments, **options)

    monkeypatch.setattr(oracles.LinearDecoder, "distribution", keep)
    images = generative.generate(model, 128, seed=seed).images.reshape(128, 4)
    z = to_numpy(drawn[0])
    noise = (images - z @ oracles.WEIGHTS.T - oracles.OFFSET).ravel()[: z.size]
    assert abs(np.corrcoef(z.ravel(), noise)[0, 1]) < 5 / np.sqrt(z.size)


@pytest.fixture(scope="module")
def binary_model():
    """A decoder of 2 x 2 binary pixels that says much of its one latent."""
    model = zoo.VAE(zoo.MLPEncoder(1, hidden_units=[8]), zoo.MLPDecoder(1, SHAPE, hidden_units=[8]))
    rng = np.random.default_rng(17)
    weights = [2.0 * rng.normal(size=w.shape) for w in model.decoder.get_weights()]
    model.decoder.set_weights(weights)
    return model


def _exact_information(model):
    """Returns d(x) of all 16 images and I_d, by Gauss-Hermite quadrature over z."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    weights = weights / weights.sum()
    z = nodes[:, None, None].astype("float32") * np.ones((1, 16, 1), "float32")
    log_d = to_numpy(model.decoder.distribution(z).log_prob(EVERY_IMAGE)).astype("float64")
    generated = weights @ np.exp(log_d)
    return generated, float(np.sum(weights[:, None] * np.exp(log_d) * (log_d - np.log(generated))))


def test_fitted_density_is_one_and_its_bound_is_tight(binary_model, seed, monkeypatch):
    monkeypatch.setattr(density, "LEARNING_RATE", 1e-2)  # four pixels need no patience
    generated, exact = _exact_information(binary_model)
    draws, held, kept = generative.generate(binary_model, 9000, seed=seed).split(4000, 1000, 4000)
    q = density.fit_density(draws.images, held.images, hidden_units=(32,), seed=seed)
    probabilities = np.exp(q.log_prob(EVERY_IMAGE))
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    excess = np.sum(generated * np.log(generated / probabilities))  # KL(d || q) = G - I_d
    assert 0 <= excess < 0.02
    assert near(generative.upper_bound(kept, q), exact + excess)
    assert np.mean(generative.lower_bound(kept)) < exact <= exact + excess


@pytest.mark.parametrize("shape", [(28, 28, 1), (8, 8, 3), (2, 2, 1)])
def test_every_pixel_of_the_density_sees_all_pixels_before_it(shape):
    q = density.BernoulliMADE(shape)
    paths = np.linalg.multi_dot([mask.astype("float64") for mask in q.made.masks]).T
    np.testing.assert_array_equal(paths > 0, np.tril(np.ones(paths.shape, bool), -1))


def test_a_density_too_narrow_for_its_pixels_is_refused():
    message = r"Expected hidden layers of at least 783 units.* Received: hidden_units=\(900, 500\)"
    with pytest.raises(ValueError, match=message):
        density.BernoulliMADE((28, 28, 1), (900, 500))


def test_fit_is_a_function_of_its_seed(rng):
    images = rng.integers(0, 2, (300, *SHAPE)).astype("float32")
    first, again, other = (
        density.fit_density(images[:200], images[200:], (8,), seed).log_prob(EVERY_IMAGE)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-6


def test_the_fit_starts_at_the_frequencies_of_the_pixels(rng):
    images = (rng.random((50, *SHAPE)) < 0.2).astype("float32")
    q = density.BernoulliMADE(SHAPE, (8,))
    density._start(q.made, images, rng)
    p = (images.sum(axis=0) + 1) / 52  # each pixel by Laplace's rule
    expected = bernoulli(p).logpmf(EVERY_IMAGE).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(q.log_prob(EVERY_IMAGE), expected, rtol=1e-5)


def test_the_fit_keeps_its_best_weights_and_ends_when_they_are_old(rng, monkeypatch):
    monkeypatch.setattr(density, "LEARNING_RATE", 0.1)
    images = rng.integers(0, 2, (60, *SHAPE)).astype("float32")  # twenty to learn by heart
    scores, log_prob = [], density.BernoulliMADE.log_prob

    def scored(self, x):
        scores.append(log_prob(self, x).mean())
        return log_prob(self, x)

    monkeypatch.setattr(density.BernoulliMADE, "log_prob", scored)
    q = density.fit_density(images[:20], images[20:], (32,), seed=1)
    best = int(np.argmax(scores))
    assert log_prob(q, images[20:]).mean() == pytest.approx(scores[best], rel=1e-6)
    assert scores[-1] < scores[best] - 1e-3
    assert len(scores) == best + 1 + density.PATIENCE < density.MAX_EPOCHS


def test_metrics_by_name(binary_model, rng, seed, monkeypatch):
    monkeypatch.setattr(generative, "NUM_FIT", 500)
    monkeypatch.setattr(generative, "NUM_TUNE", 100)
    monkeypatch.setattr(generative, "NUM_TEST", 200)
    x = rng.integers(0, 2, (150, *SHAPE)).astype("float32")
    names = ["distortion", *generative.BOUNDS]
    assert set(generative.BOUNDS) < set(ALL_METRICS)
    results = evaluate(binary_model, x, metrics=names, seed=seed, progress=False)
    assert list(results) == names
    assert all(result["unit"] == "nats" and result["stderr"] > 0 for result in results.values())
    assert results["generative_lower"]["num_examples"] == 200
    assert results["generative_upper"]["num_fit"] == 500
    assert results["u"]["num_examples"] == 150
    minus_d = results["u"]["value"] - results["cross_entropy"]["value"]
    assert minus_d == pytest.approx(-results["distortion"]["value"], rel=1e-6)
    lower = evaluate(binary_model, x, metrics=["generative_lower"], seed=seed, progress=False)
    assert list(lower) == ["generative_lower"]


def test_pixels_that_are_not_binary_are_left_out_with_a_note(binary_model, rng, monkeypatch):
    for name in ("NUM_FIT", "NUM_TUNE", "NUM_TEST"):
        monkeypatch.setattr(generative, name, 64)
    grey = rng.random((20, *SHAPE)).astype("float32")
    results = evaluate(binary_model, grey, metrics=generative.BOUNDS, progress=False)
    assert results["generative_upper"]["value"] > 0
    assert results["u"]["value"] is None and "the data's are not" in results["u"]["note"]
    _, gaussian = oracles.exact()
    results = evaluate(gaussian, grey, metrics=generative.BOUNDS, progress=False)
    assert results["generative_lower"]["value"] > 0
    for name in generative.WITH_DENSITY:
        assert "the decoder's are not" in results[name]["note"]
    with pytest.raises(ValueError, match=r"Expected pixels of 0 or 1.* Received: values in \[0"):
        density.fit_density(grey, grey)


def test_a_deterministic_encoder_has_all_but_the_lower_bound(rng, seed, monkeypatch):
    for name in ("NUM_FIT", "NUM_TUNE", "NUM_TEST"):
        monkeypatch.setattr(generative, name, 64)
    encoder = zoo.MLPEncoder(1, hidden_units=[8], scale="deterministic")
    model = zoo.VAE(encoder, zoo.MLPDecoder(1, SHAPE, hidden_units=[8]), objective="infomax")
    x = rng.integers(0, 2, (40, *SHAPE)).astype("float32")
    results = evaluate(model, x, metrics=generative.BOUNDS, seed=seed, progress=False)
    assert results["generative_lower"]["value"] is None
    assert all(results[name]["stderr"] > 0 for name in generative.WITH_DENSITY)


def test_every_kind_of_posterior_and_marginal_is_scored(seed):
    keras.utils.set_random_seed(seed)
    for marginal in ("maf", "vamp"):
        model = zoo.build(
            {
                "encoder": {
                    **{"name": "iaf", "latent_dim": 3, "num_flows": 2, "hidden_units": [8]},
                    "base": {"name": "mlp", "hidden_units": [8]},
                },
                "decoder": {
                    **{"name": "mlp", "latent_dim": 3, "image_shape": list(SHAPE)},
                    "hidden_units": [8],
                },
                "marginal": {"name": marginal, "latent_dim": 3},
            }
        )
        draws = generative.generate(model, 20, seed=seed)
        assert set(np.unique(draws.images)) <= {0.0, 1.0}
        assert np.isfinite(generative.lower_bound(draws)).all()
        assert (draws.likelihood < 0).all()
