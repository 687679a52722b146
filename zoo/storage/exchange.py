"""Exchanges two paths in one step where the system can, so that neither is ever absent."""

import ctypes
import errno
import os
import sys

_HERE = -100  # AT_FDCWD of Linux: paths relative to the working directory
_LINUX_EXCHANGE = 2  # RENAME_EXCHANGE
_MACOS_SWAP = 2  # RENAME_SWAP
_CANNOT = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)


def exchange(first, second) -> bool:
    """Exchanges the files or folders at two paths in one step.

    Args:
        first: A path on the same file system as `second`.
        second: A path. Both must exist.

    Returns:
        False, with nothing changed, where the system or the file system cannot do it.

    Raises:
        OSError: If the exchange is possible and fails, for want of a right for example.
    """
    function = _function()
    if function is None:
        return False
    if function(os.fsencode(first), os.fsencode(second)) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), os.fspath(first), None, os.fspath(second))


def _function():
    """Returns f(first, second) -> 0 or -1 of the C library, or None where it has none."""
    if sys.platform not in ("linux", "darwin"):
        return None
    library = ctypes.CDLL(None, use_errno=True)
    try:
        if sys.platform == "linux":
            rename = library.renameat2
            return lambda first, second: rename(_HERE, first, _HERE, second, _LINUX_EXCHANGE)
        rename = library.renamex_np
        return lambda first, second: rename(first, second, _MACOS_SWAP)
    except AttributeError:
        return None
