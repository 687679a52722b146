"""Transposed-convolution decoders: gated (`broken_elbo`, F.2) and small (`mu_vae`, Table 4)."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zoo.decoders.decoder import Decoder
from zoo.encoders.conv import fan_in_normal
from zoo.layers import GatedConv2DTranspose, GatedDense
from zoo.layers.channels import CHANNELS_LAST
from zoo.registry import DECODERS
from zoo.typing import Array, PartLike, Shape


def _quarter(image_shape, name):
    """Returns (H / 4, W / 4), or raises: two layers of stride 2 must reach the size exactly."""
    height, width = image_shape[:2]
    if height % 4 or width % 4:
        raise ValueError(
            f"`{name}` needs a height and width divisible by 4. "
            f"Received: image_shape={tuple(image_shape)!r}"
        )
    return height // 4, width // 4


@DECODERS.register("gated_deconv")
class GatedDeconvDecoder(Decoder):
    """The decoder `-` of `broken_elbo`, F.2: six gated transposed convolutions, then a linear one.

        (64,7,1) valid; (64,5,1) (64,5,2) (32,5,1) (32,5,2) (32,4,1) same; linear Conv(1,5,1) same
        (depth, kernel, stride)

    The first acts on a 1 x 1 map, where a transposed convolution is a dense layer: written so.

    Args:
        latent_dim: Positive int, Z; 64 in the paper.
        image_shape: (H, W, C), H and W divisible by 4.
        depth: Depth of the last three layers; the first three have twice as much.
        likelihood: A likelihood, its name, or a mapping with `name`.
    """

    def __init__(
        self,
        latent_dim: int = 64,
        image_shape: Sequence[int] = (28, 28, 1),
        depth: int = 32,
        likelihood: PartLike = "bernoulli",
        **kwargs: Any,
    ):
        super().__init__(latent_dim, image_shape, likelihood, **kwargs)
        self.depth = depth
        rows, columns = _quarter(image_shape, "gated_deconv")
        policy = {"dtype": self.dtype_policy}
        self.first = GatedDense(rows * columns * 2 * depth, **policy)
        self.to_map = keras.layers.Reshape((rows, columns, 2 * depth), **policy)
        self.maps = [
            GatedConv2DTranspose(2 * depth, 5, 1, **policy),
            GatedConv2DTranspose(2 * depth, 5, 2, **policy),
            GatedConv2DTranspose(depth, 5, 1, **policy),
            GatedConv2DTranspose(depth, 5, 2, **policy),
            GatedConv2DTranspose(depth, 4, 1, **policy),
        ]
        self.pixels = keras.layers.Conv2D(
            self.raw_channels, 5, padding="same", dtype="float32", **CHANNELS_LAST
        )

    def build(self, latent_shape: Shape) -> None:
        self.first.build(latent_shape)
        rows, columns, filters = self.to_map.target_shape
        for layer in self.maps:
            layer.build((None, rows, columns, filters))
            rows, columns, filters = rows * layer.strides, columns * layer.strides, layer.filters
        self.pixels.build((None, rows, columns, filters))

    def network(self, z: Array, training: bool = False) -> Array:
        h = self.to_map(self.first(z))
        for layer in self.maps:
            h = layer(h)
        return self.pixels(h)


@DECODERS.register("small_deconv")
class SmallDeconvDecoder(Decoder):
    """The decoder of `mu_vae`, Table 4: dense, then three 3 x 3 transposed convolutions.

        Linear to 7 x 7 x 64; 7 x 7 x 64; 14 x 14 x 32; 28 x 28 x 1

    leaky ReLU between them. The sigmoid at the end belongs to the likelihood: use "bernoulli",
    or "gaussian" with `mean_activation="sigmoid"` for the paper's squared error.

    Args:
        latent_dim: Positive int, Z; 10 in the paper.
        image_shape: (H, W, C), H and W divisible by 4.
        depth: Depth of the first two maps; the third has half as much.
        negative_slope: Negative slope of the leaky ReLU.
        likelihood: A likelihood, its name, or a mapping with `name`.
    """

    def __init__(
        self,
        latent_dim: int = 10,
        image_shape: Sequence[int] = (28, 28, 1),
        depth: int = 64,
        negative_slope: float = 0.2,
        likelihood: PartLike = "bernoulli",
        **kwargs: Any,
    ):
        super().__init__(latent_dim, image_shape, likelihood, **kwargs)
        self.depth = depth
        self.negative_slope = negative_slope
        rows, columns = _quarter(image_shape, "small_deconv")
        policy = {"dtype": self.dtype_policy}
        self.first = keras.layers.Dense(
            rows * columns * depth, kernel_initializer=fan_in_normal(), **policy
        )
        self.to_map = keras.layers.Reshape((rows, columns, depth), **policy)
        # The first has stride 1, where transposed and ordinary convolution are the same family.
        self.maps = [
            keras.layers.Conv2D(
                depth,
                3,
                padding="same",
                kernel_initializer=fan_in_normal(),
                **CHANNELS_LAST,
                **policy,
            ),
            self._transposed(depth // 2, **policy),
        ]
        self.pixels = self._transposed(self.raw_channels, dtype="float32")

    def _transposed(self, maps, **options):
        # An initializer of its own: one instance would start every layer at the same numbers.
        options.update(padding="same", kernel_initializer=fan_in_normal(transposed=True))
        return keras.layers.Conv2DTranspose(maps, 3, 2, **CHANNELS_LAST, **options)

    def build(self, latent_shape: Shape) -> None:
        self.first.build(latent_shape)
        shape = (None, *self.to_map.target_shape)
        for layer in [*self.maps, self.pixels]:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def network(self, z: Array, training: bool = False) -> Array:
        h = self.to_map(ops.leaky_relu(self.first(z), self.negative_slope))
        for layer in self.maps:
            h = ops.leaky_relu(layer(h), self.negative_slope)
        return self.pixels(h)
