"""Dense encoder: `bilbo`, section 7; and, with other widths, the toys of the other papers."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from zoo.encoders.encoder import Encoder
from zoo.layers import GaussianHead, hidden_layers
from zoo.layers.channels import CHANNELS_LAST
from zoo.registry import ENCODERS
from zoo.typing import Array, Shape


@ENCODERS.register("mlp")
class MLPEncoder(Encoder):
    """Dense hidden layers, then a Gaussian head.

    The default is the network of `bilbo` as this project reads it: "four densely connected
    layers having 200 hidden units" are four hidden layers, and the output layer comes after.

    Args:
        latent_dim: Positive int, Z.
        hidden_units: Widths of the hidden layers.
        activation: Keras activation of the hidden layers.
        scale: How the posterior's scale is made; see `zoo.layers.GaussianHead`.
        kernel_initializer: Name of the Keras initializer of all its layers.
    """

    def __init__(
        self,
        latent_dim: int,
        hidden_units: Sequence[int] = (200, 200, 200, 200),
        activation: str = "relu",
        scale: str = "softplus_scale",
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        self.hidden_units = tuple(hidden_units)
        self.activation = activation
        self.scale = scale
        self.kernel_initializer = kernel_initializer
        self.flatten = keras.layers.Flatten(dtype=self.dtype_policy, **CHANNELS_LAST)
        self.hidden = hidden_layers(
            self.hidden_units, activation, kernel_initializer, self.dtype_policy
        )
        self.head = GaussianHead(latent_dim, scale, kernel_initializer)

    def build(self, image_shape: Shape) -> None:
        self.flatten.build(image_shape)
        width = int(np.prod(image_shape[1:]))
        for layer in self.hidden:
            layer.build((None, width))
            width = layer.units
        self.head.build((None, width))

    def call(self, x: Array, training: bool = False) -> dict[str, Array]:
        h = self.flatten(x)
        for layer in self.hidden:
            h = layer(h)
        return self.head(h)
