"""Computes over images in tiles: compiled once for each model, in blocks of constant size.

A tile is `TILE` images that share a stream of noise. Results do not depend on how many images are
encoded or decoded in one step.
"""

import sys

import keras
import numpy as np

from zoo import inputs
from zoo.arguments import positive_int
from zoo.backend import compiled, once, to_numpy

# Examples that share a stream of noise; a power of two, so that smaller widths divide it.
TILE = 128
# Images decoded in one step: eight samples of a tile, past which a CPU gains less than a tenth.
MAX_ROWS = 1024


def tiles(model, images, batch_size=None, progress=False):
    """Yields the images in tiles of `TILE`, each with its posterior's parameters.

    Args:
        model: A `zoo.VAE`.
        images: An array [N, H, W, C] or a data set with `float_images`.
        batch_size: Images encoded in one step, at most `TILE`.
        progress: Whether to show a bar.

    Yields:
        `(N, number of the tile, its images [n, H, W, C], parameters [TILE, ...] each)`; the rows
        of the parameters beyond n repeat the last.

    Raises:
        ValueError: If there are no images, or they are not the model's, or `batch_size` is not a
            positive int.
    """
    batch_size = TILE if batch_size is None else positive_int("batch_size", batch_size)
    count, read = _source(model, images)
    encode = compile_step(model, _encode)
    batch_size = min(batch_size, TILE, count)
    bar = progress_bar(count) if progress else None
    for start in range(0, count, TILE):
        x = read(slice(start, min(start + TILE, count)))
        pieces = []
        for first in range(0, len(x), batch_size):
            piece = x[first : first + batch_size]
            parameters = to_numpy(encode(pad(piece, batch_size)))
            pieces.append({name: value[: len(piece)] for name, value in parameters.items()})
        yield (
            count,
            start // TILE,
            x,
            {name: pad(np.concatenate([p[name] for p in pieces]), TILE) for name in pieces[0]},
        )
        if bar is not None:
            bar.update(start + len(x))


def compile_step(model, make, *arguments, jit_compile=False):
    """Returns `make(encoder, decoder, marginal, *arguments)` compiled, once for each model.

    Args:
        model: A `zoo.VAE`.
        make: A function of the parts that returns the function to compile.
        *arguments: More arguments of `make`.
        jit_compile: Whether TensorFlow compiles it with XLA, which draws other numbers from the
            same seed: for steps that draw none.
    """
    parts = (model.encoder, model.decoder, model.marginal)

    def compile_it():
        variables = {id(variable): variable for part in parts for variable in part.variables}
        return compiled(make(*parts, *arguments), list(variables.values()), jit_compile)

    return once(model, (make, *arguments, jit_compile), compile_it)


# Steps to compile. Each is a function of the parts that returns the function itself.


def _encode(encoder, decoder, marginal):
    return lambda x: encoder(x, training=False)


def marginal_parameters(encoder, decoder, marginal):
    """Returns a step without arguments that gives the parameters of the marginal."""
    return marginal.parameters


# Images in, pieces of one shape out.


def _source(model, images):
    """Returns the number of images and a function that reads a slice of them as float32."""
    if hasattr(images, "float_images"):
        read = images.float_images
    else:
        if not hasattr(images, "__array__"):  # for example a list; large arrays are not copied
            images = np.asarray(images)
        read = images.__getitem__
    if len(images) == 0:
        raise ValueError("Expected at least one image. Received: 0 images")
    if getattr(images, "leaves_pixel_range", False):
        inputs.check_form(read(slice(0, 1)), model.image_shape)
    else:
        model.check_images(read(slice(0, 1)))
    return len(images), lambda rows: np.asarray(read(rows), "float32")


def pad(array, size):
    """Repeats the last row up to `size` rows, so that no partial batch needs a trace of its own."""
    missing = size - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array


def power_of_two_near(count, limit):
    """Returns the smallest power of two that holds `count`, or the largest within `limit`.

    Args:
        count: Positive int.
        limit: Positive int.
    """
    return min(1 << (count - 1).bit_length(), 1 << (limit.bit_length() - 1))


def progress_bar(count):
    """Returns a progress bar over `count` images; it redraws less often in a log file."""
    # A terminal redraws one line; a log file gets one line every ten seconds.
    interval = 0.2 if sys.stdout.isatty() else 10.0
    return keras.utils.Progbar(count, unit_name="image", interval=interval)
