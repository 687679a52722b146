"""Importance resampling against the exact posterior of the linear-Gaussian model."""

import numpy as np
import oracles
import pytest

from zoo.evaluation.posterior import PROPOSALS, true_posterior_samples


@pytest.mark.parametrize("proposal", PROPOSALS)
def test_draws_have_the_moments_of_the_true_posterior(seed, proposal):
    _, model = oracles.loose()  # its encoder is shifted by half a scale, and 1.5 times too wide
    truth, _ = oracles.exact()
    z = np.array([[0.0, 0.0], [0.5, -0.5], [-1.0, 0.3]])  # where the prior proposes often enough
    x = (z @ oracles.WEIGHTS.T + oracles.OFFSET).reshape(3, 2, 2, 1).astype("float32")
    found = true_posterior_samples(model, x, 2000, 8192, proposal, seed)
    assert found["z"].shape == (3, 2000, 2)
    for z, loc, effective in zip(found["z"], truth.loc(x), found["effective"]):
        # Draws repeat proposals: as many are independent as are effective, at most.
        number = 1 / (1 / 2000 + 1 / effective)
        stderr = truth.exact_scale / np.sqrt(number)
        assert np.all(np.abs(z.mean(axis=0) - loc) < 5 * stderr)
        assert np.all(np.abs(z.std(axis=0) / truth.exact_scale - 1) < 5 / np.sqrt(2 * number))
    assert np.all(found["effective"] > 200)


def test_an_exact_posterior_needs_no_weights(rng, seed):
    oracle, model = oracles.exact()
    found = true_posterior_samples(model, oracle.images(rng, 1), 10, 2048, "posterior", seed)
    np.testing.assert_allclose(found["effective"], 2048, rtol=1e-3)


def test_proposals_are_rounded_up_to_whole_chunks(rng, seed):
    oracle, model = oracles.exact()
    found = true_posterior_samples(model, oracle.images(rng, 1), 10, 1025, "posterior", seed)
    np.testing.assert_allclose(found["effective"], 2048, rtol=1e-3)


def test_equal_images_have_draws_of_their_own(rng, seed):
    oracle, model = oracles.exact()
    x = np.repeat(oracle.images(rng, 1), 2, axis=0)
    first, second = true_posterior_samples(model, x, 200, 1024, seed=seed)["z"]
    assert not set(first[:, 0]) & set(second[:, 0])


def test_a_draw_does_not_depend_on_the_other_images(rng, seed):
    oracle, model = oracles.exact()
    x = oracle.images(rng, 2)
    both = true_posterior_samples(model, x, 20, 1024, seed=seed)["z"]
    one = true_posterior_samples(model, x[:1], 20, 1024, seed=seed)["z"]
    np.testing.assert_allclose(both[:1], one, rtol=1e-5)


def test_bad_arguments():
    _, model = oracles.exact()
    x = np.zeros((1, 2, 2, 1), "float32")
    with pytest.raises(ValueError, match="proposal='q'"):
        true_posterior_samples(model, x, proposal="q")
    with pytest.raises(ValueError, match="`num_proposals` must be a positive int"):
        true_posterior_samples(model, x, num_proposals=0)
