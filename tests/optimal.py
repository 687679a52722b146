"""Closed forms of `bilbo` on small data, in float64 NumPy: eq. 6, 7 and 19."""

import numpy as np


def optimal_decoder(z, loc, scale, images):
    """Returns the decoder that is best for given posteriors and unit normal likelihoods.

        nu(z) = sum_i N(z; mu_i, Sigma_i) x_i / sum_i N(z; mu_i, Sigma_i)

    Args:
        z: Latents [M, Z].
        loc: mu of the N examples, [N, Z].
        scale: Standard deviations, the roots of Sigma, [N, Z].
        images: x, [N, ...].

    Returns:
        float64 [M, ...].

    Reference:
        `bilbo`, eq. 6.
    """
    images = np.asarray(images, "float64")
    return np.tensordot(_weights(z, loc, scale)[0], images, axes=1)


def optimal_decoder_jacobian(z, loc, scale, images):
    """Returns d nu / d z of `optimal_decoder`, float64 [M, ..., Z].

        sum_i w_i(z) (nu(z) - x_i) (z - mu_i)^T Sigma_i^-1,   w the weights of eq. 6, of sum 1

    Args: as `optimal_decoder`.

    Reference:
        `bilbo`, eq. 7.
    """
    images = np.asarray(images, "float64")
    weights, slopes = _weights(z, loc, scale)
    flat = images.reshape(len(images), -1)
    residuals = (weights @ flat)[:, None] - flat[None]
    jacobian = np.einsum("mn,mnd,mnz->mdz", weights, residuals, slopes)
    return jacobian.reshape(len(weights), *images.shape[1:], slopes.shape[-1])


def _weights(z, loc, scale):
    """Returns the weights of eq. 6, [M, N], and Sigma_i^-1 (z - mu_i), [M, N, Z]."""
    z, loc, scale = (np.asarray(value, "float64") for value in (z, loc, scale))
    offsets = (z[:, None] - loc) / scale
    logits = -0.5 * np.sum(offsets**2, axis=-1) - np.sum(np.log(scale), axis=-1)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True), offsets / scale


def log_det_by_traces(product, size, num_steps=300, num_probes=32, rate=0.2, seed=17):
    """Returns log|A| from products A v alone, by descent over Sigma.

        min_Sigma tr(A Sigma) - log|e Sigma| = log|A|,   tr(A Sigma) = E[v^T A v], v ~ N(0, Sigma)

    Sigma = L L^T starts at a multiple of I, and L <- L (I - r_t (lower part of L^T A L - I)): the
    gradient in the coordinates of L itself, so that it converges alike for all A. The trace is
    that of probes, and r_t falls as 1 / (1 + t / 20), which averages their noise. The ELBO does
    the same, its Sigma the posterior's.

    Args:
        product: A function of vectors [size, K], A v; A symmetric, positive definite.
        size: Positive int, rows of A.
        num_steps: Steps of the descent.
        num_probes: K, vectors in each step.
        rate: r_0, the first step's size.
        seed: Int.

    Returns:
        `(estimate, Sigma)`: float, the mean of the objective over the last half of the steps, and
        [size, size].

    Reference:
        `bilbo`, eq. 19 and 20.
    """
    rng, values = np.random.default_rng(seed), []
    # As large as makes tr(A Sigma) = size, what it is at the minimum.
    lower = np.eye(size) * np.sqrt(size / np.trace(product(np.eye(size))))
    for step in range(num_steps):
        noise = rng.standard_normal((size, num_probes))
        v = lower @ noise
        images = product(v)
        values.append(np.mean(np.sum(v * images, axis=0)) - size - 2 * _log_diagonal(lower))
        gradient = np.tril(lower.T @ images @ noise.T / num_probes - np.eye(size))
        lower = lower - rate / (1 + step / 20) * lower @ gradient
    return float(np.mean(values[num_steps // 2 :])), lower @ lower.T


def _log_diagonal(lower):
    return np.sum(np.log(np.abs(np.diag(lower))))
