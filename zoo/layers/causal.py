"""Convolutions that see only pixels above and to the left, and the residual block of PixelCNN++."""

import keras
from keras import ops

from zoo.layers.channels import CHANNELS_LAST
from zoo.layers.gated import HalvedGlorotUniform, gate


@keras.saving.register_keras_serializable(package="zoo")
class CausalConv2D(keras.layers.Conv2D):
    """A convolution whose last row (and, if asked, last column) of the kernel is the pixel itself.

        y[r, c] = b + sum_ij W[i, j] x[r - rows + 1 + i, c - left + j]

    with zeros outside of x; `left` is `columns - 1` in the direction "down_right" and
    `(columns - 1) // 2`, which is symmetric, in the direction "down". So "down" sees the rows
    above and its own; "down_right" of those only what is not to its right.

    Args:
        filters: Positive int, the depth.
        kernel_size: (rows, columns).
        strides: Int; output (r, c) stands at input (strides r, strides c).
        direction: "down" or "down_right".

    Raises:
        ValueError: If `direction` is neither.

    Reference:
        Salimans et al., 2017, section 2.3; van den Oord et al., 2016, for the two streams.
    """

    def __init__(self, filters, kernel_size, strides=1, direction="down_right", **kwargs):
        if direction not in ("down", "down_right"):
            raise ValueError(
                f"`direction` must be 'down' or 'down_right'. Received: direction={direction!r}"
            )
        super().__init__(
            filters, kernel_size, strides=strides, **{**kwargs, "padding": "valid", **CHANNELS_LAST}
        )
        self.direction = direction

    @property
    def margins(self):
        """((top, 0), (left, right)): how many zeros `call` puts around x."""
        rows, columns = self.kernel_size
        left = columns - 1 if self.direction == "down_right" else (columns - 1) // 2
        return (rows - 1, 0), (left, columns - 1 - left)

    def call(self, x):
        return self.without_margins(ops.pad(x, ((0, 0), *self.margins, (0, 0))))

    def without_margins(self, x):
        """Returns y where the kernel lies within x."""
        kernel, bias = (ops.cast(w, self.compute_dtype) for w in (self.kernel, self.bias))
        x = ops.cast(x, self.compute_dtype)
        return ops.conv(x, kernel, self.strides, **CHANNELS_LAST) + bias

    def at(self, window):
        """Returns y [B, C'] of one pixel: `window` [B, rows, columns, C] is all the kernel sees."""
        kernel, bias = (ops.cast(w, self.compute_dtype) for w in (self.kernel, self.bias))
        kernel = ops.reshape(kernel, (-1, self.filters))
        return ops.matmul(ops.reshape(window, (-1, kernel.shape[0])), kernel) + bias

    def get_config(self):
        config = super().get_config()
        config.pop("padding")
        return {**config, "direction": self.direction}


def plainly(layer, x):
    """Runs a convolution over whole maps; the sampler runs it over one row or one pixel."""
    return layer(x)


@keras.saving.register_keras_serializable(package="zoo")
class GatedResidual(keras.layers.Layer):
    """A residual block with linear gates where PixelCNN++ has concatenated ELUs.

        h = gate(conv_1(x) + W a);  y = x + gate(conv_2(h)),   gate(u, v) = u sigmoid(v)

    `a`, if there is any, is what a shortcut or the other stream brings. The second convolution
    starts at a tenth of the usual scale, so that a new block is nearly the identity.

    Args:
        depth: Positive int, of x and y.
        kernel_size: (rows, columns) of both convolutions.
        direction: See `CausalConv2D`.
        has_aside: Whether `call` is given `a`.

    Reference:
        Salimans et al., 2017, section 2 and its code's `gated_resnet`; `broken_elbo`, F.2.
    """

    def __init__(self, depth, kernel_size, direction, has_aside=False, **kwargs):
        super().__init__(**kwargs)
        self.depth = depth
        self.kernel_size = tuple(kernel_size)
        self.direction = direction
        self.has_aside = has_aside
        options = {"direction": direction, "dtype": self.dtype_policy}
        self.first = CausalConv2D(
            2 * depth, kernel_size, kernel_initializer=HalvedGlorotUniform(), **options
        )
        self.second = CausalConv2D(
            2 * depth, kernel_size, kernel_initializer=HalvedGlorotUniform(scale=0.1), **options
        )
        self.aside = (
            keras.layers.Dense(2 * depth, use_bias=False, dtype=self.dtype_policy)
            if has_aside
            else None
        )

    def build(self, x_shape, aside_shape=None):
        self.first.build(x_shape)
        self.second.build((*x_shape[:-1], self.depth))
        if self.aside is not None:
            self.aside.build(aside_shape)

    def call(self, x, aside=None, training=False):
        return self.forward(x, aside, plainly, training)

    def forward(self, x, aside, conv, training=False):
        """As `call`, with `conv(layer, x)` to run the two convolutions."""
        h = conv(self.first, x)
        if self.aside is not None:
            h = h + self.aside(aside)
        h = conv(self.second, gate(h, training))
        return x + gate(h, training)

    def get_config(self):
        return {
            **super().get_config(),
            "depth": self.depth,
            "kernel_size": self.kernel_size,
            "direction": self.direction,
            "has_aside": self.has_aside,
        }
