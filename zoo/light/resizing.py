"""Crops and bilinear, antialiased resizing as Pillow does them. Needs NumPy alone."""

import functools
import math

import numpy as np

# Pillow resizes bytes in integers, with weights of 22 bits behind the point. This module does the
# same, so that images come out as the trainers' do where Pillow is not installed: bit for bit, but
# for sizes taller than wide, where Pillow 13 may resize the height first and differs by a level.
PRECISION = 22
# The largest number of float64 values that one step of a resize holds: it bounds the memory.
RESIZED = 1 << 22


def crop(images, size):
    """Returns the middle of images [N, H, W, C] with the aspect ratio of `size`."""
    (height, width), (new_height, new_width) = images.shape[1:3], size
    scale = min(height / new_height, width / new_width)
    rows, columns = max(1, round(scale * new_height)), max(1, round(scale * new_width))
    top, left = (height - rows) // 2, (width - columns) // 2
    return images[:, top : top + rows, left : left + columns]


def resize(images, size):
    """Resizes [N, H, W, C], a few images at a time."""
    few = max(1, RESIZED // max(math.prod(images.shape[1:]), math.prod(size) * images.shape[3]))
    if len(images) <= few:
        return _resize_at_once(images, size)
    starts = range(0, len(images), few)
    return np.concatenate([_resize_at_once(images[start : start + few], size) for start in starts])


def _resize_at_once(images, size):
    """Resizes [N, H, W, C], width first: each new pixel is a weighted mean of old ones.

    Bytes in integers: float64, whose products of matrices are fast, holds them exactly.
    """
    for axis, new in ((2, size[1]), (1, size[0])):
        weights = _weights(images.shape[axis], new)
        if images.dtype == np.uint8:
            integers = np.floor(weights * (1 << PRECISION) + 0.5)
            total = _along(images.astype(np.float64), integers, axis) + (1 << (PRECISION - 1))
            images = np.floor(total / (1 << PRECISION)).clip(0, 255).astype(np.uint8)
        else:
            images = _along(images.astype(np.float64), weights, axis).astype(np.float32)
    return images if images.dtype == np.uint8 else images.clip(0, 1)


def _along(images, weights, axis):
    return np.moveaxis(np.tensordot(images, weights, axes=(axis, 1)), -1, axis)


@functools.lru_cache(maxsize=16)
def _weights(old, new):
    """Returns the weights [new, old] of a triangle filter as wide as a new pixel, at least 2.

    w_ij = max(0, 1 - |j + 1/2 - c_i| / s) / sum over j,  c_i = (i + 1/2) old / new,
    s = max(1, old / new)
    """
    scale = old / new
    support = max(1.0, scale)
    weights = np.zeros((new, old))
    for i in range(new):
        centre = (i + 0.5) * scale
        first = max(0, int(centre - support + 0.5))
        last = min(old, int(centre + support + 0.5))
        offsets = (np.arange(first, last) - centre + 0.5) / support
        row = np.maximum(0.0, 1.0 - np.abs(offsets))
        weights[i, first:last] = row / math.fsum(row)
    return weights
