"""Flips and shifted crops of training batches, a function of the seed and the step alone."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How a training batch is varied. Images of evaluation are never varied.

    Args:
        flips: Whether half of the images, drawn at random, have left and right changed.
        shifts: Non-negative int, pixels. Each image is moved by up to this number of pixels in
            both directions: it is padded by its mirror image, and cropped at a random place.

    Raises:
        ValueError: If `shifts` is none of these.
    """

    flips: bool = False
    shifts: int = 0

    def __post_init__(self):
        if isinstance(self.shifts, bool) or int(self.shifts) != self.shifts or self.shifts < 0:
            raise ValueError(
                "`data.shifts` must be an int of at least 0, in pixels. "
                f"Received: data.shifts={self.shifts!r}"
            )

    def check(self, image_shape):
        """Raises ValueError if images of (H, W, C) are too small to be shifted so far."""
        if self.shifts >= min(image_shape[:2]):
            raise ValueError(
                "Expected data.shifts below both sides of the images. "
                f"Received: data.shifts={self.shifts!r}, image shape {tuple(image_shape)}"
            )

    def __call__(self, images, generator):
        """Returns varied images of the shape and type of `images`, [B, H, W, C].

        Args:
            images: [B, H, W, C].
            generator: A `numpy.random.Generator`.
        """
        count, height, width, _ = images.shape
        # All numbers are drawn, whatever is asked for: flips are the same with and without shifts.
        is_flipped = generator.integers(0, 2, count).astype(bool)
        tops, lefts = generator.integers(0, 2 * self.shifts + 1, (2, count))
        if self.flips:
            images = np.where(is_flipped[:, None, None, None], images[:, :, ::-1], images)
        if not self.shifts:
            return images
        margin = (self.shifts, self.shifts)
        padded = np.pad(images, ((0, 0), margin, margin, (0, 0)), mode="reflect")
        rows = tops[:, None] + np.arange(height)
        columns = lefts[:, None] + np.arange(width)
        return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
