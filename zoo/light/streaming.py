"""Any number of batches in constant memory: regrouped, counted, with a bar. Needs NumPy alone."""

import contextlib
import importlib.util

import numpy as np


def regroup(batches, size):
    """Yields the rows of batches [n, ...] of one dtype in blocks of `size`, the last shorter."""
    waiting, count = [], 0
    for batch in batches:
        for start in range(0, len(batch), size):
            waiting.append(batch[start : start + size])
            count += len(waiting[-1])
            if count >= size:
                joined = np.concatenate(waiting)
                yield joined[:size]
                waiting, count = [joined[size:]], count - size
    if count:
        yield np.concatenate(waiting)


def can_show():
    """Returns whether `bar` has what it needs to show one."""
    return importlib.util.find_spec("tqdm") is not None


@contextlib.contextmanager
def bar(progress, total=None):
    """Yields a function of a number of images that moves a bar on standard error, or nothing.

    Args:
        progress: Whether to show one, where standard error is a terminal.
        total: How many images there will be, or None.

    Raises:
        ImportError: If there is to be a bar and tqdm is absent.
    """
    if not progress:
        yield lambda count: None
        return
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise ImportError("progress=True needs tqdm: pip install tqdm") from error
    with tqdm(total=total, unit="image", disable=None) as shown:
        yield shown.update
