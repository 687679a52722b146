"""The generated tables of the documentation: one file each, found by `python -m export.refresh`.

A module here has `PAGE`, the file that it writes, and `refresh(keep)`, which writes it: measured
anew, or with `keep` from what earlier measurements and the cards hold.
"""

import importlib
import pkgutil


def names() -> list[str]:
    """Returns the names of the tables."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def get(name: str):
    """Returns the module of a table.

    Raises:
        ValueError: If there is no such table.
    """
    from zoo.arguments import check_names

    check_names([name], names(), "tables")
    return importlib.import_module(f"{__name__}.{name}")
