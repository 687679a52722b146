"""Imports what a run needs, without starting a device: `forked` loads it before it forks."""

import matplotlib.backends.backend_agg
import sklearn.linear_model

from trainers import starting

starting.start_tensorflow(find_devices=False)

from trainers import loop, overrides  # noqa: E402

__all__ = ["loop", "matplotlib", "overrides", "sklearn"]
