"""The toy model by enumeration: sums to one, order of the bounds, gradients, what is learned."""

import types

import numpy as np
import pytest

from trainers.experiments.papers.broken_elbo import toy, toy_picture
from trainers.plots import png_bytes


@pytest.fixture(scope="module")
def world():
    return toy.true_world()


@pytest.fixture(params=toy.FORMS)
def model(request, rng, world):
    return toy.Toy.start(rng, world.centres, request.param, ordered=False)


def test_the_true_process_carries_half_a_nat(world):
    assert world.information == pytest.approx(0.5, abs=1e-9)
    np.testing.assert_allclose(world.joint.sum(axis=1), [0.3, 0.7], rtol=1e-12)
    assert world.joint.sum() == pytest.approx(1.0, abs=1e-12)
    # I by another way: H(x) - H(x|z*).
    likelihood = world.likelihood
    conditional = -np.sum(world.joint * np.log(likelihood))
    assert world.entropy - conditional == pytest.approx(0.5, abs=1e-9)


def test_bins_are_thirty_equal_ones_and_hold_the_normal_mass(world):
    from scipy.stats import norm

    inner = slice(1, -1)  # the outermost two are open to the sides
    edges = np.linspace(-5, 5, 31)
    mass = np.diff(norm.cdf(edges, world.mean, 1.0))
    np.testing.assert_allclose(world.likelihood[1][inner], mass[inner], rtol=1e-6, atol=1e-13)


@pytest.mark.parametrize("information", [0.0, 0.7, -1.0])
def test_more_than_the_entropy_of_z_cannot_be_asked_for(information):
    with pytest.raises(ValueError, match=r"Expected 0 < information < 0\.61.* Received: "):
        toy.true_world(information)


def test_an_unknown_form_raises(rng, world):
    with pytest.raises(ValueError, match="Received: form='onehot'"):
        toy.Toy.start(rng, world.centres, "onehot")


def test_distributions_sum_to_one(model):
    np.testing.assert_allclose(np.exp(model.log_encoder).sum(axis=0), 1.0, rtol=1e-12)
    np.testing.assert_allclose(np.exp(model.log_decoder).sum(axis=1), 1.0, rtol=1e-12)
    assert np.exp(model.log_marginal).sum() == pytest.approx(1.0, rel=1e-12)
    assert model.theta.size == 60 + 60 + 30


def test_the_two_forms_are_what_they_say(rng, world):
    theta = rng.normal(size=150)
    w, b = theta[:30], theta[30:60]
    for form, u in (("one_hot", w[None] - b[:, None]), ("position", np.outer(w, world.centres))):
        u = u if form == "one_hot" else u - b[:, None]
        weights = np.exp(-(u**2))
        log_encoder = toy.Toy(theta, world.centres, form).log_encoder
        np.testing.assert_allclose(np.exp(log_encoder), weights / weights.sum(axis=0), rtol=1e-9)


def test_bounds_on_both_informations(model, world):
    found = toy.terms(model, world.data)
    assert found["entropy"] - found["distortion"] <= found["information"] <= found["rate"]
    lower, upper = found["generative_lower"], found["generative_upper"]
    assert lower <= found["generated_information"] <= upper
    assert -found["elbo"] >= found["entropy"]


def test_bounds_are_tight_where_the_model_is_consistent(world):
    true = types.SimpleNamespace(
        log_encoder=np.log(world.posterior),
        log_decoder=np.log(world.likelihood),
        log_marginal=np.log(world.joint.sum(axis=1)),
    )
    found = toy.terms(true, world.data)
    names = ("rate", "information", "generated_information", "generative_lower", "generative_upper")
    values = [*(found[name] for name in names), found["entropy"] - found["distortion"]]
    np.testing.assert_allclose(values, world.information, atol=1e-12)
    assert found["entropy"] == pytest.approx(world.entropy, abs=1e-12)


@pytest.mark.parametrize("rate_weight", [0.0, 1.0, -10.0])
def test_gradient_against_central_differences(model, world, rate_weight):
    def loss(theta):
        found = toy.terms(toy.Toy(theta, world.centres, model.form), world.data)
        return found["distortion"] + rate_weight * found["rate"]

    exact, step = model.gradient(world.data, rate_weight), 1e-5
    shifts = step * np.eye(model.theta.size)
    central = [(loss(model.theta + s) - loss(model.theta - s)) / (2 * step) for s in shifts]
    # Error of a central difference: step^2 times the third derivative, and rounding / step.
    np.testing.assert_allclose(exact, central, rtol=1e-5, atol=1e-8 * max(1, abs(rate_weight)))


def test_the_elbo_leaves_the_code_unused_and_the_target_rate_finds_the_clusters(rng, world):
    models = {target: toy.Toy.start(rng, world.centres) for target in (None, 0.5)}
    found = {
        target: toy.fit(model, world.data, target, steps=2500) for target, model in models.items()
    }
    assert found[None]["rate"] < 0.01
    assert 0 <= -found[None]["elbo"] - world.entropy < 1e-5
    assert found[0.5]["rate"] == pytest.approx(0.5, abs=1e-4)
    assert 0 < -found[0.5]["elbo"] - world.entropy < 0.01
    known = {
        target: toy.cluster_information(np.exp(model.log_encoder), world)
        for target, model in models.items()
    }
    ideal = toy.cluster_information(world.posterior, world)
    assert known[None] < 0.01
    assert 0.75 * ideal < known[0.5] < ideal + 0.05


@pytest.mark.parametrize("target", [None, 0.5])
def test_the_best_of_restarts_is_that_of_the_least_loss(world, target):
    best, fits = toy.fit_best(world, [1, 2, 3], "one_hot", False, target, 30)
    found = toy.terms(best, world.data)
    losses = [-fit["elbo"] for fit in fits]
    if target is not None:
        losses = [f["distortion"] + 10 * abs(f["rate"] - target) for f in fits]
    assert losses[0] == min(losses) < max(losses)
    assert {name: fits[0][name] for name in found} == found
    assert fits[0]["elbo_gap"] == pytest.approx(-found["elbo"] - world.entropy)


def test_picture(rng, world):
    model = toy.Toy.start(rng, world.centres)
    columns = {"one": toy_picture.fitted(model, world), "true": toy_picture.truth(world)}
    figure = toy_picture.draw(world, columns)
    assert png_bytes(figure)[:4] == b"\x89PNG"
