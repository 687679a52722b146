"""Measures the information in the latents: rate, distortion, and active units."""

import numpy as np
from keras import ops

from zoo import tiles
from zoo.backend import fold_in, tfp_seed, to_numpy
from zoo.distributions import Deterministic
from zoo.evaluation import nll

# Var_x[E[z|x]] above which a unit is active: Burda et al., 2016, section 5.1.
ACTIVE_THRESHOLD = 0.01
# Draws for the mean of a posterior without a closed form (a flow).
MEAN_SAMPLES = 64


def rate_distortion(
    model, images, num_samples=1, seed=17, batch_size=None, max_rows=nll.MAX_ROWS, progress=False
):
    """Returns rate, distortion and ELBO of each image.

        R = KL(e(z|x) || m(z)),   D = E[-log d(x|z)],   elbo = -(D + R)

    R is in closed form where there is one, otherwise the mean of log e(z|x) - log m(z) over the
    samples that D is estimated with.

    Args:
        model: A `zoo.VAE`.
        images: [N, H, W, C], or a data set with `float_images`.
        num_samples: Posterior samples an image.
        seed: Int.
        batch_size: Images encoded in one step, at most 128, the default.
        max_rows: Images decoded in one step.
        progress: Whether to show a bar.

    Returns:
        `{"rate": [N], "distortion": [N], "elbo": [N]}`, NumPy, nats.

    Reference:
        `broken_elbo`, eq. 3 to 5.
    """
    rate, distortion = nll.expected_terms(
        model, images, num_samples, seed, batch_size, max_rows, progress
    )
    return {"rate": rate, "distortion": distortion, "elbo": -(distortion + rate)}


def codes(model, images, batch_size=None):
    """Returns the deterministic codes `model.encode(x)["loc"]` of all images, NumPy [N, Z].

    Raises:
        ValueError: If the encoder gives no `loc`.
    """
    locs = []
    for _, _, x, parameters in tiles.tiles(model, images, batch_size):
        if "loc" not in parameters:
            raise ValueError(f"Expected an encoder that gives `loc`. Received: {list(parameters)}")
        locs.append(parameters["loc"][: len(x)])
    return np.concatenate(locs)


def posterior_means(model, images, num_samples=MEAN_SAMPLES, seed=17, batch_size=None):
    """Returns E[z|x] of all images, and the sampling variance of that estimate.

    Args:
        model: A `zoo.VAE`.
        images: [N, H, W, C], or a data set with `float_images`.
        num_samples: Draws an image (at least 2) where the posterior has no `mean()`.
        seed: Int, of those draws.
        batch_size: Images encoded in one step.

    Returns:
        Two NumPy arrays [N, Z]; the second is zero where means are in closed form.
    """
    if num_samples < 2:
        raise ValueError(f"Expected num_samples >= 2. Received: num_samples={num_samples!r}")
    seed = tfp_seed(seed)
    means, variances = [], []
    for _, tile, x, parameters in tiles.tiles(model, images, batch_size):
        if not means:
            step = tiles.compile_step(model, *_mean_step(model, parameters, num_samples))
        mean, variance = (to_numpy(value) for value in step(parameters, fold_in(seed, tile)))
        means.append(mean[: len(x)])
        variances.append(variance[: len(x)])
    return np.concatenate(means), np.concatenate(variances)


def active_units(model_or_codes, images=None, threshold=ACTIVE_THRESHOLD, batch_size=None):
    """Returns which latents depend on the image: Var_x[E[z|x]] > threshold.

    Where E[z|x] has to be sampled (a flow posterior), the variance of that sampling is taken off,
    so that the variance over images stays unbiased.

    Args:
        model_or_codes: A `zoo.VAE`, or posterior means [N, Z].
        images: [N, H, W, C], or a data set with `float_images`; needed for a model.
        threshold: The variance from which a unit is active.
        batch_size: Images encoded in one step.

    Returns:
        `{"count": int, "variances": [Z], "active": bool [Z], "num_examples": N}`.

    Raises:
        ValueError: If there are fewer than two codes, or a model comes without images.

    Reference:
        Burda et al., 2016, section 5.1.
    """
    noise = 0.0
    if hasattr(model_or_codes, "encoder"):
        if images is None:
            raise ValueError("Expected images together with a model. Received: images=None")
        means, sampling_variances = posterior_means(model_or_codes, images, batch_size=batch_size)
        noise = np.mean(sampling_variances, axis=0, dtype="float64")
    else:
        means = np.asarray(model_or_codes)
    if means.ndim != 2 or len(means) < 2:
        raise ValueError(f"Expected at least two codes [N, Z]. Received: shape={means.shape}")
    variances = np.var(means, axis=0, ddof=1, dtype="float64") - noise
    active = variances > threshold
    return {
        "count": int(active.sum()),
        "variances": variances,
        "active": active,
        "num_examples": len(means),
    }


def is_deterministic(model):
    """Returns whether e(z|x) is a single z, without a density."""
    x = np.zeros((1, *model.image_shape), "float32")
    return isinstance(model.encoder.distribution(x), Deterministic)


def _mean_step(model, parameters, num_samples):
    """Returns the step for `posterior_means`, and its arguments: in closed form if there is one."""
    try:
        model.encoder.posterior(parameters).mean()
    except NotImplementedError:
        return _sampled_mean, num_samples
    return (_exact_mean,)


def _exact_mean(encoder, decoder, marginal):
    def step(parameters, seed):
        mean = encoder.posterior(parameters).mean()
        return mean, ops.zeros_like(mean)

    return step


def _sampled_mean(encoder, decoder, marginal, num_samples):
    def step(parameters, seed):
        z = encoder.posterior(parameters).sample(num_samples, seed=seed)
        # Of the mean, from the unbiased variance of the draws: divided by S - 1, then by S.
        return ops.mean(z, axis=0), ops.var(z, axis=0) / (num_samples - 1)

    return step
