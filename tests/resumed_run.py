"""A run of two short epochs that saves after each execution, and all that its last step left."""

import csv

import numpy as np
import pytest
import small_run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from trainers import checkpoints, loop
from zoo.backend import to_numpy

ALWAYS = 1e-9  # minutes: a checkpoint after each execution


def config(folder, **changes):
    """Returns a run of two epochs of nine steps, three steps an execution under TensorFlow."""
    run = small_run.config(folder, epochs=2, train__pictures_every=0, **changes)
    run.train.batch_size = 4
    run.train.steps_per_execution = 3
    run.train.checkpoint_minutes = ALWAYS
    run.evaluation.metrics = ["rate"]
    return run


def trained(config, workdir):
    """Trains a run and returns everything its last step left: by name, as NumPy."""
    kept = {}
    save = checkpoints.save

    def keep(folder, model, step, history, *more):
        variables = [*model.variables, *model.optimizer.variables]
        kept.update({(i, v.path): to_numpy(v) for i, v in enumerate(variables)})
        return save(folder, model, step, history, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "save", keep)
        loop.train(config, workdir, loop.data.load_splits(config.data), progress=False)
    return kept


def same(found, expected):
    # The names of variables count up in a process; their order is the same.
    assert len(found) == len(expected)
    for (_, ours), (_, theirs) in zip(sorted(found.items()), sorted(expected.items())):
        np.testing.assert_array_equal(ours, theirs)


def rows(workdir):
    """Returns the rows of `metrics.csv` as text, without the times."""
    with open(workdir / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{key: text for key, text in row.items() if key != "seconds"} for row in rows]


def scalars(workdir):
    """Returns {(tag, step): value} of TensorBoard, without the times."""
    events = EventAccumulator(str(workdir / "tensorboard"))
    events.Reload()
    tags = [tag for tag in events.Tags()["scalars"] if tag != "seconds"]
    return {(tag, event.step): event.value for tag in tags for event in events.Scalars(tag)}


def saved(workdir):
    """Returns the arrays of the newest checkpoint: weights, optimiser and random states."""
    import h5py

    folder = checkpoints.newest(workdir / "checkpoints").folder
    arrays = {}

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]

    with h5py.File(folder / checkpoints.WEIGHTS) as file:
        file.visititems(add)
    with np.load(folder / checkpoints.RANDOM) as file:
        arrays.update(file)
    return arrays
