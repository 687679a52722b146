"""The squared error of the mean reconstruction."""

import numpy as np
from keras import ops

from zoo import tiles
from zoo.backend import to_numpy


def reconstruction_l2(model, images, batch_size=None):
    """Returns the squared error of each image's mean reconstruction, NumPy float64 [N].

        l2[n] = |x_n - nu(z_n)|^2, summed over all elements, z_n the code `encode(x_n)["loc"]`

    nu(z) is the mean of d(x|z), so it is not of autoregressive decoders.

    Args:
        model: A `zoo.VAE`.
        images: [N, H, W, C], or a data set with `float_images`.
        batch_size: Images encoded in one step.

    Raises:
        ValueError: If the decoder is autoregressive.

    Reference:
        `vimae`, Figures 2, 3 and 6: "reconstruction ||.||_2", which may be its root.
    """
    if model.decoder.is_autoregressive:
        raise ValueError(
            "Expected a decoder with mean images, not an autoregressive one. "
            f"Received: decoder={model.decoder.name!r}"
        )
    step, errors_of_tiles = tiles.compile_step(model, _squared_errors), []
    for _, _, x, parameters in tiles.tiles(model, images, batch_size):
        errors = to_numpy(step(parameters["loc"], tiles.pad(x, tiles.TILE)))
        errors_of_tiles.append(errors[: len(x)].astype("float64"))
    return np.concatenate(errors_of_tiles)


def _squared_errors(encoder, decoder, marginal):
    def step(z, x):
        residual = x - decoder.mean(decoder(z, training=False))
        return ops.sum(ops.square(residual), axis=(1, 2, 3))

    return step
