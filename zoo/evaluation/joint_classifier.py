"""The accuracy on other images of a classifier that was trained jointly with a model."""

import numpy as np

from zoo import tiles
from zoo.backend import to_numpy
from zoo.evaluation import information, latents
from zoo.evaluation.adapters import as_labels
from zoo.evaluation.entries import share_stderr


def classified_accuracy(model, images, labels, seed=17, batch_size=None):
    """Returns how many of `images` the classifier of `model.objective` gets right.

    As in training it reads one sample z of each posterior; `at_mean` is its accuracy at the means.

    Args:
        model: A `zoo.VAE` whose objective is `zoo.Classified`.
        images: [N, H, W, C], or a data set with `float_images`.
        labels: Integers [N] or [N, 1].
        seed: Int, of the samples.
        batch_size: Images encoded in one step, at most 128, the default.

    Returns:
        `{"value": float, "stderr": float, "num_examples": N, "at_mean": float}`, the error
        by `entries.share_stderr`.

    Raises:
        ValueError: If labels are no integers, one for each image.

    Reference:
        `mu_vae`, Table 1.
    """
    labels = as_labels(labels, len(images))
    if labels.dtype.kind not in "iu":
        raise ValueError(f"Expected integer labels. Received: dtype={labels.dtype}")
    z = latents.aggregated_samples(model, images, seed, batch_size)
    means, _ = information.posterior_means(model, images, seed=seed, batch_size=batch_size)
    value, at_mean = (_accuracy(model.objective, codes, labels) for codes in (z, means))
    error = {"stderr": share_stderr(value, len(z)), "num_examples": len(z)}
    return {"value": value, **error, "at_mean": at_mean}


def why_not(model, labels):
    """Returns a sentence on why there is no such accuracy, or None."""
    if not hasattr(model.objective, "classify"):
        return "left out: no classifier trained beside the model"
    if labels is None:
        return "left out: the data has no labels"
    classes = getattr(model.objective, "num_classes", None)
    if classes is not None and not np.isin(labels, np.arange(classes)).any():
        return f"left out: no label is among the {classes} classes of the classifier"
    return None


def _accuracy(objective, codes, labels):
    right = 0
    for start in range(0, len(codes), tiles.TILE):
        rows = slice(start, start + tiles.TILE)
        logits = to_numpy(objective.classify(codes[rows]))
        right += int(np.sum(np.argmax(logits, axis=1) == np.asarray(labels[rows])))
    return right / len(codes)
