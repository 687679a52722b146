"""The standard normal prior."""

from typing import Any

from keras import ops

from zoo.distributions import diagonal_normal
from zoo.marginals.marginal import Marginal
from zoo.registry import MARGINALS
from zoo.typing import Distribution, Shape


@MARGINALS.register("normal")
class Normal(Marginal):
    """m(z) = N(0, I): nothing learned.

    Args:
        latent_dim: Positive int, Z.
    """

    def build(self, input_shape: Shape | None = None) -> None:
        pass

    def family(self) -> dict[str, Any]:
        return {"family": "standard_normal"}

    def distribution(self) -> Distribution:
        return diagonal_normal(ops.zeros(self.latent_dim), ops.ones(self.latent_dim))
