"""Convolutional encoders: gated (`broken_elbo`, F.1) and small (`mu_vae`, Table 4)."""

from typing import Any

import keras

from zoo.encoders.encoder import Encoder
from zoo.layers import GatedConv2D, GaussianHead
from zoo.layers.channels import CHANNELS_LAST
from zoo.registry import ENCODERS
from zoo.typing import Array, Shape


@ENCODERS.register("gated_conv")
class GatedConvEncoder(Encoder):
    """The encoder `-` of `broken_elbo`, F.1: five gated convolutions and a Gaussian head.

        x in [0,1] -> [-1,1]; (32,5,1) (32,5,2) (64,5,1) (64,5,2) same; (256,7,1) valid
        (depth, kernel, stride); loc = Linear(64), variance = Softplus(Linear(64))

    The last convolution covers the whole map that reaches it (7 x 7 for images of 28 x 28).

    Args:
        latent_dim: Positive int, Z; 64 in the paper.
        depth: Depth of the first two layers; the next have 2 and the last 8 times as much.
        scale: How the posterior's scale is made; see `zoo.layers.GaussianHead`.
    """

    def __init__(
        self, latent_dim: int = 64, depth: int = 32, scale: str = "softplus_variance", **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        self.depth = depth
        self.scale = scale
        policy = {"dtype": self.dtype_policy}
        self.maps = [
            GatedConv2D(depth, 5, 1, **policy),
            GatedConv2D(depth, 5, 2, **policy),
            GatedConv2D(2 * depth, 5, 1, **policy),
            GatedConv2D(2 * depth, 5, 2, **policy),
        ]
        self.flatten = keras.layers.Flatten(**CHANNELS_LAST, **policy)
        self.head = GaussianHead(latent_dim, scale)

    def build(self, image_shape: Shape) -> None:
        rows, columns = (-(-size // 4) for size in image_shape[1:3])
        self.whole = GatedConv2D(
            8 * self.depth, (rows, columns), 1, "valid", dtype=self.dtype_policy
        )
        shape = tuple(image_shape)
        for layer in self.maps:
            layer.build(shape)
            shape = layer.doubled.compute_output_shape(shape)[:-1] + (layer.filters,)
        self.whole.build(shape)
        self.flatten.build((None, 1, 1, self.whole.filters))
        self.head.build((None, self.whole.filters))

    def call(self, x: Array, training: bool = False) -> dict[str, Array]:
        h = 2.0 * x - 1.0
        for layer in [*self.maps, self.whole]:
            h = layer(h)
        return self.head(self.flatten(h))


@ENCODERS.register("small_conv")
class SmallConvEncoder(Encoder):
    """The encoder of `mu_vae`, Table 4: three 3 x 3 convolutions of depth 64, leaky ReLU.

        28 x 28 x 64 -> 14 x 14 x 64 -> 7 x 7 x 64 -> Linear(10)

    Weights are drawn with standard deviation sqrt(2 / N), N the inputs of a unit: the paper's
    appendix calls it Xavier; it is He's rule.

    Args:
        latent_dim: Positive int, Z; 10 in the paper.
        depth: Depth of the three layers.
        negative_slope: Negative slope of the leaky ReLU.
        scale: How the posterior's scale is made; see `zoo.layers.GaussianHead`.
    """

    def __init__(
        self,
        latent_dim: int = 10,
        depth: int = 64,
        negative_slope: float = 0.2,
        scale: str = "log_variance",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        self.depth = depth
        self.negative_slope = negative_slope
        self.scale = scale
        self.maps = [
            keras.layers.Conv2D(
                depth,
                3,
                strides=strides,
                padding="same",
                kernel_initializer=fan_in_normal(),
                dtype=self.dtype_policy,
                **CHANNELS_LAST,
            )
            for strides in (1, 2, 2)
        ]
        self.flatten = keras.layers.Flatten(dtype=self.dtype_policy, **CHANNELS_LAST)
        self.head = GaussianHead(latent_dim, scale, kernel_initializer=fan_in_normal())

    def build(self, image_shape: Shape) -> None:
        shape = tuple(image_shape)
        for layer in self.maps:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.flatten.build(shape)
        self.head.build((None, shape[1] * shape[2] * shape[3]))

    def call(self, x: Array, training: bool = False) -> dict[str, Array]:
        h = x
        for layer in self.maps:
            h = keras.ops.leaky_relu(layer(h), self.negative_slope)
        return self.head(self.flatten(h))


def fan_in_normal(transposed=False):
    """Returns the initializer N(0, 2 / fan_in) of `mu_vae`, appendix; untruncated.

    Args:
        transposed: Whether it is for a transposed convolution, whose kernel (rows, columns, out,
            in) has its inputs where Keras looks for outputs.
    """
    fan = "fan_out" if transposed else "fan_in"
    return keras.initializers.VarianceScaling(2.0, fan, "untruncated_normal")
