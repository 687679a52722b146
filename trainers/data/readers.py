"""Readers of the user's own files: npz, IDX, folders of pictures. Nothing is ever unpickled."""

import concurrent.futures
import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from trainers.data import splits
from trainers.data.dataset import convert_images, convert_labels
from trainers.data.images import SUFFIXES, is_picture, read_image, walk
from zoo.arrays import read_idx as read_idx_array
from zoo.arrays import read_npz as read_npz_arrays

SPLIT_ALIASES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "testing"),
}


@dataclasses.dataclass(frozen=True)
class Source:
    """Where images come from.

    Args:
        name: For cards and messages; of a path only its last part.
        text: One sentence on the origin.
        splits: Names of its splits.
        read: From a split expression, and how many examples are enough (None: all), to
            (images [N, H, W, C], labels [N] or None). There may be more than enough.
        class_names: One name a class, or None.
        preprocessing: What `read` does to the stored pictures.
        sizes: Examples of each split, where they are known before reading.
    """

    name: str
    text: str
    splits: tuple[str, ...] = ()
    read: Callable | None = None
    class_names: tuple[str, ...] | None = None
    preprocessing: str = "none"
    sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)


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
        read=lambda expression, enough=None: splits.evaluate(expression, read),
    )


def _arrays_source(source, arrays, preparation, cut):
    """Returns `source` over {split: (images, labels)}; the single split "all" is cut in three."""
    ready = {}
    for split, (images, labels) in arrays.items():
        where = f"{source.name!r}, split {split!r}"
        images = convert_images(images, where)
        ready[split] = (preparation(images), convert_labels(labels, len(images), where))
        shape = images.shape[1:]
    source = dataclasses.replace(source, preprocessing=preparation.text(shape))
    if set(ready) == {"all"}:
        return partitioned(source, *ready["all"], cut)
    return dataclasses.replace(
        source,
        splits=tuple(ready),
        sizes={split: len(images) for split, (images, _) in ready.items()},
        read=lambda expression, enough=None: splits.evaluate(expression, ready.__getitem__),
    )


def read_npz(path, preparation, cut):
    """A NumPy archive: `images` [and `labels`], or `x_train` [and `y_train`], `x_test`, ...

    `class_names`, an array of strings, is read where it is there.
    """
    arrays = read_npz_arrays(path)
    found = {}
    if "images" in arrays:
        found["all"] = (arrays["images"], arrays.get("labels"))
    else:
        for split, aliases in SPLIT_ALIASES.items():
            for alias in aliases:
                if f"x_{alias}" in arrays:
                    found[split] = (arrays[f"x_{alias}"], arrays.get(f"y_{alias}"))
    if not found:
        raise ValueError(
            "Expected arrays called images and labels, or x_train, y_train, x_test, ... "
            f"Received: path={path!r} with {sorted(arrays)}"
        )
    names = arrays.get("class_names")
    source = Source(
        name=f"npz:{os.path.basename(path)}",
        text="arrays of an npz file",
        class_names=None if names is None else tuple(str(name) for name in names),
    )
    return _arrays_source(source, found, preparation, cut)


def read_idx(path, preparation, cut):
    """MNIST's format: a folder of its four files (or two), or one file of images.

    The labels of a file of images are beside it, under the same name with `labels-idx1`.
    """
    found = {}
    if os.path.isdir(path):
        for split, stem in (("train", "train-images"), ("test", "t10k-images")):
            files = sorted(Path(path).glob(f"{stem}[-.]idx3-ubyte*"))
            if files:
                found[split] = _idx_pair(files[0])
        if not found:
            raise FileNotFoundError(
                "Expected train-images-idx3-ubyte or t10k-images-idx3-ubyte, with or without .gz. "
                f"Received: path={path!r} with {sorted(os.listdir(path))[:8]}"
            )
    else:
        found["all"] = _idx_pair(Path(path))
    name = f"idx:{os.path.basename(os.path.normpath(path))}"
    return _arrays_source(Source(name=name, text="arrays of IDX files"), found, preparation, cut)


def _idx_pair(images_path):
    labels_path = images_path.with_name(
        images_path.name.replace("images", "labels").replace("idx3", "idx1")
    )
    has_labels = labels_path != images_path and labels_path.exists()
    return read_idx_array(images_path), read_idx_array(labels_path) if has_labels else None


def read_folder(path, preparation, cut):
    """Pictures in a folder, in the order of their paths; subfolders are classes.

    With a subfolder `train` (or `training`), it and `validation` (or `val`, `valid`) and `test`
    (or `testing`) are the splits, and no other folder of pictures may lie beside them. Pictures
    that lie beside class folders have no class, and then nothing in their split has.
    """
    root = Path(path)
    if not root.is_dir():
        raise FileNotFoundError(f"Expected a folder of images. Received: path={path!r}")
    folders = _split_folders(root)
    if folders:
        files = {split: _pictures(folder) for split, folder in folders.items()}
        labelled = {split for split, found in files.items() if _classes([found]) is not None}
        classes = _classes([files[split] for split in labelled]) or None
    else:
        pictures = _pictures(root)
        classes = _classes([pictures])
        labels = None if classes is None else _labels(pictures, classes)
        parts = splits.partition(len(pictures), *cut, labels=labels)
        files = {name: [pictures[i] for i in part] for name, part in parts.items()}
        labelled = set() if classes is None else set(files)

    def listed(split):
        labels = _labels(files[split], classes) if split in labelled else None
        return np.array([file for file, _ in files[split]], dtype=object), labels

    def read(expression, enough=None):
        chosen, labels = splits.evaluate(expression, listed)
        images = _read_pictures(root, chosen[:enough], preparation)
        return images, None if labels is None else labels[:enough]

    return Source(
        name=f"folder:{root.resolve().name}",
        text="pictures of a folder",
        splits=tuple(files),
        read=read,
        class_names=classes,
        preprocessing=preparation.text(),
        sizes={split: len(found) for split, found in files.items()},
    )


def _split_folders(root):
    """Returns {split: folder} of a folder whose subfolders are splits, or nothing.

    Raises:
        ValueError: If a split is there twice, or another folder of pictures beside them.
    """
    there = {
        split: [alias for alias in aliases if (root / alias).is_dir()]
        for split, aliases in SPLIT_ALIASES.items()
    }
    if not there["train"]:
        return {}
    for split, names in there.items():
        if len(names) > 1:
            raise ValueError(
                f"Expected one folder of the split {split!r}. Received: {names} in {str(root)!r}"
            )
    found = {split: root / names[0] for split, names in there.items() if names}
    used = {folder.name for folder in found.values()}
    inner = [path for path in root.iterdir() if path.is_dir() and path.name[0] != "."]
    others = sorted(
        path.name for path in inner if path.name not in used and any(map(is_picture, walk(path)))
    )
    if others:
        raise ValueError(
            f"Expected folders of splits alone, or of classes alone. Received: {sorted(used)} and "
            f"{others} in {str(root)!r}"
        )
    return found


def _pictures(folder):
    """Returns the sorted (file, class or None) below a folder, hidden ones left out."""
    found = []
    for file in filter(is_picture, walk(folder)):
        parts = file.relative_to(folder).parts
        found.append((file, parts[0] if len(parts) > 1 else None))
    if not found:
        raise FileNotFoundError(
            f"Expected images ({', '.join(SUFFIXES)}). Received: path={str(folder)!r}, without any"
        )
    return sorted(found, key=lambda item: item[0].as_posix())


def _classes(groups):
    names = {name for group in groups for _, name in group}
    return None if None in names else tuple(sorted(names))


def _labels(pictures, classes):
    number = {name: index for index, name in enumerate(classes)}
    return np.array([number[name] for _, name in pictures], np.int64)


def _read_pictures(root, files, preparation):
    """Reads pictures in threads into one array; all must come to the same shape."""
    images = None
    with concurrent.futures.ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for index, image in enumerate(
            pool.map(lambda f: preparation(read_image(f)[None])[0], files)
        ):
            if images is None:
                images = np.empty((len(files), *image.shape), np.uint8)
            if image.shape != images.shape[1:]:
                raise ValueError(
                    "Expected images of one size and one number of channels; set image_size (and "
                    f"channels) to bring them there. Received: {_relative(files[index], root)} of "
                    f"shape {image.shape}, {_relative(files[0], root)} of shape {images.shape[1:]}"
                )
            images[index] = image
    return np.empty((0, 1, 1, 1), np.uint8) if images is None else images


def _relative(file, root):
    return repr(file.relative_to(root).as_posix())
