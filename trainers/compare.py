"""Compares a custom objective with those of the zoo, on the same networks, data and budget.

python -m trainers.compare --objective=examples/my_objective.py:FreeBits --data=mnist \
    --seeds=5 --workdir=/tmp/compare

Without `--objective` the objectives of the zoo are compared. The same command resumes, and trains
no finished run again. `--config=FILE` takes other networks, `--executor=ray` a Ray cluster.
"""

import os
import sys

from trainers import scripts

with scripts.needs(__name__):
    from absl import flags

    from trainers import overrides
    from trainers.comparison import command_line
    from trainers.executors import command

scripts.prepare_tensorflow()

ENVIRONMENT = dict(os.environ)  # the runs get the GPU
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

CONFIG = overrides.define_config(
    f"Networks, data and budget; {command_line.DEFAULT_CONFIG} by default."
)
OBJECTIVE = flags.DEFINE_string(
    "objective", "", "FILE.py:NAME, a subclass of zoo.Objective or a function that returns one."
)
DATA = flags.DEFINE_string("data", "", "Data set in place of the config's.")
SEEDS = flags.DEFINE_integer("seeds", 5, "Runs of each objective.", lower_bound=1)
FIRST_SEED = flags.DEFINE_integer("first_seed", 17, "The first seed.")
WORKDIR = scripts.define_path("workdir", None, "The comparison's folder, made if absent.")
OUT = scripts.define_path("out", None, "Publish the page, the table and the numbers there too.")
TABLES = scripts.define_path("tables", None, "A folder with runs.csv, whose runs are there.")
RETRY_FAILED = flags.DEFINE_bool("retry_failed", False, "Go on with runs that failed.")
command.define_flags()


def main(argv):
    """Compares objectives as the flags describe it."""
    scripts.start_tensorflow()
    from trainers.comparison import comparing, page
    from trainers.sweeps import archive

    holder = flags.FLAGS["config"]
    changes = [f"--config.{key}={value}" for key, value in holder.override_values.items()]
    changes += [f"--config.data.name={DATA.value}"] if DATA.value else []
    with command.from_flags(ENVIRONMENT) as executor:
        comparison = comparing.compare(
            holder.config_filename,
            WORKDIR.value,
            changes,
            objective=OBJECTIVE.value,
            seeds=SEEDS.value,
            first_seed=FIRST_SEED.value,
            retry_failed=RETRY_FAILED.value,
            executor=executor,
            tables=TABLES.value,
        )
    shown = command_line.shown(sys.argv[1:])
    written = page.write(comparison, WORKDIR.value, shown)
    if OUT.value:
        written += page.write(comparison, OUT.value, shown)
        archive.write(OUT.value, [run.stored for run in comparison.runs.finished])
    print("\n".join(f"Wrote {path}" for path in written))
    return 1 if comparison.runs.failed else 0


if __name__ == "__main__":
    sys.argv[1:] = command_line.with_config(sys.argv[1:])
    scripts.run(main, required=("workdir",))
