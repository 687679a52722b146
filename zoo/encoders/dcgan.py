"""The DCGAN encoder of `vimae`, appendix, after Tolstikhin et al., 2018."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zoo.encoders.encoder import Encoder
from zoo.layers import GaussianHead
from zoo.layers.channels import CHANNELS_LAST
from zoo.layers.dcgan import convolution, widths
from zoo.layers.normalisation import apply_norm, normalisation
from zoo.registry import ENCODERS
from zoo.typing import Array, Shape


@ENCODERS.register("dcgan")
class DCGANEncoder(Encoder):
    """Convolutions of stride 2, batch norm and ReLU after each, then the head.

        Conv 128 - 256 - 512 - 1024, stride 2, same; 4 x 4 kernels for 28 x 28, 5 x 5 for colour

    No biases before a batch norm, which would take them out again.

    Args:
        latent_dim: Positive int, Z; 8 (grey) or 64 (colour) in the paper.
        filters: Depths of the convolutions.
        kernel_size: Int.
        width: Positive number that all depths are multiplied by, for small machines.
        scale: How the posterior's scale is made; see `zoo.layers.GaussianHead`.
        norm: "batch", "group" or "none"; "batch" in the paper.

    Reference:
        `vimae`, appendix; Radford et al., 2015.
    """

    def __init__(
        self,
        latent_dim: int = 8,
        filters: Sequence[int] = (128, 256, 512, 1024),
        kernel_size: int = 4,
        width: float = 1.0,
        scale: str = "log_variance",
        norm: str = "batch",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        self.filters = tuple(filters)
        self.kernel_size = kernel_size
        self.width = width
        self.scale = scale
        self.norm = norm
        policy = {"dtype": self.dtype_policy}
        depths = widths(self.filters, width)
        self.maps = [
            convolution(keras.layers.Conv2D, depth, kernel_size, 2, **policy) for depth in depths
        ]
        self.norms = [normalisation(norm, **policy) for _ in depths]
        self.flatten = keras.layers.Flatten(**CHANNELS_LAST, **policy)
        self.head = GaussianHead(latent_dim, scale)

    def build(self, image_shape: Shape) -> None:
        shape = tuple(image_shape)
        for layer, norm in zip(self.maps, self.norms):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
            norm.build(shape)
        self.flatten.build(shape)
        self.head.build((None, shape[1] * shape[2] * shape[3]))

    def call(self, x: Array, training: bool = False) -> dict[str, Array]:
        h = x
        for layer, norm in zip(self.maps, self.norms):
            h = ops.relu(apply_norm(norm, layer(h), training))
        return self.head(self.flatten(h))
