"""The flag `--config=FILE:OPTIONS`, whose keys are flags too: `--config.encoder.name=dcgan`."""

import importlib.util
import sys
import traceback
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict, config_flags

from trainers import settings
from trainers.errors import explain, one_line
from trainers.parts import PartConfig
from trainers.recipe import Recipe
from trainers.starting import start_tensorflow
from zoo.registry import nearest

ROOT = Path(__file__).resolve().parents[1]
HELP = (
    "FILE or FILE:OPTIONS, a Python file with `get_config`. --config.KEY=VALUE changes a key, "
    "--config.encoder.name=NAME swaps a part for another with its own arguments; --config=FILE "
    "--help lists the keys."
)


def define_config(help, flag_values=flags.FLAGS, sys_argv=None):
    """Defines `--config` and returns its flag holder; its value is the complete config.

    Args:
        help: What the config is of, for `--help`.
        flag_values: Where the flag is defined; absl's own by default.
        sys_argv: The command line to look for `--config.KEY=VALUE` in; that of the process by
            default.
    """
    flags.disclaim_key_flags()  # `--help` lists the flag with the script that calls this
    options = {"flag_values": flag_values, "sys_argv": sys_argv}
    holder = config_flags.DEFINE_config_file("config", None, f"{help} {HELP}", **options)
    flag_values["config"].parser = _Parser(sys_argv)
    return holder


class _Parser(flags.ArgumentParser):
    """Loads a config's file, swaps the parts that the command line swaps, checks its keys.

    Args:
        sys_argv: The command line, or None for that of the process.
    """

    def __init__(self, sys_argv):
        super().__init__()
        self.sys_argv = sys_argv

    def parse(self, argument):
        """Returns the config of `FILE` or `FILE:OPTIONS`, locked.

        A `Recipe` sets the flags itself, before it derives anything. Of other configs the parts
        are swapped here; ml_collections sets the values afterwards.
        """
        argv = sys.argv if self.sys_argv is None else self.sys_argv
        argv = flags.FLAGS.read_flags_from_files(argv, force_gnu=False)
        arguments = settings.config_flags_of(argv)
        config = load(argument, arguments)
        settings.swap_parts(config, arguments)
        return config.lock()

    def flag_type(self):
        """Returns the name of the flag's type, for its help."""
        return "config object"


def load(argument, arguments=()):
    """Returns what `get_config` of a config's file returns.

    A path that begins with `configs/` and is not there is looked for in this project: the
    configs that come with it are found from every folder.

    Args:
        argument: `FILE` or `FILE:OPTIONS`; the options are the argument of `get_config`.
        arguments: Flags `--config.key=value`, for a `get_config` that is a `Recipe`.

    Raises:
        flags.IllegalFlagValueError: If there is no such file, if it raises an error, or if it
            returns no config.
    """
    file, colon, options = argument.partition(":")
    path = find(file)
    try:
        get_config = get_config_of(path)
        if isinstance(get_config, Recipe):
            config = get_config(options, arguments)
        else:
            config = get_config(*([options] if colon else []))
    except flags.Error:  # of a flag's value
        raise
    except Exception as error:
        raise flags.IllegalFlagValueError(_where(error, file, argument)) from error
    if not isinstance(config, ConfigDict):
        raise flags.IllegalFlagValueError(
            "Expected a file with a function get_config that returns a ConfigDict. "
            f"Received: --config={argument}, which gives {config!r}"
        )
    return config


def get_config_of(path):
    """Runs a config's file and returns its `get_config`; one that returns None where it has none.

    Args:
        path: Path of a Python file, as `find` returns it.
    """
    start_tensorflow()  # a config loads the parts, and so Keras
    spec = importlib.util.spec_from_file_location("config_config", path)
    # The module has the name that parts which a config's file registers are known by.
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, "get_config", lambda *words: None)


def find(file):
    """Returns the path of a config's file.

    Raises:
        flags.IllegalFlagValueError: If there is none; offers the nearest of this project.
    """
    for path in (Path(file), ROOT / file):
        if path.is_file() and path.suffix == ".py" and (path == Path(file) or _is_ours(file)):
            return path
    ours = [p.relative_to(ROOT).as_posix() for p in sorted((ROOT / "configs").rglob("*.py"))]
    raise flags.IllegalFlagValueError(
        "Expected a config's Python file. "
        f"Received: --config={file}, which is absent.{nearest(file, ours)}"
    )


def _is_ours(file):
    return Path(file).parts[:1] == ("configs",)


def _where(error, file, argument):
    """Returns one line about an error of a config's file: what this project says, or the place."""
    text = explain(error)
    if text is not None:
        return f"{text} (--config={argument})"
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: SyntaxError: {error.msg}"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if _same(f.filename, file)]
    place = f"{file}, line {lines[-1]}" if lines else file
    return f"{place}: {type(error).__name__}: {one_line(error)}"


def _same(filename, file):
    return Path(filename).resolve() == find(file).resolve()


def listing(argument):
    """Returns the keys of a config with their values, as flags, one a line.

    Args:
        argument: `FILE` or `FILE:OPTIONS`.
    """
    return "\n".join(_lines(load(argument), "--config"))


def _lines(config, path):
    lines = []
    for key, value in config.items():
        if key == "paper_run":  # a record, not a setting
            continue
        if isinstance(value, ConfigDict):
            lines += _lines(value, f"{path}.{key}")
        else:
            is_part = key == "name" and isinstance(config, PartConfig)
            names = f"  (one of {', '.join(config.registry().names())})" if is_part else ""
            lines.append(f"  {path}.{key}={value}{names}")
    return lines
