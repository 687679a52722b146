"""An array in an npy, npz or IDX file: read whole, or in blocks of any size in constant memory.

Nothing is unpickled. Damaged files raise the errors of `DAMAGE`, which their reader names.
"""

import contextlib
import dataclasses
import gzip
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator
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


class WrongLength(ValueError):
    """A file that ends within its values, or goes on after them.

    Args:
        expected: Bytes of values that its header states.
        received: Bytes that there are, those behind the values counted up to `BLOCK`.
        more: Whether there are more.
    """

    def __init__(self, expected: int, received: int, more: bool = False):
        super().__init__(f"{received} of {expected} bytes of an array")
        self.expected, self.received, self.more = expected, received, more


@dataclasses.dataclass(frozen=True)
class StoredArray:
    """An array whose header was read, and whose values were not.

    Args:
        shape: Shape of the array.
        dtype: Type of its values, with their byte order.
        start: The first byte of its values.
        opened: From nothing to a context that gives the plain content of the file.
        fortran: Whether the values are in Fortran order.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    start: int
    opened: Callable
    fortran: bool = False

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return math.prod(self.shape) * self.dtype.itemsize

    def without_memory(self) -> np.ndarray:
        """Returns an array of this shape and dtype that takes no memory, for checks of shapes."""
        return np.broadcast_to(np.zeros((), self.dtype), self.shape)

    def read(self) -> np.ndarray:
        """Returns the array; of a file that goes on, no more than `BLOCK` bytes are read besides.

        Raises:
            WrongLength: If the file has fewer or more values than its header states.
        """
        content, filled = np.empty(self.nbytes, np.uint8), 0
        with self.opened() as file:
            file.read(self.start)
            while filled < self.nbytes and (n := file.readinto(memoryview(content)[filled:])):
                filled += n
            # The last read of a member of an archive also compares its checksum.
            rest = len(file.read(BLOCK))
            if filled != self.nbytes or rest:
                raise WrongLength(self.nbytes, filled + rest, bool(file.read(1)))
        if not self.nbytes:
            return np.zeros(self.shape, self.dtype)
        return content.view(self.dtype).reshape(self.shape, order="F" if self.fortran else "C")

    def check_blocks(self):
        """Raises ValueError if the array cannot be read in blocks: values that are no numbers, or
        in Fortran order.
        """
        if self.dtype.hasobject or self.fortran:
            raise ValueError(
                f"expected numbers in C order; received {self.dtype}, fortran_order={self.fortran}"
            )

    def blocks(
        self, size: int, start: int = 0, stop: int | None = None, file: IO[bytes] | None = None
    ) -> Iterator[np.ndarray]:
        """Yields rows of the array in blocks of `size` along its first axis, the last one shorter.

        Args:
            size: Rows of a block.
            start: The first row.
            stop: The row behind the last; by default that of the array.
            file: What `opened` gives, for several calls; by default it is opened anew.

        Raises:
            ValueError: As `check_blocks`, or if the file has fewer values or more.
        """
        self.check_blocks()
        count, *shape = self.shape
        stop = count if stop is None else stop
        row = math.prod(shape) * self.dtype.itemsize
        with self.opened() if file is None else contextlib.nullcontext(file) as content:
            content.seek(self.start + start * row)  # a packed file is unpacked up to there
            for first in range(start, stop, size):
                number = min(size, stop - first)
                values = content.read(number * row)
                if len(values) != number * row:
                    raise ValueError(f"expected {count} images; it ends before")
                yield np.frombuffer(values, self.dtype).reshape(number, *shape)
            if stop == count and content.read(1):
                raise ValueError(f"expected {count} images; it goes on after them")


class OpenArray:
    """A `StoredArray` whose file stays open.

    Ranges of rows in rising order unpack a packed file once.

    Args:
        stored: The `StoredArray`.
    """

    def __init__(self, stored: StoredArray):
        self.stored, self._contexts, self._file = stored, contextlib.ExitStack(), None

    def blocks(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        """Yields rows in blocks; see `StoredArray.blocks`."""
        if self._file is None:
            self._file = self._contexts.enter_context(self.stored.opened())
        yield from self.stored.blocks(size, start, stop, self._file)


def stored_npy(opened: Callable) -> StoredArray:
    """Returns the array of an npy file or of a member of an npz archive.

    Args:
        opened: As of `StoredArray`.

    Raises:
        ValueError: As `npy_header`.
    """
    with opened() as file:
        shape, fortran, dtype = npy_header(file)
        return StoredArray(shape, dtype, file.tell(), opened, fortran)


def stored_member(path, name: str) -> StoredArray:
    """Returns the array of a member of an npz archive, which is opened at each reading.

    Raises:
        ValueError: As `npy_header`.
    """

    @contextlib.contextmanager
    def opened():
        with zipfile.ZipFile(path) as archive, archive.open(name) as file:
            yield file

    return stored_npy(opened)


def stored_idx(path) -> StoredArray:
    """Returns the array of an IDX file, gzipped or not.

    Raises:
        ValueError: As `idx_header`.
    """
    with plain(path) as file:
        return StoredArray(*idx_header(file, path), lambda: plain(path))


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
