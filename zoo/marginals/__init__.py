"""The marginal room: m(z)."""

from zoo.marginals.floating import Floating
from zoo.marginals.logistic import Logistic
from zoo.marginals.maf import MAFMarginal
from zoo.marginals.marginal import Marginal
from zoo.marginals.normal import Normal
from zoo.marginals.vamp import VampPrior

__all__ = ["Floating", "Logistic", "MAFMarginal", "Marginal", "Normal", "VampPrior"]
