"""Divergences between distributions over latents, on parameters or on samples."""

from zoo.divergences.adversarial import Adversarial, WassersteinGP
from zoo.divergences.divergence import Divergence, NoDivergence
from zoo.divergences.kl import has_analytic_rate, rate, sampled_rate
from zoo.divergences.mmd import MMD
from zoo.divergences.stein import Stein

__all__ = [
    "MMD",
    "Adversarial",
    "Divergence",
    "NoDivergence",
    "Stein",
    "WassersteinGP",
    "has_analytic_rate",
    "rate",
    "sampled_rate",
]
