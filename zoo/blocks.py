"""Computes over many rows block by block, so that memory does not grow with their number."""

import numpy as np

from zoo.arguments import positive_int
from zoo.backend import is_traced, to_numpy

BLOCK = 256


def in_blocks(function, arrays, batch_size=BLOCK):
    """Returns `function(*arrays)` as NumPy, computed over `batch_size` rows at a time.

    Inside a compiled function there are no values to make NumPy of: there it is one call, and the
    result is a tensor.

    Args:
        function: Takes tensors [n, ...]; returns a tensor, or a dict of them, [n, ...] each.
        arrays: A tuple of arrays or tensors [N, ...].
        batch_size: Positive int, rows of one call; None for all rows in one.

    Raises:
        ValueError: If `batch_size` is not a positive int.
    """
    if any(is_traced(array) for array in arrays):
        return function(*arrays)
    rows = len(arrays[0])
    size = max(rows, 1) if batch_size is None else positive_int("batch_size", batch_size)
    pieces = []
    for start in range(0, max(rows, 1), size):
        piece = function(*(array[start : start + size] for array in arrays))
        if any(is_traced(value) for value in (piece.values() if _is_dict(piece) else [piece])):
            return function(*arrays)
        pieces.append(to_numpy(piece))
    if _is_dict(pieces[0]):
        return {name: _joined([piece[name] for piece in pieces], rows) for name in pieces[0]}
    return _joined(pieces, rows)


def _is_dict(value):
    return isinstance(value, dict)


def _joined(pieces, rows):
    """Returns the pieces as one array; what no piece has by row (a shared scale) as it is."""
    if len(pieces) == 1:
        return pieces[0]
    by_row = all(np.ndim(piece) for piece in pieces) and sum(map(len, pieces)) == rows
    return np.concatenate(pieces) if by_row else pieces[0]
