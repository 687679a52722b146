"""Bounds of log p(x) against a model whose evidence is exact. Tolerances: 5 standard errors."""

import gc
import itertools
import weakref

import keras
import numpy as np
import oracles
import pytest
from oracles import LinearGaussian
from scipy import stats

import zoo
from zoo.backend import tfd
from zoo.evaluation import nll

# Terms of size up to 40 nats, each rounded to float32 (6e-8 relative), a dozen of them.
ROUNDING = 3e-5


class TwoHalves(zoo.Normal):
    """N(0, I) as a mixture of two halves: the same density, without a closed-form KL."""

    def distribution(self):
        components = tfd.MultivariateNormalDiag(
            np.zeros((2, 2), "float32"), np.ones((2, 2), "float32")
        )
        return tfd.MixtureSameFamily(tfd.Categorical(logits=np.zeros(2, "float32")), components)


@pytest.fixture
def exact():
    return oracles.exact()


@pytest.fixture
def loose():
    return oracles.loose()


def assert_mean(values, expected):
    """The mean of independent values is the expected one, within 5 standard errors."""
    stderr = np.std(values, ddof=1) / np.sqrt(len(values))
    assert abs(np.mean(values) - expected) < 5 * stderr


@pytest.mark.parametrize("num_samples", [1, 5])
def test_exact_posterior_gives_the_evidence(exact, rng, seed, num_samples):
    oracle, model = exact
    x = oracle.images(rng, 200)
    bound = nll.importance_weighted_bound(model, x, num_samples, seed=seed)
    np.testing.assert_allclose(bound, oracle.log_evidence(x), atol=ROUNDING)


def test_far_away_images_stay_finite(exact):
    oracle, model = exact
    x = (
        np.full((3, 2, 2, 1), 1e3, "float32")
        * np.array([1, -1, 0.1], "float32")[:, None, None, None]
    )
    bound = nll.importance_weighted_bound(model, x, 5)
    assert np.all(np.isfinite(bound))
    np.testing.assert_allclose(bound, oracle.log_evidence(x), rtol=1e-4)


def test_elbo_of_exact_posterior_is_the_evidence_on_average(exact, rng, seed):
    oracle, model = exact
    x = oracle.images(rng, 1000)
    assert_mean(nll.elbo(model, x, 5, seed=seed) - oracle.log_evidence(x), 0.0)


def test_elbo_misses_the_evidence_by_the_posterior_gap(loose, rng, seed):
    oracle, model = loose
    x = oracle.images(rng, 1000)
    missing = oracle.log_evidence(x) - nll.elbo(model, x, 5, seed=seed)
    assert_mean(missing, oracle.gap())
    assert oracle.gap() > 0.6


def test_bound_tightens_with_samples_and_never_passes_the_evidence(loose, rng, seed):
    oracle, model = loose
    x = oracle.images(rng, 2000)
    evidence = oracle.log_evidence(x)
    bounds = [
        nll.importance_weighted_bound(model, x, k, seed=seed + k, max_rows=640) for k in (1, 5, 40)
    ]
    assert_mean(evidence - bounds[0], oracle.gap())
    for lower, higher in itertools.pairwise(bounds):
        rise = higher - lower
        assert np.mean(rise) > 3 * np.std(rise) / np.sqrt(len(x))
    excess = bounds[-1] - evidence
    stderr = np.std(excess) / np.sqrt(len(x))
    # log of a mean of K weights: below by about Var(w) / 2K, w relative to the evidence.
    assert -0.1 < np.mean(excess) < 5 * stderr


@pytest.mark.parametrize("num_samples", [1, 5])
def test_exponential_of_the_bound_is_unbiased(loose, rng, seed, num_samples):
    oracle, model = loose
    x = oracle.images(rng, 2000)
    bound = nll.importance_weighted_bound(model, x, num_samples, seed=seed)
    assert_mean(np.exp(bound - oracle.log_evidence(x)), 1.0)


def test_bernoulli_model_agrees_with_quadrature(rng, seed):
    keras.utils.set_random_seed(seed)
    # An encoder wider than the marginal keeps the weights m / e, so their variance, bounded.
    encoder = zoo.MLPEncoder(2, hidden_units=[8], scale=1.5)
    model = zoo.VAE(encoder, zoo.MLPDecoder(2, (4, 4, 1), [8]))
    model.decoder.pixels.kernel.assign(4.0 * model.decoder.pixels.kernel)
    x = (rng.random((6, 4, 4, 1)) < 0.5).astype("float32")
    step = 0.1
    axis = np.arange(-6.0, 6.0, step, "float32")
    z = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 1, 2)
    log_joint = np.asarray(model.decoder.distribution(z).log_prob(x), "float64")
    log_joint += np.asarray(model.marginal.distribution().log_prob(z), "float64")
    evidence = np.logaddexp.reduce(log_joint, axis=0) + 2 * np.log(step)

    bounds = [nll.importance_weighted_bound(model, x, 2000, seed=seed + i) for i in range(10)]
    relative = np.exp(np.stack(bounds) - evidence)
    stderr = np.std(relative, axis=0, ddof=1) / np.sqrt(len(bounds))
    # Student's t of ten repeats at the probability of 5 standard errors of a normal.
    tolerance = stats.t.isf(stats.norm.sf(5), len(bounds) - 1) * stderr
    assert np.all(np.abs(np.mean(relative, axis=0) - 1.0) < tolerance)
    assert np.all(stderr < 0.1)


def test_without_closed_form_the_bound_is_above_the_elbo_of_the_same_samples(loose, rng, seed):
    oracle, reference = loose
    model = oracle.vae(marginal=TwoHalves(2))
    x = oracle.images(rng, 150)
    elbo = nll.elbo(model, x, 5, seed=seed)
    bound = nll.importance_weighted_bound(model, x, 5, seed=seed)
    assert np.all(bound > elbo - ROUNDING)  # Jensen, sample for sample
    single = nll.importance_weighted_bound(model, x, 1, seed=seed)
    np.testing.assert_allclose(single, nll.elbo(model, x, 1, seed=seed), atol=ROUNDING)
    other = nll.importance_weighted_bound(reference, x, 5, seed=seed)
    np.testing.assert_allclose(bound, other, atol=ROUNDING)


@pytest.mark.parametrize("cut", [{"batch_size": 7}, {"max_rows": 40}, {"max_rows": 500}])
def test_result_does_not_depend_on_how_the_work_is_cut(loose, rng, seed, cut):
    oracle, model = loose
    x = oracle.images(rng, 300)
    whole = nll.importance_weighted_bound(model, x, 11, seed=seed)
    pieces = nll.importance_weighted_bound(model, x, 11, seed=seed, **cut)
    np.testing.assert_allclose(pieces, whole, atol=ROUNDING)


def test_elbo_does_not_depend_on_how_the_work_is_cut(loose, rng, seed):
    oracle, model = loose
    x = oracle.images(rng, 130)
    whole = nll.elbo(model, x, 11, seed=seed)
    pieces = nll.elbo(model, x, 11, seed=seed, batch_size=7, max_rows=40)
    np.testing.assert_allclose(pieces, whole, atol=ROUNDING)


@pytest.mark.parametrize("number", [1, 130])
def test_result_does_not_depend_on_later_images(loose, rng, seed, number):
    oracle, model = loose
    x = oracle.images(rng, 300)
    alone = nll.importance_weighted_bound(model, x[:number], 11, seed=seed)
    together = nll.importance_weighted_bound(model, x, 11, seed=seed)
    assert alone.shape == (number,)
    np.testing.assert_allclose(alone, together[:number], atol=ROUNDING)


@pytest.mark.parametrize(
    ("number", "samples", "max_rows"), [(300, 11, 1024), (130, 3, 40), (5, 9, 2)]
)
def test_every_example_and_sample_is_counted_once(loose, rng, number, samples, max_rows):
    oracle, model = loose
    x = oracle.images(rng, number)
    times = np.zeros(number, int)
    seen = [set() for _ in range(number)]
    for count, rows, _, terms in nll.log_terms(model, x, samples, 17, max_rows=max_rows):
        assert count == number
        assert terms["likelihood"].size <= max_rows
        times[rows] += len(terms["posterior"])
        for column, index in enumerate(range(rows.start, rows.stop)):
            seen[index].update(terms["posterior"][:, column])
    assert np.all(times == samples)
    assert all(len(values) == samples for values in seen)  # no draw was used twice


def test_seed_decides_the_noise(loose, rng):
    oracle, model = loose
    x = oracle.images(rng, 10)
    first, again, other = (nll.importance_weighted_bound(model, x, 2, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.all(first != other)


def test_weights_changed_after_a_call_are_seen(rng):
    oracle = LinearGaussian()
    model = oracle.vae()
    x = oracle.images(rng, 10)
    before = nll.importance_weighted_bound(model, x, 1)
    bias = model.decoder.linear.bias
    bias.assign(np.asarray(bias) + 0.3)
    model.encoder.linear.bias.assign(
        np.asarray(model.encoder.linear.bias) - 0.3 * oracle.kernel.sum(axis=0)
    )
    after = nll.importance_weighted_bound(model, x, 1)
    np.testing.assert_allclose(after, oracle.log_evidence(x - 0.3), atol=ROUNDING)
    assert np.all(np.abs(after - before) > ROUNDING)


def test_compiled_steps_do_not_keep_a_model_alive(rng):
    oracle = LinearGaussian()
    model = oracle.vae()
    nll.elbo(model, oracle.images(rng, 2))
    reference = weakref.ref(model)
    del model
    gc.collect()
    assert reference() is None


def test_one_bad_image_spoils_its_own_number_alone(loose, rng):
    oracle, model = loose
    x = oracle.images(rng, 10)
    clean = nll.importance_weighted_bound(model, x, 2)
    x[4, 0, 0, 0] = np.nan
    bound = nll.importance_weighted_bound(model, x, 2)
    assert np.flatnonzero(np.isnan(bound)).tolist() == [4]
    np.testing.assert_array_equal(np.delete(bound, 4), np.delete(clean, 4))


def test_the_model_s_own_methods_give_the_same(loose, rng):
    oracle, model = loose
    x = oracle.images(rng, 10)
    np.testing.assert_array_equal(
        model.log_prob(x, num_samples=2, seed=3),
        nll.importance_weighted_bound(model, x, 2, seed=3),
    )
    np.testing.assert_array_equal(model.elbo(x, 2, seed=3), nll.elbo(model, x, 2, seed=3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_samples": 0}, "positive int. Received: num_samples=0"),
        ({"num_samples": 2.5}, "positive int. Received: num_samples=2.5"),
        ({"batch_size": 0}, "positive int. Received: batch_size=0"),
        ({"max_rows": -1}, "positive int. Received: max_rows=-1"),
    ],
)
def test_arguments_out_of_range_are_refused(exact, rng, arguments, message):
    oracle, model = exact
    with pytest.raises(ValueError, match=message):
        nll.importance_weighted_bound(model, oracle.images(rng, 2), **arguments)


def test_images_of_another_model_are_refused(exact):
    _, model = exact
    with pytest.raises(ValueError, match=r"shape=\(1, 3, 3, 1\)"):
        nll.elbo(model, np.zeros((5, 3, 3, 1), "float32"))
    with pytest.raises(ValueError, match="Received: dtype=uint8"):
        nll.elbo(model, np.zeros((5, 2, 2, 1), "uint8"))
    with pytest.raises(ValueError, match="at least one image"):
        nll.elbo(model, np.zeros((0, 2, 2, 1), "float32"))
