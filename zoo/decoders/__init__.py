"""The decoder room: d(x|z)."""

from zoo.decoders.decoder import Decoder
from zoo.decoders.deconv import GatedDeconvDecoder, SmallDeconvDecoder
from zoo.decoders.likelihood import Bernoulli, Gaussian, Likelihood
from zoo.decoders.mlp import MLPDecoder

__all__ = [
    "Bernoulli",
    "Decoder",
    "GatedDeconvDecoder",
    "Gaussian",
    "Likelihood",
    "MLPDecoder",
    "SmallDeconvDecoder",
]
