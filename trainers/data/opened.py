"""A source that is open: its splits, how a split is read, and how arrays become splits."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from trainers.data import splits
from trainers.data.dataset import convert_images, convert_labels
from trainers.data.images import Preparation
from trainers.data.streamed import StreamedImages


@dataclasses.dataclass(frozen=True)
class OpenedSource:
    """A data set whose splits can be read. It knows nothing of binarisation or batches.

    Args:
        name: For cards and messages; of a path only its last part.
        text: One sentence on the origin.
        splits: Names of its splits.
        read: From a split expression, and a `splits.Limit` or None (all), to
            (images [N, H, W, C], labels [N] or None). Images are an array, or
            `streamed.StreamedImages` of a source that does not fit into memory.
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
    """Returns `source` with train, validation and test, cut from arrays by `splits.partition`."""
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


def arrays_source(source, arrays, preparation, cut):
    """Returns `source` with splits {name: (images, labels)}; "all" alone is cut in three."""
    ready = {}
    for split, (images, labels) in arrays.items():
        where = f"{source.name!r}, split {split!r}"
        images = convert_images(images, where)
        labels = convert_labels(labels, len(images), where)
        _check_names(source.class_names, labels, where)
        ready[split] = (preparation(images), labels)
        shape = images.shape[1:]
    return with_splits(
        dataclasses.replace(source, preprocessing=preparation.text(shape)), ready, cut
    )


def with_splits(source, groups, cut):
    """Returns `source` with splits {name: (images, labels)}; "all" alone is cut in three.

    Images may be anything that stands for them in an array, such as the names of their files.
    """
    if set(groups) == {"all"}:
        return partitioned(source, *groups["all"], cut)
    return dataclasses.replace(
        source,
        splits=tuple(groups),
        sizes={split: len(images) for split, (images, _) in groups.items()},
        read=lambda expression, limit=None: splits.evaluate(expression, groups.get, limit),
    )


def streamed_source(
    source: OpenedSource,
    groups: Mapping[str, tuple[np.ndarray, np.ndarray | None]],
    read: Callable,
    preparation: Preparation,
    cut: tuple[float, float, int],
    identity: str = "",
    names: Callable | None = None,
) -> OpenedSource:
    """Returns `source` with splits whose images are streamed.

    Args:
        source: Its name, text and class names.
        groups: Split -> (numbers of its stored pictures [N], labels [N] or None); "all" alone is
            cut in three by `cut`.
        read: As of `StreamedImages`.
        preparation: As of `StreamedImages`.
        cut: (validation_fraction, test_fraction, seed).
        identity: As of `StreamedImages`.
        names: As of `StreamedImages`.
    """
    source = with_splits(source, groups, cut)

    def stream(expression, limit=None):
        numbers, labels = source.read(expression, limit)
        return StreamedImages(read, numbers, preparation, identity, names), labels

    return dataclasses.replace(source, read=stream, preprocessing=preparation.text())


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
