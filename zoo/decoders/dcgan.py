"""The DCGAN decoder of `vimae`, appendix, after Tolstikhin et al., 2018."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zoo.decoders.decoder import Decoder
from zoo.layers.dcgan import convolution, widths
from zoo.layers.normalisation import apply_norm, normalisation
from zoo.registry import DECODERS
from zoo.typing import Array, PartLike, Shape


@DECODERS.register("dcgan")
class DCGANDecoder(Decoder):
    """Dense to a small map, then transposed convolutions that double it, batch norm and ReLU.

        FC 7 x 7 x 1024; FSConv 512 - 256, stride 2; FSConv to the pixels, stride 1   (28 x 28)
        FC 8 x 8 x 1024; FSConv 512 - 256 - 128, stride 2; FSConv to the pixels       (64 x 64)

    The first map is as small as the doublings need: H / 2^n for n of them.

    Args:
        latent_dim: Positive int, Z; 8 (grey) or 64 (colour) in the paper.
        image_shape: (H, W, C), H and W divisible by 2^(number of filters - 1).
        filters: Depth of the first map and of each doubling: (1024, 512, 256) for 28 x 28,
            (1024, 512, 256, 128) for 64 x 64.
        kernel_size: Int; 4 (grey) or 5 (colour) in the paper.
        width: Positive number that all depths are multiplied by, for small machines.
        likelihood: A likelihood, its name, or a mapping with `name`.
        norm: "batch", "group" or "none"; "batch" in the paper.

    Raises:
        ValueError: If the image size cannot be reached by doubling.

    Reference:
        `vimae`, appendix; Radford et al., 2015.
    """

    def __init__(
        self,
        latent_dim: int = 8,
        image_shape: Sequence[int] = (28, 28, 1),
        filters: Sequence[int] = (1024, 512, 256),
        kernel_size: int = 4,
        width: float = 1.0,
        likelihood: PartLike = "bernoulli",
        norm: str = "batch",
        **kwargs: Any,
    ):
        super().__init__(latent_dim, image_shape, likelihood, **kwargs)
        self.filters = tuple(filters)
        self.kernel_size = kernel_size
        self.width = width
        self.norm = norm
        first, *depths = widths(self.filters, width)
        times = 2 ** len(depths)
        if any(size % times for size in self.image_shape[:2]):
            raise ValueError(
                f"`dcgan` with {len(depths)} doublings needs a height and width divisible by "
                f"{times}. Received: image_shape={self.image_shape!r}, filters={self.filters!r}"
            )
        policy = {"dtype": self.dtype_policy}
        shape = (self.image_shape[0] // times, self.image_shape[1] // times, first)
        self.first = keras.layers.Dense(shape[0] * shape[1] * shape[2], **policy)
        self.to_map = keras.layers.Reshape(shape, **policy)
        transposed = keras.layers.Conv2DTranspose
        self.maps = [convolution(transposed, depth, kernel_size, 2, **policy) for depth in depths]
        self.norms = [normalisation(norm, **policy) for _ in depths]
        # At stride 1 transposed and ordinary convolution are the same family of functions.
        self.pixels = convolution(
            keras.layers.Conv2D, self.raw_channels, kernel_size, 1, use_bias=True, dtype="float32"
        )

    def build(self, latent_shape: Shape) -> None:
        self.first.build(latent_shape)
        shape = (None, *self.to_map.target_shape)
        for layer, norm in zip(self.maps, self.norms):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
            norm.build(shape)
        self.pixels.build(shape)

    def network(self, z: Array, training: bool = False) -> Array:
        h = self.to_map(self.first(z))
        for layer, norm in zip(self.maps, self.norms):
            h = ops.relu(apply_norm(norm, layer(h), training))
        return self.pixels(h)
