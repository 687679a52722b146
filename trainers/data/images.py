"""Brings stored images to the size and the number of channels of a data set."""

import dataclasses

import numpy as np

from zoo.light.images import set_channels
from zoo.light.resizing import crop
from zoo.registry import nearest

FITS = ("crop", "pad")


@dataclasses.dataclass(frozen=True)
class Preparation:
    """The steps between stored pictures and a data set's images, in this order.

    1. channels: 3 to 1 by luma (0.299 R + 0.587 G + 0.114 B), 1 to 3 by repetition;
    2. inversion: x to 1 - x, for ink on white paper;
    3. crop: the middle square;
    4. size: bilinear resizing, antialiased (Pillow). A picture of another aspect ratio is first
       cropped to the middle of the target's ratio ("crop"). With "pad" it is resized to lie within
       the target and put in the middle, with black around it.

    Args:
        image_size: (H, W), or None for the stored size.
        channels: 1 or 3, or None for the stored number.
        invert: Whether white and black change places.
        crop: Side of the middle square in stored pixels, or None for the whole picture.
        fit: "crop" or "pad".
    """

    image_size: tuple[int, int] | None = None
    channels: int | None = None
    invert: bool = False
    crop: int | None = None
    fit: str = "crop"

    def __post_init__(self):
        if self.channels not in (None, 1, 3):
            raise ValueError(f"Expected channels of 1 or 3. Received: channels={self.channels!r}")
        size = self.image_size
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise ValueError(f"Expected image_size as (H, W), both positive. Received: {size!r}")
        if self.crop is not None and self.crop < 1:
            raise ValueError(f"Expected a positive crop. Received: crop={self.crop!r}")
        if self.fit not in FITS:
            raise ValueError(
                f"`fit` must be one of {list(FITS)}. Received: fit={self.fit!r}."
                + nearest(self.fit, FITS)
            )

    def __call__(self, images):
        """Returns prepared images [N, h, w, c] of images [N, H, W, C], uint8 or float32."""
        if self.channels is not None:
            images = set_channels(images, self.channels)
        if self.invert:
            images = (255 if images.dtype == np.uint8 else np.float32(1)) - images
        if self.crop is not None:
            images = _middle(images, self.crop)
        if self.image_size is not None and images.shape[1:3] != self.image_size:
            fit = _pad if self.fit == "pad" else _fit
            images = np.stack([fit(image, self.image_size) for image in images])
        return images

    def text(self, stored_shape=(None, None, None)):
        """Returns the steps that images of `stored_shape` (H, W, C) go through, in words."""
        steps = []
        if self.channels is not None and stored_shape[-1] != self.channels:
            change = "made grey" if self.channels == 1 else "channel repeated 3 times"
            unknown = "grey" if self.channels == 1 else "in colour, grey ones repeated 3 times"
            steps.append(unknown if stored_shape[-1] is None else change)
        if self.invert:
            steps.append("inverted (ink is 1)")
        if self.crop is not None:
            steps.append(f"cut to the middle {self.crop}x{self.crop} pixels")
        if self.image_size is not None and tuple(stored_shape[:2]) != self.image_size:
            height, width = self.image_size
            how = "whole, black around it" if self.fit == "pad" else "centre crop"
            steps.append(f"resized to {height}x{width} ({how}, antialiased bilinear)")
        return "; ".join(steps) or "none"


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
    """Crops [H, W, C] centrally to the aspect ratio of `size` and resizes it.

    `zoo.light.resizing.resize` gives the same bytes without Pillow, more slowly.
    """
    return _resized(crop(image[None], size)[0], size)


def _pad(image, size):
    """Resizes [H, W, C] to lie within `size`, in the middle, with black around it."""
    scale = min(new / old for new, old in zip(size, image.shape))
    inner = [max(1, min(new, round(scale * old))) for new, old in zip(size, image.shape)]
    result = np.zeros((*size, image.shape[-1]), image.dtype)
    top, left = ((new - side) // 2 for new, side in zip(size, inner))
    result[top : top + inner[0], left : left + inner[1]] = _resized(image, inner)
    return result


def _resized(image, size):
    """Resizes [H, W, C] to (H', W')."""
    from PIL import Image

    height, width = size
    planes = [
        Image.fromarray(np.ascontiguousarray(image[..., c])).resize(
            (width, height), Image.Resampling.BILINEAR
        )
        for c in range(image.shape[-1])
    ]
    resized = np.stack([np.asarray(plane) for plane in planes], axis=-1)
    return resized if image.dtype == np.uint8 else resized.clip(0, 1)
