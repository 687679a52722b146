"""Makes the runs of a grid, and checks every one of them before any starts."""

import dataclasses
import hashlib
import itertools
import re
import shlex
from pathlib import Path

from absl import flags

from trainers import config as configs
from trainers import overrides as config_overrides
from trainers import parts

FAMILY = "family"  # the key that is no config key but the config's argument: FILE:++v
# Of the parts made to see whether their arguments are valid, where the config gives no size: one of
# these must do.
IMAGE_SHAPES = ((28, 28, 1), (32, 32, 1))


@dataclasses.dataclass(frozen=True)
class RunSpec:
    """One run of a sweep.

    Args:
        name: Its folder's name, made of the grid's values.
        point: dict key -> value.
        arguments: The flags of `trainers.train`, without `--workdir`.
    """

    name: str
    point: dict
    arguments: tuple

    def command(self, workdir):
        """Returns the arguments of the process that trains this run in `workdir`."""
        return ["-m", "trainers.train", *self.arguments, f"--workdir={workdir}"]

    def shown(self):
        """Returns the command as a user would type it: the sweep's folder is `DIR`, no other
        place of this machine stands in it."""
        arguments = [a for a in self.arguments if not is_place(a)]
        arguments[0] = _relative(arguments[0])
        command = self.command("")[:2] + arguments + [f"--workdir=DIR/{self.name}"]
        return " ".join(["python", *map(shlex.quote, command)])


def is_place(argument):
    """Returns whether a flag says where data is, and not what is computed."""
    return argument.startswith(tuple(f"--config.{key}=" for key in configs.NOT_IDENTITY))


def _relative(argument):
    """Returns `--config=FILE:words` with FILE seen from the present folder."""
    file, argument = split_config(argument.removeprefix("--config="))
    path = Path(file)
    if path.is_absolute():
        here = Path.cwd()
        path = path.relative_to(here) if path.is_relative_to(here) else Path(path.name)
    return f"--config={join_config(path.as_posix(), argument)}"


def split_config(text):
    """Returns (file, argument) of `configs/x.py:++v,tiny`."""
    file, colon, argument = text.partition(".py:")
    return (f"{file}.py", argument) if colon else (text, "")


def join_config(file, argument):
    """Returns `file:argument`, or the file alone."""
    return f"{file}:{argument}" if argument else file


def parse(text):
    """Parses `family=---,-+v;objective.beta=0.1,1.0;seed=0,1`.

    Commas inside brackets belong to their value: `decoder.hidden_units=(32,32),(64,64)`.

    Returns:
        A dict key -> list of values, as text.

    Raises:
        ValueError: If it is not such a text, or a key or a value comes twice.
    """
    grid = {}
    for axis in filter(None, (axis.strip() for axis in text.split(";"))):
        key, equals, values = (part.strip() for part in axis.partition("="))
        values = [value.strip() for value in re.split(r",(?![^(\[]*[)\]])", values)]
        if not equals or not key or not all(values):
            raise ValueError(
                "Expected a grid such as 'family=---,-+v;objective.beta=0.1,1.0;seed=0,1'. "
                f"Received: {axis!r}"
            )
        if key in grid or len(set(values)) != len(values):
            raise ValueError(f"Expected each key and each of its values once. Received: {axis!r}")
        grid[key] = values
    if not grid:
        raise ValueError(f"Expected a grid with at least one key. Received: grid={text!r}")
    return grid


def points(grid):
    """Returns the points of a grid, each a dict key -> value, in the grid's order.

    Args:
        grid: A dict key -> list of values, its text (see `parse`), or a list of grids.
    """
    if isinstance(grid, list):
        return [point for part in grid for point in points(part)]
    axes = parse(grid) if isinstance(grid, str) else grid
    return [dict(zip(axes, values)) for values in itertools.product(*axes.values())]


def planned(config, grid, overrides=()):
    """Yields (point, flags, config) of every point of a grid, each checked as far as it can be.

    Args:
        config: A config's file, with its argument if any: `configs/x.py:tiny`.
        grid: As `points` takes it.
        overrides: Flags `--config.key=value` that all runs have.

    Raises:
        ValueError: If a key or a value is not one of the config.
    """
    file, argument = split_config(config)
    fixed = {override.partition("=")[0].removeprefix("--config.") for override in overrides}
    checked = set()
    for point in points(grid):
        options = ",".join(filter(None, (point.get(FAMILY), argument)))
        arguments = [f"--config={join_config(file, options)}", *overrides]
        for key, value in point.items():
            if key in fixed:
                raise ValueError(f"Expected {key} in the grid or as a flag. Received: both")
            if key != FAMILY:
                arguments.append(f"--config.{key}={value}")
        yield point, tuple(arguments), check(arguments, checked)


def runs(config, grid, overrides=()):
    """Returns the `RunSpec` of every point of a grid, named by `run_name`; see `planned`.

    Points of the same name are one run.
    """
    specs = {}
    for point, arguments, _ in planned(config, grid, overrides):
        name = run_name(point)
        specs[name] = RunSpec(name, point, arguments)
    return list(specs.values())


def run_name(point):
    """Returns `family=++v_beta=0.1_seed=0`: a name safe in shells and file systems.

    A key is shortened to its last word where that says enough.
    """
    words = [
        f"{key}={point[FAMILY]}" if key == FAMILY else f"{short}={safe(point[key])}"
        for key, short in short_keys(point).items()
    ]
    return "_".join(words)


def short_keys(keys):
    """Returns dict key -> its last word, or the whole key where two have the same last word."""
    last = [key.rpartition(".")[2] for key in keys]
    return {key: word if last.count(word) == 1 else key for key, word in zip(keys, last)}


def safe(value):
    """Returns a value as text that is safe in shells and file systems.

    Other characters than letters, digits and `+-.` are replaced, and a few digits of the value's
    hash added.
    """
    text = str(value)
    word = re.sub(r"[^\w.+-]+", "-", text, flags=re.ASCII).strip("-") or "value"
    return word if word == text else f"{word}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def check(arguments, checked):
    """Loads the config of a run as `trainers.train` would, and makes its parts and optimiser.

    Args:
        arguments: The run's flags.
        checked: The set of parts that were made for other runs. They are not made again. The
            parts of this run are added.

    Returns:
        The config.

    Raises:
        ValueError: If an argument is wrong; the message names the run's flags.
    """
    try:
        config = load(arguments)
        configs.check_numbers(config)
        _make_parts(config, checked)
        configs.make_optimizer(config, steps_per_epoch=1)
        return config
    except (flags.Error, LookupError, AttributeError, TypeError, ValueError, OSError) as error:
        message = str(error).strip("\"'")
        raise ValueError(
            f"Expected a run that the config allows. Received: {' '.join(arguments)}: {message}"
        ) from error


def _make_parts(config, checked):
    """Makes the parts of a config that are not in `checked`, for each of its image shapes."""
    shapes = _image_shapes(config)
    for shape in shapes:
        try:
            for room, spec in configs.model_config(config, shape).items():
                part = (room, repr(spec))
                if part not in checked:
                    parts.rooms()[room].create(spec)
                    checked.add(part)
            return
        except ValueError:
            if shape == shapes[-1]:
                raise


def _image_shapes(config):
    size = config.data.image_size
    if not size:
        return IMAGE_SHAPES
    height, width = (size, size) if isinstance(size, int) else size
    return ((height, width, IMAGE_SHAPES[0][2]),)


def load(arguments):
    """Returns the config that the flags `--config=FILE:words --config.key=value ...` mean."""
    argv = ["trainers.train", *arguments]
    values = flags.FlagValues()
    config_overrides.define_config("The run's config.", flag_values=values, sys_argv=argv)
    values(argv)
    return values["config"].value
