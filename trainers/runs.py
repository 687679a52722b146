"""A run's folder: begun, read back, evaluated and reported."""

import dataclasses
import os
from pathlib import Path

import keras
import numpy as np
from absl import logging

import zoo
from trainers import (
    checkpoints,
    cuts,
    data,
    environment,
    evaluation_record,
    grids,
    plots,
    report,
    run_files,
)
from trainers import config as configs
from zoo import evaluation as evaluation_suite
from zoo import releases
from zoo.backend import dtype_policy, to_numpy
from zoo.releases.sizes import check_sizes
from zoo.storage import files, schema
from zoo.term import described

PICTURES = 10  # Images in a round of pictures.
CODES = 10000  # Points in the latent picture.


# Of `evaluate`, where a config or a flag gives them.
OPTIONAL_SETTINGS = ("num_chains", "num_temperatures", "num_generated")


@dataclasses.dataclass(frozen=True)
class Run:
    """A run read back: `model` (float32), `config` (dict), `evaluation` (dict or None), `step`.

    `training` says how it was trained: `command`, `epochs`, `seconds`, `hardware` and `cut`;
    `storage` what the card of a released model says of the rounding of its weights.
    """

    model: keras.Model
    config: dict
    evaluation: dict | None
    step: int
    history: list
    training: dict = dataclasses.field(default_factory=dict)
    storage: dict = dataclasses.field(default_factory=dict)

    @property
    def last_evaluation(self):
        """The evaluation, if it is of the last step; else None."""
        is_last = self.evaluation and self.evaluation["step"] == self.step
        return self.evaluation if is_last else None


def check_folder(workdir, config):
    """Raises ValueError unless `workdir` is the folder of `config`, or is new or empty."""
    path = workdir / "config.json"
    if path.is_file():
        differing = configs.differences(config, run_files.read_config(workdir)["config"])
        if differing:
            raise ValueError(
                f"{workdir} belongs to a run of another config. Use another --workdir, or the "
                "config it was begun with. Received: " + "; ".join(differing)
            )
        return
    # Hidden ones may be what a kill left of a `config.json` that was being written.
    entries = [name for name in _entries(workdir) if not name.startswith(".")]
    if entries:
        raise ValueError(
            "Expected an empty or new folder, or that of an earlier run. "
            f"Received: workdir={str(workdir)!r}, which holds {entries[:3]}"
        )


def _entries(folder):
    return sorted(os.listdir(folder)) if folder.is_dir() else []


def check_data(workdir, splits):
    """Raises ValueError if the data of the run in `workdir` is not what the run was begun on.

    The numbers of examples and the fingerprints of images and labels are compared. Data without
    splits is cut by how many pictures there are: with one more, training images would become test
    images. Runs of earlier versions noted less: what they did not note passes, with a warning.

    Args:
        workdir: A folder, of a run or not.
        splits: From `data.load_splits`.
    """
    path = Path(workdir) / "config.json"
    if not path.is_file():
        return
    origin = run_files.read_config(workdir)
    expected, sizes = origin.get("num_examples"), _sizes(splits)
    where = f"data.name={splits['train'].name!r}, workdir={str(workdir)!r}"
    advice = "Bring the data back to what it was, or use another --workdir."
    # An older run may have fewer sizes.
    if expected and expected != {key: sizes.get(key) for key in expected}:
        raise ValueError(
            "The data has changed since this run was begun: its splits would be others. "
            f"{advice} Expected: {expected}. Received: {sizes} in {where}"
        )
    # Earlier versions took the first examples of all data, and noted no rule.
    rule = origin.get("limit_rule", "first") if origin.get("is_limited", True) else ""
    if splits["train"].part not in ("", rule):
        raise ValueError(
            "This run was begun on the first training examples, as data.limit was read then; now "
            "they are drawn, and would be others. Use another --workdir. "
            f"Received: data.limit in {splits['train'].split!r}, {where}"
        )
    if "fingerprint" not in origin:
        logging.warning(
            "%s was begun by an earlier version and has no fingerprint of its data: whether images "
            "and labels are the same is not checked.",
            workdir,
        )
        return
    changes = data.changes(origin["fingerprint"], _fingerprints(splits))
    if changes:
        raise ValueError(
            f"The data has changed since this run was begun: {' and '.join(changes)} differ. "
            f"{advice} Received: {where}"
        )


def _fingerprints(splits):
    return {role: data.fingerprint(split) for role, split in splits.items() if split is not None}


def _sizes(splits):
    """Returns how many examples the splits have, and, where known, all of their source."""
    sizes = {role: len(split) for role, split in splits.items() if split is not None}
    whole = splits["train"].source_examples
    return sizes if whole is None else {**sizes, "source": whole}


def claim(workdir, config, splits, terms=None):
    """Makes `workdir` the folder of `config`, unless it is so already; see `check_folder`.

    Args:
        workdir: The run's folder.
        config: The run's config.
        splits: From `data.load_splits`.
        terms: The terms of its history, as `zoo.term.described` gives them.
    """
    check_folder(workdir, config)  # again: another process may have taken it since
    path = workdir / "config.json"
    if path.is_file():
        return
    files.write_json(
        path,
        {
            "config": configs.plain(config),
            "image_shape": list(splits["train"].image_shape),
            "num_examples": _sizes(splits),
            "fingerprint": _fingerprints(splits),
            "is_limited": bool(splits["train"].part),
            "limit_rule": splits["train"].part,
            "terms": terms or {},
            "command": environment.command(),
            "versions": environment.versions(),
            "hardware": environment.hardware(),
        },
    )


def unmeasured(run):
    """Returns the metrics of its config that a run's last step was not evaluated with."""
    measured = (run.last_evaluation or {"metrics": {}})["metrics"]
    return [name for name in run.config["evaluation"]["metrics"] if name not in measured]


def evaluate_run(workdir, run, splits=None, metrics=None, progress=True):
    """Evaluates a run on its test split and writes `evaluation.json` after each metric.

    An evaluation that was ended early, begun again with the same settings, measures only what is
    missing.

    Args:
        workdir: The run's folder.
        run: From `load_run`.
        splits: From `data.load_splits`; loaded if absent.
        metrics: Names; those of the config if absent. Others already there are kept.
        progress: Whether to draw progress bars.

    Returns:
        What `evaluation.json` holds.
    """
    settings = run.config["evaluation"]
    splits = splits or data.load_splits(run.config["data"])
    name = next(role for role in ("test", "validation", "train") if splits[role] is not None)
    split = splits[name]
    names = list(metrics or settings["metrics"])
    record = evaluation_record.EvaluationRecord(workdir, run, name, split, names)
    metrics_of_missing = evaluation_suite.evaluate(
        run.model,
        split,
        # Without a held-out split there are no probes: a split cannot judge itself.
        train_dataset=None if split is splits["train"] else splits["train"],
        metrics=tuple(record.missing),
        num_samples=settings["num_samples"],
        nll_examples=settings["nll_examples"] or None,
        classifier=settings.get("classifier") or Path(workdir) / "classifier",
        **{name: settings[name] for name in OPTIONAL_SETTINGS if settings.get(name)},
        seed=run.config["seed"],
        progress=progress,
        keep=record.keep,
    )
    record.entries.update(metrics_of_missing)
    return record.write()


def load_run(workdir):
    """Reads a run back, its model in float32 whatever it was trained in.

    Raises:
        FileNotFoundError: If `workdir` is no run, or has no checkpoint yet.
        ValueError: If its newest checkpoint is damaged or holds fewer weights than the config says.
    """
    workdir = Path(workdir)
    if not (workdir / "config.json").is_file():
        raise FileNotFoundError(
            f"Expected a run's folder, with config.json. Received: workdir={str(workdir)!r}"
        )
    checkpoint = checkpoints.newest(workdir / "checkpoints", temporary=False)
    if checkpoint is None:
        raise FileNotFoundError(
            "Expected a run with a checkpoint; train it for an epoch first (a copy of a sweep's "
            f"numbers has none). Received: workdir={str(workdir)!r}"
        )
    saved = run_files.read_config(workdir)
    config = configs.model_config(saved["config"], saved["image_shape"])
    with dtype_policy("float32"):
        check_sizes(config, (checkpoint.folder / checkpoints.WEIGHTS).stat().st_size)
        model = zoo.build(config)
    checkpoints.restore(checkpoint, model)
    evaluation = run_files.read_evaluation(workdir)
    if evaluation is not None:
        evaluation.pop("unfinished", None)
    run = Run(model, saved["config"], evaluation, checkpoint.step, checkpoint.history)
    training = {
        "command": saved["command"],
        "epochs": run.history[-1]["epoch"] if run.history else 0,
        "seconds": round(sum(row["seconds"] for row in run.history), 1),
        "hardware": saved["hardware"],
        "cut": cuts.text(cuts.phrases(saved)),
    }
    return dataclasses.replace(run, training=training)


def load_released(model):
    """Returns a released model as a run: its card holds the config that it was trained with.

    Folders that the config names are left out: a card decides nothing of this machine.

    Args:
        model: A name or an artifact's folder; see `zoo.releases.resolve`.

    Raises:
        ValueError: If the card has no config to evaluate by, or it holds something else.
    """
    folder, card = releases.open_artifact(model)
    path = folder / releases.CARD
    schema.check(card, run_files.RELEASED_KEYS, path)
    evaluation = card.get("evaluation")
    if evaluation:
        evaluation = {**evaluation, "metrics": card.get("metrics", {})}
        schema.check(evaluation, run_files.EVALUATION_KEYS, path, "evaluation")
    training = card.get("training") or _noted(card)
    origin = (_without_folders(card["run_config"]), evaluation, card["step"], [], training)
    return Run(releases.load(model), *origin, card.get("storage", {}))


def _without_folders(config):
    """Returns a config in which `data.data_dir` and `evaluation.classifier` are not set."""
    folders = {"data": "data_dir", "evaluation": "classifier"}
    cleared = {
        key: {name: value for name, value in config[key].items() if name != folder}
        for key, folder in folders.items()
    }
    return {**config, **cleared}


def _noted(card):
    """Returns what a card from before `training` has of it: that of its first evaluation."""
    first_evaluation = card.get("evaluation") or {}
    if not first_evaluation.get("command", "").startswith("python -m trainers.train "):
        return {}
    training = {key: first_evaluation[key] for key in ("command", "epochs", "hardware")}
    return {**training, "seconds": None, "cut": card["run_config"].get("cut", "")}


def write_report(workdir, run, splits=None):
    """Writes the page of `run`, `report.html`, and returns its path."""
    origin = run_files.read_config(workdir)
    splits = splits or data.load_splits(run.config["data"])
    split = splits["test"] or splits["validation"] or splits["train"]
    evaluation = run.evaluation or {}
    return report.write_report(
        workdir,
        title=_title(run.config),
        config=run.config,
        history=run.history,
        # Earlier versions noted no terms.
        terms=origin.get("terms") or described(run.model.declared_terms()),
        evaluation=evaluation,
        pictures=_pictures(run.model, split, run.config["seed"]),
        versions=origin["versions"],
        command=origin["command"],
        seconds=sum(row["seconds"] for row in run.history),
        hardware=origin["hardware"],
        cut=cuts.text(cuts.phrases(origin)),
    )


def _title(config):
    rooms = " / ".join(config[room]["name"] for room in ("encoder", "decoder", "marginal"))
    return f"{rooms}, {config['objective']['name']}, {config['latent_dim']} latents"


def _pictures(model, split, seed):
    shown = split.spaced(PICTURES)
    images = split.float_images(shown)
    white = split.pixel_scale
    rebuilt = np.clip(to_numpy(model.reconstruct(images)) / white, 0, 1)
    samples = np.clip(to_numpy(model.sample(4 * PICTURES, seed=seed)) / white, 0, 1)
    images = images / white
    rows = slice(0, CODES)
    codes = model.predict_codes(split.float_images(rows))
    labels = None if split.labels is None else split.labels[rows]
    return {
        "reconstructions": (
            grids.reconstruction_grid(images, rebuilt),
            f"{len(shown)} images, evenly spaced through the {split.split} split, each above its"
            " reconstruction from the posterior mean.",
        ),
        "samples": (
            grids.image_grid(samples, columns=PICTURES),
            f"{_drawn(model)} of draws from the marginal, seed {seed}.",
        ),
        "latent": (
            plots.latent_scatter(codes, labels, class_names=split.class_names),
            f"Posterior means of {len(codes)} images of the {split.split} split."
            f"{plots.substitutes(labels, split.class_names)}",
        ),
        "active units": (
            plots.active_units(codes),
            "Variance of each latent's posterior mean over the same images.",
        ),
    }


def _drawn(model):
    return "Images, drawn pixel by pixel," if model.decoder.is_autoregressive else "Mean images"
