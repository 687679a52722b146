"""A residual convolutional encoder for images of any size."""

from typing import Any

import keras

from zoo.encoders.encoder import Encoder
from zoo.layers import GaussianHead
from zoo.layers.channels import CHANNELS_LAST
from zoo.layers.normalisation import normalisation
from zoo.layers.residual import (
    ResidualBlock,
    activated,
    check_arguments,
    convolution,
    of_map,
    scales_of,
)
from zoo.registry import ENCODERS
from zoo.typing import Array, Shape


@ENCODERS.register("residual")
class ResidualEncoder(Encoder):
    """Halvings by 4 x 4 convolutions of stride 2, residual blocks after each, then the head.

    The network grows with the image: there are as many halvings as bring the shorter side to
    `smallest` pixels or below, and each doubles the channels, up to eight times `depth`. A side
    that is no multiple of the stride is rounded up, with zeros at its end.

    The code is a vector, or planes: [h, w, P] at the places of the smallest map, P = Z / (h w).
    `loc` and `scale` of planes are [B, Z] too, in the order of `numpy.reshape(z, (-1, h, w, P))`.

    Args:
        latent_dim: Positive int, Z.
        depth: Positive int, the channels of the first map.
        num_blocks: Non-negative int, residual blocks of each map.
        halvings: Positive int, or 0 for the rule above.
        smallest: Positive int, of that rule.
        norm: "group", "batch" or "none".
        code: "vector" or "planes".
        scale: How the posterior's scale is made; see `zoo.layers.GaussianHead`.

    Raises:
        ValueError: If an argument is none of these, the images are smaller than the stride, or
            the latents do not fill whole planes.

    Reference:
        He et al., 2016b; Vahdat and Kautz, 2020.
    """

    def __init__(
        self,
        latent_dim: int = 64,
        depth: int = 32,
        num_blocks: int = 1,
        halvings: int = 0,
        smallest: int = 4,
        norm: str = "group",
        code: str = "vector",
        scale: str = "softplus_scale",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        check_arguments(num_blocks, code)
        self.latent_dim = latent_dim
        self.depth = depth
        self.num_blocks = num_blocks
        self.halvings = halvings
        self.smallest = smallest
        self.norm = norm
        self.code = code
        self.scale = scale
        self.last_norm = normalisation(norm, dtype=self.dtype_policy)

    def build(self, image_shape: Shape) -> None:
        policy = {"dtype": self.dtype_policy}
        scales = scales_of(image_shape[1:], self.depth, self.halvings, self.smallest)
        is_vector = self.code == "vector"
        units = self.latent_dim if is_vector else scales.planes(self.latent_dim)
        self.maps, self.blocks = [], []
        shape = tuple(image_shape)
        for depth in scales.depths:
            layer = convolution(depth, 4, strides=2, **policy)
            layer.build(shape)
            shape = (None, *layer.compute_output_shape(shape)[1:])
            blocks = [ResidualBlock(depth, self.norm, **policy) for _ in range(self.num_blocks)]
            for block in blocks:
                block.build(shape)
            self.maps.append(layer)
            self.blocks += blocks  # a flat list: Keras saves no layers of lists in lists
        self.last_norm.build(shape)
        self.flatten = keras.layers.Flatten(**CHANNELS_LAST, **policy)
        self.flatten.build(shape)
        self.head = GaussianHead(units, self.scale)
        _, height, width, channels = shape
        self.head.build((None, height * width * channels if is_vector else channels))

    def call(self, x: Array, training: bool = False) -> dict[str, Array]:
        h = x
        for i, layer in enumerate(self.maps):
            h = layer(h)
            for block in of_map(self.blocks, i, self.num_blocks):
                h = block(h, training=training)
        h = activated(self.last_norm, h, training)
        if self.code == "vector":
            return self.head(self.flatten(h))
        shape = (-1, self.latent_dim)
        return {name: keras.ops.reshape(value, shape) for name, value in self.head(h).items()}
