"""Dense decoder: `bilbo`, section 7."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from zoo.decoders.decoder import Decoder
from zoo.layers import hidden_layers
from zoo.registry import DECODERS
from zoo.typing import Array, PartLike, Shape


@DECODERS.register("mlp")
class MLPDecoder(Decoder):
    """Dense hidden layers, then one linear layer to the pixels: the mirror of `MLPEncoder`.

    Args:
        latent_dim: Positive int, Z.
        image_shape: (H, W, C).
        hidden_units: Widths of the hidden layers.
        activation: Keras activation of the hidden layers.
        likelihood: A likelihood, its name, or a mapping with `name`.
        kernel_initializer: Name of the Keras initializer of all its layers.
    """

    def __init__(
        self,
        latent_dim: int,
        image_shape: Sequence[int] = (28, 28, 1),
        hidden_units: Sequence[int] = (200, 200, 200, 200),
        activation: str = "relu",
        likelihood: PartLike = "bernoulli",
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ):
        super().__init__(latent_dim, image_shape, likelihood, **kwargs)
        self.hidden_units = tuple(hidden_units)
        self.activation = activation
        self.kernel_initializer = kernel_initializer
        self.hidden = hidden_layers(
            self.hidden_units, activation, kernel_initializer, self.dtype_policy
        )
        maps = (*self.image_shape[:2], self.raw_channels)
        # The last layer is float32: its outputs are logits or means, which are probabilistic.
        self.pixels = keras.layers.Dense(
            int(np.prod(maps)), kernel_initializer=kernel_initializer, dtype="float32"
        )
        self.to_image = keras.layers.Reshape(maps, dtype="float32")

    def build(self, latent_shape: Shape) -> None:
        width = latent_shape[-1]
        for layer in self.hidden:
            layer.build((None, width))
            width = layer.units
        self.pixels.build((None, width))

    def network(self, z: Array, training: bool = False) -> Array:
        h = z
        for layer in self.hidden:
            h = layer(h)
        return self.to_image(self.pixels(h))
