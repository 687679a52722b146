"""MADE: a masked dense network whose outputs each see only the inputs before them."""

import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.arguments import positive_int
from zoo.part import Part
from zoo.typing import Array, Shape

ORDERS = ("left_to_right", "right_to_left")
# So small that a flow made of it starts near the identity, and a density near the uniform one;
# not zero, which would keep the gradient from every layer but the last in the first step.
LAST_LAYER = {"scale": 1e-3, "mode": "fan_in", "distribution": "untruncated_normal"}


@keras.saving.register_keras_serializable(package="zoo")
class MADE(Part):
    """y_i = f_i(x_j : j before i), for all i in one pass of a dense network with masked kernels.

        h_1 = relu(x (M_1 * W_1) + b_1), ...,  y = h_L (M * W) + b

    A hidden unit of degree m sees the inputs 1..m of the order and is seen by the outputs
    m+1..D; the degrees of a layer are spread evenly over 1..D-1. So dy_i/dx_j = 0 unless j
    comes before i. Output j+1 sees input j through units of degree j alone, so that every hidden
    layer needs all D - 1 degrees. A narrower layer lacks some: the outputs are still
    autoregressive, but some do not see their nearest inputs, and a `UserWarning` says so.

    A Bernoulli density of 784 binary pixels is `MADE(784, [783])`: y are the logits of
    p(x_i | x_1..x_{i-1}).

    Args:
        event_size: Positive int, D.
        hidden_units: Widths of the hidden layers, each at least D - 1 for every output to see all
            inputs before it. The "3 layer MADE" of `broken_elbo`, F.1, is read as two hidden layers
            of 640 and an output layer.
        outputs_per_input: Positive int; outputs of each input.
        order: "left_to_right", or "right_to_left", where an output sees the inputs after it.

    Raises:
        ValueError: If an argument is none of these.

    Reference:
        Germain et al., 2015, eq. 8 to 13.
    """

    def __init__(
        self,
        event_size: int,
        hidden_units: Sequence[int] = (640, 640),
        outputs_per_input: int = 1,
        order: str = "left_to_right",
        **kwargs: Any,
    ):
        event_size = positive_int("event_size", event_size)
        outputs_per_input = positive_int("outputs_per_input", outputs_per_input)
        hidden_units = tuple(
            positive_int(f"hidden_units[{i}]", units) for i, units in enumerate(hidden_units)
        )
        if order not in ORDERS:
            raise ValueError(f"`order` must be one of {list(ORDERS)}. Received: order={order!r}")
        super().__init__(**kwargs)
        self.event_size = event_size
        self.hidden_units = hidden_units
        self.outputs_per_input = outputs_per_input
        self.order = order
        self.masks = self._masks()
        if not self.sees_all:
            warnings.warn(
                f"Expected hidden layers of at least {event_size - 1} units, for every output of "
                "a MADE to see all inputs before it. Some outputs see fewer. "
                f"Received: event_size={event_size}, hidden_units={hidden_units}",
                stacklevel=2,
            )

    @property
    def sees_all(self) -> bool:
        """Whether every output has a path from each input before it: no layer lacks a degree."""
        return all(units >= self.event_size - 1 for units in self.hidden_units)

    def _masks(self):
        """Returns one 0-1 matrix [inputs, outputs] a layer."""
        inputs = np.arange(1, self.event_size + 1)
        inputs = inputs if self.order == "left_to_right" else inputs[::-1]
        masks, degrees = [], inputs
        for units in self.hidden_units:
            hidden = 1 + np.arange(units) * (self.event_size - 1) // units
            masks.append(degrees[:, None] <= hidden)
            degrees = hidden
        masks.append(degrees[:, None] < np.repeat(inputs, self.outputs_per_input))
        return [mask.astype("float32") for mask in masks]

    def build(self, input_shape: Shape | None = None) -> None:
        self.kernels, self.biases = [], []
        for i, mask in enumerate(self.masks):
            is_last = i == len(self.masks) - 1
            start = keras.initializers.VarianceScaling(**LAST_LAYER) if is_last else "he_uniform"
            self.kernels.append(
                self.add_weight(name=f"kernel_{i}", shape=mask.shape, initializer=start)
            )
            self.biases.append(
                self.add_weight(name=f"bias_{i}", shape=mask.shape[1:], initializer="zeros")
            )

    def call(self, x: Array) -> Array:
        """Returns float32 y [..., D], or [..., D, outputs_per_input] if that is more than 1."""
        return self.apply(x, self.masked_kernels())

    def masked_kernels(self) -> list[Array]:
        """Returns M * W of each layer, for `apply` in a loop: nothing in them depends on x."""
        return [
            kernel * ops.convert_to_tensor(mask, self.compute_dtype)
            for kernel, mask in zip(self.kernels, self.masks)
        ]

    def apply(self, x: Array, masked_kernels: Sequence[Array]) -> Array:
        """Returns `call(x)` with the kernels that `masked_kernels` gave."""
        h = x if len(x.shape) == 2 else ops.reshape(x, (-1, self.event_size))
        for i, (kernel, bias) in enumerate(zip(masked_kernels, self.biases)):
            h = ops.add(ops.matmul(h if i == 0 else ops.relu(h), kernel), bias)
        h = ops.cast(h, "float32")
        if len(x.shape) == 2 and self.outputs_per_input == 1:
            return h
        several = (self.outputs_per_input,) if self.outputs_per_input > 1 else ()
        return ops.reshape(h, (*ops.shape(x), *several))
