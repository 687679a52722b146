"""The PixelCNN++ style decoder of `broken_elbo`, F.2."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zoo.decoders import incremental, incremental_graph
from zoo.decoders.autoregressive import AutoregressiveDecoder
from zoo.graph_spec import GraphSpec
from zoo.layers import CausalConv2D, GatedDense, GatedResidual
from zoo.layers.channels import CHANNELS_LAST
from zoo.registry import DECODERS
from zoo.typing import Array, PartLike, Shape

LEVELS = 3  # H x W, half and a quarter of it.


@DECODERS.register("pixelcnn")
class PixelCNNDecoder(AutoregressiveDecoder):
    """The decoder `+` of `broken_elbo`, F.2: a gated PixelCNN++ given the latents as a plane.

        plane = GatedDense(z) as [28, 28, 1]; input [x, plane] as [28, 28, 2]
        blocks at 28 - 14 - 7 - 7 - 14 - 28, two residual layers each, depth 64,
        shortcuts between equal sizes; logits = 1 x 1 convolution to one map

    Two streams: one sees the rows above, the other reads it and sees the pixels to the left. As
    in PixelCNN++ the first convolutions are shifted by a row or a column, so that no pixel sees
    itself. The paper concatenates the plane with the image, so the plane is shifted too: a pixel
    sees z by the values of the plane before it. Pixel (0, 0) has none before it, and its logit is
    the same for every z; the logits of all other pixels depend on z. Images are mapped to [-1, 1],
    so that black differs from the zeros beyond the border. Sizes not divisible by 4 are filled up
    with black at the right and below, and the logits there are cut off. What the paper leaves open
    is as in PixelCNN++, except for its weight normalisation, which is left out.

    Args:
        latent_dim: Positive int, Z; 64 in the paper.
        image_shape: (H, W, 1).
        depth: Depth of all internal layers.
        num_resnets: Residual layers in each of the six blocks.
        likelihood: "bernoulli".

    Raises:
        ValueError: If there is more than one channel.

    Reference:
        `broken_elbo`, F.2; Salimans et al., 2017.
    """

    def __init__(
        self,
        latent_dim: int = 64,
        image_shape: Sequence[int] = (28, 28, 1),
        depth: int = 64,
        num_resnets: int = 2,
        likelihood: PartLike = "bernoulli",
        **kwargs: Any,
    ):
        super().__init__(latent_dim, image_shape, likelihood, **kwargs)
        height, width, _ = self.image_shape
        self.depth = depth
        self.num_resnets = num_resnets
        policy = {"dtype": self.dtype_policy}
        self.plane = GatedDense(height * width, **policy)
        self.rows_above = CausalConv2D(depth, (2, 3), direction="down", **policy)
        self.row_above = CausalConv2D(depth, (1, 3), direction="down", **policy)
        self.left = CausalConv2D(depth, (2, 1), **policy)
        self.vertical = Stream(depth, (2, 3), "down", num_resnets, **policy)
        self.horizontal = Stream(depth, (2, 2), "down_right", num_resnets, True, **policy)
        self.pixels = keras.layers.Dense(self.raw_channels, dtype="float32")

    def build(self, latent_shape: Shape) -> None:
        self.plane.build(latent_shape)
        for layer in (self.rows_above, self.row_above, self.left):
            layer.build((None, None, None, 2))
        for stream in (self.vertical, self.horizontal):
            stream.build((None, None, None, self.depth))
        self.pixels.build((None, self.depth))

    def filled(self, maps: Array, value: float = 0.0) -> Array:
        """Returns maps [B, H, W, C] with `value` right and below up to multiples of 4."""
        height, width, _ = self.image_shape
        margins = ((0, 0), (0, -height % 4), (0, -width % 4), (0, 0))
        return ops.pad(maps, margins, constant_values=value)

    def latent_plane(self, z: Array) -> Array:
        """Returns the latents [B, Z] as a plane [B, H, W, 1], filled up."""
        plane = ops.reshape(self.plane(z), (-1, *self.image_shape))
        return self.filled(ops.cast(plane, "float32"))

    def network(self, z: Array, x: Array, training: bool = False) -> Array:
        height, width, _ = self.image_shape
        inputs = ops.concatenate([2.0 * self.filled(x) - 1.0, self.latent_plane(z)], axis=-1)
        above = ops.pad(inputs[:, :-1], ((0, 0), (1, 0), (0, 0), (0, 0)))
        before = ops.pad(inputs[:, :, :-1], ((0, 0), (0, 0), (1, 0), (0, 0)))
        _, beside = self.vertical.forward(self.rows_above(above), None, WHOLE, training)
        h = self.row_above(above) + self.left(before)
        h, _ = self.horizontal.forward(h, beside, WHOLE, training)
        logits = self.pixels(h)[:, :height, :width]
        return ops.reshape(logits, (-1, *self.image_shape))  # a static size, for published graphs

    def graphs(self, model: Any) -> list[GraphSpec]:
        """Returns the graphs "decoder" and "sampler", which draws images."""
        return [*super().graphs(model), incremental_graph.sampler(self, model)]

    def draw(self, z: Array, noise: Array, progress: bool = False) -> Array:
        # Every activation is computed once: `draw_slowly` gives the same pixels.
        return incremental.draw(self, z, noise, progress)


class _Whole:
    """Runs a stream over whole maps, as training and likelihoods do."""

    def conv(self, layer, x):
        return layer(x)

    def coarser(self, level, shrink, grow, x, inner):
        return grow(inner(shrink(x)))


WHOLE = _Whole()


@keras.saving.register_keras_serializable(package="zoo")
class Stream(keras.layers.Layer):
    """One of the two streams: six blocks down to a quarter of the size and up again.

    Args:
        depth: Positive int.
        kernel_size: (rows, columns) of the causal convolutions.
        direction: "down" or "down_right"; see `CausalConv2D`.
        num_resnets: Residual layers in a block.
        has_beside: Whether it reads another stream, layer by layer.
    """

    def __init__(self, depth, kernel_size, direction, num_resnets=2, has_beside=False, **kwargs):
        super().__init__(**kwargs)
        self.depth = depth
        self.kernel_size = tuple(kernel_size)
        self.direction = direction
        self.num_resnets = num_resnets
        self.has_beside = has_beside
        policy = {"dtype": self.dtype_policy}

        def blocks(has_aside):
            return [
                [
                    GatedResidual(depth, kernel_size, direction, has_aside, **policy)
                    for _ in range(num_resnets)
                ]
                for _ in range(LEVELS)
            ]

        self.descending = blocks(has_aside=has_beside)
        self.ascending = blocks(has_aside=True)
        self.shrink = [
            CausalConv2D(depth, kernel_size, 2, direction, **policy) for _ in range(LEVELS - 1)
        ]
        self.grow = [
            keras.layers.Conv2DTranspose(depth, kernel_size, 2, "same", **CHANNELS_LAST, **policy)
            for _ in range(LEVELS - 1)
        ]

    def build(self, input_shape):
        shape = (None, None, None, self.depth)
        ascending_aside = (*shape[:-1], self.depth * (2 if self.has_beside else 1))
        for level in range(LEVELS):
            for block in self.descending[level]:
                block.build(shape, shape)
            for block in self.ascending[level]:
                block.build(shape, ascending_aside)
        for layer in [*self.shrink, *self.grow]:
            layer.build(shape)

    def forward(self, x, beside, run, training=False):
        """Returns the last map and a dict of the map after every residual layer.

        Args:
            x: The map that the first block reads.
            beside: The other stream's dict, or None.
            run: `conv(layer, x)` and `coarser(level, shrink, grow, x, inner)`: over whole maps, or
                over one row or pixel at a time with what came before it remembered.
            training: Whether in a training step.
        """
        maps = {}

        def at_level(level, x):
            shortcuts = []
            for i, block in enumerate(self.descending[level]):
                aside = None if beside is None else beside[f"{level}.descending.{i}"]
                x = block.forward(x, aside, run.conv, training)
                maps[f"{level}.descending.{i}"] = x
                shortcuts.append(x)
            if level + 1 < LEVELS:
                x = run.coarser(
                    level,
                    self.shrink[level],
                    self.grow[level],
                    x,
                    lambda y: at_level(level + 1, y),
                )
            for i, block in enumerate(self.ascending[level]):
                aside = shortcuts.pop()
                if beside is not None:
                    aside = ops.concatenate([beside[f"{level}.ascending.{i}"], aside], axis=-1)
                x = block.forward(x, aside, run.conv, training)
                maps[f"{level}.ascending.{i}"] = x
            return x

        return at_level(0, x), maps

    def get_config(self):
        return {
            **super().get_config(),
            "depth": self.depth,
            "kernel_size": self.kernel_size,
            "direction": self.direction,
            "num_resnets": self.num_resnets,
            "has_beside": self.has_beside,
        }
