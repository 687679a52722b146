"""Trackers: services that keep what runs measure, MLflow and Weights & Biases.

A tracker is one more writer, in addition to TensorBoard's: the callback that records an epoch hands
the same scalars and pictures to all of them. To add one, write a module with a subclass of
`Tracker` and add its line to `TRACKERS`.
"""

import importlib
import os

from trainers.trackers.base import Tracker, Writers

__all__ = ["NAMES", "VARIABLE", "Tracker", "Writers", "make"]

TRACKERS = {"mlflow": ("on_mlflow", "MLflow"), "wandb": ("on_wandb", "Wandb")}
NAMES = tuple(TRACKERS)
VARIABLE = "ELBO_ZOO_TRACKER"  # by which a sweep tells its runs


def make(name=None) -> Tracker:
    """Returns a tracker by its name; "" gives one that tracks nothing.

    Args:
        name: "mlflow", "wandb" or ""; by default that of the environment's `VARIABLE`.

    Raises:
        ValueError: If there is no such tracker.
        ModuleNotFoundError: If its package is not installed.
    """
    from zoo.arguments import check_names

    name = os.environ.get(VARIABLE, "") if name is None else name
    if not name:
        return Tracker()
    check_names([name], NAMES, "tracker")
    module, kind = TRACKERS[name]
    return getattr(importlib.import_module(f"{__name__}.{module}"), kind)()
