"""Evaluates a run or a released model again, on its own data or on other data."""

import copy
import dataclasses
from pathlib import Path

from trainers import evaluation_record, run_lock, runs, stopping
from trainers.data import binarisation_of, load_splits
from zoo.arguments import check_names
from zoo.evaluation import metric

SETTINGS = (
    *("num_samples", "nll_examples", "num_chains", "num_temperatures", "num_generated"),
    "classifier",
)


@stopping.resumable()
def reevaluate(
    workdir=None,
    model=None,
    metrics=None,
    num_samples=None,
    data_dir=None,
    out=None,
    progress=True,
    data=None,
    **settings,
):
    """Evaluates a run (`workdir`) or an artifact (`model`) and writes `evaluation.json`.

    A run's page is written anew with the new numbers. Metrics not asked for are kept. What is
    measured on other data stands alone, in `out`.

    Args:
        workdir: A run's folder.
        model: A released name or an artifact's folder.
        metrics: Names; those of the config by default.
        num_samples: K, of the importance-sampled NLL.
        data_dir: Where TensorFlow Datasets keeps its data.
        out: With `model` or `data`, where `evaluation.json` goes; the present folder by default.
        progress: Whether to draw progress bars.
        data: Other data than the model's own, by a name or path as `data.name` takes: its own
            splits, brought to the model's size and channels, with the model's binarisation.
        **settings: Others of `SETTINGS`, as of `zoo.evaluation.evaluate`; None leaves the config's.
            `classifier` is the folder that keeps the classifier of images, by default one in the
            run's folder; runs on the same data can share it.

    Returns:
        What `evaluation.json` holds.

    Raises:
        ValueError: If a metric or a setting is unknown or out of range, if `out` is given where the
            result belongs to the run's folder, or if the run's data has changed.
        FileNotFoundError: If the run or its data is not there.
    """
    check_names(metrics or (), metric.all_names(), "--metrics")
    run = runs.load_run(workdir) if workdir else runs.load_released(model)
    config = copy.deepcopy(run.config)
    settings = {"num_samples": num_samples, **settings}
    check_names(settings, SETTINGS, "settings")
    settings = {name: value for name, value in settings.items() if value is not None}
    _check_positive(settings)
    config["evaluation"].update(settings)
    if data:
        config["data"] = _other_data(config["data"], data, run.model.image_shape)
    if data_dir:
        config["data"]["data_dir"] = data_dir
    # What was measured before was measured on the model's own data.
    earlier = None if data else run.evaluation
    changed = dataclasses.replace(run, config=config, evaluation=earlier)
    in_place = workdir and not data
    if in_place and out:
        raise ValueError(
            "Expected --out only with --model or --data: a run on its own data is evaluated in "
            f"its folder. Received: workdir={str(workdir)!r}, out={str(out)!r}"
        )
    target = Path(workdir if in_place else out or ".")
    with run_lock.hold(target, make=True):
        splits = None
        try:
            if in_place:
                splits = load_splits(config["data"])
                runs.check_data(workdir, splits)
            else:
                _check_free(target, changed)
            result = runs.evaluate_run(target, changed, splits, metrics, progress)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{error}. Name the data with --data=NAME_OR_PATH, or --data_dir where TensorFlow "
                "Datasets keeps it."
            ) from error
        if in_place:
            runs.write_report(workdir, dataclasses.replace(run, evaluation=result), splits)
    return result


def _check_free(target, run):
    """Raises ValueError if `target` holds another evaluation than an unfinished one of `run`."""
    is_there = (target / "evaluation.json").is_file()
    if is_there and not evaluation_record.is_unfinished(target, run):
        raise ValueError(
            "Expected an --out folder without evaluation.json, so that no result is lost. "
            f"Received: out={str(target)!r}"
        )


def _check_positive(settings):
    for name, value in settings.items():
        least = 0 if name == "nll_examples" else 1  # 0: all of them
        if name != "classifier" and value < least:
            raise ValueError(f"Expected --{name} of at least {least}. Received: --{name}={value}")


def _other_data(config, name, image_shape):
    """Returns the config of other data: of the model's own what its pixels have to be."""
    height, width, channels = image_shape
    keys = ("data_dir", "download", "binarisation", "pixel_scale", "fit")
    own = {key: config[key] for key in keys if key in config}
    own["binarisation"] = binarisation_of(config)
    if channels in (1, 3):  # others can be brought to no other number
        own["channels"] = channels
    return {"name": name, "image_size": [height, width], **own}
