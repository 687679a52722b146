"""The console command `elbo-zoo`: runs the commands of `trainers` and `export` by name.

`python -m zoo` is the same. `elbo-zoo train --config=FILE --workdir=DIR` is
`python -m trainers.train --config=FILE --workdir=DIR`. A module of `trainers` or `export` that
runs as a script is a command; there is no list of them. Only the chosen one is imported.

In a clone, `trainers`, `export` and `configs` lie next to `zoo`. An installed wheel has them in
`zoo/_commands`, so that it takes no such name from the user's code. The command puts that folder
first on its own path, so that no folder of the user takes the names from it.
"""

import ast
import importlib
import os
import pkgutil
import re
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from zoo.registry import nearest

PACKAGES = ("trainers", "export")  # that have commands
_PACKAGE = Path(__file__).resolve().parent
_MAIN = re.compile(r'^if __name__ == "__main__":', re.MULTILINE)
_MODULE_COMMAND = re.compile(rf"\bpython -m (?:{'|'.join(PACKAGES)})\.(\w+)")
_program = ""  # "elbo-zoo" or "python -m zoo", in a process that one of them started


def main(arguments: Sequence[str] | None = None, program: str = "elbo-zoo") -> int:
    """Runs the command that the arguments name; returns the exit code.

    A command may be shortened to a beginning that only one has.

    Args:
        arguments: A command's name and its own arguments; those of the process by default.
        program: What the user typed before them, for help texts and messages.
    """
    global _program
    _program = program
    name, *rest = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help", "help"):
        print(_help())
        return 0
    if name == "--version":
        from zoo import __version__

        print(f"elbo-zoo {__version__}")
        return 0
    modules = find()
    matches = [name] if name in modules else [n for n in modules if n.startswith(name)]
    if len(matches) != 1:
        valid = sorted(modules)
        print(
            f"error: Expected a command, one of {', '.join(valid)}. Received: {name!r}."
            f"{nearest(name, valid)}",
            file=sys.stderr,
        )
        return 2
    run(modules[matches[0]], rest)
    return 0


def find() -> dict[str, str]:
    """Returns {command: module}, for example "train": "trainers.train"; imports none."""
    commands = {}
    for package in PACKAGES:
        for module in pkgutil.iter_modules([str(folder() / package)]):
            path = _source(f"{package}.{module.name}")
            if path.is_file() and _MAIN.search(path.read_text(encoding="utf-8")):
                commands[module.name] = f"{package}.{module.name}"
    return commands


def folder() -> Path:
    """Returns the folder that has `trainers`, `export` and `configs`."""
    installed = _PACKAGE / "_commands"
    return installed if installed.is_dir() else _PACKAGE.parent


def summary(module: str) -> str:
    """Returns the first line of a command's docstring, without importing it."""
    tree = ast.parse(_source(module).read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def spelled(text: str) -> str:
    """Returns a text whose commands read as this process was started.

    `python -m trainers.train` becomes `elbo-zoo train` in a process of `elbo-zoo`, and stays in
    one of `python -m trainers.train`.
    """
    return _MODULE_COMMAND.sub(rf"{_program} \1", text) if _program else text


def _source(module: str) -> Path:
    path = folder().joinpath(*module.split("."))
    return path / "__main__.py" if path.is_dir() else path.with_suffix(".py")


def run(module: str, arguments: Sequence[str]) -> None:
    """Runs a module as `python -m` does; its own copies come before the user's modules.

    Args:
        module: A name of `find`, for example "trainers.train".
        arguments: The command's own arguments.
    """
    root, current = str(folder()), os.getcwd()
    sys.path[:] = [root, *(path for path in sys.path if path not in (root, current, "")), current]
    # The processes that it starts find the same modules: Python puts no folder in front of them.
    paths = [root, os.environ.get("PYTHONPATH", ""), current]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    os.environ["PYTHONSAFEPATH"] = "1"
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def load(module: str) -> ModuleType:
    """Returns a module of `trainers` or `export`, which `zoo` itself never imports by name.

    Args:
        module: For example "export.model".
    """
    root = str(folder())
    if root not in sys.path:  # an installed package has the commands in a folder of its own
        sys.path.insert(0, root)
    return importlib.import_module(module)


def _help() -> str:
    commands = find()
    width = max(map(len, commands))
    lines = [f"usage: {_program} COMMAND [arguments]", ""]
    for package in PACKAGES:
        names = [name for name, module in commands.items() if module.startswith(f"{package}.")]
        lines += [f"{package}:"]
        lines += [f"  {name:{width}}  {summary(commands[name])}" for name in names] + [""]
    return "\n".join([*lines, f"{_program} COMMAND --help lists the flags of a command."])
