"""Items of papers that are not yet studies; see `trainers.experiments.study`."""

import importlib

from trainers.experiments.study import SCALES, Context, Item, Outcome, row

__all__ = ["SCALES", "Context", "Item", "Outcome", "later", "row"]


def later(module, name, *arguments, **options):
    """Returns an item's function; its module, and Keras with it, is loaded when it is called.

    Args:
        module: Inside `trainers.experiments`: "bilbo.posterior", for example.
        name: The name of a function there that takes a `Context` first.
        *arguments: Its other arguments.
        **options: Its other arguments by name.
    """

    def run(context):
        found = importlib.import_module(f"trainers.experiments.{module}")
        return getattr(found, name)(context, *arguments, **options)

    return run
