"""Compares q(z) = E_x[e(z|x)], the aggregated posterior, with the marginal: MMD and log det Cov."""

import numpy as np

from zoo import tiles
from zoo.backend import fold_in, tfp_seed, to_numpy
from zoo.divergences.mmd import mmd_of_sets

# A stream of noise that no tile of images has: their numbers start at zero.
PRIOR_STREAM = 2**31 - 1


def aggregated_samples(model, images, seed=17, batch_size=None):
    """Returns z ~ e(z|x), one for each image and so draws of q(z), NumPy [N, Z].

    Of a deterministic encoder they are its codes.

    Args:
        model: A `zoo.VAE`.
        images: [N, H, W, C], or a data set with `float_images`.
        seed: Int.
        batch_size: Images encoded in one step, at most 128, the default.
    """
    seed, step, codes = tfp_seed(seed), tiles.compile_step(model, _sample), []
    for _, tile, x, parameters in tiles.tiles(model, images, batch_size):
        codes.append(to_numpy(step(parameters, fold_in(seed, tile)))[: len(x)])
    return np.concatenate(codes)


def mmd(
    model, images, kernel="rbf", estimator="u", bandwidth="paper", seed=17, batch_size=None, z=None
):
    """Returns MMD^2(q(z), m(z)) of all images at once: "full batch", `infovae`, Figure 6 (A).

    It takes a draw of e(z|x) for each image, the same number of draws of m(z), and every pair of
    them, tile by tile. 60,000 codes are 7 10^9 kernel values, in the memory of one tile.

    Args:
        model: A `zoo.VAE`.
        images: [N, H, W, C], or a data set with `float_images`; at least two.
        kernel, estimator, bandwidth: As `zoo.MMD`. The default is that of the paper whatever the
            model was trained with, so that models can be compared.
        seed: Int.
        batch_size: Images encoded in one step.
        z: The `aggregated_samples`, if they are computed already.

    Returns:
        `{"value": float, "stderr": float, "bandwidth": float}`; see `mmd_of_sets`.
    """
    z = aggregated_samples(model, images, seed, batch_size) if z is None else z
    prior = model.marginal.distribution()
    y = prior.sample(len(z), seed=fold_in(tfp_seed(seed), PRIOR_STREAM))
    return mmd_of_sets(z, to_numpy(y), kernel, estimator, bandwidth)


def log_det_cov(z):
    """Returns log det Cov[q(z)] of draws z [N, Z]: 0 for N(0, I), above it q(z) is too wide.

        stderr = sd((z - mean)^T Cov^-1 (z - mean)) / sqrt(N)

    by the delta method; sqrt(2 Z / N) for a Gaussian. With N < 2 Z the method says nothing (for
    N = Z + 1 these distances are all equal), and there is no error.

    Returns:
        `{"value": float, "stderr": float or None, "per_dimension": float, "variances": [Z]}`; the
        value is -inf where a direction of z does not vary.

    Raises:
        ValueError: If there are no more draws than latents.

    Reference:
        `infovae`, Figure 2, and divided by Z, Figure 6 (B).
    """
    z = np.asarray(z, "float64")
    if z.ndim != 2 or len(z) <= z.shape[1]:
        raise ValueError(f"Expected draws [N, Z], N > Z. Received: shape={z.shape}")
    centred = z - z.mean(axis=0)
    covariance = centred.T @ centred / (len(z) - 1)
    sign, value = np.linalg.slogdet(covariance)
    result = {"value": float(value) if sign > 0 else -np.inf, "stderr": None}
    if np.isfinite(result["value"]) and len(z) >= 2 * z.shape[1]:
        distances = np.sum(centred * np.linalg.solve(covariance, centred.T).T, axis=1)
        result["stderr"] = float(np.std(distances, ddof=1) / np.sqrt(len(z)))
    result["per_dimension"] = result["value"] / z.shape[1]
    result["variances"] = np.diag(covariance)
    return result


def _sample(encoder, decoder, marginal):
    return lambda parameters, seed: encoder.posterior(parameters).sample(seed=seed)
