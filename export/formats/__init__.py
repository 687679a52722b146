"""The formats of `export.convert`, found by name: a module of this folder lists its own.

A module `NAME.py` with `FORMATS = (Format(),)` adds formats; `base` is the contract.
"""

import functools
import importlib
import pkgutil

from zoo import registry


def names() -> list[str]:
    """Returns the names of all formats, sorted."""
    return sorted(_formats())


def get(name: str):
    """Returns the format of a name, a `base.Format`.

    Raises:
        ValueError: If there is none; the nearest valid name is offered.
    """
    if name not in _formats():
        raise ValueError(
            f"`to` must be one of {names()}. Received: to={name!r}."
            f"{registry.nearest(name, names())}"
        )
    return _formats()[name]


@functools.cache
def _formats():
    modules = [
        importlib.import_module(f"{__name__}.{info.name}")
        for info in pkgutil.iter_modules(__path__)
    ]
    formats = [item for module in modules for item in getattr(module, "FORMATS", ())]
    return {item.name: item for item in formats}
