"""The encoder room: e(z|x)."""

from zoo.encoders.conv import GatedConvEncoder, SmallConvEncoder
from zoo.encoders.encoder import Encoder
from zoo.encoders.iaf import IAFEncoder
from zoo.encoders.mlp import MLPEncoder

__all__ = ["Encoder", "GatedConvEncoder", "IAFEncoder", "MLPEncoder", "SmallConvEncoder"]
