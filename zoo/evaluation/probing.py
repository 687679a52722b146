"""The probes as metrics of a model, on clean or corrupted test images."""

import functools
import re

import numpy as np

from zoo.evaluation import information, probes
from zoo.evaluation.adapters import why_no_classes
from zoo.evaluation.corruption import Corrupted


def measure(model, dataset, train_dataset, names, seed=17, batch_size=None):
    """Returns what the probes `names` find on the codes of `dataset`.

    Images are encoded once for each corruption, whatever the number of probes.

    Args:
        model: A `zoo.VAE`.
        dataset: Has `float_images(rows)`, `labels` and a length; the test split.
        train_dataset: Has the same, or is None; the training split.
        names: Names of metrics of `zoo.evaluation.families.accuracies`: a probe, and after it a
            corruption of the test images or none. `svm_1000` has 1000 labels, always the same
            (`probes.labelled_subset`).
        seed: Int, of the linear probe and of corruptions.
        batch_size: Images encoded in one step.

    Returns:
        name -> what the probe returns, or a sentence on why there is nothing.
    """
    return dict(each(model, dataset, train_dataset, names, seed, batch_size))


def each(model, dataset, train_dataset, names, seed=17, batch_size=None):
    """Yields what `measure` returns as pairs, each as soon as it is measured."""
    note = why_no_classes(dataset, train_dataset)
    codes = None if note else _Codes(model, dataset, train_dataset, seed, batch_size)
    for name in names:
        yield name, note or _probe(name, codes, seed)


def parse(name):
    """Returns (probe, its number of labels or None, transductive, (kind, strength) or None)."""
    pattern = r"(linear_probe|knn_probe|svm)(?:_(\d+))?(_transductive)?(?:_(noise|mask)_([\d.]+))?"
    probe, labels, transductive, kind, strength = re.fullmatch(pattern, name).groups()
    corruption = (kind, float(strength)) if kind else None
    return probe, labels and int(labels), bool(transductive), corruption


class _Codes:
    """Codes of the two splits, each made when it is first needed."""

    def __init__(self, model, dataset, train_dataset, seed, batch_size):
        self.dataset = dataset
        self.labels = np.asarray(dataset.labels)
        self.train_labels = np.asarray(train_dataset.labels)
        encode = functools.partial(information.codes, model, batch_size=batch_size)
        self.train = functools.cache(lambda: encode(train_dataset))

        @functools.cache
        def test(corruption):
            return encode(Corrupted(dataset, *corruption, seed=seed) if corruption else dataset)

        self.test = test


def _probe(name, codes, seed):
    probe, number, transductive, corruption = parse(name)
    rows = slice(None)
    if number is not None:
        if number > len(codes.train_labels):
            return f"left out: there are only {len(codes.train_labels)} training examples"
        rows = probes.labelled_subset(codes.train_labels, number)
    note = probes.why_no_accuracy(codes.train_labels[rows], codes.labels)
    if note:
        return note
    train, test = (codes.train(), codes.train_labels), (codes.test(corruption), codes.labels)
    if probe == "linear_probe":
        accuracy = probes.linear_probe(*train, *test, seed=seed)
    elif probe == "knn_probe":
        accuracy = probes.knn_probe(*train, *test)
    else:
        inputs = np.concatenate([train[0], test[0]]) if transductive else None
        accuracy = probes.svm_probe(train[0][rows], train[1][rows], *test, inputs)
    if corruption:
        accuracy.update(corruption=corruption[0], strength=corruption[1])
    return accuracy
