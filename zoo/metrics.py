"""Keras metrics of the project's own."""

import keras
from keras import ops

NEVER = -1


@keras.saving.register_keras_serializable(package="zoo")
class FirstNonFinite(keras.metrics.Metric):
    """The first optimiser step at which a term held a NaN or an infinity; -1 if there was none.

    It is computed inside the compiled step, so several steps may run in one execution and the
    very one that broke is still known.
    """

    def __init__(self, name="first_non_finite", **kwargs):
        super().__init__(name=name, **kwargs)
        self.first = self.add_variable(
            shape=(), initializer=keras.initializers.Constant(NEVER), dtype="int32", name="first"
        )

    def update_state(self, values, step=0, sample_weight=None):
        bad = ops.logical_not(ops.all(ops.isfinite(values)))
        first = ops.convert_to_tensor(self.first)
        is_first = ops.logical_and(bad, ops.equal(first, NEVER))
        self.first.assign(ops.where(is_first, ops.cast(step, "int32"), first))

    def result(self):
        return ops.convert_to_tensor(self.first)

    def reset_state(self):
        self.first.assign(NEVER)
