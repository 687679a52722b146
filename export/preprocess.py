"""The preprocessing of a card as a part of a graph: uint8 images of any size in.

The formula is that of `zoo.light.images.resize_images` and `prepare_images`, written once for
TensorFlow, ONNX and NumPy. It is in float32, which holds the whole numbers of that formula exactly.
"""

import dataclasses
from types import SimpleNamespace

import numpy as np

from zoo.light.images import LUMA, THRESHOLD, prepare_images
from zoo.light.resizing import PRECISION

HALF = float(1 << (PRECISION // 2))
INSIDE = "in the graph"  # `preprocessing.scale` of a card whose graphs take uint8 of any size
SIZES = ("batch", "height", "width", "channels")  # the dimensions of such an input


def prepare(image, image_shape, preprocessing, ops):
    """Returns images as the model's graphs take them, float32 [batch, H, W, C].

    First, 3 channels become 1 by luma, or 1 becomes 3 by repetition. Then the middle of the picture
    with the model's aspect ratio is resized: bilinear, antialiased, width first, rounded to grey
    levels after each pass. Then come the division by 255, and the threshold and factor of the card.
    Integers are always grey levels up to 255, never bits.

        w_ij = max(0, 2 max(crop, new) - |2 new (j - first) + new - (2 i + 1) crop|)
               / sum over j of the crop

    Args:
        image: Float tensor [batch, height, width, channels], grey levels; 1 or 3 channels.
        image_shape: (H, W, C) of the model.
        preprocessing: The card's entry.
        ops: The operations: `tensorflow_ops()`, `export.preprocess_onnx.Ops` or `NUMPY`.
    """
    height, width, channels = image_shape
    old = [ops.size(image, axis) for axis in (1, 2)]
    crop = [
        ops.minimum(old[0], ops.maximum(ops.round(old[1] * (height / 1) / width), 1.0)),
        ops.minimum(old[1], ops.maximum(ops.round(old[0] * (width / 1) / height), 1.0)),
    ]
    x = ops.transpose(_channels(image, channels, ops), (0, 3, 1, 2))
    x = _along(x, _weights(old[1], crop[1], width, ops), ops)
    x = _along(ops.transpose(x, (0, 1, 3, 2)), _weights(old[0], crop[0], height, ops), ops)
    x = ops.reshape(ops.transpose(x, (0, 3, 2, 1)), (-1, *image_shape)) / 255.0
    if preprocessing["binarise"] == THRESHOLD:
        x = ops.where(x >= 0.5, 1.0, 0.0)
    multiply = preprocessing.get("multiply", 1)
    return x if multiply == 1 else x * float(multiply)


def _channels(image, channels, ops):
    """Returns images with the model's channels; a matrix product fails for others than 1 or 3."""
    is_grey = ops.size(image, 3) < 1.5
    rows = ops.where(is_grey, 1.0, 3.0)
    if channels == 1:
        mixed = ops.rows(ops.where(is_grey, np.ones((3, 1), "f4"), LUMA[:, None]), rows)
        return ops.round(ops.matmul(image, mixed))
    if channels == 3:
        mixed = ops.where(is_grey, np.ones((3, 3), "f4"), np.eye(3, dtype="f4"))
        return ops.matmul(image, ops.rows(mixed, rows))
    return image


def _weights(old, crop, new, ops):
    """Returns the weights [new, old] of a triangle filter over the middle `crop` of `old` pixels.

    They are 22 bits behind the point as two whole numbers, w = (high 2^11 + low) / 2^22. Every step
    is of whole numbers that float32 holds, for pictures of up to 4,096 pixels a side.
    """
    first, j = ops.floor((old - crop) / 2.0), ops.range(old)
    centres = np.arange(1, 2 * new, 2, dtype="f4")[:, None] * crop
    distances = ops.abs((j - first) * (2.0 * new) + float(new) - centres)
    weights = ops.maximum(2.0 * ops.maximum(crop, float(new)) - distances, 0.0)
    weights = weights * ops.where(j < first, 0.0, ops.where(j >= first + crop, 0.0, 1.0))
    total = ops.sum(weights)
    high = ops.floor(weights * HALF / total)
    low = ops.floor((weights * HALF - high * total) * HALF / total + 0.5)
    return high, low


def _along(x, weights, ops):
    """Returns levels along the last axis in another number of pixels, rounded to grey levels.

    The sums by both numbers of the weights make (high 2^11 + low) / 2^22.
    """
    high, low = (ops.matmul(x, ops.transpose(weight, (1, 0))) for weight in weights)
    levels = ops.floor((high + ops.floor(low / HALF) + HALF / 2) / HALF)
    return ops.minimum(ops.maximum(levels, 0.0), 255.0)


NUMPY = SimpleNamespace(
    size=lambda x, axis: np.float32(x.shape[axis]),
    range=lambda count: np.arange(int(count), dtype=np.float32),
    rows=lambda x, count: x[: int(count)],
    sum=lambda x: x.sum(axis=-1, keepdims=True),
    where=lambda condition, a, b: np.where(condition, np.float32(a), np.float32(b)),
    **{name: getattr(np, name) for name in ("minimum", "maximum", "round", "floor", "abs")},
    **{name: getattr(np, name) for name in ("matmul", "transpose", "reshape")},
)


def tensorflow_ops():
    """Returns the operations of `prepare` in TensorFlow."""
    import tensorflow as tf

    return SimpleNamespace(
        size=lambda x, axis: tf.cast(tf.shape(x)[axis], tf.float32),
        range=lambda count: tf.cast(tf.range(tf.cast(count, tf.int32)), tf.float32),
        rows=lambda x, count: x[: tf.cast(count, tf.int32)],
        sum=lambda x: tf.reduce_sum(x, axis=-1, keepdims=True),
        where=lambda condition, a, b: tf.where(
            condition, tf.constant(a, tf.float32), tf.convert_to_tensor(b, tf.float32)
        ),
        **{name: getattr(tf, name) for name in ("minimum", "maximum", "round", "floor", "abs")},
        # TensorFlow 2.21 crashes on a product of batches of matrices with one, which it fuses.
        matmul=lambda x, matrix: tf.tensordot(x, matrix, 1),
        **{name: getattr(tf, name) for name in ("transpose", "reshape")},
    )


def inside(graph, card):
    """Returns a `GraphSpec` whose images are uint8 of any size; one without images as it is.

    Args:
        graph: A `zoo.graph_spec.GraphSpec` that has `call`.
        card: The card of its model.
    """
    if "image" not in graph.inputs:
        return graph
    import tensorflow as tf

    place, ops = list(graph.inputs).index("image"), tensorflow_ops()

    def call(*inputs):
        inputs = list(inputs)
        image = tf.cast(inputs[place], tf.float32)
        inputs[place] = prepare(image, tuple(card["image_shape"]), card["preprocessing"], ops)
        return graph.call(*inputs)

    return dataclasses.replace(
        graph,
        call=call,
        inputs={**graph.inputs, "image": (None, None, None)},
        dtypes={**graph.dtypes, "image": "uint8"},
    )


def levels(images, preprocessing):
    """Returns uint8 images that preprocessing brings to `images`, and whether it does exactly.

    Args:
        images: float32 [N, H, W, C] as a model's graphs take them.
        preprocessing: The card's entry.
    """
    scaled = np.asarray(images, np.float32) / preprocessing.get("multiply", 1)
    uint8_images = np.rint(255 * scaled.clip(0, 1)).astype(np.uint8)
    again = prepare_images(uint8_images, preprocessing, bits=False)
    return uint8_images, bool(np.allclose(again, images, rtol=0, atol=1e-6))
