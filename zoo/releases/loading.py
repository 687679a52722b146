"""From an artifact to a Keras model."""

import tempfile
from pathlib import Path

from zoo.releases import catalogue
from zoo.releases.card import read_file
from zoo.releases.sizes import check_sizes

WEIGHTS = "model.weights.h5"


def load(model):
    """Returns the `zoo.VAE` of an artifact: built from its card, with its weights.

    Only names of the zoo's registries and arrays are read; no code is loaded or run.

    Args:
        model: A released name, an artifact's folder, or a URL with its hash; see
            `zoo.releases.resolve`.

    Raises:
        FileNotFoundError: If there is no such model, or a file of it is absent.
        ValueError: If a file is not the one that was published, or the card names a part that
            this version does not have.
    """
    folder, card = catalogue.open_artifact(model)
    content = read_file(folder, card, WEIGHTS)
    _require_names(card["model"])
    import zoo

    build = zoo.build  # without Keras it says what to install
    check_sizes(card["model"], card["files"][WEIGHTS]["bytes"])
    vae = build(card["model"])
    with tempfile.TemporaryDirectory() as private:
        # The bytes that were hashed are loaded, whatever happens to the artifact's file meanwhile.
        path = Path(private) / WEIGHTS
        path.write_bytes(content)
        vae.load_weights(path)
    return vae


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
