"""A run's checkpoints: whole or absent, verified by hash, with everything that resuming needs."""

import dataclasses
import math
import shutil
from pathlib import Path

import numpy as np

from trainers import run_files
from zoo import weights
from zoo.backend import assign_metric_state, metric_state
from zoo.storage import arrays, files, json_text

WEIGHTS, RANDOM, METRICS, META = "state.weights.h5", "random.npz", "metrics.npz", "meta.json"
_TEMPORARY = "-temporary"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """One folder of `checkpoints/`.

    Args:
        folder: `step-XXXXXXXX`, of the end of an epoch; or `step-XXXXXXXX-temporary`.
        step: Optimiser steps taken.
        history: The rows of `metrics.csv` of the epochs that were finished.
        seconds: Of training in the epoch that was not finished.
    """

    folder: Path
    step: int
    history: list
    seconds: float = 0.0


def save(folder, model, step, history, keep=2, seconds=None):
    """Writes a checkpoint of `model`, its optimiser and its random state, then drops old ones.

    The position in the data needs no file: the batch of a step is a function of the step.

    Args:
        folder: The run's `checkpoints` folder.
        model: A compiled `VAE`.
        step: Optimiser steps taken.
        history: The rows of `metrics.csv` so far.
        keep: How many of the newest checkpoints stay.
        seconds: None for the end of an epoch. Otherwise the seconds of training in the present
            epoch: the checkpoint is temporary, holds the metrics of the epoch so far, and stays
            until the next checkpoint, whatever `keep` is.

    Returns:
        The new checkpoint's folder.
    """
    folder, is_temporary = Path(folder), seconds is not None
    target = folder / f"step-{step:08d}{_TEMPORARY if is_temporary else ''}"
    with files.atomic_folder(target) as temporary:
        weights.save_weights(model, temporary / WEIGHTS)
        _save_states(temporary / RANDOM, random_variables(model))
        if is_temporary:
            _save_states(temporary / METRICS, map(metric_state, model.metrics_variables))
        hashes = {path.name: files.sha256(path) for path in sorted(temporary.iterdir())}
        meta = {"step": step, "history": [_as_json(row) for row in history], "sha256": hashes}
        meta["seconds"] = seconds or 0.0
        files.write_json(temporary / META, json_text.seal(meta))
    drop_old(folder, keep)
    return target


def drop_old(folder, keep):
    """Removes all but the newest `keep` checkpoints, and temporary ones that are not the newest.

    A process that was killed after it had saved may have left them.
    """
    paths = _folders(Path(folder), temporary=True)
    passed = [path for path in paths[:-1] if path.name.endswith(_TEMPORARY)]
    for path in (*passed, *folders(folder)[:-keep]):
        shutil.rmtree(path)


def newest(folder, temporary=True):
    """Returns the newest checkpoint, its files checked against their hashes, or `None`.

    Args:
        folder: The run's `checkpoints` folder.
        temporary: Whether a temporary checkpoint counts. Training resumes from it; its model is of
            no whole number of epochs, and has no estimates that are made after training.

    Raises:
        ValueError: If a file is absent, cut short or changed; the message says how to go on.
    """
    paths = _folders(Path(folder), temporary)
    if not paths:
        return None
    latest = paths[-1]
    try:
        is_temporary = latest.name.endswith(_TEMPORARY)
        required = (WEIGHTS, RANDOM, METRICS) if is_temporary else (WEIGHTS, RANDOM)
        meta = run_files.read_meta(latest, required)
        for name, expected in meta["sha256"].items():
            received = files.sha256(latest / name) if (latest / name).is_file() else "no file"
            if received != expected:
                raise ValueError(
                    f"Expected {latest / name} with sha256 {expected}. Received: {received}"
                )
    except (FileNotFoundError, ValueError) as error:
        earlier = paths[-2].name if len(paths) > 1 else "the start"
        raise ValueError(
            f"The checkpoint {latest} is damaged: {error}. "
            f"Remove that folder to go on from {earlier}."
        ) from error
    history = [_from_json(row) for row in meta["history"]]
    return Checkpoint(latest, meta["step"], history, meta.get("seconds", 0.0))


def _as_json(row):
    """Returns a row of the history with values that JSON lacks, for example infinity, as text."""
    return {key: value if math.isfinite(value) else str(value) for key, value in row.items()}


def _from_json(row):
    return {key: float(value) if isinstance(value, str) else value for key, value in row.items()}


def restore(checkpoint, model):
    """Puts a checkpoint's weights, optimiser and random state into `model`.

    A model without an optimiser (for evaluation or export) takes the weights alone.

    Raises:
        ValueError: If the checkpoint is of another model.
    """
    if getattr(model, "optimizer", None) is not None and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    try:
        model.load_weights(checkpoint.folder / WEIGHTS)
    except (ValueError, KeyError) as error:
        raise ValueError(
            f"Expected a checkpoint of this model. Received: {checkpoint.folder}: {error}"
        ) from error
    _load_states(checkpoint.folder / RANDOM, random_variables(model))


def restore_metrics(checkpoint, model):
    """Puts the metrics of the epoch in which a temporary checkpoint was made into `model`."""
    _load_states(checkpoint.folder / METRICS, model.metrics_variables, assign_metric_state)


def _save_states(path, variables):
    states = [np.asarray(variable) for variable in variables]
    np.savez(path, **{f"state_{i}": state for i, state in enumerate(states)})


def _load_states(path, variables, assign=lambda variable, value: variable.assign(value)):
    states = arrays.read_npz(path)
    if states.keys() != {f"state_{i}" for i in range(len(variables))}:
        raise ValueError(f"Expected {len(variables)} states. Received: {list(states)} in {path}")
    for i, variable in enumerate(variables):
        assign(variable, states[f"state_{i}"])


def random_variables(model):
    """Returns the states of the seed generators, which Keras's weight files leave out."""
    weights = {id(variable) for variable in model.weights}
    metrics = {id(variable) for variable in model.metrics_variables}
    return [v for v in model.variables if id(v) not in weights and id(v) not in metrics]


def folders(folder):
    """Returns the folders of the checkpoints at ends of epochs, the oldest first."""
    return _folders(Path(folder), temporary=False)


def _folders(folder, temporary):
    paths = [path for path in folder.glob("step-*") if path.is_dir()]
    if not temporary:
        paths = [path for path in paths if not path.name.endswith(_TEMPORARY)]
    return sorted(paths)
