"""Stein variational gradient: from q(z) towards p(z) by the score of p alone."""

from typing import Any

from keras import ops

from zoo.backend import gradients
from zoo.divergences import kernels
from zoo.divergences.divergence import Divergence
from zoo.registry import DIVERGENCES
from zoo.typing import Array, Distribution, Seed


@DIVERGENCES.register("stein")
class Stein(Divergence):
    """The steepest descent of KL(q || p) in the Hilbert space of an RBF kernel.

        phi(z_i) = (1/B) sum_j k(z_j, z_i) s(z_j) + grad_{z_j} k(z_j, z_i),   s = grad log p
        loss gradient by z_i = -phi(z_i) / B,   so that all examples together weigh one

    The first part climbs to where p is large, the second keeps the samples apart. Its norm in that
    space, the kernelised Stein discrepancy, is what is reported, zero only where q = p. One z alone
    says nothing of q, so a batch of one has no divergence:

        divergence = KSD^2 = (1/B^2) sum_ij [ s_i . s_j k + s_i . grad_j k + s_j . grad_i k
                                              + tr grad_i grad_j k ]

    Args:
        bandwidth: Of k = exp(-r / h): "median_over_log" (Liu and Wang's), "median", "paper" (Z^2)
            or a positive number; see `zoo.divergences.kernels`.

    Raises:
        ValueError: If `bandwidth` is none of these.

    Reference:
        Liu and Wang, 2016, algorithm 1; Liu, Lee and Jordan, 2016, theorem 3.6; `infovae`,
        Divergences Families.
    """

    smallest_batch = 2

    def __init__(self, bandwidth: str | float = "median_over_log", **kwargs: Any):
        kernels.check_bandwidth(bandwidth)
        super().__init__(**kwargs)
        self.bandwidth = bandwidth

    def estimate(
        self, z: Array, prior: Distribution, seed: Seed, training: bool = False
    ) -> dict[str, Array]:
        fixed = ops.stop_gradient(z)
        score = gradients(lambda points: ops.sum(prior.log_prob(points)), [fixed])[0]
        h = kernels.bandwidth(self.bandwidth, "rbf", fixed, fixed)
        discrepancy = squared_discrepancy(fixed, score, h)
        direction = ops.stop_gradient(stein_direction(fixed, score, h))
        surrogate = -ops.mean(ops.sum(direction * z, axis=-1))
        # The value is the discrepancy, the gradient that of the surrogate.
        discrepancy = ops.stop_gradient(discrepancy)
        loss = discrepancy + surrogate - ops.stop_gradient(surrogate)
        return {"divergence": discrepancy, "loss": loss}


def stein_direction(z, score, h):
    """Returns phi(z_i), [B, Z], for z [B, Z] and the score of p at z."""
    k = kernels.rbf(kernels.squared_distances(z, z), h)
    # sum_j grad_{z_j} k_ji = (2 / h) sum_j (z_i - z_j) k_ij
    apart = z * ops.sum(k, axis=1, keepdims=True) - ops.matmul(k, z)
    return (ops.matmul(k, score) + (2.0 / h) * apart) / ops.cast(ops.shape(z)[0], z.dtype)


def squared_discrepancy(z, score, h):
    """Returns KSD^2 [], its V-statistic, for z [B, Z] and the score of p at z."""
    r = kernels.squared_distances(z, z)
    own = ops.sum(score * z, axis=-1)
    # s_i . grad_j k + s_j . grad_i k = (2 / h) (s_i - s_j) . (z_i - z_j) k
    cross = ops.matmul(score, ops.transpose(z))
    mixed = own[:, None] + own[None] - cross - ops.transpose(cross)
    trace = 2.0 * z.shape[-1] / h - 4.0 * r / h**2
    inner = ops.matmul(score, ops.transpose(score))
    return ops.mean((inner + (2.0 / h) * mixed + trace) * kernels.rbf(r, h))
