"""A Gaussian likelihood with one scale, the best one in closed form: sigma-VAE."""

import math
from typing import Any

from keras import ops

from zoo import aggregate
from zoo.decoders.estimated import EstimatedGaussian
from zoo.decoders.likelihood import PIXEL_SCALE_FLOOR
from zoo.distributions import squared_residual
from zoo.registry import LIKELIHOODS
from zoo.typing import Array, Distribution, Seed


@LIKELIHOODS.register("optimal_gaussian")
class OptimalGaussian(EstimatedGaussian):
    """p(x|z) = N(x; mean(z), sigma^2 I), with one sigma for all pixels and images.

        sigma^2 = E[|x - mean(z)|^2] / (H W C)

    This is the sigma^2 of the greatest likelihood. In a training or validation step the mean is
    that of the batch. After training `adapt` estimates it over the training set, and this is
    sigma^2 from then on. Rate and distortion need no weight between them: sigma weighs them, and
    becomes smaller as reconstructions become better.

    Args:
        mean_activation: "linear" or "sigmoid".

    Raises:
        ValueError: If `mean_activation` is neither.

    Reference:
        Rybkin et al., 2021, "Simple and Effective VAE Training with Calibrated Decoders", eq. 5.
    """

    meaning = "likelihood variance sigma^2"

    def __init__(self, mean_activation: str = "sigmoid", **kwargs: Any):
        super().__init__(mean_activation=mean_activation, **kwargs)

    def distortion_and_cost(
        self, decoder: Any, z: Array, x: Array, posterior: Distribution, training: bool
    ) -> tuple[Array, Array]:
        """Returns -log p(x|z) with the best sigma of the batch, [B] in nats, twice.

        D_i = |x_i - mean_i|^2 / (2 sigma^2) + (H W C / 2) log(2 pi sigma^2)
        """
        squared = squared_residual(decoder(z, training=training), x)
        pixels = math.prod(x.shape[1:])
        variance = ops.maximum(ops.mean(squared) / pixels, PIXEL_SCALE_FLOOR**2)
        distortion = 0.5 * (squared / variance + pixels * ops.log(2 * math.pi * variance))
        return distortion, distortion

    def adapt(self, images: Array, model: Any = None, seed: Seed = 17) -> None:
        residual = aggregate.residual(model, images, seed) / math.prod(model.image_shape)
        self.variance.assign(max(residual, PIXEL_SCALE_FLOOR**2))
