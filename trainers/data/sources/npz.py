"""NumPy archives of images and labels. Nothing is ever unpickled."""

import logging
import os

from trainers.data import split_names
from trainers.data.opened import OpenedSource, arrays_source
from trainers.data.source import Request, Source
from zoo.storage.arrays import read_npz

_LOG = logging.getLogger(__name__)


def open_npz(request: Request) -> OpenedSource:
    """A NumPy archive: `images` [and `labels`], or `x_train` [and `y_train`], `x_test`, ...

    Other usual spellings do as well: `X_train`, `train_images`, `val_labels`. `class_names`, an
    array of strings, is read where it is there. Other arrays are named in a warning.
    """
    path, preparation = request.path, request.preparation()
    arrays = read_npz(path)
    splits = _named_arrays(arrays, path)
    names = arrays.get("class_names")
    opened = OpenedSource(
        name=f"npz:{os.path.basename(path)}",
        text="arrays of an npz file",
        class_names=None if names is None else tuple(str(name) for name in names),
    )
    return arrays_source(opened, splits, preparation, request.cut)


def _named_arrays(arrays, path):
    """Returns {split: (images, labels or None)} of an archive's arrays, by their names."""
    names = {}
    for name in arrays:
        names.setdefault(split_names.array(name), []).append(name)
    unused = sorted(set(names.pop(None, [])) - {"class_names"})
    parts = [split for role, split in names if role == "images"]
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


SOURCE = Source(
    kind="npz",
    open=open_npz,
    text="arrays images and labels, or x_train, y_train, x_test, ..., in any usual spelling.",
    argument="PATH",
    endings=(".npz",),
    recognises=lambda path: os.path.isfile(path) and path.endswith(".npz"),
)
