"""Tar files whose members are read by their place. Nothing is extracted, no link is followed."""

import contextlib
import dataclasses
import os
import tarfile
from collections.abc import Iterable, Iterator

from zoo.storage.arrays import readable

LARGEST_HEADER = 1 << 20  # bytes; long names and extended attributes included
LARGEST_MEMBER = 1 << 28  # bytes: a member is read into memory whole
MOST_ENTRIES = 4_000_000  # of an archive: they are listed in memory
_END = 1 << 16  # bytes looked at behind the mark that ends an archive
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"(\xb5/\xfd": "zstd"}


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive.

    Args:
        name: Its name there; not a path to be opened.
        offset: Where its bytes begin in the archive.
        size: How many there are.
    """

    name: str
    offset: int
    size: int


def members(path) -> tuple[list[Member], int]:
    """Returns the files of a tar archive, in order, and how many entries are no files.

    Directories are not counted. Entries that are no files are links, devices and pipes.

    Args:
        path: An uncompressed archive.

    Raises:
        FileNotFoundError: If it is absent.
        ValueError: If it is compressed, damaged, truncated or goes on after its end, if a header or
            a file is larger than `LARGEST_HEADER` or `LARGEST_MEMBER`, or if there are
            `MOST_ENTRIES`; names the archive.
    """
    files, others = [], 0
    with readable(path, "a whole, uncompressed tar file"), open(path, "rb") as file:
        _check_start(file)
        length = os.fstat(file.fileno()).st_size
        with tarfile.open(fileobj=_Limited(file), mode="r:", errorlevel=2) as archive:
            for info in _entries(archive):
                if not info.isfile():
                    others += not info.isdir()
                    continue
                _check_file(info, length)
                files.append(Member(info.name, info.offset_data, info.size))
            _check_end(file, archive.offset)
    return files, others


def read(path, places: Iterable[tuple[int, int]], stamp=None) -> Iterator[bytes]:
    """Yields the bytes of members of an archive.

    Args:
        path: The archive.
        places: (offset, size) of each member.
        stamp: `stamp(path)` when the members were listed; None is not compared.

    Raises:
        FileNotFoundError: If the archive is absent.
        ValueError: If it has changed since, or ends before a member does.
    """
    with _archive(path) as file:
        if stamp is not None and _stamp(os.fstat(file.fileno())) != tuple(stamp):
            raise ValueError(
                "Expected a tar file that does not change while it is read. "
                f"Received: path={str(path)!r}, changed since its members were listed"
            )
        for offset, size in places:
            file.seek(offset)
            content = file.read(size)
            if len(content) != size:
                raise ValueError(
                    f"Expected {size} bytes at {offset} in a tar file. "
                    f"Received: path={str(path)!r} with {len(content)} there"
                )
            yield content


def stamp(path) -> tuple[int, int]:
    """Returns the size of a file and the time of its last change, in nanoseconds."""
    return _stamp(os.stat(path))


def _stamp(status):
    return status.st_size, status.st_mtime_ns


@contextlib.contextmanager
def _archive(path):
    if not os.path.isfile(path):
        raise FileNotFoundError(f"Expected a data file. Received: path={str(path)!r} (absent)")
    with open(path, "rb", buffering=0) as file:
        yield file


class _Limited:
    """A file that `tarfile` reads headers from: refuses to read what is too large for one."""

    def __init__(self, file):
        self.seek, self.tell, self._read = file.seek, file.tell, file.read

    def read(self, size=-1):
        if not 0 <= size <= LARGEST_HEADER:
            raise ValueError(f"a header of {size} bytes; at most {LARGEST_HEADER} are read")
        return self._read(size)


def _entries(archive):
    """Yields the entries in order; none is kept, and each lies behind the one before."""
    last = -1
    for _ in range(MOST_ENTRIES):
        info = archive.next()
        if info is None:
            return
        archive.members = []
        if info.size < 0 or info.offset_data <= last or archive.offset <= last:
            raise ValueError(f"an entry {info.name!r} that does not lie behind the one before")
        last = info.offset_data
        yield info
    raise ValueError(f"it has {MOST_ENTRIES} entries or more")


def _check_start(file):
    start = file.read(6)
    file.seek(0)
    for magic, name in _COMPRESSED.items():
        if start.startswith(magic):
            raise ValueError(f"it is compressed with {name}; unpack it to a .tar")


def _check_file(info, length):
    if info.issparse():
        raise ValueError(f"the sparse file {info.name!r}")
    if info.size > LARGEST_MEMBER:
        raise ValueError(f"{info.name!r} of {info.size} bytes; at most {LARGEST_MEMBER} are read")
    if info.offset_data + info.size > length:
        raise ValueError(f"it ends within {info.name!r}")


def _check_end(file, offset):
    """Raises ValueError unless zeros follow the last member, as the format has it."""
    file.seek(offset)
    rest = file.read(_END)
    if len(rest) < tarfile.BLOCKSIZE or rest.strip(b"\0"):
        kind = "goes on after" if rest.strip(b"\0") else "ends without"
        raise ValueError(f"it {kind} its end mark: it is truncated or damaged")
