"""Compares the sizes that a card states with its weights file, before anything is built."""

import math
from collections.abc import Iterator

LEAST_BYTES = 2  # of a weight in a file: float16


def check_sizes(config: dict, file_bytes: int) -> None:
    """Refuses a model that has more weights than its file can hold, before they take memory.

    The model is built without values first, which takes a fifth of the time of building it.

    Args:
        config: The card's `model`: a mapping with one entry a room.
        file_bytes: Size of the weights file.

    Raises:
        ValueError: If a size in the config, or the number of all weights, is more than the file
            can hold; or what building the model raises.
    """
    for path, size in _sizes(config):
        if 2 * LEAST_BYTES * size > file_bytes:  # a layer of n units has n weights and n biases
            raise ValueError(
                f"Expected sizes of layers that fit a weights file of {file_bytes} bytes. "
                f"Received: {path}={size}"
            )
    import keras

    import zoo

    with keras.StatelessScope(initialize_variables=False):
        model = zoo.build(config)
    count = sum(math.prod(variable.shape) for variable in model.variables)
    if LEAST_BYTES * count > file_bytes:
        raise ValueError(
            f"Expected a model whose weights fit into a file of {file_bytes} bytes. "
            f"Received: {count} weights"
        )


def _sizes(value, path="") -> Iterator[tuple[str, int]]:
    """Yields (path, int) of every int in encoder, decoder and marginal that may be a size.

    An objective has schedules, whose steps are no sizes.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            if "seed" not in str(key) and f"{path}{key}" != "objective":
                yield from _sizes(item, f"{path}{key}.")
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            yield from _sizes(item, f"{path}{number}.")
    elif isinstance(value, int) and not isinstance(value, bool):
        yield path.removesuffix("."), value
