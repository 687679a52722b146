"""Checks images before a model sees them: their shape, kind of number and range."""

import inspect
import re
import types
import weakref

import keras
import numpy as np

from zoo.backend import is_traced

# How far outside their range rounding may leave pixels.
PIXEL_SLACK = 1e-4
_TRUSTED = weakref.WeakSet()


def check_settings():
    """Raises ValueError if Keras's default dtype is not the one of the model's distributions."""
    if keras.config.floatx() != "float32":
        raise ValueError(
            "Expected keras.config.floatx() 'float32', in which probabilities are computed; for "
            "layers of another precision call keras.config.set_dtype_policy('mixed_bfloat16'). "
            f"Received: floatx={keras.config.floatx()!r}"
        )


def check_form(x, image_shape):
    """Raises ValueError if `x` is not a batch of float images [B, H, W, C].

    Args:
        x: An array or a tensor, traced or not, or what describes one: with `shape` and `dtype`.
        image_shape: (H, W, C).
    """
    shape = _shape(x)
    if shape is None or len(shape) != 4 or shape[1:] != tuple(image_shape):
        raise ValueError(f"{_shape_text(image_shape)}shape={'unknown' if shape is None else shape}")
    _check_kind(x)


def _check_kind(x):
    kind = keras.backend.standardize_dtype(x.dtype)
    if "float" not in kind:
        raise ValueError(
            f"Expected float images in [0, 1]; divide uint8 images by 255. Received: dtype={kind}"
        )


def check_range(x, pixel_range):
    """Raises ValueError if a pixel of `x` lies outside `pixel_range`; a NaN lies in every range.

    Args:
        x: An array or a tensor with values.
        pixel_range: (least, most), or None where every number is a pixel.
    """
    if pixel_range is None:
        return
    values = np.asarray(x)
    if values.size == 0:
        return
    low, high = float(values.min()), float(values.max())
    if np.isnan(low):
        low, high = float(np.fmin.reduce(values, axis=None)), float(np.fmax.reduce(values, None))
    if low < pixel_range[0] - PIXEL_SLACK or high > pixel_range[1] + PIXEL_SLACK:
        raise ValueError(f"{_range_text(pixel_range)}values from {low:g} to {high:g}")


def check(x, image_shape, pixel_range):
    """Returns images as an array or a tensor, after `check_form` and, of values, `check_range`.

    Args:
        x: Images [B, H, W, C]: an array, a tensor, or a list of images.
        image_shape: (H, W, C).
        pixel_range: (least, most), or None where every number is a pixel.
    """
    if not hasattr(x, "shape") or not hasattr(x, "dtype"):
        x = np.asarray(x)
    check_form(x, image_shape)
    if not is_traced(x) and hasattr(x, "__array__"):
        check_range(x, pixel_range)
    return x


def checked_arguments(model, method, arguments, options):
    """Returns the arguments of a Keras method as a dict, their images checked.

    Arrays are checked at once. Batches of a generator, a `tf.data.Dataset` or a `PyDataset` are
    checked when they are drawn, before the step that reads them.

    Args:
        model: A `zoo.VAE`.
        method: `fit`, `evaluate`, `predict` or one of their `..._on_batch`, of `keras.Model`.
        arguments: The positional arguments, a tuple.
        options: The keyword arguments, a dict.

    Raises:
        ValueError: If images do not fit the model, or examples have weights.
    """
    bound = dict(inspect.signature(method).bind(*arguments, **options).arguments)
    bound.update(bound.pop("kwargs", {}))
    for name in ("sample_weight", "class_weight"):
        _refuse_weights(name, bound.get(name))
    if bound.get("_use_cached_eval_dataset"):  # `fit` validates: its data was checked
        return bound
    _check_labels(model, bound.get("y"), "y")
    if bound.get("x") is not None:
        bound["x"] = _checked(model, bound["x"])
    validation = bound.get("validation_data")
    if isinstance(validation, (tuple, list)) and validation:
        if len(validation) > 2:
            _refuse_weights("validation_data[2]", validation[2])
        if len(validation) > 1:
            _check_labels(model, validation[1], "validation_data[1]")
        bound["validation_data"] = (_checked(model, validation[0]), *validation[1:])
    elif validation is not None:
        bound["validation_data"] = _checked(model, validation)
    return bound


def trusted(stream):
    """Returns a stream of batches that `fit` does not check: whoever made it has checked it.

    A check costs about 0.3 ms of a core for a batch of 300 images of 28 x 28.
    """
    _TRUSTED.add(stream)
    return stream


def _check_labels(model, labels, name):
    """Raises ValueError for labels that are not classes of the model's objective."""
    if labels is not None and model.objective.needs_labels:
        model.objective.check_labels(np.asarray(labels).reshape(-1), name)


def _refuse_weights(name, value):
    if value is not None:
        raise ValueError(
            "Expected no weights of examples: an objective's loss is of the batch as a whole. "
            f"Received: {name}={type(value).__name__}"
        )


def _checked(model, x):
    """Returns `x` checked, or a stream of the same batches that checks each of them."""
    form = (model.image_shape, model.pixel_range)
    is_stream = isinstance(x, types.GeneratorType) or hasattr(x, "element_spec")
    if is_stream and x in _TRUSTED:
        return x
    if isinstance(x, types.GeneratorType):
        return _batches(x, *form)
    if isinstance(x, keras.utils.PyDataset):
        return _CheckedPyDataset(x, *form)
    if hasattr(x, "element_spec") and hasattr(x, "map"):
        return _dataset(x, *form)
    is_list = isinstance(x, (list, tuple))
    return check(x, *form) if is_list or hasattr(x, "__array__") else x


def _images_of(batch):
    return keras.utils.unpack_x_y_sample_weight(batch)[0]


def _batches(batches, image_shape, pixel_range):
    for batch in batches:
        check(_images_of(batch), image_shape, pixel_range)
        yield batch


class _CheckedPyDataset(keras.utils.PyDataset):
    """The batches of another `PyDataset`, each checked."""

    def __init__(self, dataset, image_shape, pixel_range):
        super().__init__(dataset.workers, dataset.use_multiprocessing, dataset.max_queue_size)
        self._dataset, self._form = dataset, (image_shape, pixel_range)

    def __getitem__(self, index):
        batch = self._dataset[index]
        check(_images_of(batch), *self._form)
        return batch

    @property
    def num_batches(self):
        return self._dataset.num_batches

    def on_epoch_begin(self):
        self._dataset.on_epoch_begin()

    def on_epoch_end(self):
        self._dataset.on_epoch_end()


def _dataset(dataset, image_shape, pixel_range):
    """Returns a `tf.data.Dataset` whose iterator raises at a batch that is not the model's."""
    spec = _images_of(dataset.element_spec)
    if not hasattr(spec, "shape") or not hasattr(spec, "dtype"):
        return dataset
    _check_kind(spec)
    is_known = _shape(spec) is not None and None not in spec.shape[1:]
    if is_known:
        check_form(spec, image_shape)
    if is_known and pixel_range is None:
        return dataset
    import tensorflow as tf

    has_parts = isinstance(dataset.element_spec, tuple)

    @tf.autograph.experimental.do_not_convert
    def checked(*batch):
        x = tf.ensure_shape(_required(batch[0], image_shape, pixel_range), (None, *image_shape))
        return (x, *batch[1:]) if has_parts else x

    return dataset.map(checked)


def _required(x, image_shape, pixel_range):
    """Returns the tensor `x`, or raises when it is computed; `named_error` reads that error."""
    import tensorflow as tf

    def require(holds, text, *values):
        def fail():
            return tf.raw_ops.Assert(condition=False, data=[tf.strings.format(text, values)])

        return tf.cond(holds, tf.no_op, fail)

    shape = tf.shape(x)
    padded = tf.concat([shape, -tf.ones(5, tf.int32)], axis=0)[1:5]
    holds = tf.reduce_all(tf.equal(padded, [*image_shape, -1]))
    with tf.control_dependencies([require(holds, f"{_shape_text(image_shape)}shape={{}}", shape)]):
        x = tf.identity(x)
    if pixel_range is None:
        return x
    low, high = tf.reduce_min(x), tf.reduce_max(x)
    outside = (low < pixel_range[0] - PIXEL_SLACK) | (high > pixel_range[1] + PIXEL_SLACK)
    text = f"{_range_text(pixel_range)}values from {{}} to {{}}"
    with tf.control_dependencies([require(tf.logical_not(outside), text, low, high)]):
        return tf.identity(x)


def named_error(error):
    """Returns the ValueError that a dataset's check stands for, or None for any other error."""
    match = re.search(
        r"assertion failed: \[(Expected (?:images|pixels).*?)\]?\]\s*\n", f"{error}\n"
    )
    return ValueError(match[1]) if match else None


def _shape(x):
    """Returns the shape as a tuple, or None where not even the rank is known."""
    try:
        return tuple(x.shape)
    except ValueError:
        return None


def _shape_text(image_shape):
    return f"Expected images of shape (batch, {', '.join(map(str, image_shape))}). Received: "


def _range_text(pixel_range):
    low, high = pixel_range
    return (
        f"Expected pixels in [{low:g}, {high:g}]; divide images of 0 to 255 by 255, and bring "
        "images of -1 to 1 to (x + 1) / 2. Received: "
    )
