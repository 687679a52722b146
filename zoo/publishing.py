"""`zoo.publish`: a model in memory becomes an artifact."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo import commands


def publish(
    model: Any, folder: str | os.PathLike[str], data: str | Mapping[str, Any], **options: Any
) -> Path:
    """Writes a built `zoo.VAE` as an artifact, complete and verified, or nothing.

    It is the artifact that `python -m export.publish` writes of a run, without metrics.

    The options are keyword arguments.

    Args:
        model: A built `zoo.VAE`, for example one that `fit` trained, or `zoo.load(...)` after more
            training.
        folder: The artifact's folder; an earlier artifact there is replaced.
        data: The name of the data that it was trained on, or a mapping with `name` and what else
            the card shall say: `split`, `source`, `number`.
        preprocessing: What brings users' images to those that it was trained on: `binarise`, None
            or "threshold 0.5", and `multiply`, a positive number. By default pixels are in [0, 1],
            multiplied by the upper end of the model's `pixel_range`.
        name: What to call it; the default is the folder's name.
        images: Images of the data for the golden file, as `zoo.light.images.prepare_images` takes
            them, [N, H, W, C]; the first 8 are kept. By default they are random.
        paper: The paper's name, for example "bilbo"; none by default.
        licence: Licence of the weights, for the card; not stated by default.
        saved_model: Whether to write a SavedModel too; default True.
        probability: Whether to write the graphs of log-densities too; default True.

    Returns:
        The folder.

    Raises:
        TypeError: If `model` is no `zoo.VAE`.
        ValueError: If an argument is not one of those accepted, or a runtime does not give the
            model's numbers.
    """
    return commands.load("export.model").publish(model, folder, data, **options)
