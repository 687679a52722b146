"""Trackers: services that keep what runs measure, found by name.

A tracker is one more writer, in addition to TensorBoard's: the callback that records an epoch hands
the same scalars and pictures to all of them. A module `NAME.py` of this folder with
`TRACKERS = (MyTracker,)` adds one; `base` is the contract.
"""

import functools
import os

from trainers.trackers.base import Tracker, Writers
from zoo import discovery

__all__ = ["VARIABLE", "Tracker", "Writers", "make", "names"]

VARIABLE = "ELBO_ZOO_TRACKER"  # by which a sweep tells its runs


def names() -> list[str]:
    """Returns the names of all trackers, sorted."""
    return list(_trackers())


def make(name: str | None = None) -> Tracker:
    """Returns a tracker by its name; "" gives one that tracks nothing.

    Args:
        name: One of `names()`, or ""; by default that of the environment's `VARIABLE`.

    Raises:
        ValueError: If there is no such tracker.
        ModuleNotFoundError: If its package is not installed.
    """
    name = os.environ.get(VARIABLE, "") if name is None else name
    return discovery.chosen(_trackers(), name, "tracker")() if name else Tracker()


@functools.cache
def _trackers():
    trackers = discovery.declared(__name__, __path__, "TRACKERS")
    return {tracker.name: tracker for tracker in sorted(trackers, key=lambda kind: kind.name)}
