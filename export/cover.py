"""Draws the picture of an artifact's README: images of the data above their reconstructions."""

from pathlib import Path

import numpy as np

from zoo.storage import files

PICTURE = "reconstructions.png"
LEAST_WIDTH = 640  # pixels: small images are magnified by a whole factor up to this width


def draw(folder, model, images: np.ndarray, white: float = 1) -> Path:
    """Writes the picture of an artifact.

    Args:
        folder: The artifact's folder.
        model: A `zoo.VAE`.
        images: Images [N, H, W, C] in [0, white], as the model takes them; bool for bits.
        white: The largest value of a pixel; default 1.

    Returns:
        The file's path.
    """
    from trainers import grids, plots

    images = np.asarray(images, "float32")
    rebuilt = np.clip(model.reconstruct(images) / white, 0, 1)
    grid = grids.reconstruction_grid(images / white, rebuilt)
    factor = max(1, LEAST_WIDTH // grid.shape[1])
    path = Path(folder) / PICTURE
    files.atomic_write(path, plots.png_bytes(grid.repeat(factor, 0).repeat(factor, 1)))
    return path


def section(card: dict) -> str:
    """Returns the picture as Markdown, or "" where the card lists none."""
    if PICTURE not in card.get("files", {}):
        return ""
    caption = "Images of the data, each above its reconstruction"
    return f"\n![{caption}]({PICTURE})\n\n{caption}.\n"
