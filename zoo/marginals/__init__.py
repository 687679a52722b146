"""The marginal room: m(z)."""

from zoo.marginals.marginal import Marginal
from zoo.marginals.normal import Normal

__all__ = ["Marginal", "Normal"]
