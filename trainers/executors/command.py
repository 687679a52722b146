"""The flags that say where runs are computed, for every command that trains many."""

from absl import flags

from trainers import executors
from trainers.executors import options


def define_flags():
    """Defines `--executor` and its options with the script that calls this."""
    flags.disclaim_key_flags()
    flags.DEFINE_enum(
        "executor", "local", executors.NAMES, "Where runs are computed: processes here, or Ray."
    )
    flags.DEFINE_integer(
        "jobs", None, "Runs at the same time; 2 by default, on Ray all that it has room for."
    )
    flags.DEFINE_integer("threads", 0, "Threads of each run; 0 shares the cores.")
    flags.DEFINE_bool("reuse", True, "Fork runs from one process that has imported all packages.")
    for option in options.RAY:
        define = flags.DEFINE_string if option.default == "" else flags.DEFINE_float
        define(option.flag, option.default, option.text)


def from_flags(environment=None):
    """Returns the executor that the flags describe.

    Args:
        environment: Environment variables of the runs; this process's by default.

    Raises:
        ValueError: If a flag of Ray is set and the executor is another, or out of range.
    """
    values = flags.FLAGS
    chosen = {"threads": values.threads, "reuse": values.reuse, "environment": environment}
    if values.jobs is not None:
        chosen["jobs"] = values.jobs
    is_set = {o.flag: values[o.flag].value if values[o.flag].present else None for o in options.RAY}
    chosen.update(options.chosen(values.executor, is_set))
    return executors.make(values.executor, **chosen)
