"""Rate, distortion and active units against closed forms. Tolerances: 5 standard errors."""

import numpy as np
import oracles
import pytest
from oracles import LinearEncoder, LinearGaussian

import zoo
from zoo.backend import tfb, tfd
from zoo.evaluation import information


class LogNormalEncoder(LinearEncoder):
    """z = exp(u), u ~ N(loc, scale^2): a posterior of which TFP knows no mean."""

    def posterior(self, parameters):
        normal = tfd.Normal(parameters["loc"], parameters["scale"])
        return tfd.Independent(tfd.TransformedDistribution(normal, tfb.Exp()), 1)


@pytest.fixture
def loose():
    return oracles.loose()


def test_rate_three_ways(loose, rng, seed):
    oracle, model = loose
    x = oracle.images(rng, 200)
    ours = information.rate_distortion(model, x, seed=seed)["rate"]
    np.testing.assert_allclose(ours, oracle.rate(x), rtol=1e-5, atol=1e-5)

    noise = rng.normal(size=(4000, 1, 2))
    z = oracle.loc(x) + oracle.scale * noise
    log_ratio = 0.5 * np.sum(z**2 - noise**2, axis=-1) - np.sum(np.log(oracle.scale))
    stderr = np.std(log_ratio, axis=0) / np.sqrt(len(noise))
    # 200 comparisons: at 6 standard errors a chance failure has a probability of 4e-7.
    assert np.all(np.abs(ours - np.mean(log_ratio, axis=0)) < 6 * stderr)


def test_distortion_is_the_exact_expectation(loose, rng, seed):
    oracle, model = loose
    x = oracle.images(rng, 1000)
    error = information.rate_distortion(model, x, 5, seed=seed)["distortion"] - oracle.distortion(x)
    assert abs(np.mean(error)) < 5 * np.std(error) / np.sqrt(len(x))


def test_distortion_error_falls_with_samples(loose, rng, seed):
    oracle, model = loose
    x = oracle.images(rng, 1000)
    variances = [
        np.var(
            information.rate_distortion(model, x, k, seed=seed)["distortion"] - oracle.distortion(x)
        )
        for k in (1, 10)
    ]
    # Each variance has a relative error near sqrt(kurtosis / N), under 0.15 here.
    assert 10 / 2.5 < variances[0] / variances[1] < 10 * 2.5


def test_elbo_is_minus_rate_minus_distortion(loose, rng):
    oracle, model = loose
    terms = information.rate_distortion(model, oracle.images(rng, 5))
    assert set(terms) == {"rate", "distortion", "elbo"}
    assert all(values.shape == (5,) for values in terms.values())
    np.testing.assert_array_equal(terms["elbo"], -(terms["rate"] + terms["distortion"]))


def test_oracle_is_consistent(rng):
    oracle = LinearGaussian(stretch=0.7, shift=-0.4)
    x = oracle.images(rng, 50)
    elbo = -(oracle.rate(x) + oracle.distortion(x))
    np.testing.assert_allclose(oracle.log_evidence(x) - elbo, oracle.gap(), rtol=1e-9)


def test_codes_are_the_encoder_s_means_in_order(loose, rng):
    oracle, model = loose
    x = oracle.images(rng, 300)
    codes = information.codes(model, x)
    np.testing.assert_allclose(codes, oracle.loc(x), atol=1e-5)
    np.testing.assert_allclose(information.codes(model, x, batch_size=7), codes, atol=1e-6)
    np.testing.assert_allclose(model.predict_codes(x), codes, atol=1e-6)


def test_active_units_are_those_whose_mean_moves():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(500, 4)) * np.sqrt([1.0, 0.02, 0.005, 0.0])
    units = information.active_units(codes)
    assert units["count"] == 2
    assert units["active"].tolist() == [True, True, False, False]
    np.testing.assert_allclose(units["variances"], np.var(codes, axis=0, ddof=1), rtol=1e-12)
    assert information.active_units(codes, threshold=0.001)["count"] == 3
    assert information.active_units(np.array([[0.0], [1.0]]), threshold=0.5)["count"] == 0  # equal


def test_active_units_of_a_model(rng):
    oracle = LinearGaussian(stretch=1.5, shift=0.5)
    model = oracle.vae()
    x = oracle.images(rng, 300)
    units = information.active_units(model, x)
    assert units["num_examples"] == 300
    np.testing.assert_allclose(units["variances"], np.var(oracle.loc(x), axis=0, ddof=1), rtol=1e-4)
    bias = model.encoder.linear.bias
    model.encoder.linear.set_weights([oracle.kernel * [1.0, 0.0], np.asarray(bias)])
    assert information.active_units(model, x)["active"].tolist() == [True, False]


def test_means_without_closed_form_are_sampled(rng, seed):
    oracle = LinearGaussian()
    encoder = LogNormalEncoder(2)
    model = zoo.VAE(encoder, oracle.vae().decoder)
    encoder.linear.set_weights([0.1 * oracle.kernel, np.zeros(2)])
    encoder.scale.assign([0.3, 0.5])
    x = oracle.images(rng, 300)
    loc = np.asarray(x.reshape(-1, 4) @ (0.1 * oracle.kernel))
    expected = np.exp(loc + 0.5 * np.array([0.3, 0.5]) ** 2)

    means, variances = information.posterior_means(model, x, num_samples=64, seed=seed)
    true_variances = expected**2 * np.expm1([0.3**2, 0.5**2]) / 64
    np.testing.assert_allclose(variances.mean(axis=0), true_variances.mean(axis=0), rtol=0.2)
    # Within a tile of 128 images draws are independent, so the error of all means averages out.
    error = (means - expected) / np.sqrt(true_variances)
    assert np.all(np.abs(error.mean(axis=0)) < 5 / np.sqrt(len(x)))

    # Latents that ignore x vary by the sampling of their means alone, which must be taken off.
    encoder.linear.set_weights([0.0 * oracle.kernel, np.zeros(2)])
    encoder.scale.assign([0.5, 0.5])
    noise = np.exp(0.25) * np.expm1(0.25) / information.MEAN_SAMPLES
    # A variance from 300 means is known to sqrt(2 / 300) = 8 %; half is six times that.
    assert np.all(np.abs(information.active_units(model, x)["variances"]) < 0.5 * noise)
    assert np.all(np.isfinite(information.rate_distortion(model, x)["rate"]))


def test_sampled_means_have_noise_of_their_own_in_every_tile(rng, seed):
    model = zoo.VAE(LogNormalEncoder(2), LinearGaussian().vae().decoder)
    x = np.repeat(rng.random((1, 2, 2, 1)).astype("float32"), 130, axis=0)
    means, _ = information.posterior_means(model, x, num_samples=2, seed=seed)
    assert np.all(means[128:] != means[:2])


def test_the_variance_of_a_mean_of_two_draws_is_half_of_theirs(rng, seed):
    encoder = LogNormalEncoder(2)
    model = zoo.VAE(encoder, LinearGaussian().vae().decoder)
    encoder.linear.set_weights([np.zeros((4, 2)), np.zeros(2)])
    encoder.scale.assign([0.1, 0.1])
    x = rng.random((300, 2, 2, 1)).astype("float32")
    _, variances = information.posterior_means(model, x, num_samples=2, seed=seed)
    exact = np.exp(0.01) * np.expm1(0.01) / 2
    # Each is nearly a chi-squared of one degree, whose deviation is sqrt(2) of its mean.
    assert variances.mean() == pytest.approx(exact, rel=5 * np.sqrt(2 / variances.size))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((1, 3)),), r"at least two codes \[N, Z\]. Received: shape=\(1, 3\)"),
        ((np.zeros(5),), r"Received: shape=\(5,\)"),
    ],
)
def test_codes_that_have_no_variance_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        information.active_units(*arguments)


def test_a_model_without_images_is_refused(loose):
    with pytest.raises(ValueError, match="Received: images=None"):
        information.active_units(loose[1])
    with pytest.raises(ValueError, match=r"num_samples >= 2\. Received: num_samples=1"):
        information.posterior_means(loose[1], np.zeros((2, 2, 2, 1), "float32"), num_samples=1)
