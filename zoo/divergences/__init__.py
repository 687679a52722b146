"""Divergences between distributions over latents, on parameters or on samples."""

from zoo.divergences.kl import has_analytic_rate, rate, sampled_rate
from zoo.rooms import import_room

__all__ = ["has_analytic_rate", "rate", "sampled_rate"]
__all__ += import_room(__name__, globals())  # a new divergence is a new module here
