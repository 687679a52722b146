"""Takes an objective from a user's file, and gives it a name that training processes know.

The name has the hash of the file: `my_objective-1a2b3c4d`. A changed file is another objective,
whose runs are trained anew. A copy of the file and a config that imports it are kept in the folder
of the comparison, so that a training process on any node finds both.
"""

import dataclasses
import hashlib
import importlib.util
import re
import sys
import traceback
from pathlib import Path

from trainers import overrides
from trainers.errors import one_line
from zoo.registry import nearest
from zoo.storage import files

FOLDER = "objectives"  # in that of the comparison
DIGITS = 8  # of the hash
_CONFIG = '''"""The config {base} with the objective {label}; written by `trainers.compare`."""

from pathlib import Path

from trainers.comparison import custom

custom.register(Path(__file__).with_name({source!r}), {label!r}, {name!r}, {siblings!r})
get_config = custom.get_config({base!r})
'''


@dataclasses.dataclass(frozen=True)
class Custom:
    """An objective of a user's file.

    Attributes:
        label: What the file calls it.
        name: Its registered name, with the hash of the file.
        arguments: dict argument -> value.
        config: The path of a config that registers it.
    """

    label: str
    name: str
    arguments: dict
    config: Path


def load(text: str, base: str, workdir: Path) -> Custom:
    """Registers the objective that a flag names, and writes a config that does the same.

    Args:
        text: `FILE.py:NAME`. NAME is a subclass of `zoo.Objective`, an instance of one, or a
            function that returns an instance. A class and a function are called without arguments.
        base: The file of the config that the objective is compared on.
        workdir: The folder of the comparison.

    Raises:
        ValueError: If the flag has another form, the file is absent or raises an error, or the
            name is none of an objective.
    """
    path, label = _parse(text)
    content = path.read_bytes()
    name = f"{label}-{hashlib.sha256(content).hexdigest()[:DIGITS]}"
    siblings = str(path.resolve().parent)
    arguments = register(path, label, name, siblings)
    folder = Path(workdir).absolute() / FOLDER
    source, config = folder / f"{name}.py", folder / f"{name}-config.py"
    files.atomic_write(source, content)
    if not base.startswith("configs/"):  # those of this project are found from every folder
        base = str(overrides.find(base).resolve())
    values = {"base": base, "label": label, "name": name, "source": source.name}
    files.atomic_write(config, _CONFIG.format(**values, siblings=siblings))
    return Custom(label, name, arguments, config)


def get_config(base: str):
    """Returns `get_config` of a config's file, which stays a `Recipe` where it is one."""
    return overrides.get_config_of(overrides.find(base))


def register(path: Path, label: str, name: str, siblings: str) -> dict:
    """Registers the objective `label` of a file as `name`; returns its arguments.

    Args:
        path: The file.
        label: A name in the file.
        name: What configs call it.
        siblings: The folder in which the file finds modules of its own.

    Raises:
        ValueError: If the file raises an error, or the name is none of an objective.
    """
    from zoo.part import part_config
    from zoo.registry import OBJECTIVES

    module = _run(path, label, siblings)
    objective = _made(module, path, label)
    cls = type(objective)
    # A class of its own: the file may give another name to its class, or take one of the zoo.
    # `register` gives a class of this project another place in Keras's list of names.
    own = type(cls)(cls.__name__, (cls,), {"__module__": module.__name__, "__doc__": cls.__doc__})
    OBJECTIVES.register(name)(own)
    values = {key: getattr(objective, key) for key in cls.argument_names() if key != "seed"}
    objective = own(**values)
    spec = part_config(objective)
    return {key: value for key, value in spec.items() if key in values}


def _parse(text):
    """Returns (path, name) of `FILE.py:NAME`."""
    file, _, label = text.rpartition(":")
    if not file.endswith(".py") or not label.isidentifier():
        raise ValueError(f"Expected --objective=FILE.py:NAME. Received: --objective={text}")
    path = Path(file).expanduser()
    if not path.is_file():
        others = sorted(other.name for other in path.parent.glob("*.py"))
        raise ValueError(
            f"Expected a Python file. Received: --objective={text}, which is absent."
            f"{nearest(path.name, others)}"
        )
    return path, label


def _run(path, label, siblings):
    """Returns the module of a file that is run now."""
    if siblings not in sys.path:
        sys.path.append(siblings)
    # The same name in every process, whatever the file is called there.
    module_name = f"compared_{label}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    module = sys.modules[module_name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"Expected a file that runs. Received: {_where(error, path)}") from error
    return module


def _where(error, path):
    """Returns `FILE, line 3: NameError: ...`."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename) == Path(path)]
    line = getattr(error, "lineno", None) or (lines[-1] if lines else None)
    place = f"{path}, line {line}" if line else str(path)
    return f"{place}: {type(error).__name__}: {one_line(error)}"


def _made(module, path, label):
    """Returns the instance of `zoo.Objective` that a name of a module gives."""
    import zoo

    value = getattr(module, label, None)
    if value is None:
        names = [name for name in vars(module) if re.match("[A-Za-z]", name)]
        raise ValueError(
            f"Expected a name in {path.name}. Received: {label!r}.{nearest(label, names)}"
        )
    instance = value
    if callable(value) and not isinstance(value, zoo.Objective):
        try:
            instance = value()
        except Exception as error:
            raise ValueError(
                f"Expected {label} to make an objective without arguments. "
                f"Received: {_where(error, path)}"
            ) from error
    if not isinstance(instance, zoo.Objective):
        raise ValueError(
            "Expected a subclass of zoo.Objective, or a function that returns an instance. "
            f"Received: {label}, which gives {type(instance).__name__}"
        )
    return instance
