"""The command line of `trainers.compare`: its default config, and how a page shows it."""

import shlex

DEFAULT_CONFIG = "configs/compare.py"


def with_config(arguments: list[str]) -> list[str]:
    """Returns the arguments of a command line, with the default config where there is none."""
    names = ("-h", "--help", "--helpshort", "--config", "-config")
    if any(argument.partition("=")[0] in names for argument in arguments):
        return arguments
    return [f"--config={DEFAULT_CONFIG}", *arguments]


def shown(arguments: list[str]) -> str:
    """Returns the command as a page shows it, without places of this machine."""
    places = ("--workdir", "--out", "--tables", "--config.data.data_dir")
    portable = [a for a in arguments if not a.startswith(tuple(f"{place}=" for place in places))]
    return shlex.join(["python", "-m", "trainers.compare", *portable, "--workdir=DIR"])
