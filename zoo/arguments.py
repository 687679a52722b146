"""Checks of arguments that the light package and the scripts share."""

import operator

from zoo.registry import nearest


def positive_int(name, value):
    """Returns `value` as an int of at least 1.

    Raises:
        ValueError: If it is not one; says `name`.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1 or isinstance(value, bool):
        raise ValueError(f"`{name}` must be a positive int. Received: {name}={value!r}")
    return number


def check_names(names, valid, kind):
    """Raises `ValueError` for the first of `names` that is not `valid`, with the nearest name.

    Args:
        names: Names to check.
        valid: All valid names.
        kind: A noun for them, in the plural.
    """
    for name in names:
        if name not in valid:
            raise ValueError(
                f"Expected {kind} among {list(valid)}. Received: {name!r}.{nearest(name, valid)}"
            )
