"""Shards of WebDataset: tar files of pictures and labels, of any number, streamed.

A shard is listed once; its index gives each picture a place, and a batch reads the places of its
rows. So an epoch is the same seeded permutation as that of data in memory. A batch is a function of
the step, without a state to restore. Only the index (about 50 bytes a picture) is in memory. The
other order, shards from front to back through a buffer that is shuffled, reads faster from a disk
that has to seek, and mixes the data less. `python -m benchmarks.streams` measures both;
`docs/data.md` has the rates.
"""

import collections
import glob
import itertools
import logging
import os
import re

import numpy as np

from trainers.data import listing, shards
from trainers.data.opened import OpenedSource, streamed_source
from trainers.data.source import Request, Source

MOST_SHARDS = 100_000
_RANGE = re.compile(r"\{(-?\d+)\.\.(-?\d+)")
_LOG = logging.getLogger(__name__)


def open_wds(request: Request) -> OpenedSource:
    """Tar files whose files of one name are a sample.

    The files of one name up to its first dot are a sample: `0001.jpg` and `0001.cls` or
    `0001.json`. PATTERN is as WebDataset writes it, braces and `::` between several, with `*`
    besides: `wds:DIR/train-{000000..000146}.tar::DIR/test-{000000..000006}.tar`,
    `wds:DIR/*.tar`. Or it is a folder of tar files, or of folders of them. A split is a word in
    the names of its shards, or of their folders, in any usual spelling; shards without such
    words are cut in three.

    A label is a number or the name of a class: the content of `.cls`, or of `.json` the key
    `label`, `cls`, `class` or `target`. A split in which a picture has no label has none. Pictures
    are read when a batch needs them, by the rules of folders; nothing else in a sample is read.
    Shards are files of this machine, not compressed. `pip install "elbo-zoo[wds]"` brings
    `webdataset`, whose rule makes samples of files.

    Raises:
        ImportError: If `webdataset` is not installed.
        FileNotFoundError: If a shard is absent, or there is none.
        ValueError: If a shard is damaged, or it is not clear which split it belongs to.
    """
    shards.webdataset()
    paths, preparation = _expanded(request.path), request.preparation()
    groups = listing.by_split(paths)
    opened_shards = shards.Shards([path for group in groups.values() for path in group])
    labels, classes = shards.labels_of(opened_shards.indices)
    start, chosen = 0, {}
    for split, group in groups.items():
        stop = start + len(group)
        numbers = np.arange(opened_shards.starts[start], opened_shards.starts[stop])
        if not len(numbers):
            raise FileNotFoundError(
                f"Expected samples with a picture in {split!r}. Received: {group[0]!r}, without any"
            )
        chosen[split] = (numbers, _joined(labels[start:stop]))
        start = stop
    opened = OpenedSource(
        name=f"wds:{'::'.join(os.path.basename(part) for part in _parts(request.path))}",
        text=f"pictures of {len(paths)} shards of WebDataset"
        + _not_used(opened_shards.indices, request),
        class_names=classes,
    )
    return streamed_source(
        opened,
        chosen,
        opened_shards.read,
        preparation,
        request.cut,
        identity=opened_shards.identity(),
        names=opened_shards.names,
    )


def _parts(pattern):
    return [os.path.normpath(part) for part in pattern.split("::")]


def _joined(labels):
    """Returns the labels of a split, or None if those of a shard are missing."""
    return None if any(part is None for part in labels) else np.concatenate(labels)


def _not_used(indices, request):
    """Warns of what is not used; returns what the source's text says of it."""
    total = np.sum([index.unused for index in indices], axis=0)
    if total[2] == sum(len(index.offsets) for index in indices):  # nothing has a label
        total[2] = 0
    nouns = ("entries that are no files", "samples without a picture", "pictures without a label")
    text = ", ".join(f"{number} {name}" for number, name in zip(total, nouns) if number)
    if text:
        _LOG.warning("%s: %s", request.name, text)
    return f"; {text}" if text else ""


def _expanded(pattern):
    """Returns the paths of the shards that a pattern names, each once."""
    paths = []
    for part in pattern.split("::"):
        part = os.path.expanduser(part)
        if os.path.isdir(part):
            paths += listing.files_below(part, ".tar")
            continue
        for path in _braces(part):
            if glob.has_magic(path) and not os.path.exists(path):
                paths += _matching(path)
            elif os.path.isfile(path):
                paths.append(path)
            else:
                raise FileNotFoundError(
                    f"Expected shards that are files here. Received: {path!r}, which is absent"
                )
    (first, times), *_ = collections.Counter(map(os.path.realpath, paths)).most_common(1)
    if times > 1:
        raise ValueError(f"Expected each shard once. Received: {first!r} {times} times")
    return paths


def _matching(pattern):
    paths = sorted(path for path in glob.iglob(pattern) if os.path.isfile(path))
    if not paths:
        raise FileNotFoundError(f"Expected shards. Received: {pattern!r}, which matches no file")
    return paths


def _braces(pattern):
    """Returns what a pattern with braces stands for, at most `MOST_SHARDS` paths."""
    from braceexpand import braceexpand  # `webdataset` needs and brings it

    few = all(abs(int(a) - int(b)) < MOST_SHARDS for a, b in _RANGE.findall(pattern[:4096]))
    try:
        paths = list(itertools.islice(braceexpand(pattern), MOST_SHARDS + 1)) if few else []
    except ValueError as error:
        reason = f"Received: {pattern!r} ({error})"
        raise ValueError(f"Expected a pattern of shards. {reason}") from error
    if not few or len(paths) > MOST_SHARDS:
        raise ValueError(f"Expected at most {MOST_SHARDS} shards. Received: {pattern!r}")
    return paths


def _recognises(path):
    """Returns whether a path is a tar file, or a folder with tar files or with folders of them."""
    return path.endswith(".tar") or listing.has_files(path, ".tar")


SOURCE = Source(
    kind="wds",
    open=open_wds,
    text="shards of WebDataset, streamed: PATTERN is DIR/train-{000000..000146}.tar, or a folder.",
    argument="PATTERN",
    endings=(".tar",),
    recognises=_recognises,
    priority=-1,  # a folder of shards is a folder too
)
