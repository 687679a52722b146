"""Linearly gated layers: Dauphin et al., 2017; `broken_elbo`, appendix F."""

import keras
from keras import ops

from zoo import backend
from zoo.layers.channels import CHANNELS_LAST


def _gate(doubled):
    linear, gate = ops.split(ops.cast(doubled, "float32"), 2, axis=-1)
    return ops.cast(linear * ops.sigmoid(gate), doubled.dtype)


def _gate_gradient(doubled, upstream):
    linear, gate = ops.split(ops.cast(doubled, "float32"), 2, axis=-1)
    upstream, opened = ops.cast(upstream, "float32"), ops.sigmoid(gate)
    gradients = [upstream * opened, upstream * linear * opened * (1 - opened)]
    return ops.cast(ops.concatenate(gradients, axis=-1), doubled.dtype)


_fused_gate = backend.fused(_gate, _gate_gradient)


def gate(doubled, training=False):
    """Returns u sigmoid(v) [..., C] from [u, v] side by side [..., 2 C]."""
    return _fused_gate(doubled) if training else _gate(doubled)


@keras.saving.register_keras_serializable(package="zoo")
class _Gated(keras.layers.Layer):
    """h = (W1 x + b1) * sigmoid(W2 x + b2), with W1 and W2 side by side in one kernel.

    One product of double width is faster than two. The initial values are those of two separate
    Glorot-uniform kernels: both halves are drawn for a fan-out of `units`, not of twice that.
    """

    def _split_and_gate(self, doubled, training):
        return gate(doubled, training)


@keras.saving.register_keras_serializable(package="zoo")
class HalvedGlorotUniform(keras.initializers.Initializer):
    """Glorot-uniform as for a kernel with half as many outputs, times `scale`."""

    def __init__(self, output_axis=-1, scale=1.0, seed=None):
        self.output_axis = output_axis
        self.scale = scale
        self.seed = seed
        seeds = [None, None] if seed is None else [seed, seed + 1]  # two kernels, not one twice
        self._halves = [keras.initializers.GlorotUniform(seed=s) for s in seeds]

    def __call__(self, shape, dtype=None):
        half = list(shape)
        half[self.output_axis] //= 2
        first, second = (initializer(tuple(half), dtype=dtype) for initializer in self._halves)
        return self.scale * ops.concatenate([first, second], axis=self.output_axis)

    def get_config(self):
        return {"output_axis": self.output_axis, "scale": self.scale, "seed": self.seed}


@keras.saving.register_keras_serializable(package="zoo")
class GatedDense(_Gated):
    """A dense layer with `units` linearly gated outputs.

    Args:
        units: Positive int.
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.doubled = keras.layers.Dense(
            2 * units, kernel_initializer=HalvedGlorotUniform(), dtype=self.dtype_policy
        )

    def build(self, input_shape):
        self.doubled.build(input_shape)

    def call(self, x, training=False):
        return self._split_and_gate(self.doubled(x), training)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="zoo")
class GatedConv2D(_Gated):
    """A convolution with `filters` linearly gated maps.

    If its kernel covers the whole map, it is computed as one matrix product. That is faster, and
    more exact in runtimes that would sum thousands of products in a row.

    Args:
        filters: Positive int, the depth.
        kernel_size: Int.
        strides: Int.
        padding: "same" or "valid".
    """

    def __init__(self, filters, kernel_size, strides=1, padding="same", **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.padding = padding
        self.doubled = self._make_doubled()

    def _make_doubled(self):
        """Returns the layer of products and gates, of twice the depth."""
        return keras.layers.Conv2D(
            2 * self.filters,
            self.kernel_size,
            strides=self.strides,
            padding=self.padding,
            kernel_initializer=HalvedGlorotUniform(),
            dtype=self.dtype_policy,
            **CHANNELS_LAST,
        )

    def build(self, input_shape):
        self.doubled.build(input_shape)
        covers = tuple(input_shape[1:3]) == tuple(self.doubled.kernel_size)
        self.is_product = covers and self.padding == "valid"

    def call(self, x, training=False):
        doubled = self._product(x) if self.is_product else self.doubled(x)
        return self._split_and_gate(doubled, training)

    def _product(self, x):
        """Returns the convolution [B, 1, 1, 2 C] of a map of the kernel's own size."""
        kernel = ops.reshape(self.doubled.kernel, (-1, 2 * self.filters))
        product = ops.matmul(ops.reshape(x, (-1, kernel.shape[0])), kernel) + self.doubled.bias
        return ops.reshape(product, (-1, 1, 1, 2 * self.filters))

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
        }


@keras.saving.register_keras_serializable(package="zoo")
class GatedConv2DTranspose(GatedConv2D):
    """A transposed convolution with `filters` linearly gated maps, "same" padding.

    At stride 1 a transposed convolution is an ordinary one with its kernel turned round, the
    same family of functions, so it is computed as one, which every runtime does faster.
    """

    def __init__(self, filters, kernel_size, strides=1, **kwargs):
        kwargs.pop("padding", None)
        super().__init__(filters, kernel_size, strides, "same", **kwargs)

    def _make_doubled(self):
        if self.strides == 1:
            return super()._make_doubled()
        return keras.layers.Conv2DTranspose(
            2 * self.filters,
            self.kernel_size,
            strides=self.strides,
            padding="same",
            kernel_initializer=HalvedGlorotUniform(output_axis=-2),
            dtype=self.dtype_policy,
            **CHANNELS_LAST,
        )
