"""Finds the declarations of modules: a new runtime, format or tracker is one new file."""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from zoo import registry


def declared(package: str, path: list[str], name: str) -> list:
    """Returns the items of the tuples `name` of all modules of a package, by the modules' names.

    Args:
        package: The package's `__name__`.
        path: The package's `__path__`.
        name: "RUNTIMES", for example; a module without it declares nothing.
    """
    modules = [importlib.import_module(f"{package}.{m.name}") for m in pkgutil.iter_modules(path)]
    return [item for module in modules for item in getattr(module, name, ())]


def chosen(items: Mapping[str, Any], name: str, argument: str) -> Any:
    """Returns the item of a name.

    Raises:
        ValueError: If there is none; names the argument and the nearest valid name.
    """
    if name not in items:
        raise ValueError(
            f"`{argument}` must be one of {list(items)}. Received: {argument}={name!r}."
            f"{registry.nearest(name, list(items))}"
        )
    return items[name]
