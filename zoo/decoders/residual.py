"""A residual convolutional decoder for images of any size."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zoo.decoders.decoder import Decoder
from zoo.layers.normalisation import normalisation
from zoo.layers.residual import (
    ResidualBlock,
    activated,
    check_arguments,
    convolution,
    of_map,
    scales_of,
)
from zoo.registry import DECODERS
from zoo.typing import Array, PartLike, Shape


@DECODERS.register("residual")
class ResidualDecoder(Decoder):
    """The encoder "residual" the other way round: residual blocks, then a doubling, for each map.

    A doubling is a 4 x 4 transposed convolution of stride 2. A side that is no multiple of the
    stride is decoded to the next multiple, and the middle is cut out.

    Args:
        latent_dim: Positive int, Z.
        image_shape: (H, W, C).
        depth, num_blocks, halvings, smallest, norm, code: As those of `ResidualEncoder`.
        likelihood: A likelihood, its name, or a mapping with `name`.

    Raises:
        ValueError: As `ResidualEncoder`.

    Reference:
        He et al., 2016b; Vahdat and Kautz, 2020.
    """

    def __init__(
        self,
        latent_dim: int = 64,
        image_shape: Sequence[int] = (32, 32, 3),
        depth: int = 32,
        num_blocks: int = 1,
        halvings: int = 0,
        smallest: int = 4,
        norm: str = "group",
        code: str = "vector",
        likelihood: PartLike = "optimal_gaussian",
        **kwargs: Any,
    ):
        super().__init__(latent_dim, image_shape, likelihood, **kwargs)
        check_arguments(num_blocks, code)
        self.depth = depth
        self.num_blocks = num_blocks
        self.halvings = halvings
        self.smallest = smallest
        self.norm = norm
        self.code = code
        policy = {"dtype": self.dtype_policy}
        scales = scales_of(self.image_shape, depth, halvings, smallest)
        depths = scales.depths[::-1]
        height, width = scales.smallest
        planes = scales.planes(latent_dim) if code == "planes" else None
        self.code_shape = (latent_dim,) if planes is None else (height, width, planes)
        self.first_shape = (height, width, depths[0])
        units = depths[0] if planes else height * width * depths[0]
        self.first = keras.layers.Dense(units, **policy)
        # A flat list: Keras saves no layers of lists in lists.
        self.blocks = [
            ResidualBlock(depth, norm, **policy) for depth in depths for _ in range(num_blocks)
        ]
        self.norms = [normalisation(norm, **policy) for _ in (*depths, None)]
        self.maps = [
            convolution(depth, 4, strides=2, transposed=True, **policy)
            for depth in (*depths[1:], depth)
        ]
        self.pixels = convolution(self.raw_channels, dtype="float32")

    def build(self, latent_shape: Shape) -> None:
        self.first.build((None, *self.code_shape))
        shape = (None, *self.first_shape)
        for i, layer in enumerate(self.maps):
            for block in (*of_map(self.blocks, i, self.num_blocks), self.norms[i], layer):
                block.build(shape)
            shape = (None, *layer.compute_output_shape(shape)[1:])
        self.norms[-1].build(shape)
        self.pixels.build(shape)
        height, width = shape[1:3]
        self.margin = (height - self.image_shape[0]) // 2, (width - self.image_shape[1]) // 2

    def network(self, z: Array, training: bool = False) -> Array:
        h = self.first(ops.reshape(z, (-1, *self.code_shape)))
        h = ops.reshape(h, (-1, *self.first_shape))
        for i, layer in enumerate(self.maps):
            for block in of_map(self.blocks, i, self.num_blocks):
                h = block(h, training=training)
            h = layer(activated(self.norms[i], h, training))
        raw = self.pixels(activated(self.norms[-1], h, training))
        (top, left), (height, width, _) = self.margin, self.image_shape
        return raw[:, top : top + height, left : left + width]
