"""The flags that say where runs are computed, for every command that trains many."""

from absl import flags

from trainers import executors

RAY = ("ray_address", "cpus", "gpus", "memory")  # of Ray alone


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
    flags.DEFINE_string("ray_address", "", "Ray's cluster: auto, or HOST:PORT.")
    flags.DEFINE_float("cpus", 1, "Cores of a run on Ray.")
    flags.DEFINE_float("gpus", 0, "GPUs of a run on Ray, a share of one too.")
    flags.DEFINE_float("memory", 0, "Memory of a run on Ray, in GiB; 0 reserves none.")


def from_flags(environment=None):
    """Returns the executor that the flags describe.

    Args:
        environment: Of the runs; this process's by default.

    Raises:
        ValueError: If a flag of Ray is set and the executor is another, or out of range.
    """
    values = flags.FLAGS
    options = {"threads": values.threads, "reuse": values.reuse, "environment": environment}
    if values.jobs is not None:
        options["jobs"] = values.jobs
    if values.executor == "ray":
        options.update({name: values[name].value for name in RAY})
        options["address"] = options.pop("ray_address")
    else:
        wrong = [name for name in RAY if values[name].present]
        if wrong:
            raise ValueError(
                f"Expected --executor=ray with --{wrong[0]}. Received: --executor={values.executor}"
            )
    return executors.make(values.executor, **options)
