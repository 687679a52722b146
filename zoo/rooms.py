"""Finds the parts of each room in its folder: a new part is a new module, and no entry of a list.

`registered()` reads the source alone, so that `import zoo` knows all names without Keras.
`import_room` imports the modules of a room for its `__init__.py`.
"""

import ast
import functools
import importlib.util
import pkgutil
from collections.abc import Iterator

ROOMS = ("encoders", "decoders", "marginals", "objectives", "divergences")


@functools.cache
def registered() -> dict[str, str]:
    """Returns name of class -> "zoo.ROOM" of all classes with a name in a registry; imports none.

    These are the classes with a decorator `@REGISTRY.register(name)`.
    """
    return {
        name: f"zoo.{room}"
        for room in ROOMS
        for module in _modules(f"zoo.{room}")
        for name in _decorated(module, "register")
    }


@functools.cache
def layers() -> tuple[str, ...]:
    """Returns the names of the public classes of `zoo.layers` that Keras can load; imports none."""
    return tuple(
        name
        for module in _modules("zoo.layers")
        for name in _decorated(module, "register_keras_serializable")
        if not name.startswith("_")
    )


def import_room(package: str, namespace: dict) -> list[str]:
    """Imports all modules of a room, and puts their public parts into its namespace.

    Args:
        package: The name of the room, for example "zoo.objectives".
        namespace: The `globals()` of its `__init__.py`.

    Returns:
        The names of the parts, sorted.
    """
    from zoo.part import Part  # needs Keras

    names = []
    for module in pkgutil.iter_modules(namespace["__path__"]):
        full_name = f"{package}.{module.name}"
        for name, value in vars(importlib.import_module(full_name)).items():
            is_part = isinstance(value, type) and issubclass(value, Part)
            if is_part and value.__module__ == full_name and not name.startswith("_"):
                namespace[name] = value
                names.append(name)
    return sorted(names)


def _modules(package: str) -> Iterator[str]:
    """Yields the source of each module of a package, without importing it."""
    root, _, room = package.partition(".")
    folders = importlib.util.find_spec(root).submodule_search_locations
    folders = [f"{folder}/{room}" for folder in folders]
    for finder, name, _ in pkgutil.iter_modules(folders):
        yield finder.find_spec(name).loader.get_source(name)


def _decorated(source: str, decorator: str) -> Iterator[str]:
    """Yields the names of the classes of a source that a decorator of this name stands above."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and decorator in map(_name_of, node.decorator_list):
            yield node.name


def _name_of(decorator: ast.expr) -> str | None:
    """Returns the last name of `@a.b.name(...)`."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return called.attr if isinstance(called, ast.Attribute) else None
