"""JSON read strictly and written in one form, with a hash of its content."""

import hashlib
import json
import math

# The largest JSON file that is read, in bytes, and how deep its lists and objects may nest.
LARGEST = 64 << 20
DEEPEST = 64
# The key under which a JSON object keeps the hash of all its other keys.
SEAL = "content_sha256"


def parse(content: bytes):
    """Returns the value of a JSON text.

    Args:
        content: UTF-8 bytes.

    Raises:
        ValueError: If it is not JSON, a key appears twice in one object, a number is not finite, a
            text is no Unicode, or it nests deeper than `DEEPEST`.
    """
    try:
        value = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_refuse_number,
            parse_float=_finite,
        )
    except RecursionError as error:
        raise ValueError(f"lists and objects nested deeper than {DEEPEST}") from error
    _check(value)
    return value


def _object(pairs):
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} twice in one object")
    return value


def _refuse_number(text):
    raise ValueError(f"the number {text}, which is not finite")


def _finite(text):
    value = float(text)
    return value if math.isfinite(value) else _refuse_number(text)


def _check(value):
    """Refuses deep nesting and texts with half of a surrogate pair, without recursion."""
    level = [value]
    for _ in range(DEEPEST):
        items = []
        for item in level:
            if isinstance(item, dict):
                items += [*item, *item.values()]
            elif isinstance(item, list):
                items += item
            elif isinstance(item, str) and not item.isascii():
                item.encode("utf-8")  # a UnicodeEncodeError is a ValueError
        level = items
        if not level:
            return
    raise ValueError(f"lists and objects nested deeper than {DEEPEST}")


def render(value) -> str:
    """Returns `value` as indented JSON with a newline at its end.

    Raises:
        ValueError: If it holds a NaN or an infinity, which JSON cannot say.
    """
    return json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def seal(value: dict) -> dict:
    """Returns `value` with the hash of its content under `SEAL`, in place of an earlier hash."""
    return {**{k: v for k, v in value.items() if k != SEAL}, SEAL: digest(value)}


def digest(value: dict) -> str:
    """Returns the SHA-256 of all keys but `SEAL`, whatever their order, 64 hexadecimal digits."""
    content = {key: item for key, item in value.items() if key != SEAL}
    plain = json.loads(json.dumps(content, allow_nan=False))  # keys become texts, tuples lists
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def check_seal(value: dict, path):
    """Raises unless the hash under `SEAL` is that of the content.

    A value without a hash passes: earlier versions wrote none.

    Args:
        value: A JSON object.
        path: The file it came from, for the message.

    Raises:
        ValueError: If the content was changed after the hash was made.
    """
    if SEAL in value and value[SEAL] != digest(value):
        raise ValueError(
            f"The content of {path} was changed after it was written. "
            f"Expected: {SEAL}={digest(value)}. Received: {SEAL}={value[SEAL]!r:.100}"
        )
