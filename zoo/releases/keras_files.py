"""Checks the config in a file of `model.save` before Keras builds from it.

Keras's safe mode runs no code of a file, but some of its layers open files that a config names:
`StringLookup` reads its vocabulary, for example. No part of the zoo needs them.
"""

import zipfile
from pathlib import Path

from zoo.storage import json_text

CONFIG = "config.json"
# Rooms of Keras whose classes hold numbers alone.
_MODULES = (
    *("keras.constraints", "keras.initializers", "keras.losses", "keras.metrics"),
    *("keras.optimizers", "keras.optimizers.schedules", "keras.regularizers"),
)
_POLICY = ("keras", "DTypePolicy")
# What Keras writes for values that JSON lacks.
_VALUES = ("__bytes__", "__ellipsis__", "__numpy__", "__slice__", "__tensor__")


def check_config(path):
    """Raises unless a `.keras` or `.h5` file describes a `zoo.VAE` of known classes.

    Args:
        path: The file; `zoo.storage.hdf5.check_weights` has passed it.

    Raises:
        TypeError: If it describes another class.
        ValueError: If it has no config, or its config names a class that is neither registered in
            Keras's table nor of the rooms above.
    """
    import keras

    path, registered = Path(path), keras.saving.get_custom_objects()
    config = _read(path)
    name = config.get("class_name") if isinstance(config, dict) else None
    # An HDF5 file names the class of the model without its package.
    is_bare = name == "VAE" and "module" not in config and path.suffix != ".keras"
    if not (is_bare or _is_registered(config, name, registered)):
        raise TypeError(f"Expected the file of a zoo.VAE. Received: {name} in {str(path)!r}")
    values = [config.get("config"), config.get("compile_config")]
    while values:
        value = values.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                _check_class(value, registered, path)
            values += value.values()
        elif isinstance(value, list):
            values += value


def _check_class(item, registered, path):
    module, name = item.get("module"), item["class_name"]
    is_known = name in _VALUES or module in _MODULES or (module, name) == _POLICY
    if not is_known and not _is_registered(item, name, registered):
        raise ValueError(
            f"Expected registered parts, and optimizers and the like of Keras, in {str(path)!r}. "
            f"Received: {module}.{name}; `keras.saving.load_model` loads files that you trust"
        )


def _is_registered(item, name, registered):
    is_class = isinstance(name, str) and name != "function" and not name.startswith("__")
    return is_class and item.get("registered_name") in registered


def _read(path):
    """Returns the config of a file, a JSON value."""
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                if archive.getinfo(CONFIG).file_size > json_text.LARGEST:
                    raise ValueError(f"{CONFIG} of more than {json_text.LARGEST:,} bytes")
                return json_text.parse(archive.read(CONFIG))
        import h5py

        with h5py.File(path, "r") as file:
            content = file.attrs["model_config"]
        return json_text.parse(content if isinstance(content, bytes) else content.encode())
    except Exception as error:  # of zipfile and h5py, whose damage is of many kinds
        reason = str(error) or type(error).__name__
        raise ValueError(
            f"Expected the config of a model in {str(path)!r}. Received: {reason}"
        ) from error
