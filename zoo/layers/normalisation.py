"""Normalisation by name: group norm, batch norm, or none."""

import keras
from keras import ops

from zoo.arguments import positive_int
from zoo.layers.dcgan import normalisation as batch_norm
from zoo.registry import nearest

NORMS = ("group", "batch", "none")
MOST_GROUPS = 8


@keras.saving.register_keras_serializable(package="zoo")
class GroupNorm(keras.layers.Layer):
    """y = gamma (x - mean) / sqrt(var + epsilon) + beta, moments over a group of channels.

    Moments are those of one image: the layer does the same in training and in use. Moments are
    computed in float32. All tensors have four axes, which every runtime takes.

    Args:
        groups: Positive int, the largest number of groups. The layer takes the largest number up
            to it that divides the channels.
        epsilon: Positive number.

    Reference:
        Wu and He, 2018.
    """

    def __init__(self, groups=MOST_GROUPS, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.groups = positive_int("groups", groups)
        self.epsilon = epsilon

    def build(self, input_shape):
        _, height, width, channels = input_shape
        groups = max(n for n in range(1, self.groups + 1) if channels % n == 0)
        self.grouped = (-1, height * width, groups, channels // groups)
        self.whole = (-1, height, width, channels)
        self.gamma = self.add_weight(name="gamma", shape=(channels,), initializer="ones")
        self.beta = self.add_weight(name="beta", shape=(channels,), initializer="zeros")

    def call(self, x):
        x = ops.reshape(ops.cast(x, "float32"), self.grouped)
        centred = x - ops.mean(x, axis=(1, 3), keepdims=True)
        variance = ops.mean(ops.square(centred), axis=(1, 3), keepdims=True)
        x = ops.reshape(centred * ops.rsqrt(variance + self.epsilon), self.whole)
        gamma, beta = (ops.cast(weight, "float32") for weight in (self.gamma, self.beta))
        return ops.cast(x * gamma + beta, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "groups": self.groups, "epsilon": self.epsilon}


def normalisation(norm, **kwargs):
    """Returns a layer by the name of its norm.

    Args:
        norm: "group" (`GroupNorm`), "batch" (the batch's moments in training, running moments
            elsewhere) or "none".
        **kwargs: Arguments of `keras.layers.Layer`, such as `dtype`.

    Raises:
        ValueError: If `norm` is none of these.
    """
    layers = {"group": GroupNorm, "batch": batch_norm, "none": keras.layers.Identity}
    if norm not in layers:
        raise ValueError(
            f"`norm` must be one of {list(NORMS)}. Received: norm={norm!r}.{nearest(norm, NORMS)}"
        )
    return layers[norm](**kwargs)


def apply_norm(norm, x, training):
    """Returns `norm(x)`, a batch norm's with its own flag of training."""
    is_batch = isinstance(norm, keras.layers.BatchNormalization)
    return norm(x, training=training) if is_batch else norm(x)
