"""Images as users have them, and as a published model takes them. Needs NumPy alone."""

import functools
import math

import numpy as np

THRESHOLD = "threshold 0.5"
# ITU-R BT.601, as Pillow's mode "L": what the trainers make grey images with.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# Pillow resizes bytes in integers, with weights of so many bits behind the point; so do we, so
# that images come out as the trainers' do where Pillow is not installed: bit for bit, but for sizes
# taller than wide, where Pillow 13 may resize the height first and differs by a level.
PRECISION = 22
# Numbers that a resize takes or gives at once, in float64, whatever the block: its memory.
RESIZED = 1 << 22
BLOCK = 256  # images looked at together
ROUNDING = 1e-6  # how far a float may be outside [0, 1]
_DTYPES = (
    "Expected images of dtype uint8 (0 to 255), bool, or a float in [0, 1]. Received: dtype={}"
)


def as_array(images):
    """Returns images as an array, nothing copied of one; an iterator would become an object."""
    if hasattr(images, "__next__"):
        raise TypeError(
            "Expected an array of images; an encoder's `stream` takes images as they come. "
            f"Received: {type(images).__name__}"
        )
    if isinstance(images, np.ma.MaskedArray):
        raise TypeError("Expected images without a mask: fill it first. Received: a masked array")
    if isinstance(images, np.ndarray):
        return images
    try:
        return np.asarray(images)
    except ValueError as error:  # of NumPy: a list whose entries differ in shape
        raise ValueError(
            "Expected images of one size and one number of channels; an encoder's "
            "`stream(images, resize=True)` takes others. Received: images that differ "
            f"({error})"
        ) from error


def as_batch(images, image_shape, hint=""):
    """Returns images as [N, H, W, C], values and dtype untouched, nothing copied.

    Args:
        images: [H, W] or [N, H, W] where C = 1, [H, W, C] or [N, H, W, C].
        image_shape: (H, W, C).
        hint: What to add to the message where the shape does not fit.

    Raises:
        TypeError: If `images` is an iterator.
        ValueError: If the shape is none of these, or N = 0; names what was expected.
    """
    images = as_array(images)
    rows, columns, channels = image_shape
    whole = (rows, columns, channels)
    if images.ndim == 4 and images.shape[1:] == whole:
        batch = images
    elif images.shape == whole:
        batch = images[None]
    elif channels == 1 and images.ndim == 3 and images.shape[1:] == whole[:2]:
        batch = images[..., None]
    elif channels == 1 and images.shape == whole[:2]:
        batch = images[None, ..., None]
    else:
        grey = f", [N, {rows}, {columns}] or [{rows}, {columns}]" if channels == 1 else ""
        raise ValueError(
            f"Expected images of {rows} x {columns} with {channels} channel(s): shape "
            f"[N, {rows}, {columns}, {channels}]{grey}. Received: shape={images.shape}{hint}"
        )
    if not len(batch):
        raise ValueError(f"Expected at least one image. Received: shape={images.shape}")
    return batch


def prepare_images(images, preprocessing, bits=None):
    """Returns images as the encoder's graph takes them: float32 in [0, 1].

        uint8    x / 255, or as it is where they are bits
        bool     0 or 1
        float    as it is, and must lie in [0, 1]
        others   refused: their range is not known

    then, if the card says `binarise: "threshold 0.5"`, 1 where x >= 0.5 and 0 elsewhere; and if it
    says `multiply`, times that number.

    Args:
        images: Array of any shape.
        preprocessing: The card's entry, `{"scale": "uint8/255", "binarise": None or a rule}`.
        bits: Whether bytes are zeros and ones, as `binarized_mnist` comes, rather than grey levels;
            None means where the largest of these images is 1, as the trainers take them.

    Raises:
        TypeError: If the dtype is not one of these.
        ValueError: If a float is NaN or outside [0, 1] by more than a rounding, or the card's rule
            is unknown.
    """
    scale, binarise = preprocessing.get("scale"), preprocessing.get("binarise")
    multiply = preprocessing.get("multiply", 1)
    if not (isinstance(multiply, (int, float)) and multiply > 0):
        raise ValueError(f"Expected a positive number as `multiply`. Received: {preprocessing!r}")
    if scale != "uint8/255" or binarise not in (None, THRESHOLD):
        raise ValueError(
            f"Expected preprocessing with scale='uint8/255' and binarise=None or {THRESHOLD!r}. "
            f"Received: {preprocessing!r}"
        )
    if images.dtype == np.uint8:
        bits = are_bits([images]) if bits is None else bits
        x = images.astype(np.float32) / np.float32(1 if bits else 255)
    elif images.dtype == np.bool_:
        x = images.astype(np.float32)
    elif images.dtype.kind == "f":
        x = _in_unit_range(images)
    else:
        raise TypeError(_DTYPES.format(images.dtype))
    x = (x >= 0.5).astype(np.float32) if binarise else x
    return x if multiply == 1 else x * np.float32(multiply)


def are_bits(blocks):
    """Returns whether all blocks of images together are bytes whose largest is 1.

    It reads no further than to the first that is larger.
    """
    largest = 0
    for block in blocks:
        block = np.atleast_1d(block)
        for start in range(0, len(block), BLOCK):
            rows = block[start : start + BLOCK]
            largest = max(largest, rows.max() if rows.dtype == np.uint8 and rows.size else 2)
            if largest > 1:
                return False
    return largest == 1


def _in_unit_range(images):
    """Returns floats as float32 in [0, 1], a rounding of an interpolation's outside it clipped."""
    low, high = float(images.min()), float(images.max())
    if not (low >= -ROUNDING and high <= 1.0 + ROUNDING):
        raise ValueError(
            "Expected float images with values in [0, 1] (grey levels up to 255 as uint8). "
            f"Received: values from {low:.9g} to {high:.9g}"
        )
    images = np.ascontiguousarray(images, np.float32)
    return images if low >= 0.0 and high <= 1.0 else images.clip(0, 1)


def pictures(images):
    """Returns images of any size as [N, H, W, C], C 1 or 3, nothing copied.

    [H, W] is one grey image; [A, B, C] is one image [H, W, C] where the last axis has 1 or 3
    entries, and otherwise grey images [N, H, W].

    Raises:
        TypeError: If `images` is an iterator.
        ValueError: If the shape is none of these, or an axis is empty.
    """
    images = as_array(images)
    shape, batch = images.shape, images
    if images.ndim == 2:
        batch = images[None, ..., None]
    elif images.ndim == 3:
        batch = images[None] if shape[-1] in (1, 3) else images[..., None]
    if batch.ndim != 4 or batch.shape[-1] not in (1, 3) or 0 in batch.shape:
        raise ValueError(
            "Expected images to resize: shape [N, H, W, C] or [H, W, C] with C of 1 or 3, "
            f"[N, H, W] or [H, W]. Received: shape={shape}"
        )
    return batch


def fit(images, image_shape, bits=None):
    """Brings images to a model's channels and size, as the trainers and Pillow do it.

    1. channels: 3 to 1 by luma (0.299 R + 0.587 G + 0.114 B), 1 to 3 by repetition;
    2. size: centre crop to the target's aspect ratio, then bilinear resizing, antialiased.

    Args:
        images: [N, H, W, C] or what `pictures` takes; uint8, bool or a float in [0, 1].
        image_shape: (H, W, C) of the model.
        bits: As in `prepare_images`.

    Returns:
        [N, H, W, C] of uint8, grey levels up to 255, for uint8; float32 for the others.

    Raises:
        TypeError: If the dtype is not one of these.
        ValueError: If the shape is not one of those that `pictures` takes, or a float is outside
            [0, 1].
    """
    images = pictures(images)
    if images.dtype == np.uint8:
        bits = are_bits([images]) if bits is None else bits
        images = images * np.uint8(255) if bits else images
    elif images.dtype.kind in "fb":
        images = _in_unit_range(images)  # resizing would hide what lies outside
    else:
        raise TypeError(_DTYPES.format(images.dtype))
    images = _set_channels(images, image_shape[2])
    size = tuple(image_shape[:2])
    return images if images.shape[1:3] == size else _resize(_crop(images, size), size)


def _set_channels(images, channels):
    if images.shape[-1] == channels:
        return images
    if channels == 3:
        return np.repeat(images, 3, axis=-1)
    grey = images.astype(np.float32) @ LUMA[:, None]
    return np.rint(grey).astype(np.uint8) if images.dtype == np.uint8 else grey.clip(0, 1)


def _crop(images, size):
    """Returns the middle of images [N, H, W, C] with the aspect ratio of `size`."""
    (height, width), (new_height, new_width) = images.shape[1:3], size
    scale = min(height / new_height, width / new_width)
    rows, columns = max(1, round(scale * new_height)), max(1, round(scale * new_width))
    top, left = (height - rows) // 2, (width - columns) // 2
    return images[:, top : top + rows, left : left + columns]


def _resize(images, size):
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
