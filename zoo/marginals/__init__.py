"""The marginal room: m(z)."""

from zoo.marginals.maf import MAFMarginal
from zoo.marginals.marginal import Marginal
from zoo.marginals.normal import Normal
from zoo.marginals.vamp import VampPrior

__all__ = ["MAFMarginal", "Marginal", "Normal", "VampPrior"]
