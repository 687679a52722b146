"""Residual convolutional blocks, and the maps that a pair of residual networks shares."""

import dataclasses
import math

import keras
from keras import ops

from zoo.arguments import positive_int
from zoo.layers.channels import CHANNELS_LAST
from zoo.layers.normalisation import apply_norm, normalisation

# A new block is nearly the identity.
NEARLY_ZERO = {"scale": 0.1, "mode": "fan_avg", "distribution": "uniform"}
CODES = ("vector", "planes")
WIDEST = 8  # the largest depth of a map, as a multiple of the first


@keras.saving.register_keras_serializable(package="zoo")
class ResidualBlock(keras.layers.Layer):
    """y = x + conv_2(act(norm_2(conv_1(act(norm_1(x)))))), 3 x 3 convolutions, act = SiLU.

    Args:
        depth: Positive int, the channels of x and y.
        norm: "group", "batch" or "none"; see `zoo.layers.normalisation`.

    Reference:
        He et al., 2016b; Vahdat and Kautz, 2020, for SiLU in VAEs.
    """

    def __init__(self, depth, norm="group", **kwargs):
        super().__init__(**kwargs)
        self.depth = depth
        self.norm = norm
        policy = {"dtype": self.dtype_policy}
        self.norms = [normalisation(norm, **policy) for _ in range(2)]
        small = keras.initializers.VarianceScaling(**NEARLY_ZERO)
        # A norm takes a bias before it out again.
        self.convs = [
            convolution(depth, use_bias=norm == "none", **policy),
            convolution(depth, kernel_initializer=small, **policy),
        ]

    def build(self, input_shape):
        for layer in (*self.norms, *self.convs):
            layer.build(input_shape)

    def call(self, x, training=False):
        h = x
        for norm, conv in zip(self.norms, self.convs):
            h = conv(activated(norm, h, training))
        return x + h

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "depth": self.depth, "norm": self.norm}


def convolution(depth, kernel_size=3, strides=1, transposed=False, **kwargs):
    """Returns a "same" convolution, transposed if asked for."""
    kind = keras.layers.Conv2DTranspose if transposed else keras.layers.Conv2D
    return kind(depth, kernel_size, strides=strides, padding="same", **{**CHANNELS_LAST, **kwargs})


def activated(norm, x, training):
    """Returns SiLU(norm(x)) = y sigmoid(y)."""
    y = apply_norm(norm, x, training)
    return y * ops.sigmoid(y)


@dataclasses.dataclass(frozen=True)
class Scales:
    """The maps of a residual network, from the image to the smallest map.

    Args:
        depth: Channels of the first map. Each halving doubles them, up to eight times `depth`.
        halvings: Number of maps, each with half the sides of the one before it, rounded up.
        image_shape: (H, W, C).
    """

    depth: int
    halvings: int
    image_shape: tuple

    @property
    def depths(self):
        """Channels of each map, the largest map first."""
        return [self.depth * min(2**i, WIDEST) for i in range(self.halvings)]

    @property
    def smallest(self):
        """(h, w), the sides of the smallest map."""
        return tuple(-(-side // 2**self.halvings) for side in self.image_shape[:2])

    def planes(self, latent_dim):
        """Returns the number of planes of a spatial code: Z / (h w).

        Raises:
            ValueError: If the latents do not fill whole planes.
        """
        height, width = self.smallest
        if latent_dim % (height * width):
            raise ValueError(
                f"Expected a latent_dim that {height} x {width}, the size of a plane of the code, "
                f"divides. Received: latent_dim={latent_dim}"
            )
        return latent_dim // (height * width)


def scales_of(image_shape, depth, halvings=0, smallest=4):
    """Returns the `Scales` of images of (H, W, C).

    Args:
        image_shape: (H, W, C).
        depth: Positive int.
        halvings: Positive int, or 0 for as many as bring the shorter side to `smallest` or below.
        smallest: Positive int.

    Raises:
        ValueError: If an argument is none of these, or the images are smaller than the stride.
    """
    positive_int("depth", depth)
    side = min(image_shape[:2])
    halvings = halvings or max(1, math.ceil(math.log2(side / positive_int("smallest", smallest))))
    positive_int("halvings", halvings)
    if 2**halvings > side:
        raise ValueError(
            f"Expected images of at least {2**halvings} pixels a side for {halvings} halvings. "
            f"Received: halvings={halvings}, images of {image_shape[0]} x {image_shape[1]}"
        )
    return Scales(depth, halvings, tuple(image_shape))


def of_map(blocks, index, num_blocks):
    """Returns the blocks of one map, of a list of the blocks of all maps."""
    return blocks[index * num_blocks : (index + 1) * num_blocks]


def check_arguments(num_blocks, code):
    """Raises ValueError if `num_blocks` is negative, or `code` neither "vector" nor "planes"."""
    if not isinstance(num_blocks, int) or num_blocks < 0:
        raise ValueError(
            f"`num_blocks` must be an int of at least 0. Received: num_blocks={num_blocks!r}"
        )
    if code not in CODES:
        raise ValueError(f"`code` must be one of {list(CODES)}. Received: code={code!r}")
