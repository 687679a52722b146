"""Layers that the DCGAN encoder and decoder share."""

import keras

from zoo.layers.channels import CHANNELS_LAST

# Of Radford et al., 2015, section 4: weights N(0, 0.02^2). The paper says nothing of its own.
STDDEV = 0.02
# Of Tolstikhin et al.'s code: decay and epsilon of the batch norms.
MOMENTUM, EPSILON = 0.9, 1e-5


def convolution(kind, filters, kernel_size, strides, use_bias=False, **kwargs):
    """Returns a "same" convolution of class `kind`, without a bias unless asked for."""
    return kind(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=use_bias,
        kernel_initializer=keras.initializers.RandomNormal(stddev=STDDEV),
        **CHANNELS_LAST,
        **kwargs,
    )


def normalisation(**kwargs):
    """Returns a batch norm: the batch's moments in training, running ones elsewhere."""
    return keras.layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON, **kwargs)


def widths(filters, width):
    """Returns the depths times `width`, at least 1 each.

    Raises:
        ValueError: If `width` is not positive or `filters` is empty.
    """
    if not width > 0 or not filters:
        raise ValueError(
            "Expected filters, and a width above 0. "
            f"Received: filters={tuple(filters)!r}, width={width!r}"
        )
    return [max(1, round(depth * width)) for depth in filters]
