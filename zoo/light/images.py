"""Prepares images for a published model. Needs NumPy alone.

`zoo.light.axes.as_batch` says which axis is which, `prepare_images` what the values mean. Every
function of the light runtime that takes images reads them by these two rules.
"""

import numpy as np

from zoo.light import resizing
from zoo.light.axes import as_batch

THRESHOLD = "threshold 0.5"
# ITU-R BT.601, as Pillow's mode "L".
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
BLOCK = 256  # images looked at together
ROUNDING = 1e-6  # how far a float may be outside [0, 1]
# The levels of white that data often has: scikit-learn's digits, bytes, 16-bit pictures.
_WHITES = (16, 255, 65535)


def prepare_images(images, preprocessing, bits=None):
    """Returns images as the encoder's graph takes them: float32 in [0, 1].

        uint8            x / 255, or as it is where these are bits
        other integers   as uint8, and must lie in [0, 255]; uint16 is refused, as its white is
                         65535 for the trainers
        bool             0 or 1
        float            as it is, and must lie in [0, 1]
        others           refused: their range is not known

    then, if the card says `binarise: "threshold 0.5"`, 1 where x >= 0.5 and 0 elsewhere; and if it
    says `multiply`, times that number.

    Args:
        images: Array of any shape.
        preprocessing: The card's entry, `{"scale": "uint8/255", "binarise": None or a rule}`.
        bits: Whether integers are zeros and ones, as `binarized_mnist` comes, rather than grey
            levels; None means where the largest of these images is 1, as the trainers take them.

    Raises:
        TypeError: If the dtype is not one of these.
        ValueError: If a value is NaN or outside its range (a float by more than a rounding), or the
            card's rule is unknown.
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
    x = _checked(images)
    if x.dtype == np.uint8:
        bits = are_bits([x]) if bits is None else bits
        x = x.astype(np.float32) / np.float32(1 if bits else 255)
    x = (x >= 0.5).astype(np.float32) if binarise else x
    return x if multiply == 1 else x * np.float32(multiply)


def prepare_blocks(batch, card, size, resize=False, bits=None):
    """Yields a slice of rows and its images as the model's graphs take them, block by block.

    Args:
        batch: [N, H, W, C], as `as_batch` returns it.
        card: The model's card.
        size: Images of a block.
        resize: Whether images are brought to the model's size and channels.
        bits: As in `prepare_images`; None is decided on all images, not on each block.

    Yields:
        (slice, float32 [n, H, W, C]).

    Raises:
        TypeError, ValueError: As `prepare_images`.
    """
    bits = are_bits([batch]) if bits is None else bits
    for start in range(0, len(batch), size):
        rows = slice(start, start + size)
        x = resize_images(batch[rows], card["image_shape"], bits) if resize else batch[rows]
        yield rows, prepare_images(x, card["preprocessing"], False if resize else bits)


def are_bits(blocks):
    """Returns whether all blocks of images together are integers whose largest is 1.

    It reads no further than to the first that is larger.
    """
    largest = 0
    for block in blocks:
        block = np.atleast_1d(block)
        for start in range(0, len(block), BLOCK):
            rows = block[start : start + BLOCK]
            largest = max(largest, rows.max() if rows.dtype.kind in "iu" and rows.size else 2)
            if largest > 1:
                return False
    return largest == 1


def check_values(images):
    """Raises unless images are of a dtype and a range that `prepare_images` takes.

    Raises:
        TypeError: If the dtype is not one of those.
        ValueError: If a value is outside the range of the dtype; says how to bring it there.
    """
    kind = images.dtype.kind
    if kind == "b" or images.dtype == np.uint8:
        return
    if kind not in "iuf":
        raise TypeError(
            "Expected images of integers from 0 to 255 (uint8), bool, or floats in [0, 1]. "
            f"Received: dtype={images.dtype}; images.astype('uint8') if these are such integers"
        )
    if kind == "u" and images.dtype.itemsize == 2:
        raise TypeError(
            "Expected images of integers from 0 to 255 (uint8), bool, or floats in [0, 1]. "
            f"Received: dtype={images.dtype}; images / 65535 if white is 65535, "
            "images.astype('uint8') if it is 255"
        )
    low, high = images.min().item(), images.max().item()
    if kind == "f" and not (low >= -ROUNDING and high <= 1.0 + ROUNDING):
        raise ValueError(
            "Expected float images with values in [0, 1] (grey levels up to 255 as uint8). "
            f"Received: values from {low:.9g} to {high:.9g}{remedy(low, high)}"
        )
    if kind != "f" and (low < 0 or high > 255):
        raise ValueError(
            "Expected integer images with values from 0 to 255. "
            f"Received: dtype={images.dtype}, values from {low} to {high}{remedy(low, high)}"
        )


def _checked(images):
    """Returns images of any dtype as uint8 from 0 to 255 or float32 in [0, 1]."""
    check_values(images)
    if images.dtype.kind == "f":  # a rounding of an interpolation's outside [0, 1] is clipped
        return np.ascontiguousarray(images, np.float32).clip(0, 1)
    return images.astype(np.float32 if images.dtype == np.bool_ else np.uint8, copy=False)


def remedy(low, high):
    """Returns the expression that brings values of a range to [0, 1], as the end of a message."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return "; replace NaN and infinities by levels in [0, 1]"
    if low >= -0.5 and high <= 1.5:
        return "; np.clip(images, 0, 1) if these overshoot"
    if low >= -1 - ROUNDING and high <= 1 + ROUNDING:
        return "; (images + 1) / 2 if these are from -1 to 1"
    white = next((white for white in _WHITES if high <= white), None)
    if low >= 0 and white is not None:
        return f"; images / {white} if white is {white}"
    return "; images * std + mean if they were standardised"


def resize_images(images, image_shape, bits=None):
    """Brings images to a model's channels and size, as the trainers and Pillow do it.

    1. channels: 3 to 1 by luma (0.299 R + 0.587 G + 0.114 B), 1 to 3 by repetition;
    2. size: centre crop to the target's aspect ratio, then bilinear resizing, antialiased.

    Args:
        images: What `as_batch` takes with `resize`; dtypes as in `prepare_images`.
        image_shape: (H, W, C) of the model.
        bits: As in `prepare_images`.

    Returns:
        [N, H, W, C] of uint8, grey levels up to 255, for integers; float32 for the others.

    Raises:
        TypeError: If the dtype is not one of these.
        ValueError: If the shape is not one that `as_batch` takes, or a value is outside its range.
    """
    images = _checked(as_batch(images, image_shape, resize=True))  # resizing would hide values
    if images.dtype == np.uint8:
        bits = are_bits([images]) if bits is None else bits
        images = images * np.uint8(255) if bits else images
    images = set_channels(images, image_shape[2])
    size = tuple(image_shape[:2])
    same = images.shape[1:3] == size
    return images if same else resizing.resize(resizing.crop(images, size), size)


def set_channels(images, channels):
    """Returns images [N, H, W, C] with another number of channels.

    3 become 1 by luma (0.299 R + 0.587 G + 0.114 B, of bytes rounded), and 1 becomes 3 by
    repetition.

    Args:
        images: uint8 or float32 in [0, 1].
        channels: 1 or 3, or what the images have.

    Raises:
        ValueError: If the images have another number than 1 or 3, and not `channels`.
    """
    count = images.shape[-1]
    if count == channels:
        return images
    if (count, channels) == (1, 3):
        return np.repeat(images, 3, axis=-1)
    if (count, channels) == (3, 1):
        grey = images.astype(np.float32) @ LUMA[:, None]
        return np.rint(grey).astype(np.uint8) if images.dtype == np.uint8 else grey.clip(0, 1)
    raise ValueError(
        f"Images of {count} channels cannot be brought to {channels}. Received: channels={channels}"
    )
