"""BAGGINS: a Gaussian likelihood with a variance from the batch's information. `bilbo`, 5.1."""

import math
from collections.abc import Mapping
from typing import Any

from keras import ops

from zoo import aggregate
from zoo.decoders.estimated import EstimatedGaussian
from zoo.distributions import aggregate_variance, gaussian_of, squared_residual
from zoo.registry import LIKELIHOODS
from zoo.typing import Array, Distribution, Seed


@LIKELIHOODS.register("baggins")
class Baggins(EstimatedGaussian):
    """p(x|z) = N(x; mean(z), T), isotropic; T from the residual and the batch's information.

        T_i = tau |x_i - nu(z_i)|^2 / tr(Sigma_i^-1 S_B^2),   S_B^2 = E_B[Sigma + mu mu^T]

    so -log p(x_i|z_i) = (tr(Sigma_i^-1 S_B^2) / tau + m log 2 pi T_i) / 2 is what objectives of
    rate and distortion minimise, through T: with `zoo.Bilbo` it is eq. 30, with `zoo.Beta` the
    ordinary ELBO with BAGGINS. T_i knows x_i, so that number is no log-density; what they log as
    distortion takes one T for the batch, the mean of its T_i, and is one. After training `adapt`
    estimates that mean over the training set, the variance of this likelihood from then on.
    Scaling the data scales T, and shifts all by a constant.

    Args:
        tau: Positive number, the information factor; 1/5 in the paper's figures.
        mean_activation: "linear" or "sigmoid"; with "sigmoid" means do not follow scaled data.

    Raises:
        ValueError: If an argument is none of these.

    Reference:
        `bilbo`, eq. 28 to 30.
    """

    has_cost = True
    meaning = "likelihood variance T"

    def __init__(self, tau: float = 0.2, mean_activation: str = "linear", **kwargs: Any):
        if not tau > 0:
            raise ValueError(f"`tau` must be a positive number. Received: tau={tau!r}")
        super().__init__(mean_activation=mean_activation, **kwargs)
        self.tau = tau

    def distortion_and_cost(
        self, decoder: Any, z: Array, x: Array, posterior: Distribution, training: bool
    ) -> tuple[Array, Array]:
        """Returns what `batch_terms` does, with the information of the batch."""
        _, scale = gaussian_of(posterior)
        information = ops.sum(aggregate_variance(posterior, z) / ops.square(scale), axis=-1)
        return self.batch_terms(decoder(z, training=training), x, information)

    def batch_terms(
        self, parameters: Mapping[str, Array], x: Array, information: Array
    ) -> tuple[Array, Array]:
        """Returns the distortion with one T for the batch, and the cost with T_i: each [B], nats.

        Args:
            parameters: The dict of `call`, for one z an example.
            x: Images [B, H, W, C].
            information: tr(Sigma_i^-1 S_B^2) of each, [B].
        """
        squared = squared_residual(parameters, x)
        pixels = math.prod(x.shape[1:])
        variance = self.tau * squared / information
        cost = 0.5 * (information / self.tau + pixels * ops.log(2 * math.pi * variance))
        common = ops.mean(variance)
        distortion = 0.5 * (squared / common + pixels * ops.log(2 * math.pi * common))
        return distortion, cost

    def adapt(self, images: Array, model: Any = None, seed: Seed = 17) -> None:
        self.variance.assign(self.tau * aggregate.residual_per_information(model, images, seed))
