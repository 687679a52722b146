"""Reads data sets of TensorFlow Datasets. Loads TensorFlow; `sources.tfds` does not."""

import contextlib
import functools
import importlib.util
import os

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from trainers.data import splits
from trainers.data.dataset import convert_images, convert_labels
from trainers.data.images import Preparation
from trainers.data.opened import OpenedSource
from trainers.data.source import Request
from zoo.registry import nearest

# What a data set needs before it is what papers call by its name.
PRESETS = {"omniglot": {"image_size": (28, 28), "channels": 1, "invert": True}}
_DECODED_TOGETHER = 1000
_DAMAGE = (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError)


def open_builder(request: Request) -> OpenedSource:
    """Returns the `OpenedSource` of a TFDS name.

    Args:
        request: Its name has a config or a version where wanted: `emnist/letters`, `mnist:3.0.1`.
            Without its data_dir, TFDS_DATA_DIR or TFDS's default holds. Its download says whether
            data that is not there may be downloaded and prepared.

    Raises:
        ValueError: If there is no such data set, or it has no images.
        ImportError: If a package that its preparation needs is absent.
        FileNotFoundError: If it is not prepared and not, or not successfully, downloaded.
    """
    _leave_the_gpu_alone()
    name = request.name
    data_dir = request.data_dir or os.environ.get("TFDS_DATA_DIR") or None
    builder = _builder(request, data_dir)
    features = dict(builder.info.features.items()) if builder.info.features else {}
    if not isinstance(features.get("image"), tfds.features.Image):
        raise ValueError(
            "Expected a data set with the feature `image`. "
            f"Received: name={name!r} with {sorted(features)}"
        )
    _prepare(builder, name, request.download)
    preset = dict(PRESETS.get(builder.name, {}))
    preset["image_size"] = request.size or preset.get("image_size")
    preset["channels"] = request.channels or preset.get("channels")
    preparation = Preparation(**preset, crop=request.crop)
    label = features.get("label")
    shuffled = not builder.info.disable_shuffling

    def read(split, limit=None):
        if limit is None or shuffled:
            return _read(name, split, data_dir, preparation, limit and limit.number)
        images, labels = _read(name, split, data_dir, preparation, None)
        rows = limit.rows(len(images), labels)
        return images[rows], None if labels is None else labels[rows]

    return OpenedSource(
        name=name,
        text=f"TensorFlow Datasets {builder.info.full_name}",
        splits=tuple(builder.info.splits),
        read=read,
        class_names=tuple(label.names) if isinstance(label, tfds.features.ClassLabel) else None,
        preprocessing=preparation.text(features["image"].shape),
        sizes={split: info.num_examples for split, info in builder.info.splits.items()},
        shuffled=shuffled,  # TFDS did so when it prepared the data
    )


def _leave_the_gpu_alone():
    """Keeps TensorFlow from taking the GPU's memory when it only reads data for another backend."""
    if importlib.util.find_spec("keras") is None:
        return
    import keras

    if keras.backend.backend() != "tensorflow":
        with contextlib.suppress(RuntimeError):  # already in use, by someone who wanted it
            tf.config.set_visible_devices([], "GPU")


def _builder(request, data_dir):
    name = request.name
    try:
        return tfds.builder(name, data_dir=data_dir)
    except tfds.core.registered.DatasetNotFoundError as error:
        valid = (*request.exact_names, *tfds.list_builders(with_community_datasets=False))
        raise ValueError(
            f"Expected {request.spellings}. Received: name={name!r}.{nearest(name, valid)}"
        ) from error
    except Exception as error:  # an absent config, version, package or network
        raise _failed(name, f"TFDS cannot open {name!r}.", error) from error


def _prepare(builder, name, download):
    """Raises an error unless the data is prepared; downloads and prepares it if that is allowed."""
    if builder.is_prepared():
        return
    if download:
        try:
            builder.download_and_prepare()
        except Exception as error:  # network, disk, checksum, package, manual files: all end here
            raise _failed(name, _how_to_get(name, builder), error) from error
    if not builder.is_prepared():
        raise FileNotFoundError(f"{_how_to_get(name, builder)} Received: download={download}")


def _failed(name, text, error):
    """Returns our error for an error of TFDS, whose type and text it keeps."""
    received = f"Received: {type(error).__name__}: {' '.join(str(error).split()):.600}"
    if isinstance(error, ImportError):
        package = error.name or "PACKAGE"
        return ImportError(
            f"TFDS needs another package for {name!r}: `pip install {package}`. {received}"
        )
    kind = ValueError if isinstance(error, ValueError) else FileNotFoundError
    return kind(f"{text} {received}")


def _how_to_get(name, builder):
    manual = os.path.join(builder.data_dir_root, "downloads", "manual")
    files = sorted({info.filename for info in builder.url_infos.values()})
    files = f" ({', '.join(files)})" if 0 < len(files) <= 8 else ""
    return (
        f"{name!r} is not prepared in {builder.data_dir}. `python -m trainers.prepare "
        f"--name={name}` downloads and prepares it; files{files} that you downloaded yourself are "
        f"read from {manual}. Or point data_dir or TFDS_DATA_DIR to a folder in which TFDS has "
        "prepared it."
    )


@functools.lru_cache(maxsize=8)
def _read(name, split, data_dir, preparation, enough):
    """Decodes a split, or its first examples, once in a process; hence read-only arrays."""
    builder = tfds.builder(name, data_dir=data_dir)
    splits.check_names(split, builder.info.splits, name)
    features = builder.info.features
    keys = [key for key in ("image", "label") if key in features]
    if preparation.image_size is None and None in features["image"].shape:
        raise ValueError(
            f"The images of {name!r} differ in size: set image_size. Received: image_size=None"
        )
    refused = []
    try:
        stream = builder.as_dataset(split=split, read_config=_read_config())
        stream = stream if enough is None else stream.take(enough)
        selector = _selector(keys, preparation, refused)
        stream = stream.map(selector, num_parallel_calls=os.cpu_count())
        batches = list(stream.batch(_DECODED_TOGETHER).prefetch(2).as_numpy_iterator())
    except _DAMAGE as error:
        if refused:
            raise ValueError(f"{refused[0]} for {name!r}, split {split!r}") from error
        raise ValueError(
            f"The files of {name!r} in {builder.data_dir} are damaged or incomplete: remove that "
            f"folder and prepare it again. Received: {error.message:.200}"
        ) from error
    if not batches:
        raise ValueError(f"Expected at least one image in {name!r}. Received: split={split!r}")
    where = f"{name!r}, split {split!r}"
    images = convert_images(np.concatenate([batch["image"] for batch in batches]), where)
    labels = None
    if "label" in keys and batches[0]["label"].ndim == 1:
        labels = np.concatenate([batch["label"] for batch in batches])
        labels = convert_labels(labels, len(images), where) if labels.dtype.kind in "iu" else None
        if labels is not None:
            labels.flags.writeable = False
    images.flags.writeable = False
    return images, labels


def _selector(keys, preparation, refused):
    """Returns the map from a TFDS example to its image, prepared, and its label.

    What the preparation refuses reaches the caller as an error of TensorFlow, like a damaged file;
    it is kept in the list `refused` too.
    """

    def prepare(image):
        try:
            return preparation(image[None])[0]
        except ValueError as error:
            refused.append(error)
            raise

    def select(example):
        chosen = {key: example[key] for key in keys}
        if preparation != Preparation():
            image = tf.numpy_function(prepare, [chosen["image"]], chosen["image"].dtype)
            image.set_shape([None, None, None])
            chosen["image"] = image
        return chosen

    return select


def _read_config():
    """Decodes with every core, file after file (sums of splits too); no autotuning of one pass."""
    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    return tfds.ReadConfig(
        options=options,
        interleave_cycle_length=1,
        num_parallel_calls_for_decode=os.cpu_count(),
        skip_prefetch=True,
        try_autocache=False,
    )
