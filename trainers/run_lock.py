"""A lock on a run's folder: one process at a time trains, evaluates or publishes in it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from zoo.storage.locks import SUPPORTED, try_lock

_held = set()  # the folders of this process


class FolderInUse(RuntimeError):
    """Another process works in the run's folder."""


@contextlib.contextmanager
def hold(folder, make: bool = False) -> Iterator[None]:
    """Keeps other processes out of a run's folder; the same process may hold it again.

    The lock is on the folder itself and leaves no file. The system releases it when the process
    ends, however it ends. Where it has no such locks (Windows, some network file systems), nothing
    is locked.

    Args:
        folder: The run's folder.
        make: Whether to make the folder if it is absent. It is removed again if it stays empty.

    Raises:
        FolderInUse: If another process holds it.
    """
    folder = Path(folder)
    key, is_new = os.path.realpath(folder), make and not folder.exists()
    if key in _held or not SUPPORTED or not (folder.is_dir() or is_new):
        yield
        return
    descriptor = _lock(folder, is_new)
    _held.add(key)
    try:
        yield
    finally:
        _held.discard(key)
        if is_new:
            with contextlib.suppress(OSError):  # it holds something
                folder.rmdir()
        os.close(descriptor)


def _lock(folder, is_new):
    """Returns the open, locked descriptor of a folder."""
    while True:
        if is_new:
            folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
        if not try_lock(descriptor):
            os.close(descriptor)
            raise FolderInUse(
                "Expected a folder that no other process trains, evaluates or publishes in. Wait "
                f"until that process ends, or use another --workdir. Received: {str(folder)!r}"
            )
        # Another process may have removed its empty folder in between.
        if not is_new or _is(descriptor, folder):
            return descriptor
        os.close(descriptor)


def _is(descriptor, folder):
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), os.stat(folder))
    return False
