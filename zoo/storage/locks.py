"""Locks between processes, held by an open file and released when the process ends."""

from typing import IO

try:
    import fcntl
except ImportError:  # Windows has no such locks.
    fcntl = None

SUPPORTED = fcntl is not None


def try_lock(file: IO | int) -> bool:
    """Takes an exclusive lock on an open file, without waiting.

    The lock belongs to the open file: child processes that inherit it hold it too, and the system
    releases it when the last of them ends, however it ends. Closing the file releases it as well.

    Args:
        file: An open file of this process, or its descriptor, also of a folder.

    Returns:
        False if another process holds the lock, else True. Systems without such locks (Windows,
        some network file systems) always give True; `SUPPORTED` is False on Windows.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # the file system has no locks
        return True
    return True
