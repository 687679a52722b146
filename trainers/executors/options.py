"""The options of a Ray cluster, which commands with absl and commands without take as flags."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Option:
    """An option of `cluster.Cluster`.

    Args:
        flag: Its flag's name.
        name: Its argument's name.
        default: Text or a float.
        text: For `--help`.
    """

    flag: str
    name: str
    default: str | float
    text: str


RAY = (
    Option("ray_address", "address", "", "Ray's cluster: auto, or HOST:PORT."),
    Option("cpus", "cpus", 1.0, "Cores of a process on Ray."),
    Option("gpus", "gpus", 0.0, "GPUs of a process on Ray, a share of one too."),
    Option("memory", "memory", 0.0, "Memory of a process on Ray, in GiB; 0 reserves none."),
)


def add_arguments(parser):
    """Adds the options to an `argparse.ArgumentParser`; without its flag an option is None."""
    for option in RAY:
        parser.add_argument(f"--{option.flag}", type=type(option.default), help=option.text)


def chosen(executor, values):
    """Returns `{argument: value}` of the options that are set.

    Args:
        executor: Its name.
        values: dict flag -> value, None where it is not set.

    Raises:
        ValueError: If one is set and the executor is not "ray".
    """
    given = {o.name: values[o.flag] for o in RAY if values[o.flag] is not None}
    if given and executor != "ray":
        flag = next(option.flag for option in RAY if option.name in given)
        raise ValueError(f"Expected --executor=ray with --{flag}. Received: --executor={executor}")
    return given
