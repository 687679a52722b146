"""Custom Keras metrics."""

import keras
from keras import ops

NEVER = -1


@keras.saving.register_keras_serializable(package="zoo")
class TermMean(keras.metrics.Metric):
    """The mean of a term over examples: a batch of B examples has the weight B.

    Keras averages the loss in the same way, so the means of the terms add up to the mean loss
    whatever the sizes of the batches. A batch of fewer than `smallest_batch` examples does not
    count. The mean of no batch is NaN.

    Args:
        smallest_batch: Positive int, the fewest examples that give the term a value.
    """

    def __init__(self, name="term", smallest_batch=1, **kwargs):
        super().__init__(name=name, **kwargs)
        self.smallest_batch = smallest_batch
        self.total, self.counted, self.left_out = (
            self.add_variable(shape=(), initializer="zeros", dtype="float32", name=part)
            for part in ("total", "counted", "left_out")
        )

    def update_state(self, values, examples=1, sample_weight=None):
        """Adds one batch.

        Args:
            values: The term of each example, [B], or of the batch, [].
            examples: B.
        """
        examples = ops.cast(examples, "float32")
        counts = examples >= self.smallest_batch
        value = ops.mean(ops.cast(values, "float32"))
        self.total.assign_add(ops.where(counts, value * examples, 0.0))
        self.counted.assign_add(ops.where(counts, examples, 0.0))
        self.left_out.assign_add(ops.where(counts, 0.0, examples))

    def result(self):
        return ops.where(self.counted > 0, self.total / self.counted, float("nan"))

    def shortfall(self):
        """Returns `result` less the mean in which the batches left out count as zero."""
        share = self.left_out / (self.counted + self.left_out)
        return ops.where(self.left_out > 0, share * self.result(), 0.0)

    def get_config(self):
        return {**super().get_config(), "smallest_batch": self.smallest_batch}


@keras.saving.register_keras_serializable(package="zoo")
class FirstNonFinite(keras.metrics.Metric):
    """The first optimiser step at which a term held a NaN or an infinity; -1 if there was none.

    It is computed inside the compiled step, so several steps may run in one execution and the
    very one that broke is still known.
    """

    def __init__(self, name="first_non_finite", **kwargs):
        super().__init__(name=name, **kwargs)
        self.first = self.add_variable(
            shape=(),
            initializer=keras.initializers.Constant(NEVER),
            dtype="int32",
            aggregation="only_first_replica",  # all replicas hold the same
            name="first",
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
