"""Data sets of Hugging Face's library `datasets`, in a folder on this machine, streamed."""

import itertools
import logging
import os

import numpy as np

from trainers.data import listing, split_names
from trainers.data.opened import OpenedSource, streamed_source
from trainers.data.source import Request, Source
from zoo.releases.download import cache_folder
from zoo.storage import files
from zoo.storage.arrays import readable

_IMAGES, _LABELS = ("image", "img"), ("label", "labels", "fine_label")
_SPLITS, _STATE = "dataset_dict.json", "state.json"
_LOG = logging.getLogger(__name__)


def open_hf(request: Request) -> OpenedSource:
    """A folder of `save_to_disk`, or parquet files, read by `datasets`.

    PATH is a folder that `Dataset.save_to_disk` or `DatasetDict.save_to_disk` wrote, or a parquet
    file, or a folder of them whose names have the words of splits (`train-00000-of-00002.parquet`).
    Nothing is fetched from the network. Files are memory mapped; parquet files are unpacked once,
    into the cache. One data set without splits is cut in three.

    Images are the column `image` or `img`, or the only one of pictures; they have to be stored in
    the data set, not as paths. Labels are the column `label`, `labels` or `fine_label`, or the only
    one of classes: numbers, or names of classes. A split in which a label is missing has none.
    `pip install "elbo-zoo[hf]"` brings `datasets`.

    Raises:
        ImportError: If `datasets` is not installed.
        FileNotFoundError: If there is no such folder or file.
        ValueError: If it cannot be read, or it is not clear which column has the images.
    """
    datasets = _package()
    tables = _tables(request.path, datasets)
    columns = [_image_column(table, split, datasets) for split, table in tables.items()]
    pictures = [
        table.select_columns([column]).cast_column(column, datasets.Image(decode=False))
        for table, column in zip(tables.values(), columns)
    ]
    starts = [0, *itertools.accumulate(map(len, pictures))]
    labels, classes = _labels(tables, datasets)
    groups = {
        split: (np.arange(start, start + len(table)), labels[split])
        for (split, table), start in zip(tables.items(), starts)
    }

    def read(numbers):
        where = np.searchsorted(starts, numbers, side="right") - 1
        for part in np.unique(where):
            rows = numbers[where == part] - starts[part]
            for row, stored in zip(rows, pictures[part][rows.tolist()][columns[part]]):
                yield _picture(stored, f"{request.path}: {list(tables)[part]}, row {row}")

    opened = OpenedSource(
        name=f"hf:{os.path.basename(os.path.normpath(request.path))}",
        text="a data set of Hugging Face's library",
        class_names=classes,
    )
    return streamed_source(opened, groups, read, request.preparation(), request.cut)


def _picture(stored, name):
    """Returns (name, bytes) of a picture that is not decoded."""
    if not isinstance(stored, dict) or stored.get("bytes") is None:
        raise ValueError(
            "Expected pictures that are stored in the data set; `save_to_disk` stores them. "
            f"Received: {name!r} without bytes"
        )
    return name, stored["bytes"]


def _package():
    try:
        import datasets
    except ImportError as error:
        raise ImportError(
            f'Data sets of Hugging Face need a package: `pip install "elbo-zoo[hf]"` ({error})'
        ) from error
    return datasets


def _tables(path, datasets):
    """Returns {split: `datasets.Dataset`}; one without splits is "all"."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"Expected a folder of a data set. Received: path={path!r}")
    parquet = [] if _is_saved(path) else [path]
    if parquet and os.path.isdir(path):
        parquet = listing.files_below(path, ".parquet")
    groups = listing.by_split(parquet)
    whole = groups.pop("all", None)  # the name of no split of `datasets`
    with readable(path, "a data set that `datasets` reads", is_file=False):
        if not parquet:
            _check_saved(path)
            loaded = datasets.load_from_disk(path)
        else:
            cache = str(cache_folder() / "datasets")
            # The builder's own name: a folder's README or code is never read.
            named = groups or {"train": whole}
            loaded = datasets.load_dataset("parquet", data_files=named, cache_dir=cache)
            loaded = loaded if groups else loaded["train"]
        tables = dict(loaded) if isinstance(loaded, dict) else {"all": loaded}
        named = {split_names.role(str(split)) or str(split): split for split in tables}
        if len(named) < len(tables):
            raise ValueError(f"two splits of one meaning: {sorted(map(str, tables))}")
        return {name: tables[split] for name, split in named.items() if len(tables[split])}


def _is_saved(path):
    return any(os.path.isfile(os.path.join(path, name)) for name in (_SPLITS, _STATE))


def _check_saved(path):
    """Raises ValueError if a folder of `save_to_disk` names files that are not in it."""
    folders = [path]
    if os.path.isfile(os.path.join(path, _SPLITS)):
        splits = files.read_json(os.path.join(path, _SPLITS))["splits"]
        _check_names(splits)
        folders = [os.path.join(path, split) for split in splits]
    for folder in folders:
        state = files.read_json(os.path.join(folder, _STATE))
        _check_names([file["filename"] for file in state["_data_files"]])


def _check_names(names):
    for name in names:
        if not isinstance(name, str) or name in ("", ".", "..") or set(name) & set("/\\:"):
            raise ValueError(f"the name {name!r} of a file or folder, which leads elsewhere")


def _image_column(table, split, datasets):
    pictures = [name for name, kind in table.features.items() if isinstance(kind, datasets.Image)]
    chosen = [name for name in _IMAGES if name in pictures] or pictures
    if not chosen or (len(chosen) > 1 and chosen[0] not in _IMAGES):
        raise ValueError(
            "Expected one column of pictures, or a column `image`. "
            f"Received: {sorted(table.features)} in {split!r}, pictures in {pictures}"
        )
    return chosen[0]


def _labels(tables, datasets):
    """Returns {split: labels or None}, and the names of classes or None."""
    values, classes = {}, None
    for split, table in tables.items():
        column = _label_column(table, datasets)
        values[split] = None if column is None else _values(table, column, split)
        kind = table.features.get(column)
        classes = kind.names if isinstance(kind, datasets.ClassLabel) else classes
    kinds = {own.dtype.kind for own in values.values() if own is not None}
    if len(kinds) > 1 or ("U" in kinds and classes is not None):
        raise ValueError("Expected labels that are numbers in all splits, or texts in all.")
    if "U" in kinds:
        texts = [own for own in values.values() if own is not None]
        classes = np.unique(np.concatenate(texts)).tolist()
        values = {
            s: own if own is None else np.searchsorted(classes, own) for s, own in values.items()
        }
    elif classes is not None:
        for split, own in values.items():
            if own is not None and not ((own >= 0) & (own < len(classes))).all():
                _LOG.warning("Labels are missing in the split %r: it has none.", split)
                values[split] = None
    return values, classes and tuple(classes)


def _label_column(table, datasets):
    named = [name for name in _LABELS if name in table.features]
    classes = [n for n, kind in table.features.items() if isinstance(kind, datasets.ClassLabel)]
    return named[0] if named else classes[0] if len(classes) == 1 else None


def _values(table, column, split):
    """Returns a column as int64 or text [N], or None if it is neither or has gaps."""
    values = table.select_columns([column]).with_format("arrow")[:].column(column)
    array = np.asarray(values.to_pylist() if values.null_count == 0 else [None])
    if array.ndim == 1 and array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.ndim == 1 and array.dtype.kind == "U":
        return array
    _LOG.warning("The column %r of %r has no labels: gaps, or %s.", column, split, values.type)
    return None


SOURCE = Source(
    kind="hf",
    open=open_hf,
    text="a data set that `datasets` of Hugging Face saved, or parquet files; streamed.",
    argument="PATH",
    endings=(".parquet",),
    recognises=lambda path: (
        _is_saved(path) or path.endswith(".parquet") or listing.has_files(path, ".parquet")
    ),
    priority=-1,  # a folder of parquet files is a folder too
)
