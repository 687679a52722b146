"""A small classifier of images, whose classes and features judge generated images."""

import hashlib
from pathlib import Path

import keras
import numpy as np
from keras import ops

from zoo import weights
from zoo.backend import to_numpy
from zoo.layers.channels import CHANNELS_LAST
from zoo.storage import files, hdf5, schema

# 98.7% of MNIST's test split, after 75 seconds on a busy core.
WIDTH, NUM_FEATURES, EPOCHS, BATCH_SIZE, LEARNING_RATE = 32, 128, 5, 128, 1e-3
WEIGHTS, DESCRIPTION = "classifier.weights.h5", "classifier.json"
# Images of the training split that its fingerprint is taken of.
FINGERPRINTED = 256
_KEYS = schema.Keys(
    {
        "image_shape": schema.Rule(
            "[H, W, C], positive ints",
            lambda v: isinstance(v, list) and len(v) == 3 and all(map(schema.SIZE.test, v)),
        ),
        "classes": [int],
        "width": schema.SIZE,
        "num_features": schema.SIZE,
        "seed": schema.COUNT,
        "accuracy": (float, schema.NONE),
        "trained_on": str,
        "sha256": str,
    }
)


class ImageClassifier(keras.Model):
    """Two convolutions of stride 2, a dense layer whose outputs are the features, and logits.

    Args:
        image_shape: (H, W, C).
        classes: The labels that its outputs stand for, in order.
        width: Maps of the first convolution; the second has twice as many.
        num_features: Units of the dense layer.
        seed: Int, of the first weights.
    """

    def __init__(self, image_shape, classes, width=WIDTH, num_features=NUM_FEATURES, seed=17):
        super().__init__(dtype="float32")
        self.image_shape = tuple(image_shape)
        self.classes = [int(label) for label in classes]
        self.width = width
        self.num_features = num_features
        self.seed = seed
        self.accuracy = None

        def options(place):
            initializer = keras.initializers.GlorotUniform(seed=seed + place)
            return {"kernel_initializer": initializer, "dtype": "float32"}

        convolution = {"kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"}
        convolution.update(CHANNELS_LAST)
        self.features = keras.Sequential(
            [
                keras.layers.Input(self.image_shape),
                keras.layers.Conv2D(width, **convolution, **options(0)),
                keras.layers.Conv2D(2 * width, **convolution, **options(1)),
                keras.layers.Flatten(**CHANNELS_LAST),
                keras.layers.Dense(num_features, "relu", **options(2)),
            ]
        )
        self.logits = keras.layers.Dense(len(self.classes), **options(3))
        self.logits.build((None, num_features))
        self.built = True

    def call(self, x):
        """Returns logits [B, K] of images [B, H, W, C]."""
        return self.logits(self.features(x))

    def measure(self, images, batch_size=512):
        """Returns the features [N, F] and the class probabilities [N, K] of all images, NumPy.

        Args:
            images: [N, H, W, C], or a data set with `float_images`.
            batch_size: Images in one step.
        """
        read = images.float_images if hasattr(images, "float_images") else images.__getitem__
        features, probabilities = [], []
        for start in range(0, len(images), batch_size):
            batch = self.features(np.asarray(read(slice(start, start + batch_size)), "float32"))
            features.append(to_numpy(batch))
            probabilities.append(to_numpy(ops.softmax(self.logits(batch))))
        return np.concatenate(features), np.concatenate(probabilities).astype("float64")


def fit_classifier(dataset, epochs=EPOCHS, seed=17, **options):
    """Returns an `ImageClassifier` trained with Adam on every example of `dataset`.

    Args:
        dataset: Has `float_images(rows)`, `labels` and a length: a training split.
        epochs: Passes over it; the last batch of each is left out where it is not full.
        seed: Int, of the first weights and of the order of the images.
        **options: Of `ImageClassifier`.

    Raises:
        ValueError: If there are no labels, or fewer than two classes.
    """
    labels = None if dataset.labels is None else np.asarray(dataset.labels)
    classes = () if labels is None else np.unique(labels)
    if len(classes) < 2:
        raise ValueError(f"Expected labels of at least two classes. Received: {list(classes)}")
    shape = dataset.float_images(slice(0, 1)).shape[1:]
    model = ImageClassifier(shape, classes, seed=seed, **options)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(LEARNING_RATE), loss=loss, jit_compile=False)
    size = min(BATCH_SIZE, len(labels))
    batches = _batches(dataset, np.searchsorted(classes, labels), size, seed)
    steps = len(labels) // size
    model.fit(batches, steps_per_epoch=steps, epochs=epochs, shuffle=False, verbose=0)
    return model


def accuracy(classifier, dataset):
    """Returns the share of `dataset` that is classified as labelled; None without known labels."""
    if dataset.labels is None or not np.isin(dataset.labels, classifier.classes).any():
        return None
    predicted = np.argmax(classifier.measure(dataset)[1], axis=1)
    return float(np.mean(np.asarray(classifier.classes)[predicted] == np.asarray(dataset.labels)))


def load_or_fit(folder, train_dataset, test_dataset, **options):
    """Returns the classifier kept in `folder`; where there is none, trains and keeps one.

    Args:
        folder: For `classifier.weights.h5` and `classifier.json`; None keeps nothing.
        train_dataset: What it is trained on.
        test_dataset: What its `accuracy` is measured on.
        **options: Of `fit_classifier`.

    Raises:
        ValueError: If the one in `folder` was trained on other data, or is damaged.
    """
    fingerprint = _fingerprint(train_dataset)
    if folder is not None and (Path(folder) / DESCRIPTION).is_file():
        return _load(Path(folder), fingerprint)
    classifier = fit_classifier(train_dataset, **options)
    classifier.accuracy = accuracy(classifier, test_dataset)
    if folder is not None:
        _save(classifier, Path(folder), fingerprint)
    return classifier


def _save(classifier, folder, fingerprint):
    """Writes the weights, and last the description, without which they count as absent."""
    with files.atomic_path(folder / WEIGHTS) as path:
        weights.save_weights(classifier, path)
    description = {
        "image_shape": list(classifier.image_shape),
        "classes": classifier.classes,
        "width": classifier.width,
        "num_features": classifier.num_features,
        "seed": classifier.seed,
        "accuracy": classifier.accuracy,
        "trained_on": fingerprint,
        "sha256": files.sha256(folder / WEIGHTS),
    }
    files.write_json(folder / DESCRIPTION, description)


def _load(folder, fingerprint):
    description = files.read_json(folder / DESCRIPTION)
    schema.check(description, _KEYS, folder / DESCRIPTION)
    if description["trained_on"] != fingerprint:
        raise ValueError(
            "Expected a classifier trained on this training split; another folder makes a new one. "
            f"Received: folder={str(folder)!r}"
        )
    path = folder / WEIGHTS
    hdf5.check_weights(path)
    if description["sha256"] != files.sha256(path):
        raise ValueError(f"Expected undamaged weights. Received: {str(path)!r}")
    names = ("image_shape", "classes", "width", "num_features", "seed")
    options = {name: description[name] for name in names}
    if _bytes(**options) > path.stat().st_size:
        raise ValueError(
            f"Expected a classifier that its weights file holds. Received: {options} in "
            f"{str(folder / DESCRIPTION)!r}"
        )
    classifier = ImageClassifier(**options)
    classifier.load_weights(path)
    classifier.accuracy = description["accuracy"]
    return classifier


def _bytes(image_shape, classes, width, num_features, seed):
    """Returns at least how many bytes the weights of an `ImageClassifier` take."""
    height, columns, channels = image_shape
    pixels = -(-height // 4) * -(-columns // 4)  # after two strides of 2
    first = 9 * width * (channels + 2 * width)
    return 4 * (first + num_features * (pixels * 2 * width + len(classes)))


def _fingerprint(dataset):
    """Returns a hash of the labels and of some images, evenly spaced."""
    rows = np.unique(np.linspace(0, len(dataset) - 1, FINGERPRINTED).astype(int))
    images = np.ascontiguousarray(dataset.float_images(rows), "float32")
    labels = np.ascontiguousarray(dataset.labels, "int64")
    parts = (str(images.shape).encode(), images.tobytes(), labels.tobytes())
    return hashlib.sha256(b"|".join(parts)).hexdigest()


def _batches(dataset, targets, size, seed):
    """Yields batches for ever, each epoch in a new order."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(len(targets))
        for start in range(0, len(order) - size + 1, size):
            rows = order[start : start + size]
            yield np.asarray(dataset.float_images(rows), "float32"), targets[rows]
