"""Trains, evaluates and reports one run; the same command again resumes it.

python -m trainers.train --config=configs/quickstart.py --workdir=/tmp/quickstart
"""

import os

from absl import app, flags, logging
from ml_collections import config_flags

from trainers import scripts

scripts.prepare_tensorflow()

CONFIG = config_flags.DEFINE_config_file("config", None, "The run's config, a Python file.")
WORKDIR = scripts.define_path("workdir", None, "The run's folder, made if absent.")


def main(argv):
    scripts.no_arguments(argv)
    from trainers import loop

    logging.set_verbosity(logging.INFO)
    run = loop.train_and_evaluate(CONFIG.value, WORKDIR.value, progress=scripts.is_terminal())
    scripts.print_metrics(run.evaluation)
    print(f"Report: {os.path.join(WORKDIR.value, 'report.html')}")


if __name__ == "__main__":
    flags.mark_flags_as_required(["config", "workdir"])
    app.run(main)
