"""Sets keys of a config: by flags of a command line, and by the values of a scale."""

import ast
import re

from absl import flags
from ml_collections import ConfigDict, config_flags

from trainers.parts import Anything, PartConfig
from zoo.registry import nearest


class _LiteralParser(flags.ArgumentParser):
    """Reads a value as a Python literal, or as a word if it is not one."""

    def parse(self, argument):
        """Returns the value of a flag's text; a default that is not text stays as it is."""
        if not isinstance(argument, str):
            return argument
        try:
            return ast.literal_eval(argument)
        except (SyntaxError, ValueError):
            return argument


config_flags.register_flag_parser_for_type(Anything, _LiteralParser())


def config_flags_of(argv):
    """Returns the arguments of a command line that set keys, as `--config.key=value`.

    A value that is a separate argument (`--config.seed 3`) stays one: a list of two then.
    """
    result = []
    for index, argument in enumerate(argv):
        if _key(argument) is None:
            continue
        result.append(argument)
        following = argv[index + 1] if index + 1 < len(argv) else "--"
        if "=" not in argument and not following.startswith("--"):
            result.append(following)
    return result


def _key(argument):
    """Returns the key that an argument `--config.key=value` sets, or None."""
    match = re.fullmatch(r"--?(?:no)?config\.([^=]+)(?:=.*)?", argument, re.DOTALL)
    return match and match[1]


def pairs(arguments):
    """Returns `[(key, text), ...]` of the flags `--config.key=value` among arguments."""
    result = []
    for index, argument in enumerate(arguments):
        key = _key(argument)
        if key is not None:
            following = arguments[index + 1] if index + 1 < len(arguments) else ""
            result.append((key, argument.partition("=")[2] if "=" in argument else following))
    return result


def swap_parts(config, arguments):
    """Swaps the parts that flags swap, and checks the keys of all flags.

    A part is swapped first, whatever the order of the flags. Then its new arguments can be set.

    Args:
        config: A complete config.
        arguments: A command line, or what `config_flags_of` returns of it.

    Raises:
        ValueError: If a key or a part is unknown; offers the nearest.
    """
    changes = pairs(arguments)
    for key, value in sorted(changes, key=lambda change: change[0].count(".")):
        owner, last = _owner(config, key)
        if last == "name" and isinstance(owner, PartConfig):
            owner.name = value
    for key, _ in changes:
        check_key(config, key)


def set_flags(config, arguments):
    """Sets keys of a config as the flags `--config.key=value` of a command line do.

    Args:
        config: A complete config.
        arguments: What `config_flags_of` returns.

    Returns:
        The set of the keys that were set.

    Raises:
        ValueError: If a key or a part is unknown; offers the nearest.
        flags.Error: If a value is not of the key's type.
    """
    swap_parts(config, arguments)
    values = flags.FlagValues()
    argv = ["config", *arguments]
    config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=argv)
    values(argv)
    return {key for key, _ in pairs(arguments)}


def set_values(config, values, fixed=(), lenient=False):
    """Sets keys of a complete config to values, except the keys that are fixed.

    `encoder.depth` is the depth of the encoder, or of the encoder inside it if it only wraps
    another.

    Args:
        config: A complete config.
        values: dict key -> value, or function of the config that returns the value. They are set
            in their order, so a function sees the values before it.
        fixed: Keys that stay as they are.
        lenient: Whether a part without such an argument is left as it is.

    Raises:
        ValueError: If a key is unknown; offers the nearest.
    """
    for key, value in values.items():
        inner = find_key(config, key)
        if inner is None and lenient:
            continue
        key = inner or key
        if any(f"{key}.".startswith(f"{other}.") for other in fixed):
            continue
        check_key(config, key)
        owner, last = _owner(config, key)
        owner[last] = value(config) if callable(value) else value


def find_key(config, key):
    """Returns the key under which a config has an argument of a part, or None if it has not.

        find_key(config, "encoder.depth")  # "encoder.base.depth" of an encoder that is wrapped

    Args:
        config: A complete config.
        key: A key with dots.
    """
    owner, last = _owner(config, key)
    path = key.split(".")[:-1]
    if not isinstance(owner, PartConfig):
        return key
    while last not in owner and isinstance(owner.get("base"), PartConfig):
        owner = owner.base
        path.append("base")
    return ".".join([*path, last]) if last in owner else None


def _owner(config, key):
    """Returns (the config that a key is in or None, the key's last word)."""
    *path, last = key.split(".")
    for word in path:
        config = config.get(word) if isinstance(config, ConfigDict) else None
    return config, last


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
