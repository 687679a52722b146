"""Many images as one: grids of uint8 pixels for pages and TensorBoard."""

import math

import numpy as np


def _pixels(images, name):
    """Checks images [N, H, W, C], C from 1 to 4, and returns them as uint8 [N, H, W, 3].

    Of four channels the first three are colours, of two the first is grey.
    """
    images = np.asarray(images)
    if images.ndim != 4 or not 1 <= images.shape[-1] <= 4 or 0 in images.shape:
        raise ValueError(
            "Expected at least one image as [N, H, W, C] with 1 to 4 channels. "
            f"Received: {name}.shape={images.shape}"
        )
    images = images[..., : 3 if images.shape[-1] >= 3 else 1]
    if images.dtype != np.uint8:
        images = images.astype(np.float64)
        bad = int(np.sum(~np.isfinite(images).all(axis=(1, 2, 3))))
        if bad:
            raise ValueError(
                "Expected finite pixels. "
                f"Received: {name} with NaN or infinity in {bad} of {len(images)} images"
            )
        low, high = images.min(), images.max()
        if low < -1e-5 or high > 1 + 1e-5:  # float32 rounding of a mean is no mistake
            raise ValueError(
                "Expected pixels in [0, 1] or uint8; clip an unbounded decoder's means first. "
                f"Received: {name} in [{low:.6g}, {high:.6g}]"
            )
        images = np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)
    return np.broadcast_to(images, (*images.shape[:3], 3))


def check_count(name, value, least):
    if int(value) != value or value < least:
        raise ValueError(f"Expected an integer of at least {least}. Received: {name}={value!r}")


def _paste(canvas, images, columns, padding, tops):
    """Writes `images` row by row into `canvas`; row r begins at pixel `tops[r]`."""
    height, width = images.shape[1:3]
    for index, image in enumerate(images):
        top, left = tops[index // columns], (index % columns) * (width + padding)
        canvas[top : top + height, left : left + width] = image


def image_grid(images, columns=None, padding=2):
    """Arranges images in rows on white, from left to right and from top to bottom.

    Image i has its upper left pixel at row (i // columns) (H + padding) and column
    (i % columns) (W + padding). There is no outer border; the empty places of a partial last
    row stay white.

    Args:
        images: [N, H, W, C], float in [0, 1] or uint8; C is 1 (grey), 2 (the first is drawn),
            3 (colour) or 4 (the first three are drawn).
        columns: Images in a row; by default the square root of N, rounded up.
        padding: White pixels between neighbours.

    Returns:
        uint8 [rows (H + padding) - padding, columns (W + padding) - padding, 3].

    Raises:
        ValueError: If a pixel is not finite or lies outside [0, 1], or for another shape.
    """
    images = _pixels(images, "images")
    columns = math.ceil(math.sqrt(len(images))) if columns is None else columns
    check_count("columns", columns, 1)
    check_count("padding", padding, 0)
    rows = math.ceil(len(images) / columns)
    height, width = (size + padding for size in images.shape[1:3])
    canvas = np.full((rows * height - padding, columns * width - padding, 3), 255, np.uint8)
    _paste(canvas, images, columns, padding, [row * height for row in range(rows)])
    return canvas


def reconstruction_grid(originals, reconstructions, columns=10, padding=2):
    """Puts each original directly above its reconstruction.

    A pair of rows is `padding` apart, and pairs of rows 4 `padding` apart, so that the eye
    takes a pair as one.

    Args:
        originals: [N, H, W, C], float in [0, 1] or uint8.
        reconstructions: The same shape, in the same order.
        columns: Pairs in a row; fewer where N is smaller.
        padding: White pixels between neighbours.

    Returns:
        uint8 [pairs of rows (2 H + 5 padding) - 4 padding, columns (W + padding) - padding, 3].

    Raises:
        ValueError: If the shapes differ, or as `image_grid`.
    """
    above, below = _pixels(originals, "originals"), _pixels(reconstructions, "reconstructions")
    if np.shape(originals) != np.shape(reconstructions):
        raise ValueError(
            "Expected originals and reconstructions of one shape. Received: "
            f"originals.shape={np.shape(originals)}, "
            f"reconstructions.shape={np.shape(reconstructions)}"
        )
    check_count("columns", columns, 1)
    check_count("padding", padding, 0)
    count, height, width = above.shape[:3]
    columns = min(columns, count)
    pairs, pitch = math.ceil(count / columns), 2 * height + 5 * padding
    shape = (pairs * pitch - 4 * padding, columns * (width + padding) - padding, 3)
    canvas = np.full(shape, 255, np.uint8)
    tops = np.arange(pairs) * pitch
    _paste(canvas, above, columns, padding, tops)
    _paste(canvas, below, columns, padding, tops + height + padding)
    return canvas
