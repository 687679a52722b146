"""Splits: expressions such as `train[:90%]+test`, cutting one set into three, parts of a split."""

import dataclasses
import re

import numpy as np

from zoo.registry import nearest

_TERM = re.compile(r"\s*([\w.-]+)\s*(?:\[\s*(-?\d+%?)?\s*:\s*(-?\d+%?)?\s*\])?\s*")


def parse(expression):
    """Parses TFDS's way of writing splits: names, slices in examples or per cent, and sums.

    Args:
        expression: For example `train`, `train[:50000]`, `train[90%:]`, `small1+small2`.

    Returns:
        A list of (name, start, stop), the bounds as text or None.

    Raises:
        ValueError: If it is not such an expression.
    """
    terms = [_TERM.fullmatch(term) for term in str(expression).split("+")]
    if not all(terms):
        raise ValueError(
            "Expected a split such as 'train', 'train[:50000]', 'train[90%:]' or 'small1+small2'. "
            f"Received: split={expression!r}"
        )
    return [term.groups() for term in terms]


def check_names(expression, valid, name):
    """Raises ValueError unless `expression` names only splits among `valid` of data set `name`."""
    for split, _, _ in parse(expression):
        if split not in valid:
            raise ValueError(
                f"Expected splits of {name!r} among {sorted(valid)}. "
                f"Received: split={expression!r}.{nearest(split, valid)}"
            )


def evaluate(expression, read, limit=None):
    """Returns (images, labels) of a split expression, from `read(name)` of whole splits.

    Images may be anything that stands for them in an array, such as the names of their files.

    Args:
        expression: As `parse` takes it.
        read: From a split's name to (images, labels or None), in no random order.
        limit: A `Limit`, or None for all.
    """
    images, labels = _whole(expression, read)
    if limit is None:
        return images, labels
    rows = limit.rows(len(images), labels)
    return images[rows], None if labels is None else labels[rows]


def _whole(expression, read):
    parts = []
    for name, start, stop in parse(expression):
        images, labels = read(name)
        chosen = slice(_bound(start, len(images)), _bound(stop, len(images)))
        parts.append((images[chosen], None if labels is None else labels[chosen]))
    if len(parts) == 1:
        return parts[0]
    images = np.concatenate([part[0] for part in parts])
    if any(part[1] is None for part in parts):
        return images, None
    return images, np.concatenate([part[1] for part in parts])


def _bound(text, count):
    if text is None:
        return None
    return round(int(text[:-1]) * count / 100) if text.endswith("%") else int(text)


def partition(count, validation_fraction, test_fraction, seed, labels=None):
    """Cuts `count` examples into train, validation and test, the same way each time.

    Examples are shuffled by `seed`, sorted by label where there are labels, and held out at even
    distances, so that each class has its share in each split.

    Args:
        count: Number of examples.
        validation_fraction: Share of the examples for validation, in [0, 1).
        test_fraction: Share of the examples for test, in [0, 1).
        seed: Seed of the shuffle.
        labels: [count] integers, or None.

    Returns:
        A dict with sorted index arrays `train`, `validation`, `test` and `all`.

    Raises:
        ValueError: If the fractions leave nothing for training.
    """
    held = validation_fraction + test_fraction
    if not (0 <= validation_fraction < 1 and 0 <= test_fraction < 1 and held < 1):
        raise ValueError(
            "Expected validation_fraction and test_fraction of at least 0, together below 1. "
            f"Received: validation_fraction={validation_fraction}, test_fraction={test_fraction}"
        )
    order = _shuffled_classes(count, seed, labels)
    out = _evenly(count, held)
    train, rest = order[~out], order[out]
    test = _evenly(len(rest), test_fraction / held if held else 0.0)
    return {
        "train": np.sort(train),
        "validation": np.sort(rest[~test]),
        "test": np.sort(rest[test]),
        "all": np.arange(count),
    }


@dataclasses.dataclass(frozen=True)
class Limit:
    """A number of examples of a split, and how they are chosen.

    Of a split that its source has shuffled they are the first. Of any other they are drawn: by
    `seed`, each class by its share, in the split's order. A source may be sorted by class.

    Args:
        number: How many examples, at least 1. A smaller split is taken as it is.
        seed: Seed of the draw.
    """

    number: int
    seed: int = 17

    def __post_init__(self):
        if self.number < 1:
            raise ValueError(
                "Expected a limit of at least one example, or 0 for all. "
                f"Received: limit={self.number!r}"
            )

    def rows(self, count, labels=None, shuffled=False):
        """Returns the rows of the examples, a slice or sorted indices.

        Args:
            count: Number of examples of the split.
            labels: [count] integers, or None.
            shuffled: Whether their order is random.
        """
        if shuffled or self.number >= count:
            return slice(0, self.number)
        order = _shuffled_classes(count, self.seed, labels)
        return np.sort(order[_evenly(count, self.number / count)])

    def text(self, split, shuffled=False):
        """Returns `first 100 of train`, or how else the examples were chosen."""
        if shuffled:
            return f"first {self.number} of {split}"
        return f"{self.number} of {split}, drawn with seed {self.seed}"


def size(expression, sizes):
    """Returns how many examples a split expression has, of splits of `sizes`."""
    numbers = (
        len(range(sizes[name])[_bound(start, sizes[name]) : _bound(stop, sizes[name])])
        for name, start, stop in parse(expression)
    )
    return sum(numbers)


def _shuffled_classes(count, seed, labels):
    """Returns all indices in random order, those of one class together."""
    order = np.random.default_rng(seed).permutation(count)
    if labels is not None:
        order = order[np.argsort(np.asarray(labels)[order], kind="stable")]
    return order


def _evenly(count, fraction):
    """Returns a mask [count] with round(count * fraction) true values at even distances."""
    chosen = round(count * fraction)
    return np.diff(np.arange(count + 1) * chosen // max(count, 1)).astype(bool)
