"""Describes the content of the zoo's JSON files, with the standard library alone.

A description is a type, a tuple of types, a `Rule`, `[description]` for a list,
`{str: description}` for an object with any keys, or `Keys` for an object with known keys. Types are
exact: True is no int; an int is a float.
"""

import dataclasses
import math
import re
from collections.abc import Callable

SHOWN = 200  # characters of a value in a message


@dataclasses.dataclass(frozen=True)
class Rule:
    """A test of a value, and what to call it in a message."""

    text: str
    test: Callable


@dataclasses.dataclass(frozen=True)
class Keys:
    """An object with known keys; further keys are allowed, as files gain keys in later versions.

    Args:
        required: Key -> description of its value.
        optional: The same, of keys that may be absent.
    """

    required: dict = dataclasses.field(default_factory=dict)
    optional: dict = dataclasses.field(default_factory=dict)


NONE = type(None)
TEXT = (str, NONE)
NUMBER = (int, float, NONE)
POSITIVE = Rule("a positive number", lambda v: type(v) in (int, float) and 0 < v < math.inf)
COUNT = Rule("an int of at least 0", lambda v: type(v) is int and v >= 0)
SIZE = Rule("a positive int", lambda v: type(v) is int and v > 0)
SHA256 = Rule(
    "64 hexadecimal digits in lower case",
    lambda v: isinstance(v, str) and re.fullmatch("[0-9a-f]{64}", v) is not None,
)


def check(value, description, path, key=""):
    """Raises unless a value of a JSON file is what its description says.

    Args:
        value: What `zoo.storage.files.read_json` returns, or a part of it.
        description: See the module.
        path: The file, for messages.
        key: Where in the file the value is, for messages: "prior.scale".

    Raises:
        ValueError: If the value, or a part of it, is something else; names the key.
    """
    if isinstance(description, Keys):
        _require(value, dict, path, key)
        for name, inner in description.required.items():
            if name not in value:
                _refuse(None, inner, path, _join(key, name))
            check(value[name], inner, path, _join(key, name))
        for name, inner in description.optional.items():
            if name in value:
                check(value[name], inner, path, _join(key, name))
    elif isinstance(description, dict):
        _require(value, dict, path, key)
        for name, item in value.items():
            check(item, description[str], path, _join(key, name))
    elif isinstance(description, list):
        _require(value, list, path, key)
        for index, item in enumerate(value):
            check(item, description[0], path, f"{key}[{index}]")
    else:
        _require(value, description, path, key)


def _require(value, description, path, key):
    if isinstance(description, Rule):
        fits = description.test(value)
    else:
        types = description if isinstance(description, tuple) else (description,)
        fits = type(value) in types or (type(value) is int and float in types)
    if not fits:
        _refuse(value, description, path, key)


def _refuse(value, description, path, key):
    where = f"{key!r} ({_text(description)})" if key else _text(description)
    raise ValueError(f"Expected {where} in {path}. Received: {key or 'value'}={shortened(value)}")


def shortened(value):
    """Returns a value's `repr`, cut where it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _text(description):
    if isinstance(description, Rule):
        return description.text
    if isinstance(description, tuple):
        return " or ".join("None" if kind is NONE else kind.__name__ for kind in description)
    if isinstance(description, type):
        return description.__name__
    return "list" if isinstance(description, list) else "dict"


def _join(key, name):
    return f"{key}.{name}" if key else name
