"""The runtimes of `export.verify`, found by name: a module of this folder lists its own.

A module `NAME.py` with `RUNTIMES = (Runtime(), ...)` adds runtimes; `base` is the contract.
"""

import functools
import importlib
import pkgutil

from zoo import registry


def names() -> list[str]:
    """Returns the names of all runtimes, in the order of the columns of tables."""
    return list(_runtimes())


def get(name: str):
    """Returns the runtime of a name, a `base.Runtime`.

    Args:
        name: One of `names()`.

    Raises:
        ValueError: If there is none; the nearest valid name is offered.
    """
    if name not in _runtimes():
        raise ValueError(
            f"`runtime` must be one of {names()}. Received: runtime={name!r}."
            f"{registry.nearest(name, names())}"
        )
    return _runtimes()[name]


@functools.cache
def _runtimes():
    modules = [
        importlib.import_module(f"{__name__}.{info.name}")
        for info in pkgutil.iter_modules(__path__)
    ]
    runtimes = [runtime for module in modules for runtime in getattr(module, "RUNTIMES", ())]
    return {
        runtime.name: runtime
        for runtime in sorted(runtimes, key=lambda runtime: (runtime.column, runtime.name))
    }
