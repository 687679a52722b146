"""The standard normal prior."""

from keras import ops

from zoo.distributions import diagonal_normal
from zoo.marginals.marginal import Marginal
from zoo.registry import MARGINALS


@MARGINALS.register("normal")
class Normal(Marginal):
    """m(z) = N(0, I): nothing learned.

    Args:
        latent_dim: Positive int, Z.
    """

    def build(self, input_shape=None):
        pass

    def family(self):
        return {"family": "standard_normal"}

    def distribution(self):
        return diagonal_normal(ops.zeros(self.latent_dim), ops.ones(self.latent_dim))
