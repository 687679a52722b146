"""Loads a Keras model from an artifact or a file."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.releases import catalogue, keras_files
from zoo.releases.card import read_file
from zoo.releases.sizes import check_sizes
from zoo.storage import hdf5
from zoo.typing import ModelName

if TYPE_CHECKING:
    from zoo.vae import VAE

WEIGHTS = "model.weights.h5"
SAVED, WEIGHTS_ONLY = (".keras", ".h5", ".hdf5"), (".weights.h5",)


def load(model: ModelName) -> "VAE":
    """Returns the `zoo.VAE` of an artifact or of a file that `model.save` wrote.

    Reads from an artifact only names of the zoo's registries and arrays. Reads from a file only
    registered parts and Keras's own classes, in Keras's safe mode. No code is loaded or run, and
    no other file is read. An artifact's model is float32 under every dtype policy, as it was
    published.

    Args:
        model: A released name, an artifact's folder, or a URL with its hash; see
            `zoo.releases.resolve`. Or the path of a `.keras` file, or of an `.h5` file, whose
            model has to be compiled before it is trained on.

    Raises:
        FileNotFoundError: If there is no such model, or a file of it is absent.
        ImportError: If Keras is not installed, or its backend is neither TensorFlow nor JAX.
        TypeError: If the file holds another model than a `zoo.VAE`.
        ValueError: If a file is not the one that was published, the card names a part that this
            version does not have, or a file is damaged, holds weights alone or names other classes.
    """
    import zoo

    if isinstance(model, (str, os.PathLike)) and os.fspath(model).endswith(SAVED):
        return _load_file(Path(model))
    folder, card = catalogue.open_artifact(model)
    content = read_file(folder, card, WEIGHTS)
    _require_names(card["model"])
    zoo.load_parts(needed_by="load")
    from zoo.backend import dtype_policy

    with dtype_policy("float32"):
        check_sizes(card["model"], card["files"][WEIGHTS]["bytes"])
        vae = zoo.build(card["model"])
    with tempfile.TemporaryDirectory() as private:
        # The bytes that were hashed are loaded, whatever happens to the artifact's file meanwhile.
        path = Path(private) / WEIGHTS
        path.write_bytes(content)
        vae.load_weights(path)
    if vae.pixel_range is None:
        vae.pixel_range = _pixel_range(card)
    return vae


def _pixel_range(card):
    """Returns the least and the largest pixel that the model was trained on."""
    preprocessing = card["preprocessing"]
    scale = preprocessing.get("multiply", 1)
    return tuple(scale * float(end) for end in preprocessing.get("range", (0, 1)))


def _load_file(path):
    """Returns the model that `model.save(path)` wrote."""
    import zoo

    if path.name.endswith(WEIGHTS_ONLY):
        raise ValueError(
            "Expected a file of `model.save`. One of `model.save_weights` has no parts: build the "
            f"model with `zoo.build`, then call its `load_weights`. Received: {str(path)!r}"
        )
    if not path.exists():
        raise FileNotFoundError(f"Expected a file of `model.save`. Received: {str(path)!r}, absent")
    zoo.load_parts(needed_by="load")
    import keras

    hdf5.check_weights(path)
    keras_files.check_config(path)
    # An HDF5 file names a class without its package, which Keras's table does not know; and Keras
    # gives its optimiser none of the variables of a model's layers.
    is_whole = path.name.endswith(".keras")
    try:
        model = keras.saving.load_model(path, {"VAE": zoo.VAE}, compile=is_whole, safe_mode=True)
    except (AttributeError, LookupError, TypeError) as error:
        raise ValueError(
            f"Expected the whole file of a zoo.VAE. Received: {str(path)!r} ({error})"
        ) from error
    if not isinstance(model, zoo.VAE):
        raise TypeError(
            f"Expected the file of a zoo.VAE. Received: {type(model).__name__} in {str(path)!r}"
        )
    return model


def _require_names(value, where="model"):
    """Refuses what Keras would turn into a class or a function: parts are registered names."""
    if isinstance(value, dict):
        for key in ("class_name", "module", "registered_name"):
            if key in value:
                raise ValueError(
                    f"Expected names and numbers in the card's {where}. "
                    f"Received: {key}={value[key]!r}"
                )
        for key, item in value.items():
            _require_names(item, f"{where}.{key}")
    elif isinstance(value, list):
        for item in value:
            _require_names(item, where)
