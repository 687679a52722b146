"""Arrays from npy, npz and IDX files. A file's sizes are checked before its values are read.

Nothing is unpickled. Whatever a damaged or hostile file provokes is raised as a ValueError that
names the file.
"""

import contextlib
import functools
import io
import os
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np

from zoo.storage.stored import WrongLength, npy_header, stored_idx, stored_npy


def memory_bytes() -> int | None:
    """Returns the bytes of memory of this machine, or None where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return None


@contextlib.contextmanager
def readable(path, expected: str, is_file: bool = True) -> Iterator[None]:
    """Turns every error of a read into a ValueError that names the file.

    Args:
        path: The file, for the message.
        expected: What the file should be: "a whole npz archive of plain arrays".
        is_file: Whether `path` has to be a file; False for bytes that are in memory.

    Raises:
        FileNotFoundError: If the file is absent.
        ValueError: On every other error, `MemoryError` included: parsers of damaged files raise
            what their authors did not foresee.
    """
    if is_file and not os.path.isfile(path):
        raise FileNotFoundError(f"Expected a data file. Received: path={str(path)!r} (absent)")
    try:
        yield
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"Expected {expected}. Received: path={str(path)!r} ({reason})") from error


def read_npz(path, content: bytes | None = None, limit: int | None = None) -> dict:
    """Reads all arrays of an npz archive.

    Args:
        path: The file.
        content: Its bytes, if they are already in memory; `path` then only names it in messages.
        limit: The most bytes that all arrays may have together; the default is the machine's
            memory.

    Returns:
        dict name -> array.

    Raises:
        FileNotFoundError: If the file is absent.
        ValueError: If it is damaged, no archive, holds objects or a name twice, states sizes that
            its members do not have, or is larger than `limit`.
    """
    expected = "a whole npz archive of plain arrays (objects are never unpickled)"
    with readable(path, expected, is_file=content is None):
        source = path if content is None else io.BytesIO(content)
        if content is None and not zipfile.is_zipfile(path):
            with open(path, "rb") as file:
                npy_header(file)
            raise ValueError("it is a single array; numpy.savez(file, images=array) makes one")
        with zipfile.ZipFile(source) as archive:
            members = [item for item in archive.infolist() if not item.is_dir()]
            _check_size(sum(item.file_size for item in members), limit)
            arrays = {}
            for item in members:
                name = item.filename.removesuffix(".npy")
                if name in arrays:
                    raise ValueError(f"the array {name!r} twice")
                arrays[name] = _read_npy(functools.partial(archive.open, item), item.file_size)
            return arrays


def _read_npy(opened, size):
    stored = stored_npy(opened)
    if stored.dtype.hasobject:
        raise ValueError(f"an array of type {stored.dtype}, which allow_pickle=False refuses")
    if stored.start + stored.nbytes != size:
        shape, dtype = stored.shape, stored.dtype
        raise ValueError(f"an array of shape {shape} and type {dtype} in {size} bytes")
    return stored.read()


def read_idx(path) -> np.ndarray:
    """Reads one IDX file, gzipped or not.

    The format is that of MNIST's files: the bytes 0, 0, type, rank; big-endian sizes; the values
    in C order.

    Args:
        path: The file.

    Returns:
        Its array, in the machine's byte order.

    Raises:
        FileNotFoundError: If the file is absent.
        ValueError: If it is damaged, longer or shorter than its header states, or larger than the
            machine's memory.
    """
    with _unzipped(path):
        stored = stored_idx(path)
        with readable(path, "an IDX file that fits into memory"):
            _check_size(stored.nbytes)
        try:
            array = stored.read()
        except WrongLength as error:
            more = " and more" if error.more else ""
            raise ValueError(
                f"Expected {stored.start + error.expected} bytes in an IDX file of shape "
                f"{stored.shape}. Received: path={str(path)!r} with "
                f"{stored.start + error.received} bytes{more}"
            ) from error
        return array.astype(stored.dtype.newbyteorder("="), copy=False)


@contextlib.contextmanager
def _unzipped(path):
    """Names the file where gzip finds it damaged, or where its values need too much memory."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f"Expected a data file. Received: path={str(path)!r} (absent)")
    try:
        yield
    except MemoryError as error:
        raise ValueError(
            f"Expected an IDX file that fits into memory. Received: path={str(path)!r}"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(
            f"Expected a whole gzip file. Received: path={str(path)!r} ({error})"
        ) from error


def _check_size(size, limit=None):
    limit = memory_bytes() if limit is None else limit
    if limit is not None and size > limit:
        raise ValueError(f"it states {size} bytes of values; at most {limit} fit")
