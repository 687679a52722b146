"""The decoder's Jacobian and what follows from it, against closed forms and finite differences."""

import jacobians
import keras
import numpy as np
import oracles
import pytest
from oracles import SIGMA, WEIGHTS, LinearGaussian

import zoo
from zoo.backend import tfd, to_numpy
from zoo.evaluation import evaluate, jacobian, metric
from zoo.evaluation.families import jacobians as family

SHAPE = (8, 8, 1)
# Without kinks, which would spoil a difference quotient.
DECODERS = {
    "mlp": lambda: zoo.MLPDecoder(3, SHAPE, [9], activation="tanh"),
    "gated_deconv": lambda: zoo.GatedDeconvDecoder(3, SHAPE, depth=2),
    "small_deconv": lambda: zoo.SmallDeconvDecoder(3, SHAPE, depth=4, negative_slope=0.999),
    "gaussian": lambda: zoo.MLPDecoder(
        3, SHAPE, [9], activation="tanh", likelihood={"name": "gaussian", "scale": "learned"}
    ),
}


def _model(decoder, marginal=None):
    keras.utils.set_random_seed(17)
    return zoo.VAE(zoo.MLPEncoder(3, [8]), DECODERS[decoder](), marginal)


@pytest.mark.parametrize("name", DECODERS)
def test_jacobians_are_those_of_finite_differences(name, rng):
    model = _model(name)
    for weight in model.decoder.trainable_weights:  # as drawn, gated networks are all but flat
        weight.assign(weight * (2.5 if name == "gated_deconv" else 1.0))
    z = rng.normal(size=(5, 3)).astype("float32")
    found = jacobians.of_mean(model, z)
    assert found.shape == (5, *SHAPE, 3)
    direction, size = rng.normal(size=3).astype("float32"), 1e-2
    ahead, behind = (to_numpy(model.decode(z + s * direction)["mean"]) for s in (size, -size))
    # Central differences err by size^2 and, rounded near 1, by 1e-7 / size.
    np.testing.assert_allclose(found @ direction, (ahead - behind) / (2 * size), atol=1e-3)
    assert np.abs(found).max() > 0.01


@pytest.mark.parametrize("marginal", ["normal", "floating"])
def test_log_evidence_of_a_linear_decoder_is_exact(marginal, rng):
    oracle = LinearGaussian()
    model = oracle.vae({"name": marginal, "latent_dim": 2})
    if marginal == "floating":
        model.marginal.variance.assign(np.ones(2))
    x = oracle.images(rng, 20)
    np.testing.assert_allclose(jacobians.log_evidence(model, x), oracle.log_evidence(x), atol=1e-4)
    np.testing.assert_allclose(jacobians.evidence_gap(model, x), 0, atol=1e-6)
    penalty = jacobians.variance_penalty(model, x)
    np.testing.assert_allclose(list(penalty.values()), 0, atol=1e-9)


def test_a_wider_prior_counts_in_all(rng):
    prior, x = np.array([4.0, 0.25]), rng.normal(size=(6, 2, 2, 1)).astype("float32")
    model = LinearGaussian().vae({"name": "floating", "latent_dim": 2})
    model.marginal.variance.assign(prior)
    precision = np.diag(1 / prior) + WEIGHTS.T @ WEIGHTS / SIGMA**2
    # At the posterior's mean under this prior, which the encoder is told.
    kernel = WEIGHTS @ np.linalg.inv(precision) / SIGMA**2
    model.encoder.linear.set_weights([kernel, -oracles.OFFSET @ kernel])
    covariance = WEIGHTS * prior @ WEIGHTS.T + SIGMA**2 * np.eye(4)
    centred = x.reshape(6, 4) - oracles.OFFSET
    quadratic = np.sum(centred * np.linalg.solve(covariance, centred.T).T, axis=1)
    expected = -0.5 * (quadratic + np.linalg.slogdet(2 * np.pi * covariance)[1])
    np.testing.assert_allclose(jacobians.log_evidence(model, x), expected, rtol=1e-4)
    _, found = jacobians.predicted_scales(model, x)
    np.testing.assert_allclose(found, np.tile(1 / np.sqrt(np.diag(precision)), (6, 1)), rtol=1e-4)


def test_gap_is_that_of_a_wrong_scale(rng):
    oracle = LinearGaussian(stretch=1.5)
    model, x = oracle.vae(), oracle.images(rng, 6)
    np.testing.assert_allclose(jacobians.evidence_gap(model, x), oracle.gap(), rtol=1e-4)
    scale, predicted = jacobians.predicted_scales(model, x)
    np.testing.assert_allclose(scale / predicted, 1.5, rtol=1e-4)


def test_metric_of_a_bernoulli_is_its_fisher_information(rng):
    model = _model("mlp")
    x = rng.integers(0, 2, (4, *SHAPE)).astype("float32")
    (block,) = jacobian.geometry(model, x)
    mean = to_numpy(model.decode(block["loc"])["mean"]).reshape(4, -1).astype("float64")
    by_mean = jacobians.of_mean(model, block["loc"]).reshape(4, -1, 3)
    # d p / d z = p (1 - p) d l / d z, so G = sum (d p / d z)^2 / (p (1 - p)).
    expected = np.einsum("nda,nd,ndb->nab", by_mean, 1 / (mean * (1 - mean)), by_mean)
    np.testing.assert_allclose(block["metric"], expected, rtol=1e-3, atol=1e-5)


def test_blocks_do_not_change_the_numbers(rng):
    model = _model("gaussian")
    x = rng.random((150, *SHAPE)).astype("float32")  # more than a tile
    whole = jacobians.evidence_gap(model, x)
    np.testing.assert_allclose(jacobians.evidence_gap(model, x, max_rows=50), whole, rtol=1e-4)
    assert whole.shape == (150,) and (whole >= 0).all()


def test_penalty_of_small_variation_is_the_squared_coefficient_of_variation(rng):
    ones = 1 + 0.01 * rng.normal(size=(2000, 1, 1))
    block = {"prior_scale": np.ones(2) * 1e6, "metric": ones * np.diag([3.0, 5.0])}
    penalty = jacobian.variance_penalty_of([jacobian.precision_of(block)])
    relative = np.var(ones) / np.mean(ones) ** 2
    assert penalty["approximate"] == pytest.approx(0.25 * 2 * relative, rel=1e-6)
    # The third moment of a normal variation is its sampling error: 15 / 2000 of sd^3, a hundredth.
    assert penalty["exact"] == pytest.approx(penalty["approximate"], rel=0.02)


def test_as_metrics_of_an_evaluation(rng):
    model = _model("mlp")
    x = rng.integers(0, 2, (7, *SHAPE)).astype("float32")
    found = evaluate(model, x, metrics=metric.names_of(family.measure), progress=False)
    assert found["log_evidence"]["value"] == pytest.approx(jacobians.log_evidence(model, x).mean())
    assert found["evidence_gap"]["value"] == pytest.approx(jacobians.evidence_gap(model, x).mean())
    penalty = jacobians.variance_penalty(model, x)
    assert found["variance_penalty"]["value"] == pytest.approx(penalty["approximate"])
    assert found["variance_penalty"]["exact"] == pytest.approx(penalty["exact"])
    other = _model("mlp", {"name": "maf", "latent_dim": 3, "hidden_units": [8]})
    found = evaluate(other, x, metrics=["log_evidence"], progress=False)["log_evidence"]
    assert found["value"] is None and "marginal=MAFMarginal" in found["note"]


class Shifted(zoo.Normal):
    def distribution(self):
        return tfd.Independent(tfd.Normal(3.0 * np.ones(3, "f4"), np.ones(3, "f4")), 1)


class Continuous(zoo.Bernoulli):
    def distribution(self, parameters):
        return tfd.Independent(tfd.ContinuousBernoulli(logits=parameters["logits"]), 3)


def test_other_models_are_refused():
    flow = zoo.IAFEncoder(3, zoo.MLPEncoder(3, [8]), 1, [8])
    continuous = zoo.MLPDecoder(3, SHAPE, [8], likelihood=Continuous())
    for model, received in (
        (zoo.VAE(flow, DECODERS["mlp"]()), "encoder=IAFEncoder"),
        (_model("mlp", {"name": "maf", "latent_dim": 3, "hidden_units": [8]}), "marginal=MAF"),
        (zoo.VAE(zoo.MLPEncoder(3, [8]), zoo.PixelCNNDecoder(3, SHAPE, 4, 1)), "decoder=Pixel"),
        (zoo.VAE(zoo.MLPEncoder(3, [8]), DECODERS["mlp"](), Shifted(3)), "marginal=Shifted"),
        (zoo.VAE(zoo.MLPEncoder(3, [8]), continuous), "likelihood=Continuous"),
    ):
        with pytest.raises(ValueError, match=f"decoder.*Received: .*{received}"):
            jacobians.evidence_gap(model, np.zeros((2, *SHAPE), "float32"))
    with pytest.raises(ValueError, match="not adapted since"):
        never = _model("mlp", {"name": "floating", "latent_dim": 3})
        jacobians.evidence_gap(never, np.zeros((2, *SHAPE), "float32"))
