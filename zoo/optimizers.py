"""Optimiser extras: gradients of unit norm, and a rate that is constant and then falls to zero."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zoo import backend
from zoo.typing import Array


@keras.saving.register_keras_serializable(package="zoo")
class Adam(keras.optimizers.Adam):
    """Keras's Adam, the same numbers; under TensorFlow one kernel a variable instead of a dozen."""

    def update_step(self, gradient: Array, variable: Any, learning_rate: float) -> Any:
        if self.amsgrad or not backend.has_fused_adam(gradient):
            with backend.name_scope("optimizer"):
                return super().update_step(gradient, variable, learning_rate)
        index = self._get_variable_index(variable)
        backend.apply_adam(
            variable,
            self._momentums[index].value,
            self._velocities[index].value,
            gradient,
            learning_rate,
            self.iterations + 1,
            self.beta_1,
            self.beta_2,
            self.epsilon,
        )


@keras.saving.register_keras_serializable(package="zoo")
class NormalizedAdam(Adam):
    """Adam on normalised gradients: each parameter tensor's gradient is divided by its own norm.

        g <- g / (||g||_2 + 1e-12), one norm a tensor

    Reference:
        Yu et al., 2017, arXiv:1707.04822; `broken_elbo`, F.4.
    """

    def apply(
        self, grads: Sequence[Array], trainable_variables: Sequence[Any] | None = None
    ) -> Any:
        normalized = [None if g is None else g / (_norm(g) + 1e-12) for g in grads]
        return super().apply(normalized, trainable_variables)


def _norm(tensor):
    # Not `ops.norm`, which takes at most two axes and a convolution's kernel has four.
    return ops.sqrt(ops.sum(ops.square(tensor)))


@keras.saving.register_keras_serializable(package="zoo")
class ConstantThenLinear(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that is constant, then falls linearly to zero.

        rate(t) = r                              for t < constant_steps
        rate(t) = r (T - t) / (T - constant_steps)  up to T = total_steps, then 0

    Args:
        learning_rate: Positive number, r.
        constant_steps: Int.
        total_steps: Int, more than `constant_steps`.

    Raises:
        ValueError: If the steps are not in that order.

    Reference:
        `broken_elbo`, F.4: 3e-4 for 100 epochs, then linear to 0 at epoch 200.
    """

    def __init__(self, learning_rate: float, constant_steps: int, total_steps: int):
        if not 0 <= constant_steps < total_steps:
            raise ValueError(
                "Expected 0 <= constant_steps < total_steps. "
                f"Received: constant_steps={constant_steps!r}, total_steps={total_steps!r}"
            )
        self.learning_rate = learning_rate
        self.constant_steps = constant_steps
        self.total_steps = total_steps

    def __call__(self, step: Array) -> Array:
        step = ops.cast(step, "float32")
        share = (self.total_steps - step) / (self.total_steps - self.constant_steps)
        return self.learning_rate * ops.clip(share, 0.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {
            "learning_rate": self.learning_rate,
            "constant_steps": self.constant_steps,
            "total_steps": self.total_steps,
        }
