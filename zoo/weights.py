"""Writes weights as Keras does, so that a full disk is an ordinary error."""

from pathlib import Path

import keras
from keras.src.saving import saving_lib


class _Memory:
    """An archive as Keras's store of weights needs it; keeps the one file that is written."""

    def writestr(self, name, content):
        self.content = content


def save_weights(model: keras.Model, path: str | Path) -> None:
    """Writes the file of `model.save_weights(path)`, built in memory first.

    Where HDF5 itself cannot finish a file, on a full disk for example, it crashes the interpreter
    at its end, after the error was reported. Memory for the weights once more is needed meanwhile.

    Args:
        model: A built Keras model; its optimiser is saved too.
        path: Ends in `.weights.h5`.

    Raises:
        OSError: If the file cannot be written.
    """
    archive = _Memory()
    store = saving_lib.H5IOStore(Path(path).name, archive=archive, mode="w")
    try:
        saving_lib._save_state(
            model,
            weights_store=store,
            assets_store=None,
            inner_path="",
            visited_saveables=set(),
        )
    finally:
        store.close()
    Path(path).write_bytes(archive.content)
