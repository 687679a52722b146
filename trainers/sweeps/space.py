"""The space of a search: ranges and lists of values for the keys of a config."""

import dataclasses
import re

from trainers.sweeps import grid

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})|log\(({_NUMBER})\.\.({_NUMBER})\)")
DIGITS = 4  # of a float, so that a run's name stays readable


@dataclasses.dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; integers where both are.

    Args:
        low: The smallest, an int or a float.
        high: The largest.
        is_log: Whether the logarithm is uniform.
    """

    low: float
    high: float
    is_log: bool = False


def parse(text):
    """Parses `objective.beta=log(0.01..10);latent_dim=2..32;decoder.name=mlp,conv`.

    Args:
        text: As of a grid, with ranges.

    Returns:
        dict key -> `Range` or list of values, as text.

    Raises:
        ValueError: If it is not such a text, or a range is empty or not positive for `log`.
    """
    return {key: _axis(key, values) for key, values in grid.parse(text).items()}


def _axis(key, values):
    match = _RANGE.fullmatch(values[0]) if len(values) == 1 else None
    if match is None:
        if any(".." in value for value in values):
            raise ValueError(
                "Expected a range such as 0.1..10 or log(0.1..10), or a list of values. "
                f"Received: {key}={','.join(values)}"
            )
        return values
    is_log = match[1] is None
    low, high = (_number(word) for word in (match.groups()[2:] if is_log else match.groups()[:2]))
    if low >= high or (is_log and low <= 0):
        raise ValueError(
            f"Expected a range from a smaller to a larger number{', above 0' * is_log}. "
            f"Received: {key}={values[0]}"
        )
    return Range(low, high, is_log)


def _number(word):
    return int(word) if re.fullmatch(r"[+-]?\d+", word) else float(word)


def suggest(trial, axes):
    """Returns the point that Optuna suggests, dict key -> value.

    Args:
        trial: An `optuna.Trial`.
        axes: From `parse`.
    """
    point = {}
    for key, axis in axes.items():
        if not isinstance(axis, Range):
            point[key] = trial.suggest_categorical(key, axis)
        elif isinstance(axis.low, int) and isinstance(axis.high, int):
            point[key] = trial.suggest_int(key, axis.low, axis.high, log=axis.is_log)
        else:
            value = trial.suggest_float(key, axis.low, axis.high, log=axis.is_log)
            point[key] = float(f"{value:.{DIGITS}g}")
    return point


def ends(axes):
    """Returns two points, with the first and the last value of every axis."""
    ranges = {
        key: (axis.low, axis.high) if isinstance(axis, Range) else (axis[0], axis[-1])
        for key, axis in axes.items()
    }
    return [{key: pair[i] for key, pair in ranges.items()} for i in range(2)]
