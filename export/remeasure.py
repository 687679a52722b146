"""Measures metrics of published models again, and updates their cards and READMEs.

python -m export.remeasure --models=NAME,NAME --metrics=linear_probe,knn_probe [--data_dir=DIR]
python -m export.remeasure --models=NAME,NAME --errors

Weights, graphs and golden numbers stay as they are, byte for byte. Other metrics of a card stay
too. The card notes what was measured again, by which command and on which machine. `--errors`
measures nothing: it computes the standard errors of shares from their values and examples.
"""

import dataclasses
import sys
import tempfile
from pathlib import Path

from trainers import scripts
from zoo.releases import card as cards
from zoo.storage import files

README = "README.md"


def remeasure(model, metrics, data_dir=None, progress=False):
    """Measures metrics of an artifact on its own data and writes them into its card and README.

    Args:
        model: A released name or an artifact's folder.
        metrics: Names of `zoo.evaluation.ALL_METRICS`.
        data_dir: Where TensorFlow Datasets keeps its data; the config's folder by default.
        progress: Whether to draw progress bars.

    Returns:
        Name -> entry of the metrics that were measured.

    Raises:
        ValueError: If a metric is unknown, or the data is not what the card's metrics are of.
        FileNotFoundError: If the model or its data is not there.
    """
    from trainers import runs
    from zoo import releases
    from zoo.arguments import check_names
    from zoo.evaluation import ALL_METRICS

    check_names(metrics, ALL_METRICS, "--metrics")
    folder = releases.resolve(model)
    run = runs.load_released(folder)
    if data_dir:
        data = {**run.config["data"], "data_dir": data_dir}
        run = dataclasses.replace(run, config={**run.config, "data": data})
    with tempfile.TemporaryDirectory() as scratch:
        evaluation = runs.evaluate_run(scratch, run, metrics=metrics, progress=progress)
    card = cards.read_card(folder)
    _check_same_data(card, evaluation)
    write(folder, with_metrics(card, evaluation, metrics))
    return {name: evaluation["metrics"][name] for name in metrics}


def recompute_errors(model) -> dict[str, float]:
    """Computes the standard errors of an artifact's shares again and writes those that changed.

    A share is a metric with the unit "fraction": its error is a function of its value and of the
    number of examples (`zoo.evaluation.entries.share_stderr`).

    Args:
        model: A released name or an artifact's folder.

    Returns:
        Name -> standard error of the metrics whose error changed.

    Raises:
        FileNotFoundError: If the model is not there.
    """
    from zoo import releases
    from zoo.evaluation.entries import share_stderr

    folder = releases.resolve(model)
    card = cards.read_card(folder)
    errors = {
        name: share_stderr(entry["value"], entry["num_examples"])
        for name, entry in card["metrics"].items()
        if entry.get("unit") == "fraction" and entry["value"] is not None
    }
    changed = {k: error for k, error in errors.items() if error != card["metrics"][k]["stderr"]}
    if changed:
        entries = {k: {**card["metrics"][k], "stderr": error} for k, error in changed.items()}
        write(folder, {**card, "metrics": {**card["metrics"], **entries}})
    return changed


def with_metrics(card, evaluation, metrics):
    """Returns a card with these metrics of a new evaluation, and a note of how they were measured.

    Args:
        card: Of an artifact, a dict.
        evaluation: What `trainers.runs.evaluate_run` returned.
        metrics: Names of those to take.
    """
    from export.card import without_paths

    origin = {key: evaluation[key] for key in ("command", "hardware", "versions")}
    earlier = [
        {**entry, "metrics": [name for name in entry["metrics"] if name not in metrics]}
        for entry in card["evaluation"].get("again", [])
    ]
    earlier = [entry for entry in earlier if entry["metrics"]]
    again = [*earlier, {"metrics": list(metrics), **without_paths(origin)}]
    measured = {name: evaluation["metrics"][name] for name in metrics}
    return {
        **card,
        "metrics": {**card["metrics"], **measured},
        "evaluation": {**card["evaluation"], "again": again},
    }


def write(folder, card):
    """Writes an artifact's card and its README, whose hash is in the card."""
    from export.readme import make_readme

    path = Path(folder) / README
    files.atomic_write(path, make_readme(card))
    entry = {"sha256": files.sha256(path), "bytes": path.stat().st_size}
    card = {**card, "files": {**card["files"], README: entry}}
    cards.write_card(folder, card)


def _check_same_data(card, evaluation):
    """Refuses numbers of another split: a card's numbers are all of the same examples."""
    keys = ("split", "num_examples")
    expected, received = (
        {key: e.get(key) for key in keys} for e in (card["evaluation"], evaluation)
    )
    if expected != received:
        raise ValueError(f"Expected the data of the card: {expected}. Received: {received}")


def main(argv):
    """Runs the command; returns its exit code."""
    from absl import flags, logging

    logging.set_verbosity(logging.WARNING)
    options = flags.FLAGS
    scripts.start_tensorflow()
    if bool(options.metrics) == options.errors:
        raise scripts.UsageError("Expected either --metrics=NAME,NAME or --errors")
    if options.errors:
        for name in options.models:
            print(f"{name}: {len(recompute_errors(name))} errors changed", flush=True)
        return 0
    for name in options.models:
        try:
            entries = remeasure(name, options.metrics, options.data_dir, scripts.is_terminal())
        except (OSError, ValueError) as error:
            print(f"error: {name}: {error}", file=sys.stderr)
            return 1
        for metric, entry in entries.items():
            print(f"{name}: {metric} {scripts.metric_text(entry)}", flush=True)
    return 0


if __name__ == "__main__":
    with scripts.needs(__name__):
        from absl import flags

    flags.DEFINE_list("models", None, "Released names or artifacts' folders.")
    flags.DEFINE_list("metrics", None, "Names of metrics.")
    flags.DEFINE_bool("errors", False, "Compute the standard errors of shares again.")
    flags.DEFINE_string("data_dir", None, "Where TensorFlow Datasets keeps its data.")
    scripts.run(main, required=("models",))
