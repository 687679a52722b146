"""Adapters that give arrays and subsets the interface of a data set."""

import numpy as np


class Arrays:
    """Images, and labels or None, behind the interface of a data set."""

    def __init__(self, images, labels=None):
        self.images = images
        self.labels = None if labels is None else np.asarray(labels)

    def __len__(self):
        return len(self.images)

    def float_images(self, rows):
        return self.images[rows]


class Subset:
    """Some rows of a data set."""

    def __init__(self, dataset, indices):
        self.dataset = dataset
        self.indices = indices
        labels = getattr(dataset, "labels", None)
        self.labels = None if labels is None else np.asarray(labels)[indices]

    def __len__(self):
        return len(self.indices)

    def float_images(self, rows):
        return self.dataset.float_images(self.indices[rows])


def as_dataset(data):
    """Returns a data set of one, of a pair `(images, labels)`, or of images [N, H, W, C].

    Raises:
        ValueError: If labels are not one for each image, [N] or [N, 1].
    """
    if hasattr(data, "float_images"):
        return data
    images, labels = data if isinstance(data, tuple) else (data, None)
    images = np.asarray(images)
    return Arrays(images, None if labels is None else as_labels(labels, len(images)))


def as_labels(labels, count):
    """Returns the labels of `count` images as an array [N].

    Raises:
        ValueError: If they are not one for each image, [N] or [N, 1].
    """
    labels = np.asarray(labels)
    if labels.shape not in ((count,), (count, 1)):
        raise ValueError(
            "Expected one label for each image, [N] or [N, 1]. "
            f"Received: {count} images, labels of shape {labels.shape}"
        )
    return labels.reshape(-1)


def why_no_classes(dataset, train_dataset):
    """Returns a sentence on why no classifier can be trained on labels, or None.

    Whether it can be judged on them too, `probes.why_no_accuracy` says.
    """
    if train_dataset is None:
        return "left out: no train_dataset was given"
    for data, argument in ((dataset, "dataset"), (train_dataset, "train_dataset")):
        if data.labels is None:
            return f"left out: {argument} has no labels"
        if not len(data.labels):
            return f"left out: {argument} has no examples"
        if not are_classes(data.labels):
            return f"left out: not all labels of {argument} are classes, integers or text"
    if len(np.unique(train_dataset.labels)) < 2:
        return "left out: train_dataset has a single class"
    return None


def are_classes(labels):
    """Returns whether all labels are integers, of whatever dtype, or all are text."""
    labels = np.asarray(labels)
    if labels.dtype.kind == "O":
        kinds = {str if isinstance(label, str) else type(label) for label in labels.tolist()}
        return kinds in ({str}, {int})
    if labels.dtype.kind == "f":
        return bool(np.all(np.isfinite(labels)) and np.all(labels == np.rint(labels)))
    return labels.dtype.kind in "biuUS"


def spread(dataset, number):
    """Returns `number` examples, evenly spaced, or all for None; and a note that says so.

    Raises:
        ValueError: If `number` is not positive.
    """
    if number is None or number >= len(dataset):
        return dataset, {}
    if number < 1:
        raise ValueError(f"Expected nll_examples >= 1 or None. Received: nll_examples={number!r}")
    note = {"note": f"{number} examples evenly spaced through {len(dataset)}"}
    return Subset(dataset, np.arange(number) * len(dataset) // number), note
