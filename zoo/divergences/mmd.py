"""Maximum mean discrepancy between samples: of a batch, or of whole sets in chunks."""

import functools
from typing import Any

import numpy as np
from keras import ops

from zoo.backend import compiled, to_numpy
from zoo.divergences import kernels
from zoo.divergences.divergence import Divergence, draw_like
from zoo.registry import DIVERGENCES
from zoo.typing import Array, Distribution, Seed

ESTIMATORS = ("u", "v")
# Rows of a set in one step of `mmd_of_sets`: a tile of kernel values is 4 MiB, of which a dozen
# at once (imq) are the memory it needs, plus 16 bytes a row, for sets of any size.
CHUNK = 1024


@DIVERGENCES.register("mmd")
class MMD(Divergence):
    """The squared maximum mean discrepancy, of which `infovae` and `vimae` make their models.

        MMD^2(q, p) = E[k(z, z')] - 2 E[k(z, y)] + E[k(y, y')],   z, z' ~ q,   y, y' ~ p

    estimated with as many draws of p(z) as there are z. It is the square of the norm that `vimae`,
    eq. 13, writes.

    Args:
        kernel: "rbf" or "imq"; see `zoo.divergences.kernels`.
        estimator: "u", without the diagonals k(z, z), k(y, y): unbiased, so below zero at times;
            or "v", with them: never below zero, too large by about 2 (k(0) - E k) / B. A batch of
            one has no pairs, and no divergence.
        bandwidth: "paper", "median", "median_over_log" or a positive number.

    Raises:
        ValueError: If an argument is none of these.

    Reference:
        `infovae`, Divergences Families; Gretton et al., 2012, lemma 6.
    """

    smallest_batch = 2

    def __init__(
        self,
        kernel: str = "rbf",
        estimator: str = "u",
        bandwidth: str | float = "paper",
        **kwargs: Any,
    ):
        kernels.check_kernel(kernel)
        _check_estimator(estimator)
        kernels.check_bandwidth(bandwidth)
        super().__init__(**kwargs)
        self.kernel = kernel
        self.estimator = estimator
        self.bandwidth = bandwidth

    def estimate(
        self, z: Array, prior: Distribution, seed: Seed, training: bool = False
    ) -> dict[str, Array]:
        value = mmd(z, draw_like(z, prior, seed), self.kernel, self.estimator, self.bandwidth)
        return {"divergence": value, "loss": value}


def mmd(z, y, kernel="rbf", estimator="u", bandwidth="paper"):
    """Returns MMD^2 of samples z [N, Z] and y [M, Z], a tensor [], for what fits in memory.

    The U-statistic of one sample, which has no pairs, is NaN.

    Args: as `MMD`.
    """
    h = kernels.bandwidth(bandwidth, kernel, z, y)
    pairs = ((z, z), (y, y), (z, y))
    totals = [ops.sum(kernel_sums(a, b, kernel, h)[0]) for a, b in pairs]
    n, m = _count(z), _count(y)
    value = _combine(*totals, n, m, kernel, estimator)
    if estimator == "v":
        return value
    return ops.where(ops.logical_and(n > 1, m > 1), value, float("nan"))


def mmd_of_sets(z, y, kernel="rbf", estimator="u", bandwidth="paper", chunk=CHUNK):
    """Returns MMD^2 of whole sets: the value of `mmd`, tile by tile, summed in float64.

    The standard error is that of a U-statistic to first order: h_i is the mean over j of
    k(z_i, z_j) + k(y_i, y_j) - k(z_i, y_j) - k(z_j, y_i), and stderr = 2 sd(h_i) / sqrt(N). For
    q = p, where that order is zero, it is about sqrt(2) too large.

    Args:
        z: NumPy array [N, Z].
        y: NumPy array [N, Z], of the same size as `z`.
        kernel, estimator, bandwidth: As `MMD`.
        chunk: Rows in one step.

    Returns:
        `{"value": float, "stderr": float, "bandwidth": float}`.

    Raises:
        ValueError: If the sets are not alike in shape, or have fewer than two rows.
    """
    _check_sets(z, y)
    kernels.check_kernel(kernel)
    _check_estimator(estimator)
    kernels.check_bandwidth(bandwidth)
    z, y = np.asarray(z, "float32"), np.asarray(y, "float32")
    rows = kernels.MEDIAN_ROWS
    h = kernels.bandwidth(
        bandwidth, kernel, ops.convert_to_tensor(z[:rows]), ops.convert_to_tensor(y[:rows])
    )
    step = compiled(functools.partial(kernel_sums, kernel=kernel, h=h), [])
    zz, yy = _symmetric_sums(step, z, chunk), _symmetric_sums(step, y, chunk)
    zy, yz = _sums(step, z, y, chunk)
    count = float(len(z))
    value = _combine(zz.sum(), yy.sum(), zy.sum(), count, count, kernel, estimator)
    own = (zz + yy - 2.0 * kernels.AT_ZERO[kernel]) / (count - 1.0)
    spread = np.std(own - (zy + yz) / count, ddof=1)
    return {"value": float(value), "stderr": float(2 * spread / count**0.5), "bandwidth": float(h)}


def kernel_sums(x, y, kernel, h):
    """Returns sum_j k(x_i, y_j), [N], and sum_i k(x_i, y_j), [M]."""
    k = kernels.KERNELS[kernel](kernels.squared_distances(x, y), h)
    return ops.sum(k, axis=1), ops.sum(k, axis=0)


def _combine(zz, yy, zy, n, m, kernel, estimator):
    """Returns the statistic from sums of k over all pairs, diagonals included."""
    if estimator == "v":
        return zz / n**2 + yy / m**2 - 2.0 * zy / (n * m)
    at_zero = kernels.AT_ZERO[kernel]
    zz, yy = (zz - n * at_zero) / (n * _others(n)), (yy - m * at_zero) / (m * _others(m))
    return zz + yy - 2.0 * zy / (n * m)


def _others(n):
    return max(n - 1.0, 1.0) if isinstance(n, float) else ops.maximum(n - 1.0, 1.0)


def _count(z):
    """Returns the number of rows, a float where it is known before the step runs."""
    return float(z.shape[0]) if z.shape[0] is not None else ops.cast(ops.shape(z)[0], "float32")


def _sums(step, x, y, chunk):
    """Returns the sums of `kernel_sums` for whole sets, float64."""
    over_y, over_x = np.zeros(len(x)), np.zeros(len(y))
    for a in _slices(len(x), chunk):
        for b in _slices(len(y), chunk):
            rows, columns = step(x[a], y[b])
            over_y[a] += to_numpy(rows)
            over_x[b] += to_numpy(columns)
    return over_y, over_x


def _symmetric_sums(step, x, chunk):
    """Returns sum_j k(x_i, x_j), [N], from the tiles on and above the diagonal."""
    sums = np.zeros(len(x))
    for a in _slices(len(x), chunk):
        for b in _slices(len(x), chunk):
            if b.start < a.start:
                continue
            rows, columns = step(x[a], x[b])
            sums[a] += to_numpy(rows)
            if b.start > a.start:
                sums[b] += to_numpy(columns)
    return sums


def _slices(count, chunk):
    return [slice(start, min(start + chunk, count)) for start in range(0, count, chunk)]


def _check_estimator(estimator):
    if estimator not in ESTIMATORS:
        raise ValueError(
            f"`estimator` must be one of {list(ESTIMATORS)}. Received: estimator={estimator!r}"
        )


def _check_sets(z, y):
    if np.ndim(z) != 2 or np.shape(z) != np.shape(y) or len(z) < 2:
        raise ValueError(
            "Expected two sets of one shape [N, Z] with N >= 2. "
            f"Received: shapes {np.shape(z)} and {np.shape(y)}"
        )
