"""Identifies a run by its config's path and its differences from the config's full run."""

import functools
import hashlib
import json
from pathlib import Path

from absl import flags

from trainers import config as configs
from trainers import overrides
from trainers.sweeps import grid
from zoo.storage import files

# Keys of a config that nothing is computed from.
NOT_COMPUTED = (*configs.ABOUT, "paper")
LONGEST = 160  # characters of a folder's name


def computed(config):
    """Returns dict flat key -> value of everything that a run is computed from.

    Two runs with the same values are the same run, whatever their folders are called. A key that
    came with a later version is at its default.

    Args:
        config: A `ConfigDict`, or the `config` of a run's `config.json`.
    """
    try:
        values = configs.filled(config)
    except ValueError:  # a part that this process does not know
        values = configs.flat(config)
    values = json.loads(json.dumps(configs.plain(values)))
    return {
        key: value
        for key, value in values.items()
        if key not in configs.NOT_IDENTITY and key.split(".")[0] not in NOT_COMPUTED
    }


def key(values):
    """Returns the result of `computed` as a text."""
    return json.dumps(values, sort_keys=True)


def folders(folder):
    """Returns dict `key` -> folder of each run in a folder, or one folder deeper.

    Runs of earlier versions lie in a folder for each paper or data set.
    """
    folder, folders_by_key = Path(folder), {}
    for path in sorted([*folder.glob("*/config.json"), *folder.glob("*/*/config.json")]):
        config = files.read_json(path).get("config")
        if config:
            folders_by_key[key(computed(config))] = path.parent
    return folders_by_key


def differences(values, full):
    """Returns dict flat key -> value of what a run changes of the full run; None where absent.

    Args:
        values: Values of the run, from `computed`.
        full: Values of the full run, from `computed`.
    """
    keys = sorted({*values, *full})
    return {key: values.get(key) for key in keys if values.get(key) != full.get(key)}


def name(point, arguments, values):
    """Returns a folder's name of a run: `bilbo-mnist-bilbo-scale=0.1-seed=17-3f2a9c1e`.

    It has the config, its options, the keys of `point` that change something, the seed, and the
    hash of all differences from the config's full run.

    Args:
        point: dict key -> value that was asked for.
        arguments: The run's flags, `--config=FILE:options` first.
        values: Values of the run, from `computed`.
    """
    argument = arguments[0].removeprefix("--config=")
    file, options = grid.split_config(argument)
    path = _path(file)
    changes = differences(values, _computed(file))
    digest = hashlib.sha256(json.dumps([path, changes], sort_keys=True).encode()).hexdigest()[:8]
    base = _computed(argument)
    keys = [key for key in point if key not in (grid.FAMILY, "seed")]
    shown = {key: values.get(key) for key in keys if values.get(key) != base.get(key)}
    short = grid.short_keys(shown)
    parts = [path.replace("/", "-"), *map(_word, filter(None, options.split(",")))]
    parts += [f"{short[key]}={grid.safe(value)}" for key, value in shown.items()]
    readable = "-".join([*parts, f"seed={values['seed']}"])
    return f"{readable[:LONGEST]}-{digest}"


@functools.lru_cache(maxsize=64)
def _computed(argument):
    """Returns `computed` of `FILE` or `FILE:options`; nothing of a file that is not there."""
    try:
        return computed(overrides.load(argument))
    except flags.Error:
        return {}


def _path(file):
    """Returns "bilbo/mnist" of a file of this project's configs, the file's stem of another."""
    parts = Path(file).with_suffix("").parts
    inside = parts[::-1].index("configs") if "configs" in parts else 1
    return "/".join(parts[-inside:])


def _word(word):
    return word if word[0].isalnum() else f"family={word}"
