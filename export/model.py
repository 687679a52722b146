"""Publishes a model in memory, trained by `fit` or fine-tuned from a published one."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from export import publish as publishing
from zoo.light.axes import as_batch
from zoo.light.images import THRESHOLD, prepare_images
from zoo.storage import files

_RULES = ("scale", "range", "binarise", "multiply")


def publish(
    model,
    folder,
    data: str | Mapping,
    preprocessing: Mapping | None = None,
    name: str = "",
    images: np.ndarray | None = None,
    paper: str = "",
    licence: str = "",
    saved_model: bool = True,
    probability: bool = True,
) -> Path:
    """Writes a built `zoo.VAE` as an artifact; see `zoo.publishing.publish`."""
    import zoo
    from export.golden import NUM_IMAGES

    if not isinstance(model, zoo.VAE):
        raise TypeError(f"Expected a zoo.VAE. Received: model={type(model).__name__}")
    folder = Path(folder)
    name = name or folder.resolve().name
    publishing.check_target(name, folder)
    rules = _rules(preprocessing, model.pixel_range)
    description = _described(data, rules, images is not None)
    if images is not None:
        batch = as_batch(images, model.image_shape)[:NUM_IMAGES]
        images = prepare_images(batch, rules)
    from trainers import runs

    run = runs.Run(model, {"paper": paper}, None, _steps(model), [])
    with files.atomic_folder(folder) as temporary:
        graphs = (saved_model, probability)
        publishing.write_artifact(
            temporary, run, name, description, images, *graphs, licence=licence
        )
        publishing.prove(temporary, saved_model)
    return folder


def _rules(preprocessing, pixel_range):
    """Returns the card's `preprocessing`."""
    rules = dict(preprocessing or {})
    unknown = sorted(set(rules) - set(_RULES))
    if unknown or rules.get("binarise") not in (None, THRESHOLD):
        raise ValueError(
            f"Expected `preprocessing` with some of {list(_RULES)}, where `binarise` is None or "
            f"{THRESHOLD!r}. Received: preprocessing={preprocessing!r}"
        )
    largest = pixel_range[1] if pixel_range is not None else 1
    rules = {"scale": "uint8/255", "binarise": None, "multiply": largest, **rules}
    prepare_images(np.zeros(1, np.uint8), rules)  # raises for values that nobody can apply
    return rules


def _described(data, rules, has_images):
    """Returns what the card says of the data."""
    data = {"name": data} if isinstance(data, str) else data
    if not isinstance(data, Mapping) or not data.get("name"):
        raise ValueError(f"Expected the data's name, or a mapping with `name`. Received: {data!r}")
    binarisation = "static" if rules["binarise"] else data.get("binarisation", "none")
    scale = {} if rules["multiply"] == 1 else {"pixel_scale": rules["multiply"]}
    golden = "images of the data" if has_images else "random"
    golden = f"{golden}, then all 0 and all 1"
    return {**data, "binarisation": binarisation, **scale, "golden": golden}


def _steps(model):
    optimizer = getattr(model, "optimizer", None)
    return 0 if optimizer is None else int(optimizer.iterations)
