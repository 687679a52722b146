"""Layers that the rooms share."""

from zoo.layers.gated import GatedConv2D, GatedConv2DTranspose, GatedDense
from zoo.layers.gaussian_head import GaussianHead
from zoo.layers.part import Part

__all__ = ["GatedConv2D", "GatedConv2DTranspose", "GatedDense", "GaussianHead", "Part"]
