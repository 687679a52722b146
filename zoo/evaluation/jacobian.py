"""Compares a Gaussian posterior with the decoder's Jacobian: `bilbo`, section 4.

    J = d nu / d z at z = mu,   G = J^T T^-1 J,   A = S^-2 + G

The paper writes unit normal likelihoods. G is the metric that any likelihood induces on latents.
For Gaussians, T has the variances of the pixels. For Bernoullis, J is that of the logits, and T^-1
is their variance p (1 - p). All of it is a linear view of the decoder at mu.
"""

import numpy as np
from keras import ops

from zoo import tiles
from zoo.backend import jacobian_product, to_numpy
from zoo.distributions import gaussian_of

# Families of Gaussian priors around 0.
_GAUSSIAN = ("standard_normal", "diagonal_normal")


def geometry(model, images, max_rows=tiles.MAX_ROWS, batch_size=None):
    """Yields what the diagnostics need, block by block, in the order of the images.

    Args:
        model: A `zoo.VAE` with a Gaussian posterior and a Gaussian prior around 0.
        images: [N, H, W, C], or a data set with `float_images`.
        max_rows: Images decoded in one step, of which each example takes Z.
        batch_size: Images encoded in one step.

    Yields:
        A dict of NumPy arrays for n images: `loc`, `scale` [n, Z] of e(z|x); `metric` [n, Z, Z],
        G at loc; `log_likelihood` [n], log d(x|loc); `prior_scale` [Z], S. All but loc and scale
        are float64.

    Raises:
        ValueError: If the model is not such a one.
    """
    check_model(model)
    prior = to_numpy(model.marginal.distribution().stddev()).astype("float64")
    step = tiles.compile_step(model, _metric)
    for _, _, x, parameters in tiles.tiles(model, images, batch_size):
        loc, scale = (to_numpy(v) for v in gaussian_of(model.encoder.posterior(parameters)))
        for first, rows, size in _cuts(model, len(x), max_rows):
            padded = to_numpy(step(tiles.pad(loc[rows], size), tiles.pad(x[rows], size)))
            values = {name: value[: rows.stop - first] for name, value in padded.items()}
            yield {
                "loc": loc[rows],
                "scale": scale[rows],
                "prior_scale": prior,
                **{name: value.astype("float64") for name, value in values.items()},
            }


# Functions of one block of `geometry`.


def precision_of(block):
    """Returns A = S^-2 + G, [n, Z, Z]."""
    return np.diag(block["prior_scale"] ** -2.0) + block["metric"]


def log_evidence_of(block):
    """Returns the exact log evidence of the model linearised at each mu, [n], nats.

        log p(x) = log d(x|mu) - 1/2 (|S^-1 mu|^2 + log|G S^2 + I|)

    Exact for a linear decoder where mu is the posterior's mean, eq. 11.

    Reference:
        `bilbo`, eq. 16, with T as in eq. 26; the determinant is that of Z x Z, eq. 20.
    """
    scale = block["prior_scale"]
    determinant = np.linalg.slogdet(precision_of(block) * np.outer(scale, scale))[1]
    return block["log_likelihood"] - 0.5 * (
        np.sum((block["loc"] / scale) ** 2, axis=1) + determinant
    )


def evidence_gap_of(block):
    """Returns log p(x) - ELBO as the linear view predicts it, [n], nats; at least 0.

        gap = 1/2 (tr(A Sigma) - log|e A Sigma|)

    Zero where Sigma = A^-1, eq. 12. A diagonal Sigma gets there if A is diagonal.

    Reference:
        `bilbo`, eq. 18.
    """
    scale = block["scale"].astype("float64")
    precision = precision_of(block) * scale[:, :, None] * scale[:, None, :]
    trace = np.trace(precision, axis1=1, axis2=2)
    return 0.5 * (trace - scale.shape[1] - np.linalg.slogdet(precision)[1])


def variance_penalty_of(precisions):
    """Returns the price of one posterior variance for all images, nats an example.

        approximate = 1/4 tr E[((A - E[A]) E[A]^-1)^2],   the squared coefficient of variation
        exact       = 1/2 (log|E[A]| - E[log|A|]),        eq. 18 at Sigma = E[A]^-1

    "exact" is still within the linear view.

    Args:
        precisions: The matrices A of some blocks, each [n, Z, Z].

    Returns:
        `{"approximate": float, "exact": float}`.

    Reference:
        `bilbo`, eq. 22.
    """
    precisions = np.concatenate(list(precisions))
    mean = np.mean(precisions, axis=0)
    relative = np.linalg.solve(mean, precisions - mean)
    return {
        "approximate": 0.25 * float(np.mean(np.einsum("nij,nji->n", relative, relative))),
        "exact": 0.5
        * float(np.linalg.slogdet(mean)[1] - np.mean(np.linalg.slogdet(precisions)[1])),
    }


def check_model(model):
    """Raises ValueError if posterior, prior or likelihood is none that these formulas are of."""
    model.check_adapted()
    if not model.encoder.is_gaussian or model.marginal.family()["family"] not in _GAUSSIAN:
        raise ValueError(
            "Expected a diagonal Gaussian posterior and a Gaussian prior around 0, with which the "
            f"decoder's Jacobian is compared. Received: encoder={type(model.encoder).__name__}, "
            f"marginal={type(model.marginal).__name__}"
        )
    if model.decoder.likelihood.location is None:
        raise ValueError(
            "The decoder's metric is known for Bernoulli and Gaussian pixels. "
            f"Received: likelihood={type(model.decoder.likelihood).__name__}"
        )
    if model.decoder.is_autoregressive:
        raise ValueError(
            "The pixels of an autoregressive decoder have no Jacobian by z alone. "
            f"Received: decoder={type(model.decoder).__name__}"
        )


# Compiled steps: Z copies of each latent, one for each direction, in one forward pass.


def along_all(function, z):
    """Returns `function(z)` of rows z [n, Z], and its Jacobian [n, ..., Z]."""
    count, size = ops.shape(z)[0], z.shape[1]
    repeated = ops.repeat(z, size, axis=0)
    directions = ops.tile(ops.eye(size, dtype=z.dtype), (count, 1))
    value, along = jacobian_product(function, repeated, directions)
    shape = value.shape[1:]
    along = ops.reshape(along, (count, size, *shape))
    return ops.reshape(value, (count, size, *shape))[:, 0], ops.moveaxis(along, 1, -1)


def _metric(encoder, decoder, marginal):
    def step(z, x):
        parameters = decoder(z, training=False)
        name = decoder.likelihood.location
        _, jacobian = along_all(lambda z: decoder(z, training=False)[name], z)
        precision = decoder.likelihood.precision(parameters)
        count, size = ops.shape(z)[0], z.shape[1]
        whitened = ops.reshape(jacobian * ops.sqrt(precision)[..., None], (count, -1, size))
        log_likelihood = decoder.distribution(z, training=False).log_prob(x)
        metric = ops.matmul(ops.transpose(whitened, (0, 2, 1)), whitened)
        return {"metric": metric, "log_likelihood": log_likelihood}

    return step


def _cuts(model, count, max_rows):
    """Yields (first, slice, padded size) of pieces of `count` rows: Z images decoded for each."""
    size = min(count, max(1, max_rows // model.latent_dim))
    for first in range(0, count, size):
        yield first, slice(first, min(first + size, count)), size
