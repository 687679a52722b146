"""Shared by the scripts: their start, help, paths as flags, plain log lines, metrics.

Importing this loads the standard library alone: the commands of the light install use it too.
"""

import argparse
import importlib.util
import logging
import os
import re
import sys
from pathlib import Path

from trainers.errors import PACKAGES, UsageError, needs, one_line, reported
from trainers.starting import prepare_tensorflow, start_tensorflow
from zoo import commands
from zoo.registry import nearest
from zoo.storage.escape import printable

__all__ = ["UsageError", "needs", "prepare_tensorflow", "reported", "start_tensorflow"]

ROOT = Path(__file__).resolve().parents[1]
# Folders of this project. An installed wheel has `trainers` and `export` in a folder of `zoo`.
_OURS = (*(ROOT / name for name in PACKAGES), Path(commands.__file__).resolve().parent)
HELP = ("-h", "-help", "--help", "-helpshort", "--helpshort")


def run(main, required=()):
    """Parses absl's flags, runs `main(argv)` and exits.

    An error that the user can mend ends in one line, see `reported`. `--help` lists every flag of
    the script. absl's log lines are plain.

    Args:
        main: Function of the arguments that are no flags; returns the exit code or None.
        required: Names of the flags that must be set.
    """
    from absl import app, flags
    from absl import logging as absl_logging

    absl_logging.get_absl_handler().setFormatter(_plain_formatter())
    absl_logging.get_absl_handler().python_handler.addFilter(is_shown)

    @reported
    def parse(argv):
        if any(argument in HELP for argument in argv[1:]):
            main_module = sys.modules["__main__"]
            main_module.__doc__ = commands.spelled(main_module.__doc__ or "")
            app.usage(shorthelp=True, writeto_stdout=True)
            _print_config_keys(argv)
            sys.exit(0)
        try:
            rest = flags.FLAGS(argv)
        except (flags.Error, LookupError, AttributeError, TypeError, ValueError) as error:
            raise UsageError(one_line(error)) from error
        missing = [f"--{name}" for name in required if flags.FLAGS[name].value is None]
        if missing:
            example = commands.spelled(_example(sys.modules["__main__"].__doc__))
            raise UsageError(f"Expected {' and '.join(missing)}. Example: {example}")
        if len(rest) > 1:
            raise UsageError(f"Expected flags only. Received: {' '.join(rest[1:])}")
        return rest

    def parse_or_exit(argv):
        rest = parse(argv)
        if isinstance(rest, int):
            sys.exit(rest)
        return rest

    app.run(reported(main), flags_parser=parse_or_exit)


def _print_config_keys(argv):
    """Prints the keys of the config of `--config=FILE`, if the command line has one."""
    file = next((a.partition("=")[2] for a in argv if re.match("--?config=", a)), None)
    if file:
        start_tensorflow()
        from trainers import overrides

        print(f"\nkeys of {file}:\n{overrides.listing(file)}")


def _example(doc):
    """Returns the first command of a docstring, in one line."""
    command = (doc or "").replace("\\\n", " ").partition("python -m ")[2].partition("\n")[0]
    return " ".join(f"python -m {command}".split())


def _plain_formatter():
    class Formatter(logging.Formatter):
        """A message as it is; a warning or an error with its level in front."""

        def format(self, record):
            text = super().format(record)
            is_worse = record.levelno > logging.INFO
            return f"{record.levelname.lower()}: {text}" if is_worse else text

    return Formatter()


def is_shown(record):
    """Returns whether a log record is shown: a library's information is not, its warnings are."""
    package = Path(record.pathname).parent
    is_ours = any(package.is_relative_to(path) for path in _OURS)
    return is_ours or record.levelno > logging.INFO


class Parser(argparse.ArgumentParser):
    """An argparse parser for commands that work without absl: a wrong flag ends in one line.

    Args:
        doc: The module's docstring: its first line says what the command does, its first
            `python -m` line is the example that the help ends with.
    """

    def __init__(self, doc):
        example = _example(doc)
        super().__init__(
            prog=commands.spelled(" ".join(example.split()[:3])),
            description=doc.partition("\n")[0],
            epilog=commands.spelled(f"example: {example}"),
        )

    def parse_known_args(self, args=None, namespace=None):
        """Parses as argparse does; an unknown flag is an error first, with the nearest name."""
        args = sys.argv[1:] if args is None else list(args)
        valid = [flag for action in self._actions for flag in action.option_strings]
        for flag in (argument.partition("=")[0] for argument in args if argument[:2] == "--"):
            if not any(name.startswith(flag) for name in valid):  # argparse takes a beginning
                self.error(f"Unknown flag {flag}.{nearest(flag, valid)}")
        return super().parse_known_args(args, namespace)

    def error(self, message):
        """Prints one line and exits with 2."""
        print(f"error: {message.rstrip('.')}. {self.epilog}", file=sys.stderr)
        sys.exit(2)


def define_path(name, default, help, **options):
    """Defines a flag whose value is a path; `~` in it is the home folder, in `--name=~/x` too."""
    from absl import flags

    flags.disclaim_key_flags()  # `--help` lists it with the script that calls this

    class Parser(flags.ArgumentParser):
        def parse(self, argument):
            return os.path.expanduser(argument)

    return flags.DEFINE(
        Parser(), name, default, help, serializer=flags.ArgumentSerializer(), **options
    )


def import_parts(names):
    """Imports modules, by name or as files, that register the custom parts of a run's config.

    Raises:
        ImportError: If there is no such module or file.
    """
    for name in names:
        if not name.endswith(".py"):
            try:
                importlib.import_module(name)
            except ModuleNotFoundError as error:
                if not name.startswith(error.name or ""):
                    raise
                raise ImportError(
                    f"Expected a module or a .py file. Received: --parts={name}, which is absent"
                ) from error
            continue
        if not Path(name).is_file():
            raise ImportError(f"Expected a Python file. Received: --parts={name}, which is absent")
        spec = importlib.util.spec_from_file_location(Path(name).stem, name)
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


def is_terminal():
    """Returns whether progress bars have someone to see them."""
    return sys.stderr.isatty()


def print_metrics(evaluation):
    """Prints the metrics of an evaluation, one a line, with their standard errors."""
    split, count = evaluation["split"], evaluation["num_examples"]
    print(f"On the {printable(split)} split, {count} examples:")
    for name, entry in evaluation["metrics"].items():
        print(f"  {printable(name):14s} {printable(metric_text(entry))}")


def metric_text(entry):
    """Returns `-85.12 +- 0.24 nats (100 samples; a note)` for an entry of `evaluation.json`."""
    if entry["value"] is None:
        return f"not available: {entry.get('note', '')}"
    text = f"{entry['value']:.6g}"
    if entry.get("stderr") is not None:
        text += f" +- {entry['stderr']:.2g}"
    if entry.get("unit"):
        text += f" {entry['unit']}"
    more = [f"{entry['num_samples']} samples"] if entry.get("num_samples", 1) > 1 else []
    more += [entry["note"]] if entry.get("note") else []
    return f"{text} ({'; '.join(more)})" if more else text
