"""Divergences between distributions over latents, on parameters or on samples."""

from zoo.divergences.kl import has_analytic_rate, rate, sampled_rate

__all__ = ["has_analytic_rate", "rate", "sampled_rate"]
