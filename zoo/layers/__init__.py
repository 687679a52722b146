"""Layers that the rooms share."""

from zoo.layers.causal import CausalConv2D, GatedResidual
from zoo.layers.clipping import NormClipping
from zoo.layers.dense import hidden_layers
from zoo.layers.flow import MeanFlow
from zoo.layers.gated import GatedConv2D, GatedConv2DTranspose, GatedDense
from zoo.layers.gaussian_head import GaussianHead
from zoo.layers.made import MADE
from zoo.layers.normalisation import GroupNorm
from zoo.layers.residual import ResidualBlock
from zoo.part import Part

__all__ = [
    "MADE",
    "CausalConv2D",
    "GatedConv2D",
    "GatedConv2DTranspose",
    "GatedDense",
    "GatedResidual",
    "GaussianHead",
    "GroupNorm",
    "MeanFlow",
    "NormClipping",
    "Part",
    "ResidualBlock",
    "hidden_layers",
]
