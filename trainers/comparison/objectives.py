"""The objectives that are compared: those of the zoo, found in its registry, and a custom one."""

import dataclasses
import inspect

from trainers import parts
from trainers.sweeps import grid

# What an objective of the zoo needs that its arguments have no default for.
NEEDS = {
    "bilbo": {"marginal.name": "floating"},  # it implies the prior of its posteriors
    "target_rate": {"objective.target": 25.0},
}


@dataclasses.dataclass(frozen=True)
class Compared:
    """An objective of a comparison.

    Attributes:
        label: What the page calls it.
        name: Its registered name.
        changes: dict config key -> value, in addition to `objective.name`.
        config: A config's file with its options, `FILE` or `FILE:OPTIONS`.
    """

    label: str
    name: str
    changes: dict
    config: str


def of_zoo(config: str) -> tuple[list[Compared], dict[str, str]]:
    """Returns the objectives of the zoo, and dict name -> reason of those that are left out.

    Args:
        config: The config that they are compared on, `FILE` or `FILE:OPTIONS`.
    """
    registry = parts.rooms()["objective"]
    compared, left_out = [], {}
    for name in registry.names():
        cls, needs = registry.get(name), NEEDS.get(name, {})
        if cls.__module__.partition(".")[0] != "zoo":
            continue  # a custom one
        parameters = inspect.signature(cls.__init__).parameters.values()
        unset = [
            p.name
            for p in parameters
            if p.default is p.empty and p.name != "self" and p.kind is not p.VAR_KEYWORD
        ]
        unset = [key for key in unset if f"objective.{key}" not in needs]
        if cls.needs_labels:
            left_out[name] = "it trains on labels"
        elif unset:
            left_out[name] = f"its argument {unset[0]} has no default"
        else:
            compared.append(Compared(name, name, needs, config))
    return compared, left_out


def of_custom(custom, config: str) -> Compared:
    """Returns the objective of a user's file, a `custom.Custom`; `config` as in `of_zoo`."""
    _, options = grid.split_config(config)
    changes = parts.flat(custom.arguments, "objective.")
    config_of_custom = grid.join_config(str(custom.config), options)
    return Compared(custom.label, custom.name, changes, config_of_custom)


def point(compared: Compared, overrides: list[str]) -> dict:
    """Returns dict config key -> value of an objective: its name, and what differs from the config.

    An objective has its own defaults. A config that changes an argument of another objective
    changes none of this one.

    Args:
        compared: The objective.
        overrides: Flags `--config.key=value` that all runs have.
    """
    changes = {"objective.name": compared.name}
    flags = [f"--config={compared.config}", *overrides, f"--config.objective.name={compared.name}"]
    present = grid.load(flags)
    arguments = parts.with_defaults(compared.name, parts.rooms()["objective"])
    arguments = {**parts.flat(arguments, "objective."), **compared.changes}
    present = parts.flat(present)
    for key, value in arguments.items():
        if key in present and parts.with_tuples(present[key]) == parts.with_tuples(value):
            continue
        changes[key] = value
    return changes
