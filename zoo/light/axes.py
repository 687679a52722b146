"""The meaning of the axes of an array of images. Needs NumPy alone."""

import math

import numpy as np

# The largest ratio of the sides of an array [H, W] that `resize` takes for one grey image.
LONGEST = 4


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
