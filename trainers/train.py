"""Trains, evaluates and reports one run; the same command again resumes it.

python -m trainers.train --config=configs/quickstart.py --workdir=/tmp/quickstart

Several processes train together on JAX: give each the same flags and `--process_id` of its own.
"""

import os

from trainers import scripts

with scripts.needs(__name__):
    from absl import flags

    from trainers import overrides, trackers

scripts.prepare_tensorflow()

CONFIG = overrides.define_config("The run's config.")
PROFILE = flags.DEFINE_integer(
    "profile", 0, "Executions to profile for TensorBoard, after the first two.", lower_bound=0
)
WORKDIR = scripts.define_path("workdir", None, "The run's folder, made if absent.")
COORDINATOR = flags.DEFINE_string(
    "coordinator", None, "HOST:PORT of process 0, of several that train together."
)
NUM_PROCESSES = flags.DEFINE_integer("num_processes", None, "How many processes train together.")
PROCESS_ID = flags.DEFINE_integer("process_id", None, "The number of this process, from 0.")
TRACKER = flags.DEFINE_enum(
    "tracker", None, trackers.names(), "Keep scalars, pictures, config and report there too."
)


def main(argv):
    """Trains the run that the flags describe."""
    scripts.start_tensorflow()
    from trainers import processes

    processes.initialize(COORDINATOR.value, NUM_PROCESSES.value, PROCESS_ID.value)
    from trainers import loop

    run = loop.train_and_evaluate(
        CONFIG.value,
        WORKDIR.value,
        progress=scripts.is_terminal(),
        profile=PROFILE.value,
        tracker=trackers.make(TRACKER.value),
    )
    if run is None:
        print("Trained; process 0 evaluates.")
        return
    scripts.print_metrics(run.evaluation)
    print(f"Report: {os.path.join(WORKDIR.value, 'report.html')}")


if __name__ == "__main__":
    scripts.run(main, required=("config", "workdir"))
