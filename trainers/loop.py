"""The loop: from a config to a trained, evaluated and reported run; killed, it resumes."""

import contextlib
import dataclasses
import os
import time
from pathlib import Path

import keras
import numpy as np
from absl import logging

import zoo
from trainers import callbacks, checkpoints, data, environment, plots, report
from trainers import config as configs
from trainers.tensorboard import Writer
from zoo import backend, files
from zoo import evaluation as evaluation_suite
from zoo.backend import to_numpy

PICTURES = 10  # Images in a round of pictures.
CODES = 10000  # Points in the latent picture.


@dataclasses.dataclass(frozen=True)
class Run:
    """A run read back: `model` (float32), `config` (dict), `evaluation` (dict or None), `step`."""

    model: keras.Model
    config: dict
    evaluation: dict | None
    step: int
    history: list


def train_and_evaluate(config, workdir, progress=True):
    """Trains, evaluates and reports the run that `config` describes; resumes if it was begun.

    Args:
        config: A complete, locked `ConfigDict` (`trainers.config.complete`).
        workdir: The run's folder.
        progress: Whether to draw progress bars.

    Returns:
        A `Run`.

    Raises:
        ValueError: If `workdir` belongs to another config, or a checkpoint is damaged.
        NonFiniteError: If training diverges; the last good checkpoint stays.
    """
    workdir = Path(workdir)
    _claim(workdir, config)
    splits = data.load_splits(config.data)
    train(config, workdir, splits, progress)
    run = load_run(workdir)
    if run.evaluation is None or run.evaluation["step"] != run.step:
        evaluate_run(workdir, run, splits=splits, progress=progress)
    write_report(workdir, splits)
    return load_run(workdir)


def train(config, workdir, splits, progress=True):
    """Trains to the last epoch of `config`, from the newest checkpoint if there is one."""
    train_set = splits["train"]
    batch_size, epochs = config.train.batch_size, config.train.epochs
    steps = data.steps_per_epoch(train_set, batch_size)
    checkpoint = checkpoints.newest(workdir / "checkpoints")
    first_step = checkpoint.step if checkpoint else 0
    if first_step >= epochs * steps:
        logging.info("%s has all its %d epochs.", workdir, epochs)
        return
    with dtype_policy(config.train.dtype_policy):
        keras.utils.set_random_seed(config.seed)
        model = zoo.build(configs.model_config(config, train_set.image_shape))
        model.compile(
            configs.make_optimizer(config, steps),
            jit_compile=resolve_jit(config.train.jit_compile, model),
            steps_per_execution=resolve_steps(config.train.steps_per_execution, steps),
        )
        if checkpoint:
            checkpoints.restore(checkpoint, model)
            logging.info("Resuming at step %d (epoch %d).", first_step, first_step // steps)
        history = checkpoint.history if checkpoint else []
        watched = splits["validation"] or splits["test"] or train_set
        images = watched.float_images(slice(0, config.train.validation_examples))
        writer = Writer(workdir / "tensorboard")
        recorder = callbacks.Recorder(
            workdir, history, writer, images[:PICTURES], config.train.pictures_every
        )
        stream = data.training_batches(train_set, batch_size, config.seed, first_step)
        if backend.BACKEND == "jax":
            stream = ((batch,) for batch in stream)
        bar = callbacks.Progress(first_step, epochs * steps, disable=not progress)
        try:
            model.fit(
                stream,
                epochs=epochs,
                initial_epoch=first_step // steps,
                steps_per_epoch=steps,
                shuffle=False,
                verbose=0,
                callbacks=[
                    callbacks.Clock(),
                    callbacks.StopOnNonFinite(),
                    callbacks.Validation(images, batch_size, config.train.validation_every),
                    recorder,
                    callbacks.Checkpoints(
                        workdir / "checkpoints",
                        recorder,
                        config.train.checkpoint_every,
                        config.train.keep_checkpoints,
                    ),
                    bar,
                ],
            )
        except callbacks.NonFiniteError as error:
            last = checkpoints.newest(workdir / "checkpoints")
            kept = f"The last good checkpoint is {last.folder}." if last else "No checkpoint yet."
            raise callbacks.NonFiniteError(f"{error} {kept}") from error
        finally:
            bar.on_train_end()
            writer.close()


def evaluate_run(workdir, run, splits=None, metrics=None, progress=True):
    """Evaluates a run on its test split and writes `evaluation.json`.

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
    start = time.perf_counter()
    found = evaluation_suite.evaluate(
        run.model,
        split,
        train_dataset=splits["train"],
        metrics=tuple(metrics or settings["metrics"]),
        num_samples=settings["num_samples"],
        nll_examples=settings["nll_examples"] or None,
        seed=run.config["seed"],
        progress=progress,
    )
    earlier = run.evaluation if run.evaluation and run.evaluation["step"] == run.step else None
    result = {
        "split": name,
        "num_examples": len(split),
        "data": split.describe(),
        "seed": run.config["seed"],
        "step": run.step,
        "epochs": run.history[-1]["epoch"] if run.history else 0,
        "metrics": {**(earlier["metrics"] if earlier else {}), **found},
        "seconds": round(time.perf_counter() - start, 2),
        "command": environment.command(),
        "hardware": environment.hardware(),
        "versions": environment.versions(),
    }
    files.write_json(Path(workdir) / "evaluation.json", result)
    return result


def load_run(workdir):
    """Reads a run back, its model in float32 whatever it was trained in.

    Raises:
        FileNotFoundError: If `workdir` is no run, or has no checkpoint yet.
        ValueError: If its newest checkpoint is damaged.
    """
    workdir = Path(workdir)
    if not (workdir / "config.json").is_file():
        raise FileNotFoundError(
            f"Expected a run's folder, with config.json. Received: workdir={str(workdir)!r}"
        )
    saved = files.read_json(workdir / "config.json")
    checkpoint = checkpoints.newest(workdir / "checkpoints")
    if checkpoint is None:
        raise FileNotFoundError(
            f"Expected a run with a checkpoint; train it for an epoch first. "
            f"Received: workdir={str(workdir)!r}"
        )
    with dtype_policy("float32"):
        model = zoo.build(configs.model_config(saved["config"], saved["image_shape"]))
    checkpoints.restore(checkpoint, model)
    path = workdir / "evaluation.json"
    evaluation = files.read_json(path) if path.is_file() else None
    return Run(model, saved["config"], evaluation, checkpoint.step, checkpoint.history)


def write_report(workdir, splits=None):
    """Writes the run's page, `report.html`, and returns its path."""
    run = load_run(workdir)
    origin = files.read_json(Path(workdir) / "config.json")
    splits = splits or data.load_splits(run.config["data"])
    split = splits["test"] or splits["validation"] or splits["train"]
    evaluation = run.evaluation or {}
    return report.write_report(
        workdir,
        title=_title(run.config),
        config=run.config,
        history=run.history,
        evaluation=evaluation,
        pictures=_pictures(run.model, split, run.config["seed"]),
        versions=origin["versions"],
        command=origin["command"],
        seconds=sum(row["seconds"] for row in run.history),
        hardware=origin["hardware"],
        cut=_cut(run),
    )


def _cut(run):
    limit = run.config["data"]["limit"]
    return [f"trained on the first {limit} examples only"] if limit else []


def _title(config):
    rooms = " / ".join(config[room]["name"] for room in ("encoder", "decoder", "marginal"))
    return f"{rooms}, {config['objective']['name']}, {config['latent_dim']} latents"


def _pictures(model, split, seed):
    images = split.float_images(slice(0, PICTURES))
    rebuilt = np.clip(to_numpy(model.reconstruct(images)), 0, 1)
    samples = np.clip(to_numpy(model.sample(4 * PICTURES, seed=seed)), 0, 1)
    rows = slice(0, CODES)
    codes = model.predict_codes(split.float_images(rows))
    labels = None if split.labels is None else split.labels[rows]
    return {
        "reconstructions": (
            plots.reconstruction_grid(images, rebuilt),
            f"The first {PICTURES} images of the {split.split} split, each above its reconstruction"
            " from the posterior mean.",
        ),
        "samples": (
            plots.image_grid(samples, columns=PICTURES),
            f"Mean images of draws from the marginal, seed {seed}.",
        ),
        "latent": (
            plots.latent_scatter(codes, labels, class_names=split.class_names),
            f"Posterior means of {len(codes)} images of the {split.split} split.",
        ),
        "active units": (
            plots.active_units(codes),
            "Variance of each latent's posterior mean over the same images.",
        ),
    }


def _claim(workdir, config):
    """Makes `workdir` the folder of `config`, or checks that it is so already."""
    path = workdir / "config.json"
    if path.is_file():
        found = configs.differences(config, files.read_json(path)["config"])
        if found:
            raise ValueError(
                f"{workdir} belongs to a run of another config. Use another --workdir, or the "
                "config it was begun with. Received:\n  " + "\n  ".join(found)
            )
        return
    if workdir.is_dir() and any(workdir.iterdir()):
        raise ValueError(
            "Expected an empty or new folder, or that of an earlier run. "
            f"Received: workdir={str(workdir)!r}, which holds {sorted(os.listdir(workdir))[:3]}"
        )
    splits = data.load_splits(config.data)
    files.write_json(
        path,
        {
            "config": configs.plain(config),
            "image_shape": list(splits["train"].image_shape),
            "command": environment.command(),
            "versions": environment.versions(),
            "hardware": environment.hardware(),
        },
    )


def resolve_jit(setting, model):
    """Returns whether to compile with XLA: `auto` follows the measured rule, or a forced choice.

    Raises:
        ValueError: If `setting` is not "auto", "on" or "off".
    """
    choices = {"on": True, "off": False}
    if setting == "auto":
        return backend.prefer_xla(model)
    if setting not in choices:
        raise ValueError(
            "`train.jit_compile` must be 'auto', 'on' or 'off'. "
            f"Received: train.jit_compile={setting!r}"
        )
    return choices[setting]


def resolve_steps(setting, steps_per_epoch):
    """Returns how many steps run in one execution: the largest divisor of an epoch up to 20.

    A divisor, because Keras would otherwise run past the end of the epoch. Twenty, because more
    made no dense network faster, and one step of a large one is slow enough not to need any.

    Args:
        setting: A positive int is taken as the largest instead of 20; 0 means the rule.
        steps_per_epoch: Int.
    """
    if backend.BACKEND == "jax":
        return 1
    largest = setting or 20
    return max(n for n in range(1, largest + 1) if steps_per_epoch % n == 0)


@contextlib.contextmanager
def dtype_policy(name):
    """Sets Keras's global policy ("float32" or "mixed_bfloat16") and gives the earlier one back."""
    earlier = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.mixed_precision.set_dtype_policy(earlier)
