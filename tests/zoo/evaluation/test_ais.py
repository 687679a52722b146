"""Annealed importance sampling against a model whose evidence is exact."""

import numpy as np
import oracles
import pytest

import zoo
from zoo.evaluation import ais, nll


@pytest.mark.parametrize(("start", "num_temperatures"), [("prior", 300), ("posterior", 20)])
def test_gives_the_evidence_of_the_linear_gaussian_model(rng, seed, start, num_temperatures):
    oracle, model = oracles.loose()
    x = oracle.images(rng, 40)
    found = ais.annealed_bound(model, x, 16, num_temperatures, 5, start=start, seed=seed)
    gap = oracle.log_evidence(x) - found
    # Jensen's gap of 16 chains, and what one estimate varies by; ELBO alone is 0.69 off.
    assert abs(gap.mean()) < 0.05
    assert np.abs(gap).max() < 1.0
    exact = oracle.log_evidence(x).mean()
    assert exact - nll.elbo(model, x, 16, seed=seed).mean() > 0.5


def test_few_images_are_decoded_no_more_than_they_need(rng, seed, monkeypatch):
    oracle, model = oracles.loose()
    shapes, convert = [], ais.to_numpy

    def to_numpy(value):
        shapes.append(getattr(value, "shape", None))
        return convert(value)

    monkeypatch.setattr(ais, "to_numpy", to_numpy)
    x = oracle.images(rng, 3)
    found = ais.annealed_bound(model, x, 8, 100, 5, seed=seed)
    assert shapes[-1] == (8, 4)  # 4 for 3, and not the 128 of a whole tile
    assert np.abs(oracle.log_evidence(x) - found).max() < 1.5


def test_more_temperatures_tighten_it(rng, seed):
    oracle, model = oracles.loose()
    x = oracle.images(rng, 40)
    few, many = (ais.annealed_bound(model, x, 1, steps, 3, seed=seed) for steps in (2, 200))
    evidence = oracle.log_evidence(x)
    assert (evidence - few).mean() > 5 * abs((evidence - many).mean())


def test_without_a_transition_it_is_importance_sampling_from_the_prior(rng, seed):
    # One temperature: the weight is d(x|z_0), z_0 ~ m(z), and the transition comes after it.
    oracle, model = oracles.exact()
    x = oracle.images(rng, 3)
    found = ais.annealed_bound(model, x, 4000, 1, 1, seed=seed)
    assert np.all(np.abs(found - oracle.log_evidence(x)) < 1.5)


def test_equal_images_have_chains_of_their_own_in_every_tile(rng, seed):
    oracle, model = oracles.exact()
    x = np.repeat(oracle.images(rng, 1), 130, axis=0)
    found = ais.annealed_bound(model, x, 1, 1, 1, seed=seed)
    assert np.all(found[128:] != found[:2])


def test_schedule():
    found = ais.schedule(50)
    assert (found[0], found[-1], len(found)) == (0.0, 1.0, 51)
    assert np.all(np.diff(found) > 0)
    np.testing.assert_allclose(found + found[::-1], 1.0, atol=1e-6)


def test_an_autoregressive_decoder_and_a_flow_prior(seed):
    model = zoo.build(
        {
            "encoder": {"name": "mlp", "latent_dim": 2, "hidden_units": [4]},
            "decoder": {
                "name": "pixelcnn",
                "latent_dim": 2,
                "image_shape": [4, 4, 1],
                "depth": 2,
                "num_resnets": 1,
            },
            "marginal": {"name": "maf", "latent_dim": 2, "num_flows": 1, "hidden_units": [4]},
        }
    )
    x = np.random.default_rng(seed).integers(0, 2, (2, 4, 4, 1)).astype("float32")
    found = ais.annealed_bound(model, x, 2, 3, 2, seed=seed)
    assert np.all(np.isfinite(found))


def test_bad_arguments():
    _, model = oracles.exact()
    x = np.zeros((1, 2, 2, 1), "float32")
    with pytest.raises(ValueError, match="start='encoder'"):
        ais.annealed_bound(model, x, start="encoder")
    with pytest.raises(ValueError, match="`num_chains` must be a positive int"):
        ais.annealed_bound(model, x, num_chains=0)
