"""Weights that no gradient learns: estimated over the training set once training is done."""

import keras
import numpy as np
from keras import ops

from zoo.backend import is_traced, to_numpy
from zoo.part import kind


class Estimate:
    """One such weight of a part, NaN until `model.adapt(images)` sets it, and from training on.

    NaN and no guess, so that a number computed too early is no number; outside of compiled code,
    a read of the weight raises.

    Args:
        part: The `Part` that owns the weight; to be called in its `build`.
        name: The weight's name.
        shape: The weight's shape.
        meaning: A noun for it in messages, for example "prior variance S^2".
    """

    def __init__(self, part, name, shape, meaning):
        self.variable = part.add_weight(
            name=name,
            shape=shape,
            initializer=keras.initializers.Constant(float("nan")),
            trainable=False,
        )
        part._estimates.append(self)
        self.meaning = f"the {meaning} of {kind(part)!r}"

    def value(self):
        """Returns the weight as a tensor.

        Raises:
            ValueError: If it was never estimated, where that can be seen.
        """
        value = ops.add(self.variable, 0.0)  # a tensor, by which compiled code is known
        if not is_traced(value) and np.isnan(to_numpy(value)).any():
            raise ValueError(
                f"Expected {self.meaning}, which is estimated over the training set after "
                "training: call `model.adapt(images)`. Received: a model not adapted since"
            )
        return value

    def forget(self):
        """Makes the weight NaN again."""
        self.variable.assign(ops.full(self.variable.shape, float("nan")))

    def assign(self, value):
        """Sets the weight.

        Raises:
            ValueError: If `value` is not positive and finite.
        """
        value = np.asarray(value, "float32")
        if not (np.isfinite(value).all() and (value > 0).all()):
            raise ValueError(f"Expected {self.meaning} positive and finite. Received: {value}")
        self.variable.assign(value)
