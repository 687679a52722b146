"""Noise and the distributions drawn by it, compiled by XLA or not: shapes, laws, repetition."""

import numpy as np
import pytest
from scipy import stats

from zoo import backend, distributions
from zoo.backend import tfp_seed, to_numpy

COUNT = 20000
# Of a fixed seed, so it passes always or never; a wrong law of so many draws gives less by far.
LEAST_P = 1e-3

LAWS = {
    "normal": (lambda seed: backend.normal((COUNT,), seed), stats.norm()),
    "truncated": (lambda seed: backend.truncated_normal((COUNT,), seed), stats.truncnorm(-2, 2)),
    "uniform": (lambda seed: backend.uniform((COUNT,), seed), stats.uniform()),
    "Normal": (
        lambda seed: distributions.Normal(2.0, 3.0).sample(COUNT, seed=seed),
        stats.norm(2, 3),
    ),
    "Logistic": (
        lambda seed: distributions.Logistic(-1.0, 0.5).sample(COUNT, seed=seed),
        stats.logistic(-1, 0.5),
    ),
}


@pytest.mark.parametrize("xla", [True, False])
@pytest.mark.parametrize("name", LAWS)
def test_draws_follow_their_law(name, xla):
    draw, law = LAWS[name]
    compiled = backend.compiled(draw, [], jit_compile=xla)
    found = to_numpy(compiled(tfp_seed(3)))
    assert found.shape == (COUNT,) and found.dtype == np.float32
    assert stats.kstest(found, law.cdf).pvalue > LEAST_P
    np.testing.assert_array_equal(found, to_numpy(compiled(tfp_seed(3))))
    assert np.abs(found - to_numpy(compiled(tfp_seed(4)))).max() > 0.1


@pytest.mark.parametrize("make", [distributions.Normal, distributions.Logistic])
def test_shapes_and_scales_are_broadcast(make):
    loc = np.array([[0.0], [100.0]], "float32")
    scale = np.array([1e-3, 1.0, 10.0], "float32")
    one = make(loc, scale)
    assert to_numpy(one.sample(seed=tfp_seed(1))).shape == (2, 3)
    z = to_numpy(one.sample((400, 5), seed=tfp_seed(1))).reshape(-1, 2, 3)
    assert len(z) == 2000
    spread = to_numpy(one.stddev()) * np.ones((2, 3), "float32")
    assert np.all(np.abs(z.mean(axis=0) - loc) < 0.1 * spread + 1e-4)  # 100's own rounding
    np.testing.assert_allclose(z.std(axis=0), spread, rtol=0.1)


def test_the_smallest_uniform_draw_has_a_finite_logarithm():
    assert np.isfinite(np.log(np.float32(distributions.SMALLEST)))
    assert to_numpy(backend.uniform((100000,), tfp_seed(1), distributions.SMALLEST)).min() > 0
