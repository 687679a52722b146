"""A run's checkpoints: whole or absent, verified by hash, with everything that resuming needs."""

import dataclasses
import math
import shutil
from pathlib import Path

import numpy as np

from zoo import files

WEIGHTS, RANDOM, META = "state.weights.h5", "random.npz", "meta.json"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """One folder `checkpoints/step-XXXXXXXX`: `step`, and the `history` of the epochs up to it."""

    folder: Path
    step: int
    history: list


def save(folder, model, step, history, keep=2):
    """Writes a checkpoint of `model`, its optimiser and its random state, then drops old ones.

    The position in the data needs no file: the batch of a step is a function of the step.

    Args:
        folder: The run's `checkpoints` folder.
        model: A compiled `VAE`.
        step: Optimiser steps taken.
        history: The rows of `metrics.csv` so far.
        keep: How many of the newest checkpoints stay.

    Returns:
        The new checkpoint's folder.
    """
    folder = Path(folder)
    target = folder / f"step-{step:08d}"
    with files.atomic_folder(target) as temporary:
        model.save_weights(temporary / WEIGHTS)
        states = [np.asarray(variable) for variable in random_variables(model)]
        np.savez(temporary / RANDOM, **{f"state_{i}": state for i, state in enumerate(states)})
        hashes = {name: files.sha256(temporary / name) for name in (WEIGHTS, RANDOM)}
        meta = {"step": step, "history": [_as_json(row) for row in history], "sha256": hashes}
        files.write_json(temporary / META, meta)
    for old in _folders(folder)[:-keep]:
        shutil.rmtree(old)
    return target


def newest(folder):
    """Returns the newest checkpoint, its files checked against their hashes, or `None`.

    Raises:
        ValueError: If a file is absent, cut short or changed; the message says how to go on.
    """
    folders = _folders(Path(folder))
    if not folders:
        return None
    latest = folders[-1]
    try:
        meta = files.read_json(latest / META)
        for name, expected in meta["sha256"].items():
            received = files.sha256(latest / name) if (latest / name).is_file() else "no file"
            if received != expected:
                raise ValueError(
                    f"Expected {latest / name} with sha256 {expected}. Received: {received}"
                )
    except (FileNotFoundError, ValueError) as error:
        earlier = folders[-2].name if len(folders) > 1 else "the start"
        raise ValueError(
            f"The checkpoint {latest} is damaged: {error}. "
            f"Remove that folder to go on from {earlier}."
        ) from error
    return Checkpoint(latest, meta["step"], [_from_json(row) for row in meta["history"]])


def _as_json(row):
    """Returns a row of the history with what JSON cannot say, a validation's infinity, as text."""
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
    with np.load(checkpoint.folder / RANDOM, allow_pickle=False) as states:
        variables = random_variables(model)
        if len(states.files) != len(variables):
            raise ValueError(
                f"Expected {len(variables)} random states. "
                f"Received: {len(states.files)} in {checkpoint.folder}"
            )
        for i, variable in enumerate(variables):
            variable.assign(states[f"state_{i}"])


def random_variables(model):
    """Returns the states of the seed generators, which Keras's weight files leave out."""
    weights = {id(variable) for variable in model.weights}
    metrics = {id(variable) for variable in model.metrics_variables}
    return [v for v in model.variables if id(v) not in weights and id(v) not in metrics]


def _folders(folder):
    return sorted(path for path in folder.glob("step-*") if path.is_dir())
