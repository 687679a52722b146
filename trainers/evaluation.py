"""Evaluating again: a run with other metrics, or a released model on its own data."""

import copy
import dataclasses
from pathlib import Path

from trainers import runs
from zoo.arguments import check_names
from zoo.evaluation.evaluate import ALL_METRICS

SETTINGS = (
    *("num_samples", "nll_examples", "num_chains", "num_temperatures", "num_generated"),
    "classifier",
)


def evaluate(
    workdir=None,
    model=None,
    metrics=None,
    num_samples=None,
    data_dir=None,
    out=None,
    progress=True,
    **settings,
):
    """Evaluates a run (`workdir`) or an artifact (`model`) and writes `evaluation.json`.

    A run's page is written anew with the new numbers. Metrics not asked for are kept.

    Args:
        workdir: A run's folder.
        model: A released name or an artifact's folder.
        metrics: Names; those of the config by default.
        num_samples: K, of the importance-sampled NLL.
        data_dir: Where TensorFlow Datasets keeps its data.
        out: With `model`, where `evaluation.json` goes; the present folder by default.
        progress: Whether to draw progress bars.
        **settings: Others of `SETTINGS`, as of `zoo.evaluation.evaluate`; None leaves the config's.
            `classifier` is the folder that keeps the classifier of images, by default one in the
            run's folder; runs on the same data can share it.

    Returns:
        What `evaluation.json` holds.

    Raises:
        ValueError: If a metric or a setting is unknown.
    """
    check_names(metrics or (), ALL_METRICS, "--metrics")
    run = runs.load_run(workdir) if workdir else runs.load_released(model)
    config = copy.deepcopy(run.config)
    settings = {"num_samples": num_samples, **settings}
    check_names(settings, SETTINGS, "settings")
    config["evaluation"].update({name: value for name, value in settings.items() if value})
    if data_dir:
        config["data"]["data_dir"] = data_dir
    asked = dataclasses.replace(run, config=config)
    target = Path(workdir or out or ".")
    if workdir is None and (target / "evaluation.json").is_file():
        raise ValueError(
            "Expected an --out folder without evaluation.json, so that no result is lost. "
            f"Received: out={str(target)!r}"
        )
    result = runs.evaluate_run(target, asked, metrics=metrics, progress=progress)
    if workdir:
        runs.write_report(workdir, dataclasses.replace(run, evaluation=result))
    return result
