"""Writes a profile of some executions of a run, for TensorBoard."""

import keras
from absl import logging

from zoo import backend

WARM_UP = 2  # executions: the first one compiles


class Profile(keras.callbacks.Callback):
    """Profiles executions of training with the framework's own profiler.

    TensorBoard shows it with `pip install tensorboard-plugin-profile`, under "Profile".

    Args:
        folder: TensorBoard's folder.
        executions: How many executions to profile, after the first two.
    """

    def __init__(self, folder, executions):
        super().__init__()
        self.folder, self.executions = folder, executions
        self.number = 0  # of executions that ended
        self.is_on = False

    def on_train_batch_begin(self, batch, logs=None):
        if self.number == WARM_UP:
            backend.start_profile(self.folder)
            self.is_on = True

    def on_train_batch_end(self, batch, logs=None):
        self.number += 1
        if self.number == WARM_UP + self.executions:
            self.close()

    def close(self):
        """Writes the profile if it is not written yet."""
        if self.is_on:
            backend.stop_profile()
            self.is_on = False
            logging.info("The profile is in %s.", self.folder)
