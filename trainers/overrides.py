"""The flag `--config=FILE:WORDS`, whose keys are flags too: `--config.encoder.name=dcgan`.

A part is swapped first, whatever the order of the flags; then its new arguments can be set.
"""

import ast
import importlib.util
import re
import sys
import traceback
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict, config_flags

from trainers.errors import explain, one_line
from trainers.parts import Anything, PartConfig
from trainers.starting import start_tensorflow
from zoo.registry import nearest

ROOT = Path(__file__).resolve().parents[1]
HELP = (
    "FILE or FILE:WORDS, a Python file with `get_config`. --config.KEY=VALUE changes a key, "
    "--config.encoder.name=NAME swaps a part for another with its own arguments; --config=FILE "
    "--help lists the keys."
)


class _LiteralParser(flags.ArgumentParser):
    """Reads a value as a Python literal, or as a word where it is none."""

    def parse(self, argument):
        """Returns the value of a flag's text; a default that is no text stays as it is."""
        if not isinstance(argument, str):
            return argument
        try:
            return ast.literal_eval(argument)
        except (SyntaxError, ValueError):
            return argument


config_flags.register_flag_parser_for_type(Anything, _LiteralParser())


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
        """Returns the config of `FILE` or `FILE:WORDS`, locked."""
        config = load(argument)
        argv = sys.argv if self.sys_argv is None else self.sys_argv
        changes = overrides(flags.FLAGS.read_flags_from_files(argv, force_gnu=False))
        for key, value in sorted(changes, key=lambda change: change[0].count(".")):
            _swap(config, key, value)
        for key, _ in changes:
            check_key(config, key)
        return config.lock()

    def flag_type(self):
        """Returns the name of the flag's type, for its help."""
        return "config object"


def overrides(argv):
    """Returns `[(key, value), ...]` of the flags `--config.key=value` of a command line."""
    result = []
    for index, argument in enumerate(argv):
        match = re.fullmatch(r"--?(?:no)?config\.([^=]+)(?:=(.*))?", argument, re.DOTALL)
        if match:
            following = argv[index + 1] if index + 1 < len(argv) else ""
            result.append((match[1], following if match[2] is None else match[2]))
    return result


def _swap(config, key, value):
    """Swaps the part whose name `key` is, if it is a part's."""
    *path, last = key.split(".")
    for word in path:
        config = config.get(word) if isinstance(config, ConfigDict) else None
    if last == "name" and isinstance(config, PartConfig):
        config.name = value


def check_key(config, key):
    """Raises ValueError if a config has no such key; offers the nearest."""
    path = "config"
    for word in key.split("."):
        keys = config.keys() if isinstance(config, ConfigDict) else []
        if word not in keys:
            name = f" of {config['name']!r}" if isinstance(config, PartConfig) else ""
            raise ValueError(
                f"Expected a key of {path}{name} among {sorted(keys)}. "
                f"Received: --config.{key}.{nearest(word, keys)}"
            )
        path, config = f"{path}.{word}", config[word]


def load(argument):
    """Returns what `get_config` of a config's file returns.

    A path that begins with `configs/` and is not there is looked for in this project: the
    configs that come with it are found from every folder.

    Args:
        argument: `FILE` or `FILE:WORDS`; the words are the argument of `get_config`.

    Raises:
        flags.IllegalFlagValueError: If there is no such file, if it raises an error, or if it
            returns no config.
    """
    file, colon, words = argument.partition(":")
    path = find(file)
    start_tensorflow()  # a config loads the parts, and so Keras
    spec = importlib.util.spec_from_file_location("config_config", path)
    # The module has the name that parts which a config's file registers are known by.
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        get_config = getattr(module, "get_config", lambda *words: None)
        config = get_config(*([words] if colon else []))
    except Exception as error:
        raise flags.IllegalFlagValueError(_where(error, file, argument)) from error
    if not isinstance(config, ConfigDict):
        raise flags.IllegalFlagValueError(
            "Expected a file with a function get_config that returns a ConfigDict. "
            f"Received: --config={argument}, which gives {config!r}"
        )
    return config


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
        argument: `FILE` or `FILE:WORDS`.
    """
    return "\n".join(_lines(load(argument), "--config"))


def _lines(config, path):
    lines = []
    for key, value in config.items():
        if isinstance(value, ConfigDict):
            lines += _lines(value, f"{path}.{key}")
        else:
            is_part = key == "name" and isinstance(config, PartConfig)
            names = f"  (one of {', '.join(config.registry().names())})" if is_part else ""
            lines.append(f"  {path}.{key}={value}{names}")
    return lines
