"""Folders of pictures: which of their folders are splits, and which are classes."""

import concurrent.futures
import dataclasses
import logging
import os
from pathlib import Path

import numpy as np

from trainers.data import listing, split_names
from trainers.data.opened import OpenedSource, with_splits
from trainers.data.source import Request, Source
from zoo.light.pictures import read_image, without_any

_ADVICE = (
    "Expected folders of splits alone (train, validation, test), or of classes alone; a class "
    "whose name is that of a split needs another name."
)


def open_folder(request: Request) -> OpenedSource:
    """Pictures in a folder, in the order of their paths; subfolders are classes.

    Pictures are in the order of their paths. Subfolders with the name of a split in any usual
    spelling (`train`, `Training`, `VAL`, `test_set`) are splits. No other folder of pictures
    may lie next to them. They may lie together in one folder on top. Other subfolders are
    classes. Pictures that lie next to class folders have no class, and then nothing in their
    split has. A warning counts the files that are not used, and so does the source's text. A
    picture that is in the folder twice through a link, and a link that leads nowhere, are
    errors.

    Args:
        request: Its path is the folder; its cut is for folders without splits.

    Raises:
        FileNotFoundError: If there is no such folder, no picture, or a link leads nowhere.
        ValueError: If it is not clear what is a split, or a picture is there twice, by a link.
    """
    root, preparation = Path(request.path), request.preparation()
    if not root.is_dir():
        raise FileNotFoundError(f"Expected a folder of images. Received: path={request.path!r}")
    files, unused = listing.list_pictures(root)
    groups = find_splits(files, root)
    stray = sorted(set(files).difference(file for group in groups.values() for file, _ in group))
    unused.update({"next to the folders of splits": stray} if stray else {})
    labelled = {split for split in groups if _is_labelled(split, groups[split], root)}
    classes = _classes(groups, labelled)
    listed = {
        split: (
            np.array([file for file, _ in group], dtype=object),
            _labels(group, classes) if split in labelled else None,
        )
        for split, group in groups.items()
    }
    opened = OpenedSource(
        name=f"folder:{root.resolve().name}",
        text="pictures of a folder" + _not_used(unused, root),
        class_names=classes,
        preprocessing=preparation.text(),
    )
    opened = with_splits(opened, listed, request.cut)

    def read(expression, limit=None):
        chosen, labels = opened.read(expression, limit)
        return _read_pictures(root, chosen, preparation), labels

    return dataclasses.replace(opened, read=read)


def _not_used(unused, root):
    """Warns of the files that are not used; returns what the source's text says of them."""
    if not unused:
        return ""
    text = ", ".join(listing.count(paths, root, reason) for reason, paths in unused.items())
    logging.getLogger(__name__).warning("%s: files that are not used: %s", root, text)
    return f"; files that are not used: {text}"


def find_splits(files, root):
    """Returns {split: [(file, class or None)]}; the single split "all" where there are none.

    Args:
        files: Sorted paths below `root`.
        root: `Path`.

    Raises:
        ValueError: If a split is there twice, or is not distinguished from a class.
        FileNotFoundError: If a split has no picture.
    """
    top = root
    while True:
        named = {name: split_names.role(name) for name in _subfolders(top)}
        named = {name: split for name, split in named.items() if split}
        if named:
            return _by_split(files, top, named)
        inner = _by_folder(files, top)
        _check_no_splits(inner, top)
        if len(inner) != 1 or None in inner:
            break
        top = top / next(iter(inner))
    inner = _by_folder(files, root)
    for name, group in inner.items():
        if name is not None:
            _check_no_splits_below(group, root / name, root)
    return {"all": _with_classes(files, root)}


def _subfolders(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")


def _by_folder(files, top):
    """Returns {name of a folder in `top`: its files}; under None the files in `top` itself."""
    groups = {}
    for file in files:
        parts = file.relative_to(top).parts
        groups.setdefault(parts[0] if len(parts) > 1 else None, []).append(file)
    return groups


def _by_split(files, top, named):
    """Returns the groups of `find_splits` of folders `named`, {name: split}, in `top`."""
    inner = _by_folder(files, top)
    folders = {}
    for name, split in named.items():
        if split in folders:
            raise ValueError(
                f"Expected one folder of the split {split!r}. "
                f"Received: {[folders[split], name]} in {str(top)!r}"
            )
        folders[split] = name
    others = sorted(name for name in inner if name is not None and name not in named)
    if others:
        raise ValueError(f"{_ADVICE} Received: {sorted(named)} and {others} in {str(top)!r}")
    if "train" not in folders:
        raise ValueError(
            f"Expected a folder of the split 'train'. {_ADVICE} "
            f"Received: {sorted(named)} in {str(top)!r}"
        )
    groups = {}
    for split in [split for split in split_names.ALIASES if split in folders]:
        name = folders[split]
        if name not in inner:
            raise without_any(top / name)
        groups[split] = _of_split(inner[name], top / name, split)
    _check_same_spelling(groups, top)
    return groups


def _of_split(files, folder, split):
    """Returns the pictures of a split's folder, which may hold one of the same name again."""
    inner = _by_folder(files, folder)
    while len(inner) == 1 and split_names.role(str(next(iter(inner)))) == split:
        folder = folder / next(iter(inner))
        inner = _by_folder(files, folder)
    if None not in inner and all(map(split_names.role, inner)):
        raise ValueError(
            f"{_ADVICE} Received: {sorted(inner)} in {str(folder)!r}, a folder of a split"
        )
    return _with_classes(files, folder)


def _check_no_splits(inner, top):
    """Raises ValueError if names such as `seg_train`, `seg_test` are those of splits."""
    names = [name for name in inner if name is not None]
    mentioned = {name: split_names.mentions(name) for name in names}
    spoken = sorted(name for name in names if mentioned[name])
    named = set().union(*mentioned.values())
    if {"train"} < named and 2 * len(spoken) >= len(names):
        raise ValueError(f"{_ADVICE} Received: {sorted(names)} in {str(top)!r}")


def _check_no_splits_below(files, folder, root):
    """Raises ValueError if a class folder holds folders of splits."""
    inner = _by_folder(files, folder)
    named = sorted(name for name in inner if name is not None and split_names.role(name))
    others = set(inner) - {None, *named}
    if named and (not others or len({split_names.role(name) for name in named}) > 1):
        raise ValueError(
            "Expected folders of splits on top of those of classes. "
            f"Received: {named} in {folder.relative_to(root).as_posix()!r} of {str(root)!r}"
        )
    for name in sorted(others):
        _check_no_splits_below(inner[name], folder / name, root)


def _check_same_spelling(groups, top):
    """Raises ValueError if a class of two splits is written in two ways: `cat` and `Cat`."""
    train = {name for _, name in groups["train"] if name is not None}
    spelling = {name.casefold(): name for name in train}
    for split, group in groups.items():
        for name in sorted({name for _, name in group if name is not None} - train):
            if name.casefold() in spelling:
                raise ValueError(
                    "Expected one spelling of a class in all splits. Received: "
                    f"{spelling[name.casefold()]!r} in 'train', {name!r} in {split!r} of "
                    f"{str(top)!r}"
                )


def _with_classes(files, folder):
    parts = [file.relative_to(folder).parts for file in files]
    return [(file, part[0] if len(part) > 1 else None) for file, part in zip(files, parts)]


def _is_labelled(split, group, root):
    """Returns whether all pictures of a split have a class; warns where only some have."""
    bare = [file for file, name in group if name is None]
    if 0 < len(bare) < len(group):
        stray = listing.count(bare, root, "next to the folders of classes")
        logging.getLogger(__name__).warning("%s: pictures have no labels: %s", root, stray)
    return not bare


def _classes(groups, labelled):
    names = {name for split in labelled for _, name in groups[split]}
    return tuple(sorted(names)) or None


def _labels(group, classes):
    number = {name: index for index, name in enumerate(classes)}
    return np.array([number[name] for _, name in group], np.int64)


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


SOURCE = Source(
    kind="folder",
    open=open_folder,
    text="pictures in a folder, in one for each class, or in either under train, validation, test.",
    argument="PATH",
    recognises=os.path.isdir,
    priority=-2,  # other sources are folders too
)
