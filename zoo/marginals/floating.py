"""The floating prior: a Gaussian with the scale of all posteriors together. `bilbo`, 4.3."""

from typing import Any

from keras import ops

from zoo import aggregate
from zoo.backend import to_numpy
from zoo.distributions import aggregate_variance, diagonal_normal
from zoo.estimates import Estimate
from zoo.marginals.marginal import Marginal
from zoo.registry import MARGINALS
from zoo.typing import Array, Distribution, Seed, Shape


@MARGINALS.register("floating")
class Floating(Marginal):
    """m(z) = N(0, S^2) with the optimal diagonal S^2, nothing learned.

        S^2 = E_p(x)[Sigma + mu mu^T]

    An objective sees the S^2 of its batch, gradient included, so its rate and its ELBO are those
    of N(0, S_B^2): for that prior they bound log p(x) as ever. After training `adapt` estimates
    S^2 over the training set, a weight from then on: samples, evaluation and artifacts use it.
    With a posterior that has no moments in closed form, z^2 of a sample stands for them.

    Args:
        latent_dim: Positive int, Z.

    Reference:
        `bilbo`, eq. 4 and section 4.3, "the floating prior trick".
    """

    adapts = True
    is_floating = True

    def build(self, input_shape: Shape | None = None) -> None:
        self.variance = Estimate(self, "variance", (self.latent_dim,), "prior variance S^2")

    def batch_distribution(self, posterior: Distribution, z: Array) -> Distribution:
        return self._normal(aggregate_variance(posterior, z))

    def distribution(self) -> Distribution:
        """Returns N(0, S^2) as estimated over the training set.

        Raises:
            ValueError: If `adapt` was not called since training.
        """
        return self._normal(self.variance.value())

    def family(self) -> dict[str, Any]:
        scale = to_numpy(self.distribution().stddev())
        return {"family": "diagonal_normal", "scale": [float(s) for s in scale]}

    def adapt(self, images: Array, model: Any = None, seed: Seed = 17) -> None:
        self.variance.assign(aggregate.prior_variance(model, images, seed))

    def _normal(self, variance):
        return diagonal_normal(ops.zeros(self.latent_dim), ops.sqrt(variance))
