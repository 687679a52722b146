"""MMD between samples against sums over pairs and closed forms; both backends."""

import gaussians
import numpy as np
import pytest
from keras import ops

from zoo.backend import compiled, to_numpy
from zoo.divergences import kernels
from zoo.divergences.mmd import mmd, mmd_of_sets

Z = 2


def _kernel_matrix(x, y, kernel, h):
    r = np.sum((x[:, None].astype("float64") - y[None]) ** 2, axis=-1)
    if kernel == "rbf":
        return np.exp(-r / h)
    return sum(s * h / (s * h + r) for s in (0.1, 0.2, 0.5, 1, 2, 5, 10))


@pytest.mark.parametrize("size", [Z, 5])  # for two latents Z^2 is 2 Z
@pytest.mark.parametrize("kernel", ["rbf", "imq"])
@pytest.mark.parametrize("estimator", ["u", "v"])
def test_mmd_is_the_mean_over_pairs(kernel, estimator, size, rng):
    z, y = gaussians.draws(rng, 40, size=size)
    y = y[:30]
    h = {"rbf": size**2, "imq": 2 * size}[kernel]
    within = []
    for x in (z, y):
        k = _kernel_matrix(x, x, kernel, h)
        pairs = ~np.eye(len(x), dtype=bool) if estimator == "u" else np.ones(k.shape, bool)
        within.append(k[pairs].mean())
    expected = sum(within) - 2 * _kernel_matrix(z, y, kernel, h).mean()
    ours = to_numpy(mmd(ops.convert_to_tensor(z), ops.convert_to_tensor(y), kernel, estimator))
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("h", [0.5, 4.0])
def test_mmd_between_gaussians_is_the_closed_form(h, rng):
    found = mmd_of_sets(*gaussians.draws(rng, 4000), bandwidth=h)
    assert 0 < found["stderr"] < 0.02
    assert abs(found["value"] - gaussians.exact_mmd(h)) < 5 * found["stderr"]


def test_the_u_statistic_is_unbiased_and_the_v_statistic_is_not(rng):
    values = {"u": [], "v": []}
    both = compiled(lambda z, y: {name: mmd(z, y, "rbf", name) for name in values}, [])
    for _ in range(400):
        found = both(*map(ops.convert_to_tensor, gaussians.draws(rng, 8)))
        for estimator, value in found.items():
            values[estimator].append(float(to_numpy(value)))
    error = np.std(values["u"], ddof=1) / np.sqrt(400)
    assert abs(np.mean(values["u"]) - gaussians.exact_mmd(Z**2)) < 5 * error
    assert np.mean(values["v"]) > gaussians.exact_mmd(Z**2) + 5 * error
    assert min(values["u"]) < 0 <= min(values["v"])


def test_the_standard_error_is_that_of_repeated_draws(rng):
    found = [mmd_of_sets(*gaussians.draws(rng, 200)) for _ in range(100)]
    spread = np.std([one["value"] for one in found], ddof=1)
    # The spread of 100 draws is itself known to 7 percent, 28 at four standard errors.
    assert np.mean([one["stderr"] for one in found]) == pytest.approx(spread, rel=0.28)


@pytest.mark.parametrize("kernel", ["rbf", "imq"])
def test_the_v_statistic_of_equal_samples_is_zero(kernel, rng):
    z, _ = gaussians.draws(rng, 50)
    tensor = ops.convert_to_tensor(z)
    assert abs(float(to_numpy(mmd(tensor, tensor, kernel, "v")))) < 1e-5
    assert abs(mmd_of_sets(z, z, kernel, "v", chunk=16)["value"]) < 1e-6


@pytest.mark.parametrize("bandwidth", ["paper", "median", "median_over_log", 1.5])
@pytest.mark.parametrize("kernel", ["rbf", "imq"])
@pytest.mark.parametrize("estimator", ["u", "v"])
def test_chunks_give_the_value_of_the_whole(kernel, estimator, bandwidth, rng):
    z, y = gaussians.draws(rng, 130)
    tensors = ops.convert_to_tensor(z), ops.convert_to_tensor(y)
    whole = float(to_numpy(mmd(*tensors, kernel, estimator, bandwidth)))
    chunked = [mmd_of_sets(z, y, kernel, estimator, bandwidth, chunk=n) for n in (50, 130, 999)]
    for found in chunked:
        assert found["value"] == pytest.approx(whole, abs=3e-6)
        assert found["stderr"] == pytest.approx(chunked[0]["stderr"], rel=1e-4)


def test_60000_codes_are_taken_tile_by_tile(monkeypatch):
    tiles = []

    def counted(function, variables):
        def step(x, y):
            tiles.append((len(x), len(y)))
            return np.full(len(x), len(y)), np.full(len(y), len(x))

        return step

    monkeypatch.setattr("zoo.divergences.mmd.compiled", counted)
    z = np.zeros((60_000, Z), "float32")
    # k = 1 for every pair, so each must be counted once: then the statistic is 1 + 1 - 2.
    assert mmd_of_sets(z, z, estimator="u")["value"] == pytest.approx(0, abs=1e-12)
    assert max(rows * columns for rows, columns in tiles) <= 1024**2
    assert len(tiles) == 59**2 + 59 * 60


def test_the_median_is_over_pairs_of_both_sets(rng):
    z, y = gaussians.draws(rng, 60)
    r = np.sum((z[:, None] - y[None]) ** 2, axis=-1)
    tensors = ops.convert_to_tensor(z), ops.convert_to_tensor(y)
    h = to_numpy(kernels.bandwidth("median", "rbf", *tensors))
    np.testing.assert_allclose(h, np.median(r), rtol=1e-4)
    h = to_numpy(kernels.bandwidth("median_over_log", "rbf", *tensors))
    np.testing.assert_allclose(h, np.median(r) / np.log(61), rtol=1e-4)


def test_sets_must_be_alike(rng):
    with pytest.raises(ValueError, match=r"Received: shapes \(5, 2\) and \(4, 2\)"):
        mmd_of_sets(np.zeros((5, 2)), np.zeros((4, 2)))
