"""Draws of a `PixelCNNDecoder` that compute every activation once.

The network is the one of `pixelcnn.Stream`, run over one row (the vertical stream) or one pixel
(the horizontal one) at a time. A convolution then needs the pixel itself, and its inputs for the
row above and for the pixel to the left. These are kept, as in Ramachandran et al., 2017. Maps at a
half and a quarter of the size change only in every second or fourth row and column. So rows come in
three kinds, and the columns of a row in blocks of four.
"""

import functools

import keras
from keras import ops

from zoo.backend import compiled, once, scan

BLOCK = 4  # Columns in which the coarsest map advances by one.


def draw(decoder, z, noise, progress=False):
    """Returns the same images as `autoregressive.draw_slowly`, row by row.

    Args: as `AutoregressiveDecoder.draw`.
    """
    height, width, _ = decoder.image_shape
    bar = keras.utils.Progbar(height, unit_name="row") if progress else None
    plane = decoder.latent_plane(z)[..., 0]
    noise = decoder.filled(ops.convert_to_tensor(noise), value=1.0)[..., 0]  # 1 always gives black
    state = initial_state(decoder, ops.shape(z)[0], noise.shape[2])
    inputs = ops.zeros((ops.shape(z)[0], noise.shape[2], 2))  # the row above: beyond the border
    rows = []
    for row in range(height):
        step = _compiled_row(decoder, kind_of(row))
        pixels, state = step(state, inputs, plane[:, row], noise[:, row])
        inputs = ops.stack([2.0 * pixels - 1.0, plane[:, row]], axis=-1)
        rows.append(pixels)
        if bar is not None:
            bar.update(row + 1)
    return ops.stack(rows, axis=1)[:, :, :width, None]


def kind_of(row):
    """Returns the kind of a row: 0, all levels advance; 2, two do; 1, only the finest does."""
    return row % 4 if row % 2 == 0 else 1


def _advances(kind, level):
    """Returns whether `level` is computed at a row (or column) of this kind."""
    return kind % 2**level == 0


def _compiled_row(decoder, kind):
    def compile_it():
        parts = Parts(decoder)  # the closure must not keep the decoder alive
        return compiled(functools.partial(_row, parts, kind), decoder.variables, any_batch=True)

    return once(decoder, kind, compile_it)


class Parts:
    """The layers that a row needs, and for each causal convolution a key (`v...`, `h...`)."""

    def __init__(self, decoder):
        for name in ("rows_above", "row_above", "left", "vertical", "horizontal", "pixels"):
            setattr(self, name, getattr(decoder, name))
        self.keys, self.levels = {}, {}
        self._number(self.rows_above, 0, "v")
        self._number(self.left, 0, "h")
        for stream, letter in ((self.vertical, "v"), (self.horizontal, "h")):
            for level in range(len(stream.descending)):
                for block in [*stream.descending[level], *stream.ascending[level]]:
                    self._number(block.first, level, letter)
                    self._number(block.second, level, letter)
            for level, layer in enumerate(stream.shrink):
                self._number(layer, level, letter)
        self.grow_dtype = decoder.compute_dtype
        self.depth = decoder.depth

    def _number(self, layer, level, letter):
        key = self.keys[id(layer)] = f"{letter}{len(self.keys):03d}"
        self.levels[key] = (level, layer.kernel.shape[2], layer.compute_dtype)

    def key(self, layer):
        return self.keys[id(layer)]


def initial_state(decoder, batch, width):
    """Returns zeros for all that is remembered from one row to the next, a dict.

    `inputs.KEY`: what a convolution was given for the last row that its level had, [B, W / 2^level,
    C]. `grown.KEY`: the lower of the two rows that a coarser level gave to a finer one.
    """
    parts = Parts(decoder)
    inputs = {
        f"inputs.{key}": ops.zeros((batch, width // 2**level, channels), dtype=dtype)
        for key, (level, channels, dtype) in parts.levels.items()
    }
    grown = {
        f"grown.{stream}{level}": ops.zeros(
            (batch, width // 2**level, parts.depth), dtype=parts.grow_dtype
        )
        for stream in "vh"
        for level in range(len(parts.vertical.shrink))
    }
    return {**inputs, **grown}


def _row(parts, kind, state, inputs, plane, noise):
    """Draws one row: the vertical stream at once, the horizontal one in blocks of four pixels.

    Args:
        parts: `Parts`.
        kind: Kind of the row; see `kind_of`.
        state: State of the row above; see `initial_state`.
        inputs: The network's input at the row above, [B, W, 2].
        plane: The plane at this row, [B, W].
        noise: Uniform numbers, [B, W].

    Returns:
        The pixels [B, W] and the new state.
    """
    left, blocks, above = begin_row(parts, kind, state, inputs, plane, noise)
    _, drawn = scan(lambda left, block: draw_block(parts, kind, left, block), left, blocks)
    return end_row(state, above, drawn)


def begin_row(parts, kind, state, inputs, plane, noise):
    """Runs the vertical stream over a row; arguments as those of `_row`.

    Returns:
        What `draw_block` is given for the first block of four pixels, what it reads, cut into
        blocks along the first dimension, and what the vertical stream leaves to be remembered.
    """
    run = _RowRun(parts, kind, state)
    above = inputs[:, None]
    _, beside = parts.vertical.forward(run.conv(parts.rows_above, above), None, run)
    columns = {
        "start": _valid(parts.row_above, above)[:, 0],
        "plane": plane[..., None],
        "noise": noise[..., None],
        **{f"beside.{name}": value[:, 0] for name, value in beside.items()},
        **{name: value for name, value in state.items() if name.startswith("grown.h")},
    }
    blocks = {name: _blocks(value, plane.shape[1]) for name, value in columns.items()}
    left = {}
    for key, (level, _, _) in parts.levels.items():
        if key[0] == "h" and _advances(kind, level):
            value = state[f"inputs.{key}"]
            blocks[f"above.{key}"] = _with_left_neighbour(_blocks(value, plane.shape[1]))
            left[key] = ops.zeros_like(value[:, 0])
    return {**left, "before": ops.zeros_like(inputs[:, 0])}, blocks, run.memory


def end_row(state, above, drawn):
    """Returns the pixels [B, W] of a row and the new state.

    Args:
        state: State of the row above.
        above: The state that the vertical stream leaves for the next row.
        drawn: The outputs of `draw_block`, along the first dimension.
    """
    drawn = {name: _unblocked(value) for name, value in drawn.items()}
    pixels = drawn.pop("pixels")[..., 0]
    return pixels, {**state, **above, **drawn}


def _blocks(value, width):
    """Cuts [B, w, C] into [W / 4, B, w / (W / 4), C]: what each block of four pixels reads."""
    count = width // BLOCK
    shape = (-1, count, value.shape[1] // count, value.shape[2])
    return ops.transpose(ops.reshape(value, shape), (1, 0, 2, 3))


def _unblocked(value):
    """The inverse of `_blocks`."""
    count, _, columns, channels = value.shape
    return ops.reshape(ops.transpose(value, (1, 0, 2, 3)), (-1, count * columns, channels))


def _with_left_neighbour(blocks):
    """Puts the last column of the block before (zeros before the first) in front of each block."""
    last = blocks[:-1, :, -1:]
    return ops.concatenate([ops.pad(last, ((1, 0), (0, 0), (0, 0), (0, 0))), blocks], axis=2)


def draw_block(parts, kind, left, block):
    """Draws four pixels; returns what the next block is given, and what is to be kept."""
    run = _PixelRun(parts, kind, left, block)
    before, pixels = left["before"], []
    for column in range(BLOCK):
        run.column = column
        h = block["start"][:, column] + run.conv(parts.left, before)
        h, _ = parts.horizontal.forward(h, _Beside(block, column), run)
        probability = ops.sigmoid(parts.pixels(h))
        pixel = ops.cast(block["noise"][:, column] < probability, "float32")
        before = ops.concatenate([2.0 * pixel - 1.0, block["plane"][:, column]], axis=-1)
        pixels.append(pixel)
    memory = {name: ops.stack(values, axis=1) for name, values in run.memory.items()}
    return {**run.left, "before": before}, {**memory, "pixels": ops.stack(pixels, axis=1)}


class _Beside:
    """The vertical stream's maps at one pixel."""

    def __init__(self, block, column):
        self.block, self.column = block, column

    def __getitem__(self, name):
        level = int(name.split(".", 1)[0])
        return self.block[f"beside.{name}"][:, self.column // 2**level]


class _RowRun:
    """Runs the vertical stream over one row, [B, 1, w, C]."""

    def __init__(self, parts, kind, state):
        self.parts, self.kind, self.state = parts, kind, state
        self.memory = {}

    def conv(self, layer, x):
        key = self.parts.key(layer)
        x = ops.cast(x, layer.compute_dtype)
        self.memory[f"inputs.{key}"] = x[:, 0]
        above = self.state[f"inputs.{key}"][:, None]
        return _valid(layer, ops.concatenate([above, x], axis=1))

    def coarser(self, level, shrink, grow, x, inner):
        if not _advances(self.kind, level + 1):
            key = self.parts.key(shrink)
            self.memory[f"inputs.{key}"] = ops.cast(x, shrink.compute_dtype)[:, 0]
            return self.state[f"grown.v{level}"][:, None]
        upper, lower = _grown(grow, inner(self.conv(shrink, x))[:, 0])
        self.memory[f"grown.v{level}"] = lower
        return upper[:, None]


class _PixelRun:
    """Runs the horizontal stream over one pixel, [B, C], `column` of the block after the other."""

    def __init__(self, parts, kind, left, block):
        self.parts, self.kind, self.block = parts, kind, block
        self.left = {key: value for key, value in left.items() if key != "before"}
        self.memory, self.grown, self.column = {}, {}, 0

    def conv(self, layer, x):
        key = self.parts.key(layer)
        column = self.column // 2 ** self.parts.levels[key][0]
        above = self.block[f"above.{key}"][:, column : column + 2]
        left = self.left[key]
        x = self._keep(layer, x)
        window = ops.stack([above, ops.stack([left, x], axis=1)], axis=1)
        return layer.at(window[:, :, -layer.kernel_size[1] :])

    def _keep(self, layer, x):
        key = self.parts.key(layer)
        x = ops.cast(x, layer.compute_dtype)
        self.left[key] = x
        self.memory.setdefault(f"inputs.{key}", []).append(x)
        return x

    def coarser(self, level, shrink, grow, x, inner):
        name, column = f"h{level}", self.column // 2**level
        if not _advances(self.kind, level + 1):
            self._keep(shrink, x)
            return self.block[f"grown.{name}"][:, column]
        if column % 2:
            self._keep(shrink, x)
            return self.grown[name][:, 1]
        self.grown[name], lower = _grown(grow, inner(self.conv(shrink, x))[:, None])
        columns = self.memory.setdefault(f"grown.{name}", [])
        columns += [lower[:, 0], lower[:, 1]]
        return self.grown[name][:, 0]


def _valid(layer, rows):
    """Runs a causal convolution over `rows` that hold all rows of its kernel, and no more."""
    _, columns = layer.margins
    return layer.without_margins(ops.pad(rows, ((0, 0), (0, 0), columns, (0, 0))))


def _grown(layer, x):
    """Runs a transposed convolution of stride 2 over one row, [B, w, C]; returns two, [B, 2w, C'].

    The convolution is computed as products. Its kernel has two rows, so the outputs of a row hold
    nothing of another row. It has two or three columns. The third column falls on the first column
    of the pixel to the right.
    """
    rows, columns, filters, channels = layer.kernel.shape
    kernel, bias = (ops.cast(w, layer.compute_dtype) for w in (layer.kernel, layer.bias))
    kernel = ops.reshape(ops.transpose(kernel, (3, 0, 1, 2)), (channels, -1))
    y = ops.matmul(ops.cast(x, layer.compute_dtype), kernel)
    y = ops.reshape(y, (-1, x.shape[1], rows, columns, filters))
    even, odd = y[:, :, :, 0], y[:, :, :, 1]
    if columns == 3:
        even = even + ops.pad(y[:, :-1, :, 2], ((0, 0), (1, 0), (0, 0), (0, 0)))
    y = ops.stack([even, odd], axis=2)  # [B, w, 2, rows, C']
    sums = [ops.reshape(y[:, :, :, row], (-1, 2 * x.shape[1], filters)) for row in range(rows)]
    return [row + bias for row in sums]
