"""Shards of WebDataset: tar files of samples, indexed once, with a place for every picture.

The files of a sample have one name up to the first dot: `0001.jpg`, `0001.cls`. The index of a
shard is kept in the cache, next to the released models, and made anew when the shard changes.
"""

import dataclasses
import hashlib
import logging
import os
import re
from collections.abc import Iterator, Sequence

import numpy as np

from zoo.light.pictures import SUFFIXES
from zoo.releases.download import cache_folder
from zoo.storage import arrays, files, json_text, tars

# Keys of a `.json` file that hold the label of a picture, the first of them that is there.
LABEL_KEYS = ("label", "cls", "class", "target")
LARGEST_LABEL = 1 << 20  # bytes
_VERSION = 1  # of an index
_META = re.compile(r"__[^/]*__($|/)")  # names that WebDataset leaves out
_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class Index:
    """Where the pictures of a shard are, and their labels.

    Args:
        offsets: First byte of each picture, int64 [N].
        sizes: Its bytes, int64 [N].
        names: Their names in the shard, UTF-8, each followed by a zero: uint8.
        labels: int64 [N], numbers of `classes` where there are any; [0] if a picture has no label.
        classes: Names of classes as `names`; empty where labels are numbers by themselves.
        unused: Entries that are no files, samples without a picture, pictures without a label.
    """

    offsets: np.ndarray
    sizes: np.ndarray
    names: np.ndarray
    labels: np.ndarray
    classes: np.ndarray
    unused: np.ndarray

    def identity(self) -> str:
        """Returns a hash of the names and sizes of the pictures."""
        digest = hashlib.sha256(self.names)
        digest.update(self.sizes.astype("<i8"))
        return digest.hexdigest()


class Shards:
    """The pictures of many shards, numbered in the order of the shards.

    Args:
        paths: The tar files.
    """

    def __init__(self, paths: Sequence[str]):
        self.paths = list(paths)
        self.stamps = [tars.stamp(path) for path in self.paths]
        self.indices = [_index(*pair) for pair in zip(self.paths, self.stamps)]
        self.starts = np.cumsum([0, *(len(index.offsets) for index in self.indices)])

    def identity(self) -> str:
        """Returns a hash of the names and sizes of all pictures."""
        text = "".join(index.identity() for index in self.indices)
        return hashlib.sha256(text.encode()).hexdigest()

    def read(self, numbers: np.ndarray) -> Iterator[tuple["Place", bytes]]:
        """Yields name and bytes of pictures; each shard is opened once, and read to its end.

        Args:
            numbers: Sorted.
        """
        for shard, rows in self._rows(numbers):
            index, path = self.indices[shard], self.paths[shard]
            places = zip(index.offsets[rows].tolist(), index.sizes[rows].tolist())
            contents = tars.read(path, places, self.stamps[shard])
            for row, content in zip(rows, contents, strict=True):
                yield Place(path, index, int(row)), content

    def names(self, numbers: np.ndarray) -> list[str]:
        """Returns `SHARD: NAME` of pictures.

        Args:
            numbers: Sorted.
        """
        names = []
        for shard, rows in self._rows(numbers):
            texts = _texts(self.indices[shard].names)
            names += [f"{self.paths[shard]}: {texts[row]}" for row in rows]
        return names

    def _rows(self, numbers):
        """Yields each shard that has some of the pictures, and their places in it."""
        where = np.searchsorted(self.starts, numbers, side="right") - 1
        for shard in np.unique(where):
            yield shard, numbers[where == shard] - self.starts[shard]


@dataclasses.dataclass(frozen=True)
class Place:
    """A picture in a shard; its text is `SHARD: NAME`, for messages."""

    path: str
    index: Index
    row: int

    def __str__(self):
        return f"{self.path}: {_texts(self.index.names)[self.row]}"


def _index(path, stamp):
    """Returns the `Index` of a shard: from the cache, or made and put there."""
    name = hashlib.sha256(os.path.abspath(path).encode("utf-8", "surrogateescape")).hexdigest()
    cached, key = cache_folder() / "shards" / f"{name[:32]}.npz", np.array([_VERSION, *stamp])
    index = _kept(cached, key)
    if index is None:
        _LOG.info("Listing the samples of %s.", path)
        index = _listed(path)
        try:
            with files.atomic_path(cached) as temporary:
                np.savez(temporary, key=key, **vars(index))
        except OSError as error:
            _LOG.warning("The index of %s is not kept: %s", path, error)
    return index


def _kept(path, key):
    """Returns the `Index` that is kept in a file, or None if it is absent, damaged or of before."""
    try:
        read = arrays.read_npz(path)
        if not np.array_equal(read.pop("key"), key):
            return None
        index = Index(**read)
        ends = index.offsets + index.sizes
        whole = len(index.labels) in (0, len(ends)) and np.sum(index.names == 0) == len(ends)
        return index if whole and (ends <= key[1]).all() and (index.sizes >= 0).all() else None
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return None


def _listed(path):
    """Returns the `Index` of a shard from the shard itself."""
    members, others = tars.members(path)
    pictures, labels, bare = [], [], 0
    for sample in _samples(path, members):
        suffixes = [ext for ext in sample if f".{ext}" in SUFFIXES]
        if len(suffixes) > 1:
            names = [sample[ext].name for ext in suffixes]
            raise ValueError(f"Expected one picture a sample. Received: {names} in {str(path)!r}")
        if not suffixes:
            bare += 1
            continue
        pictures.append(sample[suffixes[0]])
        labels.append(sample.get("cls") or sample.get("json"))
    values = list(_labels(path, labels))
    unlabelled = values.count(None)
    numbers, classes = _numbered([] if unlabelled else values, path)
    return Index(
        np.array([picture.offset for picture in pictures], np.int64),
        np.array([picture.size for picture in pictures], np.int64),
        _blob(picture.name for picture in pictures),
        numbers,
        classes,
        np.array([others, bare, unlabelled], np.int64),
    )


def _samples(path, members):
    """Yields {extension: member} of the samples of a shard, by WebDataset's own rule."""
    group_by_keys = webdataset().tariterators.group_by_keys
    named = (
        {"fname": member.name, "data": member, "__url__": path}
        for member in members
        if not _META.match(member.name)
    )
    try:
        for sample in group_by_keys(named):
            yield {ext: value for ext, value in sample.items() if not ext.startswith("__")}
    except ValueError as error:
        raise ValueError(
            "Expected each file of a sample once. "
            f"Received: path={str(path)!r} ({error.args[0] if error.args else error})"
        ) from error


def webdataset():
    """Returns the package `webdataset`.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        import webdataset
        import webdataset.tariterators
    except ImportError as error:
        raise ImportError(
            f'Shards of WebDataset need a package: `pip install "elbo-zoo[wds]"` ({error})'
        ) from error
    return webdataset


def _labels(path, members):
    """Yields the label of each picture, an int or a text, or None; reads the shard once."""
    present = [member for member in members if member is not None]
    for member in present:
        if member.size > LARGEST_LABEL:
            raise ValueError(
                f"Expected labels of at most {LARGEST_LABEL} bytes. "
                f"Received: {member.name!r} of {member.size} bytes in {str(path)!r}"
            )
    contents = tars.read(path, ((member.offset, member.size) for member in present))
    for member in members:
        yield None if member is None else _label(next(contents), member.name, path)


def _label(content, name, path):
    try:
        if name.lower().endswith(".json"):
            value = json_text.parse(content)
            if isinstance(value, dict):
                value = next((value[key] for key in LABEL_KEYS if key in value), None)
        else:
            value = content.decode("utf-8").strip()
    except ValueError as error:
        raise ValueError(
            f"Expected a label as a number or a text. Received: {name!r} in {str(path)!r} ({error})"
        ) from error
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value):
        return int(value)
    is_number = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 62
    if value is None or is_number or (isinstance(value, str) and value and "\0" not in value):
        return value
    raise ValueError(
        f"Expected a label as a number or a text. Received: {name!r} in {str(path)!r} with "
        f"{str(value)[:40]!r}"
    )


def _numbered(values, path):
    """Returns labels as int64 and the blob of their classes, empty where they are numbers."""
    kinds = {type(value) for value in values}
    if len(kinds) > 1:
        raise ValueError(
            f"Expected labels that are all numbers or all texts. Received: both in {str(path)!r}"
        )
    if kinds != {str}:
        return np.array(values, np.int64), _blob(())
    classes = sorted(set(values))
    number = {name: index for index, name in enumerate(classes)}
    return np.array([number[value] for value in values], np.int64), _blob(classes)


def _blob(texts):
    content = b"".join(text.encode("utf-8", "surrogateescape") + b"\0" for text in texts)
    return np.frombuffer(content, np.uint8)


def _texts(blob):
    return blob.tobytes().decode("utf-8", "surrogateescape").split("\0")[:-1]


def labels_of(
    indices: Sequence[Index],
) -> tuple[list[np.ndarray | None], tuple[str, ...] | None]:
    """Returns the labels of each shard, None where a picture has none, and the names of classes.

    Raises:
        ValueError: If labels are numbers in one shard and texts in another.
    """
    names = [_texts(index.classes) for index in indices]
    if len({bool(own) for own, index in zip(names, indices) if len(index.labels)}) > 1:
        raise ValueError(
            "Expected labels that are numbers in all shards, or texts in all. Received: both"
        )
    classes = sorted(set().union(*names))
    number = {name: place for place, name in enumerate(classes)}
    labels = []
    for own, index in zip(names, indices):
        translated = np.array([number[name] for name in own], np.int64)
        values = translated[index.labels] if own else index.labels
        labels.append(values if len(values) == len(index.offsets) else None)
    return labels, tuple(classes) or None
