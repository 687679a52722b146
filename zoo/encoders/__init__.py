"""The encoder room: e(z|x)."""

from zoo.encoders.around import ClippedEncoder, ScaledEncoder
from zoo.encoders.conv import GatedConvEncoder, SmallConvEncoder
from zoo.encoders.dcgan import DCGANEncoder
from zoo.encoders.encoder import Encoder
from zoo.encoders.iaf import IAFEncoder
from zoo.encoders.mlp import MLPEncoder
from zoo.encoders.pixel_noise import PixelNoiseEncoder

__all__ = [
    "ClippedEncoder",
    "DCGANEncoder",
    "Encoder",
    "GatedConvEncoder",
    "IAFEncoder",
    "MLPEncoder",
    "PixelNoiseEncoder",
    "ScaledEncoder",
    "SmallConvEncoder",
]
