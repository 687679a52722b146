"""Publishes all released models again from a folder of runs.

python -m export.release --runs=RUNS [--names=NAME,NAME] [--out=artifacts]

`export/catalogue.py` says which run becomes which model. Each model is evaluated, stored in float16
where that changes no metric by more than its standard error, and verified. A model without a run is
published again from its artifact; without an artifact it is left out, and the command names it. A
model that fails does not stop the others; the command then ends with exit code 1.
"""

import copy
import dataclasses
import sys
import tempfile
from pathlib import Path

from export import catalogue
from trainers import scripts
from zoo.arguments import check_names
from zoo.releases import card as cards
from zoo.storage import files
from zoo.storage.escape import printable_lines

with scripts.needs(__name__):
    from export import float16

ARTIFACTS = Path("artifacts")
LICENCE = "Apache-2.0"
# Artifacts in the repository: all together, and each file.
MAX_BYTES, MAX_FILE_BYTES = 150 * 10**6, 40 * 10**6


def release(runs_folder, names=None, out=ARTIFACTS, data_dir=None):
    """Publishes models of `export.catalogue` into `out`, each into a folder of its name.

    Weights are stored in float16 where that changes no metric by more than its standard error,
    else in float32; what was measured stands in the card.

    Args:
        runs_folder: A folder of runs, which may lie a folder deeper. A model's run is found by its
            config; see `export.catalogue`.
        names: Names, or None for all.
        out: Where artifacts go; one of the same name is replaced once the new one is whole.
        data_dir: Where TensorFlow Datasets keeps its data.

    Returns:
        Name -> "published", "no run" or an error's text.

    Raises:
        ValueError: If a name is not known.
    """
    check_names(names or (), catalogue.RELEASES, "names")
    from trainers.sweeps import identity

    runs, outcomes = identity.folders(runs_folder), {}
    for name in names or catalogue.RELEASES:
        source = runs.get(catalogue.planned(name), ARTIFACTS / name)
        if not (source / "config.json").is_file() and not (source / cards.CARD).is_file():
            outcomes[name] = "no run"
        else:
            try:
                publish_model(source, name, Path(out) / name, data_dir)
                outcomes[name] = "published"
            except Exception as error:  # whatever one model ends with, the others go on
                outcomes[name] = str(error) or type(error).__name__
        print(f"{name}: {printable_lines(outcomes[name])}", flush=True)
    return outcomes


def publish_model(source, name, out, data_dir=None):
    """Evaluates what a card should have and the model has not yet, and publishes it.

    Args:
        source: A run's folder, or an artifact's.
        name: What to call the model.
        out: The artifact's folder.
        data_dir: Where TensorFlow Datasets keeps its data.

    Raises:
        FileNotFoundError: If its data is absent. The golden file has images of it.
    """
    from export import publish

    options = {"saved_model": False, "probability": name not in catalogue.WITHOUT_PROBABILITY}
    options["licence"] = LICENCE
    run = _evaluated(source, data_dir)
    if publish.describe_data(run.config)[1] is None:
        raise FileNotFoundError(
            f"Expected the data of {name}, whose images its golden file has, in TFDS_DATA_DIR or "
            f"where its config says. Received: data.name={run.config['data']['name']!r}"
        )
    try:
        publish.publish(run, name, out, **options, storage="float16")
    except (float16.Refused, publish.NotKept) as error:
        print(f"{name} stays in float32: {str(error).partition(chr(10))[0]}", file=sys.stderr)
        publish.publish(_evaluated(source, data_dir), name, out, **options)


def _evaluated(source, data_dir):
    """Returns the `trainers.runs.Run` of a folder, with all metrics of `export.catalogue`.

    What is measured of a run is kept in its folder; of an artifact, in the new one alone.
    """
    from trainers import run_lock, runs
    from trainers.data import load_splits

    is_run = (source / "config.json").is_file()
    run = runs.load_run(source) if is_run else runs.load_released(source)
    if data_dir:
        data = {**run.config["data"], "data_dir": data_dir}
        run = dataclasses.replace(run, config={**run.config, "data": data})
    measured = (run.last_evaluation or {}).get("metrics", {})
    missing = [name for name in catalogue.METRICS if name not in measured]
    if not missing:
        return run
    config = copy.deepcopy(run.config)
    config["evaluation"] = {**config["evaluation"], "nll_examples": catalogue.NLL_EXAMPLES}
    changed = dataclasses.replace(run, config=config)
    with tempfile.TemporaryDirectory() as scratch:
        folder = source if is_run else scratch
        with run_lock.hold(folder):
            splits = load_splits(config["data"])
            runs.check_data(folder, splits)
            evaluation = runs.evaluate_run(folder, changed, splits, missing, sys.stderr.isatty())
    return dataclasses.replace(run, evaluation=evaluation)


def check_sizes(folder):
    """Returns a line for every limit of the repository that its artifacts break."""
    sizes = {}
    for path in sorted(Path(folder).glob(f"*/{cards.CARD}")):
        entries = files.read_json(path)["files"]
        sizes.update({f"{path.parent.name}/{k}": entry["bytes"] for k, entry in entries.items()})
    lines = [
        f"{name} has {size:,} bytes, of at most {MAX_FILE_BYTES:,}"
        for name, size in sizes.items()
        if size > MAX_FILE_BYTES
    ]
    total = sum(sizes.values())
    if total > MAX_BYTES:
        lines.append(f"all artifacts have {total:,} bytes, of at most {MAX_BYTES:,}")
    return lines


def main(argv):
    """Runs the command; returns its exit code."""
    from absl import flags, logging

    logging.set_verbosity(logging.WARNING)
    options = flags.FLAGS
    scripts.start_tensorflow()
    outcomes = release(options.runs, options.names, options.out, options.data_dir)
    broken = check_sizes(options.out)
    for line in broken:
        print(f"error: {line}", file=sys.stderr)
    return int(bool(broken) or not set(outcomes.values()) <= {"published", "no run"})


if __name__ == "__main__":
    with scripts.needs(__name__):
        from absl import flags

    scripts.define_path("runs", None, "The folder of runs.")
    flags.DEFINE_list("names", None, "Names of export/catalogue.py; all by default.")
    scripts.define_path("out", str(ARTIFACTS), "Where artifacts go.")
    flags.DEFINE_string("data_dir", None, "Where TensorFlow Datasets keeps its data.")
    scripts.run(main, required=("runs",))
