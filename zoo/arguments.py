"""Checks of arguments that the light package shares."""

import operator


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
