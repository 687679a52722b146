"""Trains, evaluates and reports one run; the same command again resumes it.

python -m trainers.train --config=configs/quickstart.py --workdir=/tmp/quickstart
"""

import os

from trainers import scripts

with scripts.needs(__name__):
    from absl import flags

    from trainers import overrides

scripts.prepare_tensorflow()

CONFIG = overrides.define_config("The run's config.")
PROFILE = flags.DEFINE_integer(
    "profile", 0, "Executions to profile for TensorBoard, after the first two.", lower_bound=0
)
WORKDIR = scripts.define_path("workdir", None, "The run's folder, made if absent.")


def main(argv):
    """Trains the run that the flags describe."""
    scripts.start_tensorflow()
    from trainers import loop

    run = loop.train_and_evaluate(
        CONFIG.value, WORKDIR.value, progress=scripts.is_terminal(), profile=PROFILE.value
    )
    scripts.print_metrics(run.evaluation)
    print(f"Report: {os.path.join(WORKDIR.value, 'report.html')}")


if __name__ == "__main__":
    scripts.run(main, required=("config", "workdir"))
