"""Two Gaussians, q = N(loc, scale^2 I) and p = N(0, I), and MMD between them known exactly."""

import numpy as np

SIZE = 2


def draws(rng, count, loc=0.7, scale=0.6, size=SIZE):
    """Returns draws of q and of p, float32 [count, size]."""
    z = loc + scale * rng.normal(size=(count, size))
    return z.astype("float32"), rng.normal(size=(count, size)).astype("float32")


def exact_mmd(h, loc=0.7, scale=0.6, size=SIZE):
    """Returns MMD^2 between q and p: E exp(-|d|^2 / h) is closed for Gaussian d."""

    def mean(shift, variance):
        return (h / (h + 2 * variance)) ** (size / 2) * np.exp(
            -size * shift**2 / (h + 2 * variance)
        )

    return mean(0, 2 * scale**2) - 2 * mean(loc, 1 + scale**2) + mean(0, 2)
