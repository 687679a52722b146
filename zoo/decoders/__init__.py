"""The decoder room: d(x|z)."""

from zoo.decoders.autoregressive import AutoregressiveDecoder
from zoo.decoders.baggins import Baggins
from zoo.decoders.dcgan import DCGANDecoder
from zoo.decoders.decoder import Decoder
from zoo.decoders.deconv import GatedDeconvDecoder, SmallDeconvDecoder
from zoo.decoders.likelihood import Bernoulli, Gaussian, Likelihood
from zoo.decoders.mlp import MLPDecoder
from zoo.decoders.pixelcnn import PixelCNNDecoder
from zoo.decoders.scaled import ScaledDecoder

__all__ = [
    "AutoregressiveDecoder",
    "Baggins",
    "Bernoulli",
    "DCGANDecoder",
    "Decoder",
    "GatedDeconvDecoder",
    "Gaussian",
    "Likelihood",
    "MLPDecoder",
    "PixelCNNDecoder",
    "ScaledDecoder",
    "SmallDeconvDecoder",
]
