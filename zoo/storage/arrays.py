"""Arrays from npy, npz and IDX files. A file's sizes are checked before its values are read.

Nothing is unpickled. Whatever a damaged or hostile file provokes is raised as a ValueError that
names the file.
"""

import contextlib
import gzip
import io
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

import numpy as np

# The third byte of an IDX file, and the type of its values.
IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
BLOCK = 1 << 20  # bytes
# What NumPy, zipfile, gzip and Python's parser raise at damaged files.
DAMAGE = (
    *(ValueError, EOFError, LookupError, OSError, RuntimeError, MemoryError, OverflowError),
    *(SyntaxError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)
_GZIP = b"\x1f\x8b"
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def memory_bytes() -> int | None:
    """Returns the bytes of memory of this machine, or None where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return None


@contextlib.contextmanager
def readable(path, expected: str, is_file: bool = True) -> Iterator[None]:
    """Turns every error that reading a file raises into a ValueError that names the file.

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
                with archive.open(item) as file:
                    arrays[name] = _read_npy(file, item.file_size)
            return arrays


def _read_npy(file, size):
    shape, fortran, dtype = npy_header(file)
    if dtype.hasobject:
        raise ValueError(f"an array of type {dtype}, which allow_pickle=False refuses")
    expected = math.prod(shape) * dtype.itemsize
    if file.tell() + expected != size:
        raise ValueError(f"an array of shape {shape} and type {dtype} in {size} bytes")
    if expected == 0:
        return np.zeros(shape, dtype)
    content = np.empty(expected, np.uint8)
    filled = 0
    while number := file.readinto(memoryview(content)[filled:]):
        filled += number
    if filled != expected or file.read(1):  # the last read also compares the member's checksum
        raise ValueError(f"{filled} of {expected} bytes of an array")
    return content.view(dtype).reshape(shape, order="F" if fortran else "C")


def npy_header(file: IO[bytes]) -> tuple[tuple, bool, np.dtype]:
    """Reads the header of an npy file, and leaves the file at the first value.

    Args:
        file: Open for reading, at its start.

    Returns:
        (shape, whether the values are in Fortran order, dtype).

    Raises:
        ValueError: If it is no npy file of version 1 or 2. Damaged headers raise other errors of
            NumPy's parser too; see `readable`.
    """
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"an npy file of version {version}; versions 1 and 2 are read")
    return _HEADERS[version](file)


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
    with _unzipped(path), plain(path) as file:
        shape, dtype, start = idx_header(file, path)
        size = math.prod(shape) * dtype.itemsize
        with readable(path, "an IDX file that fits into memory"):
            _check_size(size)
        content = file.read(size)
        total = start + len(content) + len(file.read(BLOCK))
        if total != start + size:
            raise ValueError(
                f"Expected {start + size} bytes in an IDX file of shape {shape}. "
                f"Received: path={str(path)!r} with {total} bytes{_or_more(file)}"
            )
        return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _or_more(file):
    return " and more" if file.read(1) else ""


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


def idx_header(file: IO[bytes], path) -> tuple[tuple, np.dtype, int]:
    """Reads the header of an IDX file, and leaves the file at the first value.

    Args:
        file: Open for reading, at its start.
        path: Its name, for messages.

    Returns:
        (shape, big-endian dtype, number of bytes of the header).

    Raises:
        ValueError: If it is no IDX file.
    """
    first = file.read(4)
    if len(first) < 4 or first[:2] != b"\0\0" or first[2] not in IDX_TYPES:
        raise ValueError(
            "Expected an IDX file, which begins with 0, 0, type, rank. "
            f"Received: path={str(path)!r} beginning with {first.hex(' ')!r}"
        )
    size = 4 * first[3]
    sizes = file.read(size)
    if len(sizes) < size:
        raise ValueError(
            f"Expected a whole IDX header of {4 + size} bytes. "
            f"Received: path={str(path)!r} with {4 + len(sizes)} bytes"
        )
    shape = tuple(int(n) for n in np.frombuffer(sizes, ">u4"))
    return shape, np.dtype(IDX_TYPES[first[2]]), 4 + size


@contextlib.contextmanager
def plain(path) -> Iterator[IO[bytes]]:
    """Opens a file for reading bytes, through gzip if its first two bytes say so."""
    with open(path, "rb") as file:
        packed = file.read(2) == _GZIP
    with gzip.open(path) if packed else open(path, "rb") as file:
        yield file


def _check_size(size, limit=None):
    limit = memory_bytes() if limit is None else limit
    if limit is not None and size > limit:
        raise ValueError(f"it states {size} bytes of values; at most {limit} fit")
