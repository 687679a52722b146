"""The formats of `export.convert`, found by name: a module of this folder lists its own.

A module `NAME.py` with `FORMATS = (Format(),)` adds formats; `base` is the contract.
"""

import functools

from zoo import discovery


def names() -> list[str]:
    """Returns the names of all formats, sorted."""
    return list(_formats())


def get(name: str):
    """Returns the format of a name, a `base.Format`.

    Raises:
        ValueError: If there is none; the nearest valid name is offered.
    """
    return discovery.chosen(_formats(), name, "to")


@functools.cache
def _formats():
    formats = discovery.declared(__name__, __path__, "FORMATS")
    return {item.name: item for item in sorted(formats, key=lambda item: item.name)}
