"""Trains a grid of runs, here or on a Ray cluster; the same command again resumes it.

python -m trainers.sweep --config=configs/broken_elbo/mnist.py --workdir=/tmp/sweep \
    --grid="family=---,-+v;objective.beta=0.1,1.0;seed=0,1" --config.train.epochs=5

`--grid="objective.beta=log(0.1..10);latent_dim=2..32" --search=optuna --trials=20 --metric=nll`
searches ranges. `--executor=ray --ray_address=auto --gpus=1` trains runs on the nodes of
a cluster.
"""

import os
import sys

from trainers import scripts

with scripts.needs(__name__):
    from absl import flags

    from trainers import overrides, trackers
    from trainers.executors import command

scripts.prepare_tensorflow()

# The runs get the GPU; this process, which only checks their configs, leaves it alone.
ENVIRONMENT = dict(os.environ)
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

CONFIG = overrides.define_config("The runs' config.")
WORKDIR = scripts.define_path("workdir", None, "The sweep's folder, made if absent.")
GRID = flags.DEFINE_string(
    "grid", "", "'key=value,value;key=value': config keys, and `family`, the config's argument."
)
SEARCH = flags.DEFINE_enum(
    "search", "grid", ["grid", "random", "optuna"], "Train the grid, or search its ranges."
)
TRIALS = flags.DEFINE_integer("trials", 20, "Runs of a search.")
METRIC = flags.DEFINE_string("metric", "nll", "What a search minimises or maximises.")
DIRECTION = flags.DEFINE_enum(
    "direction", "", ["", "minimize", "maximize"], "Of a metric for which a search has no rule."
)
PRUNE = flags.DEFINE_bool("prune", True, "End poor runs of a search early.")
TRACKER = flags.DEFINE_enum(
    "tracker", None, trackers.names(), "Keep what each run measures there too."
)
RETRY_FAILED = flags.DEFINE_bool("retry_failed", False, "Go on with runs that failed.")
NUMBERS = scripts.define_path(
    "numbers", None, "Only add what finished runs measured to runs.csv and history.csv there."
)
command.define_flags()
PLOT_ONLY = flags.DEFINE_bool("plot_only", False, "Only write the ledger and its pictures anew.")


def main(argv):
    """Runs the sweep that the flags describe, or writes what it measured."""
    is_run = not (NUMBERS.value or PLOT_ONLY.value)
    if is_run and (CONFIG.value is None or not GRID.value):
        raise scripts.UsageError("Expected --config and --grid, or --plot_only, or --numbers.")
    scripts.start_tensorflow()
    if NUMBERS.value:
        from trainers.sweeps import numbers

        count = len(numbers.copy(WORKDIR.value, NUMBERS.value))
        print(f"{NUMBERS.value} has the numbers of {count} runs")
        return
    failed = 0 if PLOT_ONLY.value else run()
    from trainers.sweeps import rate_distortion

    for path in rate_distortion.write(WORKDIR.value):
        print(f"Wrote {path}")
    sys.exit(1 if failed else 0)


def run():
    """Runs the grid of the flags and returns how many runs failed."""
    from trainers.sweeps import running

    holder = flags.FLAGS["config"]
    changes = [f"--config.{key}={value}" for key, value in holder.override_values.items()]
    arguments = holder.config_filename, WORKDIR.value, GRID.value
    environment = {**ENVIRONMENT, **({trackers.VARIABLE: TRACKER.value} if TRACKER.value else {})}
    with command.from_flags(environment) as executor:
        options = {"overrides": changes, "say": _say, "executor": executor}
        if SEARCH.value != "grid":
            return _search(arguments, options)
        records = running.sweep(*arguments, retry_failed=RETRY_FAILED.value, **options)
    counts = {}
    for record in records:
        counts[record.status] = counts.get(record.status, 0) + 1
    print(", ".join(f"{number} {status}" for status, number in counts.items()), flush=True)
    return counts.get("failed", 0)


def _search(arguments, options):
    """Searches as the flags say; returns 1 if no run finished, else 0."""
    from trainers.sweeps import search

    best, value = search.search(
        *arguments,
        method=SEARCH.value,
        trials=TRIALS.value,
        metric=METRIC.value,
        direction=DIRECTION.value,
        prune=PRUNE.value,
        **options,
    )
    if best is None:
        return 1
    _say(f"Best {METRIC.value} {value:.6g}: {best.spec.shown()}")
    return 0


def _say(line):
    print(line, flush=True)


if __name__ == "__main__":
    scripts.run(main, required=("workdir",))
