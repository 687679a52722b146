"""Pictures: reading one from a file, and bringing any to a size and a number of channels."""

import dataclasses
import os
import struct
from pathlib import Path

import numpy as np

from zoo.light.axes import from_pillow

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as Pillow's mode "L"
SUFFIXES = (
    *(".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm"),
    *(".tif", ".tiff", ".webp"),
)
# What Pillow may find in such a file. For others, EPS for example, it starts a program on the file.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")


def walk(folder):
    """Yields the files below a folder, links followed, hidden ones left out.

    Raises:
        PermissionError: If a folder may not be read.
        FileNotFoundError: If a link leads nowhere.
    """
    return (path for path, reason in entries(folder) if reason is None)


def entries(folder, above=()):
    """Yields (path, reason) of what is below a folder, links followed.

    `reason` says why it is no file to read: "hidden" (of a folder too, whose content is not
    looked at) or "not a file" (a pipe or a device). It is None for files.

    Args:
        folder: Path.
        above: Folders that it lies in, real paths: a link back to one of them is not followed.

    Raises:
        PermissionError: If a folder may not be read: nothing is left out in silence.
        FileNotFoundError: If a link leads nowhere.
    """
    real = os.path.realpath(folder)
    if real in above:
        return
    with os.scandir(folder) as found:
        for entry in found:
            path = Path(entry.path)
            if entry.name[0] == ".":
                yield path, "hidden"
            elif path.is_dir():
                yield from entries(path, (*above, real))
            elif entry.is_symlink() and not path.exists():
                raise FileNotFoundError(
                    "Expected links that lead to a file or a folder. "
                    f"Received: {str(path)!r}, a link to {os.readlink(path)!r}, which is absent"
                )
            else:
                yield path, None if path.is_file() else "not a file"


def is_picture(file):
    """Returns whether a file's suffix is one of `SUFFIXES`."""
    return Path(file).suffix.lower() in SUFFIXES


@dataclasses.dataclass(frozen=True)
class Preparation:
    """The steps between stored pictures and a data set's images, in this order.

    1. channels: 3 to 1 by luma (0.299 R + 0.587 G + 0.114 B), 1 to 3 by repetition;
    2. inversion: x to 1 - x, for ink on white paper;
    3. crop: the square of so many pixels in the middle;
    4. size: centre crop to the target's aspect ratio, then bilinear resizing, antialiased (Pillow).

    Args:
        image_size: (H, W), or None for the stored size.
        channels: 1 or 3, or None for the stored number.
        invert: Whether white and black change places.
        crop: Side of the middle square in stored pixels, or None for the whole picture.
    """

    image_size: tuple[int, int] | None = None
    channels: int | None = None
    invert: bool = False
    crop: int | None = None

    def __post_init__(self):
        if self.channels not in (None, 1, 3):
            raise ValueError(f"Expected channels of 1 or 3. Received: channels={self.channels!r}")
        size = self.image_size
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise ValueError(f"Expected image_size as (H, W), both positive. Received: {size!r}")
        if self.crop is not None and self.crop < 1:
            raise ValueError(f"Expected a positive crop. Received: crop={self.crop!r}")

    def __call__(self, images):
        """Returns prepared images [N, h, w, c] of images [N, H, W, C], uint8 or float32."""
        images = _set_channels(images, self.channels)
        if self.invert:
            images = (255 if images.dtype == np.uint8 else np.float32(1)) - images
        if self.crop is not None:
            images = _middle(images, self.crop)
        if self.image_size is not None and images.shape[1:3] != self.image_size:
            images = np.stack([_fit(image, self.image_size) for image in images])
        return images

    def text(self, stored_shape=(None, None, None)):
        """Returns the steps that images of `stored_shape` (H, W, C) go through, in words."""
        steps = []
        if self.channels is not None and stored_shape[-1] != self.channels:
            made = "made grey" if self.channels == 1 else "channel repeated 3 times"
            unknown = "grey" if self.channels == 1 else "in colour, grey ones repeated 3 times"
            steps.append(unknown if stored_shape[-1] is None else made)
        if self.invert:
            steps.append("inverted (ink is 1)")
        if self.crop is not None:
            steps.append(f"cut to the middle {self.crop}x{self.crop} pixels")
        if self.image_size is not None and tuple(stored_shape[:2]) != self.image_size:
            height, width = self.image_size
            steps.append(f"resized to {height}x{width} (centre crop, antialiased bilinear)")
        return "; ".join(steps) or "none"


def _set_channels(images, channels):
    count = images.shape[-1]
    if channels is None or channels == count:
        return images
    if (count, channels) == (1, 3):
        return np.repeat(images, 3, axis=-1)
    if (count, channels) == (3, 1):
        grey = images.astype(np.float32) @ LUMA[:, None]
        return np.rint(grey).astype(np.uint8) if images.dtype == np.uint8 else grey.clip(0, 1)
    raise ValueError(
        f"Images of {count} channels cannot be brought to {channels}. Received: channels={channels}"
    )


def _middle(images, side):
    height, width = images.shape[1:3]
    if side > min(height, width):
        raise ValueError(
            f"Expected a crop within pictures of {height}x{width}, or 0 for whole ones. "
            f"Received: crop={side!r}"
        )
    top, left = (height - side) // 2, (width - side) // 2
    return images[:, top : top + side, left : left + side]


def _fit(image, size):
    """Crops [H, W, C] centrally to the aspect ratio of `size` and resizes it."""
    from PIL import Image

    (height, width), (new_height, new_width) = image.shape[:2], size
    scale = min(height / new_height, width / new_width)
    crop_height, crop_width = max(1, round(scale * new_height)), max(1, round(scale * new_width))
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    image = image[top : top + crop_height, left : left + crop_width]
    planes = [
        Image.fromarray(np.ascontiguousarray(image[..., c])).resize(
            (new_width, new_height), Image.Resampling.BILINEAR
        )
        for c in range(image.shape[-1])
    ]
    resized = np.stack([np.asarray(plane) for plane in planes], axis=-1)
    return resized if image.dtype == np.uint8 else resized.clip(0, 1)


def read_image(path):
    """Reads one picture: the first frame, turned as its EXIF says, transparency over black.

    Returns:
        [H, W, C] uint8: C is 1 for grey files, otherwise 3. 16-bit grey is scaled to 8 bits.

    Raises:
        ImportError: If Pillow is not installed.
        ValueError: If it cannot be read; the file is named.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f"Pictures need Pillow: pip install pillow ({path})") from error

    try:
        with Image.open(path, formats=FORMATS) as picture:
            return from_pillow(picture)
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        is_empty = os.path.isfile(path) and not os.path.getsize(path)
        raise ValueError(
            "Expected a readable image. "
            f"Received: path={str(path)!r} ({'a file of 0 bytes' if is_empty else error})"
        ) from error
    except Image.DecompressionBombError as error:
        raise ValueError(
            f"Expected an image of ordinary size. Received: path={str(path)!r} ({error})"
        ) from error
