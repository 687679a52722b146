"""The logistic prior of `vimae`."""

import math
from typing import Any

from keras import ops

from zoo import distributions
from zoo.backend import tfd
from zoo.marginals.marginal import Marginal
from zoo.registry import MARGINALS
from zoo.typing import Distribution, Shape

# A logistic of scale s has the variance (s pi)^2 / 3: this one's is one.
UNIT_VARIANCE_SCALE = math.sqrt(3.0) / math.pi


@MARGINALS.register("logistic")
class Logistic(Marginal):
    """m(z) = prod_i Logistic(z_i; 0, sqrt(3) / pi): mean zero, unit variance, nothing learned.

    Its entropy is 0.0144 nats a latent less than that of N(0, 1). KL(e||m) is sampled.

    Args:
        latent_dim: Positive int, Z.

    Reference:
        `vimae`, 3.2: the marginal of VIMAE-l.
    """

    def build(self, input_shape: Shape | None = None) -> None:
        pass

    def family(self) -> dict[str, Any]:
        return {**super().family(), "scale": [UNIT_VARIANCE_SCALE] * self.latent_dim}

    def distribution(self) -> Distribution:
        loc = ops.zeros(self.latent_dim)
        return tfd.Independent(distributions.Logistic(loc, loc + UNIT_VARIANCE_SCALE), 1)
