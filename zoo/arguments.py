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


def check_names(given, valid, what):
    """Raises `ValueError` for the first of `given` that is not `valid`, with the nearest name.

    Args:
        given: Names.
        valid: All names that there are.
        what: What they are names of, in the plural.
    """
    for name in given:
        if name not in valid:
            raise ValueError(
                f"Expected {what} among {list(valid)}. Received: {name!r}.{nearest(name, valid)}"
            )
