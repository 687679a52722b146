"""Writes `zoo/__init__.pyi`, from which editors and type checkers learn the public names.

    python -m zoo.stubs [--write]

`import zoo` finds names when they are used, which no editor sees. The stub names the module of
each; it is made by reading the source, without importing it. Without `--write` it is printed.
"""

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

import zoo

ROOT = Path(zoo.__file__).resolve().parents[1]
PATH = ROOT / "zoo" / "__init__.pyi"
_HEAD = '''"""Public names of `zoo`; written by `python -m zoo.stubs --write`."""

from zoo import registry as registry
'''
_TAIL = """
__version__: str

def load_parts(needed_by: str = "load_parts") -> None: ...
"""


def render() -> str:
    """Returns the text of the stub."""
    names = sorted(zoo._public().items(), key=lambda item: (definition(*item), item[0]))
    lines = [f"from {definition(name, room)} import {name} as {name}\n" for name, room in names]
    every = sorted(["registry", *(name for name, _ in names)], key=_order)
    listed = "".join(f'    "{name}",\n' for name in every)
    return f"{_HEAD}{''.join(lines)}{_TAIL}\n__all__ = [\n{listed}]\n"


def _order(name: str) -> tuple[bool, bool, str]:
    """Sorts names as ruff does: constants, classes, functions."""
    return (not name.isupper(), not name[0].isupper(), name)


def definition(name: str, module: str) -> str:
    """Returns the module that defines a public name.

    Args:
        name: A class or a function.
        module: A module or a package, of which a module defines the name.

    Raises:
        ValueError: If none does.
    """
    for path, defined in _definitions(module):
        if name in defined:
            return ".".join(path.relative_to(ROOT).with_suffix("").parts)
    raise ValueError(f"Expected a class or a function of {module}. Received: {name!r}")


@functools.cache
def _definitions(module: str) -> list[tuple[Path, frozenset[str]]]:
    return [(path, frozenset(_names(path))) for path in _files(module)]


def _files(module: str) -> list[Path]:
    path = ROOT.joinpath(*module.split("."))
    return sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def _names(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PATH.write_text(render(), encoding="utf-8")
        print(PATH)
    else:
        print(render(), end="")
