"""Second moments of the aggregated posterior of a data set: `bilbo`, eq. 4 and 28."""

import numpy as np
from keras import ops

from zoo import tiles
from zoo.backend import fold_in, tfp_seed, to_numpy
from zoo.distributions import second_moments, squared_residual


def prior_variance(model, images, seed=17, batch_size=None):
    """Returns the optimal prior variance, diagonal, as float64 [Z].

        S^2 = E_p(x)[Sigma + mu mu^T]

    Args:
        model: A `zoo.VAE`.
        images: [N, H, W, C], or a data set with `float_images`.
        seed: Int, of the samples that stand for moments without a closed form.
        batch_size: Images encoded in one step.

    Reference:
        `bilbo`, eq. 4.
    """
    seed, total, count = tfp_seed(seed), np.zeros(model.latent_dim), 0
    step = tiles.compile_step(model, _moments)
    for _, tile, x, parameters in tiles.tiles(model, images, batch_size):
        moments = to_numpy(step(parameters, fold_in(seed, tile)))
        total += moments[: len(x)].sum(axis=0, dtype="float64")
        count += len(x)
    return total / count


def residual_per_information(model, images, seed=17, batch_size=None):
    """Returns E[|x - nu(z)|^2 / tr(Sigma^-1 S^2)], which times tau is T of BAGGINS.

    S^2 is that of the same images, and z one sample of each posterior.

    Args: as `prior_variance`.

    Reference:
        `bilbo`, eq. 28 and 29.
    """
    prior = prior_variance(model, images, seed, batch_size).astype("float32")
    seed, total, count = tfp_seed(seed), 0.0, 0
    step = tiles.compile_step(model, _residuals)
    for _, tile, x, parameters in tiles.tiles(model, images, batch_size):
        padded = tiles.pad(x, tiles.TILE)
        ratios = to_numpy(step(parameters, padded, prior, fold_in(seed, tile)))
        total += ratios[: len(x)].sum(dtype="float64")
        count += len(x)
    return total / count


def residual(model, images, seed=17, batch_size=None):
    """Returns E[|x - nu(z)|^2] over the images, z one sample of each posterior.

    Args: as `prior_variance`.
    """
    seed, total, count = tfp_seed(seed), 0.0, 0
    step = tiles.compile_step(model, _squares)
    for _, tile, x, parameters in tiles.tiles(model, images, batch_size):
        squares = to_numpy(step(parameters, tiles.pad(x, tiles.TILE), fold_in(seed, tile)))
        total += squares[: len(x)].sum(dtype="float64")
        count += len(x)
    return total / count


def _moments(encoder, decoder, marginal):
    def step(parameters, seed):
        posterior = encoder.posterior(parameters)
        return second_moments(posterior, posterior.sample(seed=seed))

    return step


def _residuals(encoder, decoder, marginal):
    def step(parameters, x, prior, seed):
        z = encoder.posterior(parameters).sample(seed=seed)
        _, scale = encoder.gaussian(parameters)
        information = ops.sum(prior / ops.square(scale), axis=-1)
        return squared_residual(decoder(z, training=False), x) / information

    return step


def _squares(encoder, decoder, marginal):
    def step(parameters, x, seed):
        z = encoder.posterior(parameters).sample(seed=seed)
        return squared_residual(decoder(z, training=False), x)

    return step
