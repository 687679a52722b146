"""Trains, evaluates and reports one run; resumes from the last checkpoint."""

import contextlib
import dataclasses
import math
from pathlib import Path

import keras
from absl import logging

import zoo
from trainers import (
    callbacks,
    checkpoints,
    data,
    devices,
    memory,
    parts,
    processes,
    profiling,
    run_lock,
    runs,
    stopping,
    trackers,
)
from trainers import config as configs
from trainers.tensorboard import Silent, Writer
from zoo import backend, executions
from zoo.part import kind
from zoo.term import described


@stopping.resumable()
def train_and_evaluate(config, workdir, progress=True, profile=0, tracker=None):
    """Trains, evaluates and reports the run that `config` describes; resumes if it was begun.

    Args:
        config: A complete, locked `ConfigDict` (`trainers.config.complete`).
        workdir: The run's folder.
        progress: Whether to draw progress bars.
        profile: Executions to profile for TensorBoard, see `profiling.Profile`; 0 for none.
        tracker: A `trackers.Tracker`, closed at the end; that of the environment by default.

    Returns:
        A `Run`.

    Raises:
        ValueError: If a number of the config is out of range, if `workdir` belongs to another
            config, if its data has changed, or if a checkpoint is damaged.
        NonFiniteError: If training diverges; the last good checkpoint stays.
        FolderInUse: If another process works in `workdir`.
        ProcessLost: If another process of the same training ended early.
        Stopped: If SIGTERM or Ctrl-C asked the process to end.

    Of several processes that train together the first one evaluates and reports. The others return
    None once training is done.
    """
    workdir = Path(workdir)
    configs.check_numbers(config)
    with contextlib.ExitStack() as stack:
        if processes.is_first():
            stack.enter_context(run_lock.hold(workdir, make=True))
            tracker = stack.enter_context(tracker or trackers.make())
        runs.check_folder(workdir, config)
        splits = data.load_splits(config.data)
        runs.check_data(workdir, splits)
        with processes.watched():
            train(config, workdir, splits, progress and processes.is_first(), profile, tracker)
        processes.leave()
        if not processes.is_first():
            return None
        run = runs.load_run(workdir)
        missing = runs.unmeasured(run)
        if missing or run.last_evaluation is None:
            evaluation = runs.evaluate_run(
                workdir, run, splits=splits, metrics=missing, progress=progress
            )
            run = dataclasses.replace(run, evaluation=evaluation)
        runs.write_report(workdir, run, splits)
        tracker.begin(workdir, parts.settings(config))
        tracker.finish(workdir, run.evaluation)
        return run


def train(config, workdir, splits, progress=True, profile=0, tracker=None):
    """Trains to the last epoch of `config`, from the newest checkpoint if there is one.

    `workdir` becomes the run's folder once its parts could be built.

    Raises:
        Stopped: If SIGTERM or Ctrl-C asked the process to end; the present step is saved then.
    """
    train_set = splits["train"]
    batch_size, epochs = config.train.batch_size, config.train.epochs
    steps = data.steps_per_epoch(train_set, batch_size)
    checkpoint = checkpoints.newest(workdir / "checkpoints")
    if processes.is_first():
        checkpoints.drop_old(workdir / "checkpoints", config.train.keep_checkpoints)
    first_step = checkpoint.step if checkpoint else 0
    processes.check_same("step of the last checkpoint", first_step)
    if first_step >= epochs * steps:
        logging.info("%s has all its %d epochs.", workdir, epochs)
        return
    with (
        runs.dtype_policy(config.train.dtype_policy),
        devices.scope(config.train.get("devices", 1)) as spread,
    ):
        keras.utils.set_random_seed(config.seed)
        model = zoo.build(configs.model_config(config, train_set.image_shape))
        check_likelihood(model, train_set)
        watched = splits["validation"] or splits["test"] or train_set
        check_labels(model, train_set, watched)
        for dataset in splits.values():
            if dataset is not None and dataset.labels is not None:
                where = f"data.name={dataset.name!r}, split {dataset.split!r}"
                model.objective.check_labels(dataset.labels, where)
        check_batch_size(model, train_set, batch_size)
        _compile(model, config, steps, first_step, spread.count)
        if checkpoint:
            checkpoints.restore(checkpoint, model)
            logging.info("Resuming at step %d (epoch %d).", first_step, first_step // steps)
        elif model.marginal.starts_from_images:
            model.marginal.adapt(train_set, seed=config.seed)
        terms = described(model.declared_terms())
        if processes.is_first():
            runs.claim(workdir, config, splits, terms)  # not before all of it could be built
            tracker = tracker or trackers.Tracker()
            tracker.begin(workdir, parts.settings(config))
            writer = trackers.Writers(Writer(workdir / "tensorboard", terms), tracker)
        else:
            writer = Silent()
        bar = callbacks.Progress(first_step, epochs * steps, disable=not progress)
        profile = profile if processes.is_first() else 0
        profiled = profiling.Profile(workdir / "tensorboard", profile)
        try:
            with memory.explained(batch_size), stopping.deferred() as request:
                listed = _callbacks(
                    *(config, workdir, model, train_set, watched, checkpoint, steps, writer),
                    *(request, spread),
                )
                listed = [*([profiled] if profile else []), *listed, bar]
                _fit(model, config, train_set, first_step, steps, listed, spread)
        except callbacks.NonFiniteError as error:
            last = checkpoints.newest(workdir / "checkpoints")
            advice = f"The last good checkpoint is {last.folder}." if last else "No checkpoint yet."
            raise callbacks.NonFiniteError(f"{error} {advice}") from error
        finally:
            profiled.close()
            bar.close()
            writer.close()


def _compile(model, config, steps, first_step, count):
    """Sets the optimiser, XLA or not, and how many steps run in one execution."""
    jit_compile = resolve_jit(config.train.jit_compile, model, count)
    is_one_program = executions.suits(model, jit_compile)
    most = executions.most_steps(model, config.train.batch_size) if is_one_program else 0
    model.compile(
        configs.make_optimizer(config, steps),
        jit_compile=jit_compile,
        steps_per_execution=resolve_steps(
            config.train.steps_per_execution, steps, first_step, most
        ),
    )


def _callbacks(
    config, workdir, model, train_set, watched, checkpoint, steps, writer, request, spread
):
    """Returns the callbacks of a run in the order in which they act."""
    settings = config.train
    rows = watched.rows(settings.validation_examples)
    images = watched.float_images(rows)
    labels = watched.labels[rows] if model.objective.needs_labels else None
    recorder = callbacks.Recorder(
        workdir,
        checkpoint.history if checkpoint else [],
        writer,
        images[:: max(1, len(images) // runs.PICTURES)][: runs.PICTURES],
        settings.pictures_every,
        watched.pixel_scale,
    )
    validation = callbacks.Validation(
        images, settings.batch_size, settings.validation_every, labels, spread.evaluate
    )
    is_within = checkpoint is not None and checkpoint.step % steps != 0
    clock = callbacks.Clock(checkpoint.seconds if is_within else 0.0)
    return [
        callbacks.Resumption(checkpoint if is_within else None),
        clock,
        callbacks.StopOnNonFinite(),
        *([] if watched is train_set else [validation]),
        # Before whatever draws samples or keeps the weights.
        callbacks.Adaptation(train_set, (settings.pictures_every, settings.checkpoint_every)),
        recorder,
        callbacks.Checkpoints(
            workdir / "checkpoints",
            recorder,
            settings.checkpoint_every,
            settings.keep_checkpoints,
            clock,
            settings.get("checkpoint_minutes", 0.0),
            request,
        ),
    ]


def _fit(model, config, train_set, first_step, steps, listed, spread):
    """Fits from `first_step` to the last epoch; first it completes an epoch that was begun."""
    epochs, batch_size = config.train.epochs, config.train.batch_size
    begun, position = divmod(first_step, steps)
    parts = [(first_step, begun + 1, steps - position)] if position else []
    whole = begun + bool(position)  # the first whole epoch
    parts += [(whole * steps, epochs, steps)] if whole < epochs else []
    for start, last_epoch, count in parts:
        model.fit(
            # A data set's pixels are checked when it is read.
            spread.training_batches(
                train_set, batch_size, config.seed, start, model.objective.needs_labels
            ),
            epochs=last_epoch,
            initial_epoch=start // steps,
            steps_per_epoch=count,
            shuffle=False,
            verbose=0,
            callbacks=keras.callbacks.CallbackList(
                listed, add_history=True, model=model, epochs=epochs, steps=count
            ),
        )


def check_likelihood(model, dataset):
    """Raises ValueError if pixels are scaled for a likelihood that needs them in [0, 1]."""
    if dataset.pixel_scale != 1 and model.pixel_range is not None:
        raise ValueError(
            "Scaled pixels need a linear Gaussian likelihood. Received: "
            f"data.pixel_scale={dataset.pixel_scale}, "
            f"decoder.likelihood.name={kind(model.decoder.likelihood)!r}"
        )


def check_labels(model, *datasets):
    """Raises ValueError if the objective needs labels, and one of the data sets has none."""
    for dataset in datasets:
        if model.objective.needs_labels and dataset.labels is None:
            raise ValueError(
                f"The objective {kind(model.objective)!r} needs labels. Received: "
                f"data.name={dataset.name!r}, whose split {dataset.split!r} has none"
            )


def check_batch_size(model, dataset, batch_size):
    """Raises ValueError if no batch is large enough for a term of the objective."""
    size = min(batch_size, len(dataset))
    for name, term in model.declared_terms().items():
        if size < term.smallest_batch:
            raise ValueError(
                f"Expected batches of at least {term.smallest_batch} examples for the {name} of "
                f"the objective {kind(model.objective)!r}. Received: "
                f"train.batch_size={batch_size}, {len(dataset)} training examples"
            )


def resolve_jit(setting, model, count=1):
    """Returns whether to compile with XLA: `auto` follows the measured rule, or a forced choice.

    Args:
        setting: "auto", "on" or "off".
        model: A `zoo.VAE`.
        count: The number of devices. TensorFlow cannot compile a step of several with XLA.

    Raises:
        ValueError: If `setting` is none of these, or "on" for several devices of TensorFlow.
    """
    choices = {"on": True, "off": False}
    can = count == 1 or backend.BACKEND == "jax"
    if setting == "auto":
        return can and backend.prefer_xla(model)
    if setting == "on" and not can:
        raise ValueError(
            "Expected train.jit_compile 'auto' or 'off' with several devices of TensorFlow. "
            f"Received: train.jit_compile={setting!r} with {count} devices"
        )
    if setting not in choices:
        raise ValueError(
            "`train.jit_compile` must be 'auto', 'on' or 'off'. "
            f"Received: train.jit_compile={setting!r}"
        )
    return choices[setting]


def resolve_steps(setting, steps_per_epoch, first_step=0, most_in_program=0):
    """Returns how many steps run in one execution: 20, or fewer where an epoch has no more.

    It is 20 because more steps made no dense network faster. A step of a large network is slow
    enough without. If an execution is not one program, it is one step under JAX. Under TensorFlow
    it is then the largest divisor up to 20 of an epoch and of the rest of the present epoch.
    Otherwise Keras would run past the end of the epoch.

    Args:
        setting: A positive int is taken as the largest instead of 20; 0 means the rule.
        steps_per_epoch: Int.
        first_step: Int, where training resumes.
        most_in_program: How many steps fit in one program; 0 where an execution is not one.
    """
    largest = setting or 20
    if most_in_program:
        return min(largest, steps_per_epoch, most_in_program)
    if backend.BACKEND == "jax":
        return 1
    whole = math.gcd(steps_per_epoch, first_step)
    return max(n for n in range(1, largest + 1) if whole % n == 0)
