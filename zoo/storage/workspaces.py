"""Temporary folders next to their target, and the removal of those of killed processes.

Each workspace `.NAME.RANDOM` has a lock file of its name next to it, which is made first, removed
last, and locked for as long as the process lives. A workspace whose lock is free was left by a
process that was killed. It is removed when the next process writes into the same folder.
"""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from zoo.storage import locks

EARLIER = "earlier"  # in a workspace: the folder that stood at the target before
_LOCK = ".lock"
# "RANDOM" is what `tempfile.mkstemp` puts between prefix and suffix.
_NAME = re.compile(r"\.(.+)\.[a-z0-9_]{8}" + re.escape(_LOCK))
_tidied = set()  # folders that this process has tidied


@contextlib.contextmanager
def workspace(target) -> Iterator[Path]:
    """Yields a new folder for temporary files; it is removed at the end, whatever happens.

    The first workspace of a process in a folder also removes those that killed processes left
    there; see `tidy`.

    Args:
        target: The path that is going to be written. The workspace lies in the same folder.

    Yields:
        Its `Path`.
    """
    target = Path(target)
    parent = os.path.abspath(target.parent)
    if parent not in _tidied:
        _tidied.add(parent)
        tidy(parent)
    folder, lock = _make(target.parent, f".{target.name}.")
    try:
        yield folder
    finally:
        _remove(folder, lock)


def tidy(parent) -> list[str]:
    """Removes the workspaces that killed processes left in a folder, and nothing that is in use.

    A folder that was being replaced when its process was killed is put back first. Where the
    system has no locks (`zoo.storage.locks.SUPPORTED`) nothing is removed.

    Args:
        parent: The folder that they lie in.

    Returns:
        The names of the targets of those that were removed.
    """
    targets = []
    for target, folder, lock in _leftovers(parent):
        if (folder / EARLIER).is_dir() and not target.exists():
            os.replace(folder / EARLIER, target)
        _remove(folder, lock)
        targets.append(target.name)
    return targets


def recover(path) -> bool:
    """Puts back the folder that stood at `path`, if a process was killed while it replaced it.

    Args:
        path: Where a folder should stand. Nothing is done if there is something.

    Returns:
        Whether an earlier folder was put back.
    """
    path = Path(path)
    if path.exists() or not path.parent.is_dir():
        return False
    return path.name in tidy(path.parent) and path.exists()


def _make(parent, prefix):
    while True:
        descriptor, name = tempfile.mkstemp(prefix=prefix, suffix=_LOCK, dir=parent)
        lock = os.fdopen(descriptor, "wb")
        if locks.try_lock(lock) and os.path.exists(name):
            break
        lock.close()  # another process took it for a leftover before it was locked
    folder = Path(name.removesuffix(_LOCK))
    try:
        folder.mkdir(mode=0o700)
    except BaseException:
        _remove(folder, lock)
        raise
    return folder, lock


def _remove(folder, lock):
    """Removes a workspace and then its lock file, which this process holds."""
    shutil.rmtree(folder, ignore_errors=True)
    if os.name == "nt":  # Windows removes no open file
        lock.close()
    if not folder.exists():
        with contextlib.suppress(OSError):
            os.unlink(f"{folder}{_LOCK}")
    lock.close()


def _leftovers(parent) -> Iterator[tuple[Path, Path, IO]]:
    """Yields target, folder and lock of the workspaces of killed processes; the lock is taken."""
    if not locks.SUPPORTED:
        return
    with os.scandir(parent) as entries:
        names = sorted(entry.name for entry in entries if entry.name.endswith(_LOCK))
    for name in names:
        is_workspace = _NAME.fullmatch(name)
        if not is_workspace:
            continue
        try:
            lock = open(Path(parent, name), "rb")  # noqa: SIM115
        except OSError:  # removed meanwhile, or another user's
            continue
        with lock:
            if locks.try_lock(lock):
                target = Path(parent, is_workspace.group(1))
                yield target, Path(parent, name.removesuffix(_LOCK)), lock
