"""Readers of npz and IDX files. Nothing is ever unpickled."""

import dataclasses
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from trainers.data import split_names, splits
from trainers.data.dataset import convert_images, convert_labels
from zoo.storage.arrays import read_idx as read_idx_array
from zoo.storage.arrays import read_npz as read_npz_arrays

_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Source:
    """Where images come from.

    Args:
        name: For cards and messages; of a path only its last part.
        text: One sentence on the origin.
        splits: Names of its splits.
        read: From a split expression, and a `splits.Limit` or None (all), to
            (images [N, H, W, C], labels [N] or None).
        class_names: One name a class, or None.
        preprocessing: What `read` does to the stored pictures.
        sizes: Examples of each split.
        shuffled: Whether examples are in random order.
    """

    name: str
    text: str
    splits: tuple[str, ...] = ()
    read: Callable | None = None
    class_names: tuple[str, ...] | None = None
    preprocessing: str = "none"
    sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    shuffled: bool = False


def partitioned(source, images, labels, cut):
    """Returns `source` over arrays cut by `splits.partition` into train, validation and test."""
    parts = splits.partition(len(images), *cut, labels=labels)

    def read(name):
        chosen = parts[name]
        return images[chosen], None if labels is None else labels[chosen]

    return dataclasses.replace(
        source,
        splits=tuple(parts),
        sizes={name: len(part) for name, part in parts.items()},
        read=lambda expression, limit=None: splits.evaluate(expression, read, limit),
    )


def _arrays_source(source, arrays, preparation, cut):
    """Returns `source` over {split: (images, labels)}; the single split "all" is cut in three."""
    ready = {}
    for split, (images, labels) in arrays.items():
        where = f"{source.name!r}, split {split!r}"
        images = convert_images(images, where)
        labels = convert_labels(labels, len(images), where)
        _check_names(source.class_names, labels, where)
        ready[split] = (preparation(images), labels)
        shape = images.shape[1:]
    source = dataclasses.replace(source, preprocessing=preparation.text(shape))
    if set(ready) == {"all"}:
        return partitioned(source, *ready["all"], cut)
    return dataclasses.replace(
        source,
        splits=tuple(ready),
        sizes={split: len(images) for split, (images, _) in ready.items()},
        read=lambda expression, limit=None: splits.evaluate(expression, ready.get, limit),
    )


def _check_names(class_names, labels, where):
    """Raises ValueError if a label has no class name."""
    if class_names is None or labels is None:
        return
    classes = np.unique(labels)
    outside = classes[(classes < 0) | (classes >= len(class_names))]
    if outside.size:
        raise ValueError(
            f"Expected labels from 0 to {len(class_names) - 1} in {where}, one for each of the "
            f"{len(class_names)} class_names. "
            f"Received: labels {outside[:4].tolist()} without a name"
        )


def read_npz(path, preparation, cut):
    """A NumPy archive: `images` [and `labels`], or `x_train` [and `y_train`], `x_test`, ...

    Other usual spellings do as well: `X_train`, `train_images`, `val_labels`. `class_names`, an
    array of strings, is read where it is there. Other arrays are named in a warning.
    """
    arrays = read_npz_arrays(path)
    found = _named_arrays(arrays, path)
    names = arrays.get("class_names")
    source = Source(
        name=f"npz:{os.path.basename(path)}",
        text="arrays of an npz file",
        class_names=None if names is None else tuple(str(name) for name in names),
    )
    return _arrays_source(source, found, preparation, cut)


def _named_arrays(arrays, path):
    """Returns {split: (images, labels or None)} of an archive's arrays, by their names."""
    names = {}
    for name in arrays:
        names.setdefault(split_names.array(name), []).append(name)
    unused = sorted(set(names.pop(None, [])) - {"class_names"})
    parts = [split for what, split in names if what == "images"]
    mixed = "all" in parts and len(parts) > 1
    if not parts or mixed or any(len(twice) > 1 for twice in names.values()):
        raise ValueError(
            "Expected arrays called images and labels, or x_train, y_train, x_test, ..., each "
            f"once. Received: path={path!r} with {sorted(arrays)}"
        )
    for (_, split), (name,) in names.items():
        if split not in parts:
            unused.append(name)
    if unused:
        _LOG.warning("%s: arrays that are not used: %s", path, unused)
    result = {}
    for split in (*split_names.ALIASES, "all"):
        if split in parts:
            (images,), labels = names["images", split], names.get(("labels", split))
            result[split] = (arrays[images], labels and arrays[labels[0]])
    return result


def read_idx(path, preparation, cut):
    """MNIST's format: a folder of its four files (or two), or one file of images.

    The labels of a file of images are in the same folder, under the same name with `labels-idx1`.
    Other files of a folder are named in a warning.
    """
    found = {}
    if os.path.isdir(path):
        used = set()
        for split, stem in (("train", "train-images"), ("test", "t10k-images")):
            files = sorted(Path(path).glob(f"{stem}[-.]idx3-ubyte*"))
            if files:
                found[split] = _idx_pair(files[0])
                used.update({files[0].name, _labels_of(files[0]).name})
        if not found:
            raise FileNotFoundError(
                "Expected train-images-idx3-ubyte or t10k-images-idx3-ubyte, with or without .gz. "
                f"Received: path={path!r} with {sorted(os.listdir(path))[:8]}"
            )
        unused = sorted(set(os.listdir(path)) - used)
        if unused:
            _LOG.warning("%s: %d files that are not used: %s", path, len(unused), unused[:3])
    else:
        found["all"] = _idx_pair(Path(path))
    name = f"idx:{os.path.basename(os.path.normpath(path))}"
    return _arrays_source(Source(name=name, text="arrays of IDX files"), found, preparation, cut)


def _labels_of(images_path):
    return images_path.with_name(
        images_path.name.replace("images", "labels").replace("idx3", "idx1")
    )


def _idx_pair(images_path):
    labels_path = _labels_of(images_path)
    has_labels = labels_path != images_path and labels_path.exists()
    return read_idx_array(images_path), read_idx_array(labels_path) if has_labels else None
