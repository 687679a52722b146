"""`load_splits`: from a config's `data` to all its splits."""

import dataclasses
import hashlib

import numpy as np

from trainers.data import splits
from trainers.data.augmentation import Augmentation
from trainers.data.loading import image_sides, read_split
from trainers.data.sources import open_source
from trainers.data.streamed import select, turned
from zoo.registry import nearest

_BLOCK = 1024  # images
_ROLES = ("train", "validation", "test")
CONFIG_KEYS = (
    *("name", "data_dir", "binarisation", "image_size", "channels", "download", "limit"),
    *("train_split", "validation_split", "test_split"),
    *("validation_fraction", "test_fraction", "split_seed", "distinct", "pixel_scale"),
    *("crop", "fit", "rotations", "test_limit", "flips", "shifts"),
)


def load_splits(config):
    """Loads the splits that a config's `data` names.

    Args:
        config: A mapping (a ConfigDict, for example) with `name` and any of `data_dir`,
            `binarisation`, `image_size`, `channels`, `train_split`, `validation_split`,
            `test_split`, `download`, `limit` (a number of training examples), `test_limit` (of
            test examples), `validation_fraction`, `test_fraction`, `split_seed`, `distinct` (keep
            each picture once, in the first of train, validation and test that has it),
            `pixel_scale` (multiplies all pixels), `crop` (side of the square in the middle of
            stored pictures, taken before resizing), `fit` ("crop" or "pad"; how a picture of
            another shape is brought to `image_size`), `flips` and `shifts` (of training batches;
            see `trainers.data.augmentation`), `rotations` (each picture also turned by 90,
            180 and 270 degrees, with its label, right behind it). Empty values and None mean the
            default: the splits that the source calls train, validation and test. A split called
            "none" is left out. A limit takes the first examples of data that TFDS has shuffled;
            of other data it draws them by `split_seed`, each class by its share.

    Returns:
        A dict with `train`, a `Dataset`, and `validation` and `test`, each a `Dataset` or None.

    Raises:
        ValueError: If a key is unknown, or there is no split to train on.
    """
    _check_keys(config)
    opened = _opened(config)
    chosen = _chosen_splits(config, opened)
    limits = _limits(config)
    loaded = _read(config, opened, chosen, limits)
    if _value(config, "rotations"):
        loaded = {role: part and _rotated(part) for role, part in loaded.items()}
    loaded = {role: part and _cut(part, limits.get(role)) for role, part in loaded.items()}
    _check_shapes(loaded)
    scale = float(_value(config, "pixel_scale", 1.0))
    loaded = {
        role: part and dataclasses.replace(part, pixel_scale=scale) for role, part in loaded.items()
    }
    loaded["train"] = dataclasses.replace(loaded["train"], augmentation=_augmentation(config))
    return loaded


def _value(config, key, default=None):
    """Returns the value of a key, or `default` where it is missing, None or an empty string."""
    value = config.get(key)
    return default if value is None or (isinstance(value, str) and not value) else value


def _check_keys(config):
    for key in config:
        if key not in CONFIG_KEYS:
            raise ValueError(
                f"Expected keys of data among {sorted(CONFIG_KEYS)}. "
                f"Received: {key}={config[key]!r}.{nearest(key, CONFIG_KEYS)}"
            )


def _opened(config):
    """Returns the `OpenedSource` that a config names."""
    return open_source(
        _value(config, "name"),
        data_dir=_value(config, "data_dir"),
        size=image_sides(_value(config, "image_size")),
        channels=_value(config, "channels") or None,
        download=_value(config, "download", True),
        crop=_value(config, "crop") or None,
        fit=_value(config, "fit", "crop"),
        cut=(
            _value(config, "validation_fraction", 0.1),
            _value(config, "test_fraction", 0.1),
            _value(config, "split_seed", 17),
        ),
    )


def _chosen_splits(config, opened):
    """Returns {role: split expression, or None where the role is left out}."""
    chosen = {role: _value(config, f"{role}_split", _default(opened, role)) for role in _ROLES}
    chosen = {role: None if split == "none" else split for role, split in chosen.items()}
    if chosen["train"] is None:
        raise ValueError(
            f"{opened.name!r} has no split called 'train' here; say what to train on, for example "
            f"data.train_split={'+'.join(opened.splits)!r}. Received: data.train_split='', "
            f"splits={sorted(opened.splits)}"
        )
    return chosen


def _default(opened, role):
    return role if role in opened.splits and opened.sizes.get(role, 1) else None


def _limits(config):
    """Returns {role: `splits.Limit`} of the roles that a config limits."""
    return {
        role: splits.Limit(_value(config, key), _value(config, "split_seed", 17))
        for role, key in (("train", "limit"), ("test", "test_limit"))
        if _value(config, key)
    }


def _read(config, opened, chosen, limits):
    """Returns {role: `Dataset` or None}, with as many stored pictures as the limits need."""
    copies = 4 if _value(config, "rotations") else 1
    pictures = {
        role: dataclasses.replace(limit, number=-(-limit.number // copies))
        for role, limit in limits.items()
    }
    # Pictures that came before are left out first: they do not count towards a limit.
    distinct = _value(config, "distinct")
    binarisation = _value(config, "binarisation", "none")
    loaded = {
        role: split
        and read_split(opened, split, binarisation, None if distinct else pictures.get(role))
        for role, split in chosen.items()
    }
    if not distinct:
        return loaded
    loaded = _distinct(loaded)
    return {role: part and part.limited(pictures.get(role)) for role, part in loaded.items()}


def _check_shapes(loaded):
    shapes = {role: dataset.image_shape for role, dataset in loaded.items() if dataset}
    if len(set(shapes.values())) > 1:
        raise ValueError(
            "Expected images of one size and one number of channels in all splits; "
            "data.image_size and data.channels bring them to it. "
            f"Received: {', '.join(f'{role} {shape}' for role, shape in shapes.items())}"
        )


def _cut(dataset, limit):
    """Returns a data set that was read with a limit, with its number of examples and its name."""
    if limit is None or not (dataset.part or limit.number < len(dataset)):
        return dataset
    part = dataset.part or ("first" if dataset.shuffled else "drawn")
    return dataclasses.replace(
        dataset.take(limit.number), split=limit.text(dataset.split, part == "first"), part=part
    )


def _distinct(loaded):
    """Leaves out pictures that came before, in their own split or in an earlier one."""
    seen, result = set(), {}
    for role, dataset in loaded.items():
        if dataset is None:
            result[role] = None
            continue
        rows = []
        for i, key in enumerate(_digests(dataset.images)):
            if key not in seen:
                seen.add(key)
                rows.append(i)
        if not rows:
            raise ValueError(
                f"Expected pictures in {role} that are not in an earlier split. "
                f"Received: data.distinct=True, split={dataset.split!r}"
            )
        labels = None if dataset.labels is None else dataset.labels[rows]
        split = f"{dataset.split}, each picture once"
        result[role] = dataclasses.replace(
            dataset, images=select(dataset.images, rows), labels=labels, split=split
        )
    return result


def _digests(images):
    """Yields a hash of each image, read in blocks."""
    for start in range(0, len(images), _BLOCK):
        for image in images[start : start + _BLOCK]:
            yield hashlib.sha256(np.ascontiguousarray(image)).digest()


def _augmentation(config):
    """Returns the `Augmentation` of training batches, or None."""
    flips, shifts = _value(config, "flips", False), _value(config, "shifts", 0)
    return Augmentation(bool(flips), shifts) if flips or shifts else None


def _rotated(dataset):
    """Puts behind each picture itself turned by 90, 180 and 270 degrees, with its label."""
    height, width, _ = dataset.image_shape
    if height != width:
        raise ValueError(
            "Rotations need square pictures. "
            f"Received: data.rotations=True, image shape {dataset.image_shape}"
        )
    return dataclasses.replace(
        dataset,
        images=turned(dataset.images),
        labels=None if dataset.labels is None else np.repeat(dataset.labels, 4),
        split=f"{dataset.split}, each picture in four rotations",
    )
