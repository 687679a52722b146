"""The runtimes of `export.verify`, found by name: a module of this folder lists its own.

A module `NAME.py` with `RUNTIMES = (Runtime(), ...)` adds runtimes; `base` is the contract.
"""

import functools

from zoo import discovery


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
    return discovery.chosen(_runtimes(), name, "runtime")


@functools.cache
def _runtimes():
    runtimes = discovery.declared(__name__, __path__, "RUNTIMES")
    return {
        runtime.name: runtime
        for runtime in sorted(runtimes, key=lambda runtime: (runtime.column, runtime.name))
    }
