"""Images as users have them, and as a published model takes them. Needs NumPy alone.

`as_batch` says which axis is which, and `prepare_images` what the values mean. Every function of
the light runtime that takes images reads them by these two rules.
"""

import math

import numpy as np

from zoo import resizing

THRESHOLD = "threshold 0.5"
# ITU-R BT.601, as Pillow's mode "L": what the trainers make grey images with.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
BLOCK = 256  # images looked at together
ROUNDING = 1e-6  # how far a float may be outside [0, 1]
# The largest ratio of the sides of an array [H, W] that `resize` takes for one grey image.
LONGEST = 4
# The levels of white that data often has: scikit-learn's digits, bytes, 16-bit pictures.
_WHITES = (16, 255, 65535)


def as_array(images):
    """Returns images as an array; nothing is copied if it is one already.

    A Pillow image, or a list of them, is converted as the trainers read files: turned as its EXIF
    says, transparency over black, 1 channel where it is grey and otherwise 3.

    Raises:
        TypeError: If `images` is an iterator or a masked array.
        ValueError: If images of a list differ in shape.
    """
    if hasattr(images, "__next__"):
        raise TypeError(
            "Expected an array of images; an encoder's `stream` takes images as they come. "
            f"Received: {type(images).__name__}"
        )
    if isinstance(images, np.ma.MaskedArray):
        raise TypeError("Expected images without a mask: fill it first. Received: a masked array")
    if isinstance(images, np.ndarray) and images.dtype != object:
        return images
    if _is_pillow(images):
        return from_pillow(images)
    if isinstance(images, (list, tuple)) and any(map(_is_pillow, images)):
        images = [as_array(image) for image in images]
    try:
        array = np.asarray(images)
        is_list = array.dtype == object and array.ndim == 1 and all(map(np.ndim, array))
        return np.asarray(list(array)) if is_list else array  # a column of arrays
    except ValueError as error:  # of NumPy: a list whose entries differ in shape
        raise ValueError(
            "Expected images of one size and one number of channels; an encoder's "
            "`stream(images, resize=True)` takes others. Received: images that differ "
            f"({error})"
        ) from error


def _is_pillow(image):
    return hasattr(image, "getbands") and hasattr(image, "convert")


def from_pillow(picture):
    """Returns a Pillow image as uint8 [H, W, C]: C is 1 for grey images, otherwise 3.

    It is turned as its EXIF says. Transparency is put over black, and 16-bit grey is scaled to 8.

    Raises:
        ValueError: If its pixels are floating-point numbers.
    """
    from PIL import Image, ImageOps

    picture = ImageOps.exif_transpose(picture)
    if picture.mode == "F":
        raise ValueError("floating-point pictures have no known white level")
    if picture.mode.startswith("I"):
        levels = np.asarray(picture, np.float64)
        return np.rint(levels / 257).clip(0, 255).astype(np.uint8)[..., None]
    grey = picture.mode in ("1", "L", "LA", "La")
    alpha = picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info
    if alpha or getattr(picture.palette, "mode", "") == "RGBA":
        picture = picture.convert("RGBA")
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        picture = Image.alpha_composite(black, picture)
    array = np.asarray(picture.convert("L" if grey else "RGB"))
    return array[..., None] if grey else array


def as_batch(images, image_shape, resize=False):
    """Returns images as [N, H, W, C], values and dtype untouched, nothing copied.

    The axes for a model of images (H, W, C):

        [N, H, W, C]   N images
        [H, W, C]      one image
        [N, H, W]      N grey images, if C = 1
        [H, W]         one grey image, if C = 1

    With `resize` these shapes mean the same. Other sizes h x w are taken too, with c channels,
    which are 1 or 3 if C is, and otherwise C:

        [N, h, w, c]   N images
        [h, w, c]      one image
        [N, h, w]      N grey images, unless N is 3 or 4 (channels first?) or w < 5 (alpha?)
        [h, w]         one grey image, unless w = H W C or a side is over 4 times the other (rows?)

    A shape that can be read in two ways is refused, and the message says how to write either:
    an axis is never taken for another by its size.

    Args:
        images: What `as_array` takes.
        image_shape: (H, W, C).
        resize: Whether other sizes and numbers of channels are taken.

    Raises:
        TypeError: If `images` is an iterator.
        ValueError: If the shape is none of these, or N = 0; names what was expected.
    """
    array = as_array(images)
    batch = _of_the_model(array, image_shape)
    if batch is None and resize:
        batch = _of_any_size(array, image_shape)
    if batch is None:
        raise ValueError(_expected(array, image_shape, resize))
    if 0 in batch.shape:
        raise ValueError(f"Expected at least one image. Received: shape={array.shape}")
    return batch


def _of_the_model(array, image_shape):
    """Returns an array of a shape that the model takes as [N, H, W, C], or None."""
    whole, grey = tuple(image_shape), tuple(image_shape[:2]) if image_shape[2] == 1 else None
    if array.ndim == 4 and array.shape[1:] == whole:
        return array
    if array.shape == whole:
        return array[None]
    if array.ndim == 3 and array.shape[1:] == grey:
        return array[..., None]
    return array[None, ..., None] if array.shape == grey else None


def _channels(image_shape):
    """Returns the numbers of channels from which `resize_images` can make the model's."""
    return (1, 3) if image_shape[2] in (1, 3) else (image_shape[2],)


def _of_any_size(array, image_shape):
    """Returns an array of images of another size as [N, h, w, c], or None if that is not clear."""
    shape, channels = array.shape, _channels(image_shape)
    if 0 in shape or not 2 <= len(shape) <= 4:
        return None
    if len(shape) > 2 and shape[-1] in channels:
        return array if len(shape) == 4 else array[None]
    if 1 not in channels:
        return None
    if len(shape) == 3 and shape[2] > 4 and shape[0] not in (3, 4):
        return array[..., None]
    is_rows = shape[-1] == math.prod(image_shape) or max(shape) > LONGEST * min(shape)
    return array[None, ..., None] if len(shape) == 2 and not is_rows else None


def _expected(array, image_shape, resize):
    """Returns the message for a shape that is refused, with what makes it right."""
    rows, columns, channels = image_shape
    if resize:
        several = " or ".join(map(str, _channels(image_shape)))
        grey = ", [N, H, W] or [H, W]" if 1 in _channels(image_shape) else ""
        text = f"Expected images to resize: shape [N, H, W, C] or [H, W, C] with C of {several}"
    else:
        grey = f", [N, {rows}, {columns}] or [{rows}, {columns}]" if channels == 1 else ""
        text = (
            f"Expected images of {rows} x {columns} with {channels} channel(s): shape "
            f"[N, {rows}, {columns}, {channels}]"
        )
    return f"{text}{grey}. Received: shape={array.shape}{_advice(array, image_shape, resize)}"


def _advice(array, image_shape, resize):
    """Returns how to write an array of a refused shape, or "" where that is not known."""
    shape, channels = array.shape, _channels(image_shape)
    if array.dtype.kind in "US":
        return ", text; `python -m export.encode` reads files"
    if 0 in shape or not 1 <= len(shape) <= 4:
        return ""
    if len(shape) <= 2 and shape[-1] == math.prod(image_shape):
        size = ", ".join(map(str, image_shape))
        rows = f"; images.reshape(-1, {size}) if these are flat rows"
        return f"{rows}, images[None] if it is one image" if resize and len(shape) == 2 else rows
    if not resize and _of_any_size(array, image_shape) is not None:
        return "; resize=True brings images of any size to the model"
    if len(shape) > 2 and shape[-3] in (*channels, 3, 4) and shape[-1] > 4:
        grey = ", images[..., None] if they are grey" if resize and len(shape) == 3 else ""
        return f"; np.moveaxis(images, -3, -1) if channels are first{grey}"
    if 1 not in channels:
        return f"; images of this model have {image_shape[2]} channels, and others are not made so"
    if len(shape) > 2 and shape[-1] in (2, 4):
        return "; images[..., :-1] leaves alpha out"
    if len(shape) == 2 and resize:
        return (
            "; images.reshape(-1, H, W, C) if these are flat rows, images[None] if it is an image"
        )
    return ""


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
    images = _set_channels(images, image_shape[2])
    size = tuple(image_shape[:2])
    same = images.shape[1:3] == size
    return images if same else resizing.resize(resizing.crop(images, size), size)


def _set_channels(images, channels):
    if images.shape[-1] == channels:
        return images
    if channels == 3:
        return np.repeat(images, 3, axis=-1)
    grey = images.astype(np.float32) @ LUMA[:, None]
    return np.rint(grey).astype(np.uint8) if images.dtype == np.uint8 else grey.clip(0, 1)
