"""Positive definite kernels k(x, y) over latents, functions of r = |x - y|^2 and a bandwidth h.

    rbf   k = exp(-r / h)
    imq   k = sum_s s h / (s h + r),  s in {0.1, 0.2, 0.5, 1, 2, 5, 10}

The inverse multiquadric is that of WAE (Tolstikhin et al., 2018), a sum over seven scales, whose
heavy tails pull on codes that are far from the prior.

A bandwidth is a number or a rule's name:

    paper             rbf: h = Z^2, the kernel exp(-|x - y|^2 / Z^2) of the authors of `infovae`;
                      imq: h = 2 Z, WAE's, the mean of r between two draws of N(0, I)
    median            h = the median of r over the pairs (x_i, y_j)
    median_over_log   h = that over log(N + 1) (Liu and Wang, 2016: sum_j k(x_i, x_j) is about 1)

A median is taken over the first `MEDIAN_ROWS` of either set at most, and held constant. Where it
is no more than float32 makes of equal points, as in a batch of one, h is that of "paper".
"""

import math

from keras import ops

from zoo.registry import nearest

IMQ_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
BANDWIDTHS = ("paper", "median", "median_over_log")
MEDIAN_ROWS = 1000
# Distances of equal points are roundings, of this size relative to their squared norms.
ROUNDING = 1e-5


def rbf(r, h):
    """Returns exp(-r / h)."""
    return ops.exp(-r / h)


def imq(r, h):
    """Returns sum_s s h / (s h + r)."""
    return sum(s * h / (s * h + r) for s in IMQ_SCALES)


KERNELS = {"rbf": rbf, "imq": imq}
# k(x, x), with which a U-statistic leaves out the diagonal.
AT_ZERO = {"rbf": 1.0, "imq": float(len(IMQ_SCALES))}
_PAPER = {"rbf": lambda size: float(size**2), "imq": lambda size: 2.0 * size}


def squared_distances(x, y):
    """Returns r_ij = |x_i - y_j|^2, [N, M], as one product of matrices, none below zero."""
    norms = ops.sum(ops.square(x), axis=1)[:, None] + ops.sum(ops.square(y), axis=1)[None]
    return ops.maximum(norms - 2.0 * ops.matmul(x, ops.transpose(y)), 0.0)


def bandwidth(rule, kernel, x, y):
    """Returns h by `rule` for x [N, Z] and y [M, Z]: a float, or a constant tensor []."""
    if rule == "paper":
        return _PAPER[kernel](x.shape[1])
    if not isinstance(rule, str):
        return float(rule)
    x, y = ops.stop_gradient(x[:MEDIAN_ROWS]), ops.stop_gradient(y[:MEDIAN_ROWS])
    r = squared_distances(x, y)
    h = median = ops.median(r)
    if rule == "median_over_log":
        h = h / ops.log(ops.cast(ops.shape(r)[0] + 1, h.dtype))
    norms = ops.mean(ops.sum(ops.square(x), axis=1)) + ops.mean(ops.sum(ops.square(y), axis=1))
    return ops.where(median > ROUNDING * norms, h, _PAPER[kernel](x.shape[1]))


def check_kernel(kernel):
    """Raises `ValueError` unless `kernel` is one's name."""
    if kernel not in KERNELS:
        raise ValueError(
            f"`kernel` must be one of {sorted(KERNELS)}. Received: kernel={kernel!r}."
            + nearest(kernel, KERNELS)
        )


def check_bandwidth(rule):
    """Raises `ValueError` unless `rule` is a rule's name or a positive number."""
    is_number = isinstance(rule, (int, float)) and not isinstance(rule, bool)
    if not (rule in BANDWIDTHS or (is_number and 0 < rule < math.inf)):
        raise ValueError(
            f"`bandwidth` must be one of {list(BANDWIDTHS)} or a positive number. "
            f"Received: bandwidth={rule!r}"
        )
