"""The entry of one metric in an evaluation: a value with its error, or why there is none."""

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


def share_stderr(share: float, number: int) -> float:
    """Returns the standard error of a share of examples, from the Wilson interval.

        centre = (p + 1 / 2N) / (1 + 1/N),  half width = sqrt(p (1 - p) / N + 1 / 4N^2) / (1 + 1/N)
        stderr = half width + |p - centre|

    So p +- stderr holds the Wilson interval at one standard error. For large N it is the binomial
    error sqrt(p (1 - p) / N), which would be zero where all examples, or none, are counted.

    Args:
        share: p, in [0, 1].
        number: N, a positive int.

    Reference:
        Wilson, 1927.
    """
    centre = (share + 0.5 / number) / (1.0 + 1.0 / number)
    variance = share * (1.0 - share) / number + 0.25 / number**2
    half_width = np.sqrt(variance) / (1.0 + 1.0 / number)
    return float(half_width + abs(share - centre))


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
