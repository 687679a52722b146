"""What stands for one metric in an evaluation: a number with its error, or why there is none."""

import numpy as np


def mean(name, values, unit="nats"):
    """Returns the mean over all examples and its standard error, sd / sqrt(N).

    Raises:
        FloatingPointError: If a value is not finite.
    """
    check_finite(name, values, "example")
    number = len(values)
    stderr = float(np.std(values, ddof=1) / np.sqrt(number)) if number > 1 else None
    entry = {"value": float(np.mean(values)), "stderr": stderr, "num_examples": number}
    return {**entry, "unit": unit}


def left_out(unit, note):
    """Returns the entry of a metric that has no value here, and why."""
    return {"value": None, "stderr": None, "num_examples": 0, "unit": unit, "note": note}


def check_finite(name, values, of_what):
    """Raises FloatingPointError if a value is not finite, and names the first."""
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise FloatingPointError(
            f"Expected a finite {name} of every {of_what}. Received: {len(bad)} of {len(values)} "
            f"not finite, the first {values[bad[0]]} at {of_what} {bad[0]}"
        )
