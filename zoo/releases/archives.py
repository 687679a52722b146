"""Unpacks downloaded zip and tar archives: nothing outside the folder, no bombs."""

import contextlib
import errno
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from zoo.releases import card as cards

BLOCK = 1 << 20  # bytes
# An artifact of this zoo is a few MB in about 20 files; more than this is a mistake or an attack.
LARGEST, MOST_FILES = cards.LARGEST, 10_000
# What zipfile, tarfile and the decompressors raise at damaged archives; RuntimeError for encrypted
# ones, its subclass NotImplementedError for unknown methods of compression.
_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error),
    *(lzma.LZMAError, RuntimeError, struct.error, UnicodeDecodeError, OverflowError, LookupError),
)


@dataclass(frozen=True)
class _Member:
    """An entry of an archive: `size` in bytes as its header states, `open` gives its content."""

    name: str
    is_file: bool
    is_folder: bool
    size: int
    open: Callable[[], IO[bytes]]


def unpack(archive, folder) -> None:
    """Writes the files of a zip or tar archive into a new folder, and nothing outside it.

    Args:
        archive: Path of the archive.
        folder: Path of the folder, which must not exist.

    Raises:
        ValueError: If it is neither; if it is damaged, encrypted or compressed by an unknown
            method; if it holds a link, a device, or a name that leads elsewhere or stands twice;
            if it states more than `LARGEST` bytes or `MOST_FILES` files.
        OSError: If the folder cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True)
    written = 0
    with _opened(archive) as members:
        for member in members:
            with _damage_named(archive):
                source = member.open()
            with source, _new_file(folder, member.name) as file:
                while block := _read(source, archive):
                    written += len(block)
                    if written > LARGEST:  # a header may lie
                        raise ValueError(f"Expected at most {LARGEST} bytes. Received: {archive}")
                    file.write(block)


def _new_file(folder, name):
    parts = cards.parts_inside(name)
    if parts is None or "\0" in name:
        raise ValueError(f"Expected names inside the archive's folder. Received: {name!r}")
    path = folder.joinpath(*parts)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return open(path, "xb")
    except (FileExistsError, NotADirectoryError) as error:
        raise ValueError(f"Expected each name of an archive once. Received: {name!r}") from error
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise ValueError(f"Expected shorter names. Received: {name[:80]!r}...") from error


def _read(source, archive):
    with _damage_named(archive):
        return source.read(BLOCK)


@contextlib.contextmanager
def _damage_named(archive):
    try:
        yield
    except _DAMAGE as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"Expected a whole archive. Received: {archive} ({reason})") from error


@contextlib.contextmanager
def _opened(archive):
    """Yields an iterator over the `_Member`s of an archive that are files."""
    with _damage_named(archive):
        if zipfile.is_zipfile(archive):
            packed, members = zipfile.ZipFile(archive), _zip_members
        elif tarfile.is_tarfile(archive):
            packed, members = tarfile.open(archive), _tar_members  # noqa: SIM115
        else:
            raise ValueError(f"Expected a zip or tar archive. Received: {archive}")
    with packed:
        yield _checked(members(packed), archive)


def _checked(members, archive) -> Iterator[_Member]:
    count, size = 0, 0
    while True:
        with _damage_named(archive):
            member = next(members, None)
        if member is None:
            return
        count, size = count + 1, size + member.size
        if count > MOST_FILES or size > LARGEST:
            raise ValueError(
                f"Expected at most {LARGEST} bytes in {MOST_FILES} files. Received: {archive}, "
                f"which states {size} bytes in its first {count} files"
            )
        if not (member.is_file or member.is_folder):
            raise ValueError(f"Expected files and folders. Received: {member.name!r}")
        if member.is_file:
            yield member


def _zip_members(packed):
    for item in packed.infolist():
        is_plain = stat.S_IFMT(item.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)
        is_file, is_folder = is_plain and not item.is_dir(), is_plain and item.is_dir()
        yield _Member(item.filename, is_file, is_folder, item.file_size, partial(packed.open, item))


def _tar_members(packed):
    for item in packed:
        content = partial(packed.extractfile, item)
        yield _Member(item.name, item.isreg(), item.isdir(), item.size, content)
