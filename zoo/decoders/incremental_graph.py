"""Draws of a `PixelCNNDecoder` as one graph: latents and noise to images.

    image_i = 1 where noise_i < d(x_i = 1 | x_1 .. x_{i-1}, z), noise uniform in [0, 1)

The incremental sampler of `zoo.decoders.incremental`: every activation is computed once. A loop
over groups of four rows, as kinds of rows repeat after four, holds a loop over the blocks of four
pixels of each row.
"""

import functools

import numpy as np
from keras import ops

from zoo.decoders import incremental
from zoo.graph_spec import GraphSpec

ROWS = 4


def sampler(decoder, model):
    """Returns the graph "sampler": z [B, Z], noise [B, H, W, 1] -> image. No SavedModel has it.

    Args:
        decoder: A `PixelCNNDecoder`.
        model: The `zoo.VAE` of the decoder.
    """
    return GraphSpec(
        "sampler",
        {"z": (decoder.latent_dim,), "noise": tuple(decoder.image_shape)},
        call=None,
        golden=lambda example: _golden(model, example),
        rooms=("decoder",),
        compose=functools.partial(_compose, decoder),
    )


def _golden(model, example):
    """Returns latents and noise that make the sampler draw given images, and these images.

    A pixel that is one gets noise below its probability, and a pixel that is zero gets noise above
    it. The noise keeps a fiftieth of the way from the probability, so that no runtime's rounding
    draws another image.
    """
    image = example.image[np.arange(len(example.z)) % len(example.image)]
    image = (np.asarray(image) >= 0.5).astype(np.float32)
    p = np.asarray(model.decode(example.z, image)["mean"], np.float64)
    u = np.random.default_rng(example.seed).uniform(0.02, 0.98, p.shape)
    noise = np.where(image == 1, p * u, p + (1 - p) * u).astype(np.float32)
    return {"z": example.z, "noise": noise}, {"image": image}


def _compose(decoder, graph, z, noise):
    pieces = _Pieces(decoder)
    carry, rows = graph.call(pieces.start, z, noise)
    _, pixels = graph.scan(pieces.draw_rows, carry, rows)
    return {"image": graph.call(pieces.image, pixels)}


class _Pieces:
    """The pieces of the graph without loops, and what loops over them."""

    def __init__(self, decoder):
        self.decoder, self.parts = decoder, incremental.Parts(decoder)
        height, width, _ = decoder.image_shape
        self.size = height + -height % ROWS, width + -width % incremental.BLOCK
        kinds = {incremental.kind_of(row) for row in range(ROWS)}
        self.begin = {kind: functools.partial(self._begin, kind) for kind in kinds}
        self.block = {kind: functools.partial(self._block, kind) for kind in kinds}

    def start(self, z, noise):
        """Returns what the first group of rows is given, and what each reads, a dict a row."""
        batch = ops.shape(z)[0]
        state = incremental.initial_state(self.decoder, batch, self.size[1])
        maps = {
            "plane": self.decoder.latent_plane(z),
            "noise": self.decoder.filled(noise, value=1.0),
        }
        groups = {}
        for name, value in maps.items():
            value = ops.reshape(value, (-1, self.size[0] // ROWS, ROWS, self.size[1]))
            groups[name] = ops.transpose(value, (1, 0, 2, 3))
        rows = [{name: value[:, :, row] for name, value in groups.items()} for row in range(ROWS)]
        return (state, ops.zeros((batch, self.size[1], 2))), rows

    def draw_rows(self, graph, carry, rows):
        """Draws a group of rows."""
        pixels = []
        for number, row in enumerate(rows):
            kind = incremental.kind_of(number)
            left, blocks, above = graph.call(self.begin[kind], carry, row)
            step = functools.partial(self.draw_block, kind)
            _, drawn_blocks = graph.scan(step, left, blocks)
            carry, drawn = graph.call(self.end, carry, row, above, drawn_blocks)
            pixels.append(drawn)
        return carry, pixels

    def draw_block(self, kind, graph, left, block):
        """Draws four pixels."""
        return graph.call(self.block[kind], left, block)

    def _begin(self, kind, carry, row):
        state, inputs = carry
        return incremental.begin_row(self.parts, kind, state, inputs, row["plane"], row["noise"])

    def _block(self, kind, left, block):
        return incremental.draw_block(self.parts, kind, left, block)

    def end(self, carry, row, above, drawn):
        """Returns what the next row is given, and the pixels [B, W]."""
        pixels, state = incremental.end_row(carry[0], above, drawn)
        return (state, ops.stack([2.0 * pixels - 1.0, row["plane"]], axis=-1)), pixels

    def image(self, pixels):
        """Returns images [B, H, W, 1] of a list of pixels [H / 4, B, W]."""
        height, width, _ = self.decoder.image_shape
        image = ops.transpose(ops.stack(pixels, axis=1), (2, 0, 1, 3))
        return ops.reshape(image, (-1, *self.size, 1))[:, :height, :width]
