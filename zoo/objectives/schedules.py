"""Values that change over training: pure functions of the optimiser's step."""

from keras import ops


def linear_ramp(step, steps):
    """Returns min(step / steps, 1): 0 at the first step, 1 from `steps` on; 1 if `steps` is 0."""
    if steps == 0:
        return ops.ones(())
    return ops.minimum(ops.cast(step, "float32") / steps, 1.0)
