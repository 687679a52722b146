"""The catalogue of published models: names, cards, files whose hashes are checked, loading.

Importing it needs NumPy alone; `load` imports Keras when it is called.
"""

from zoo.releases.card import CARD, check_file, read_card, read_file
from zoo.releases.catalogue import list_models, open_artifact, resolve
from zoo.releases.loading import load

__all__ = [
    "CARD",
    "check_file",
    "list_models",
    "load",
    "open_artifact",
    "read_card",
    "read_file",
    "resolve",
]
