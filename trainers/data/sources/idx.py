"""IDX files, the format in which MNIST comes, gzipped or not."""

import logging
import os
from pathlib import Path

from trainers.data.opened import OpenedSource, arrays_source
from trainers.data.source import Request, Source
from zoo.storage.arrays import read_idx

_LOG = logging.getLogger(__name__)


def open_idx(request: Request) -> OpenedSource:
    """MNIST's format: a folder of its four files (or two), or one file of images.

    The labels of a file of images are in the same folder, under the same name with `labels-idx1`.
    Other files of a folder are named in a warning.
    """
    path, preparation, splits = request.path, request.preparation(), {}
    if os.path.isdir(path):
        used = set()
        for split, stem in (("train", "train-images"), ("test", "t10k-images")):
            files = sorted(Path(path).glob(f"{stem}[-.]idx3-ubyte*"))
            if files:
                splits[split] = _idx_pair(files[0])
                used.update({files[0].name, _labels_of(files[0]).name})
        if not splits:
            raise FileNotFoundError(
                "Expected train-images-idx3-ubyte or t10k-images-idx3-ubyte, with or without .gz. "
                f"Received: path={path!r} with {sorted(os.listdir(path))[:8]}"
            )
        unused = sorted(set(os.listdir(path)) - used)
        if unused:
            _LOG.warning("%s: %d files that are not used: %s", path, len(unused), unused[:3])
    else:
        splits["all"] = _idx_pair(Path(path))
    name = f"idx:{os.path.basename(os.path.normpath(path))}"
    opened = OpenedSource(name=name, text="arrays of IDX files")
    return arrays_source(opened, splits, preparation, request.cut)


def _labels_of(images_path):
    return images_path.with_name(
        images_path.name.replace("images", "labels").replace("idx3", "idx1")
    )


def _idx_pair(images_path):
    labels_path = _labels_of(images_path)
    has_labels = labels_path != images_path and labels_path.exists()
    return read_idx(images_path), read_idx(labels_path) if has_labels else None


def _recognises(path):
    """Returns whether a folder has a file of images in IDX, or the name of a file mentions IDX."""
    if os.path.isdir(path):
        return any("images" in entry and "idx3" in entry for entry in os.listdir(path))
    return "idx" in os.path.basename(path)


SOURCE = Source(
    kind="idx",
    open=open_idx,
    text="MNIST's files, with or without .gz, in a folder; or one file of images.",
    argument="PATH",
    endings=(".gz", "ubyte"),
    recognises=_recognises,
    priority=-1,  # an archive of NumPy may have idx in its name
)
