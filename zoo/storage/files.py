"""Files that are whole or absent: atomic writes, hashes, JSON. Needs the standard library alone."""

import contextlib
import hashlib
import os
from pathlib import Path

from zoo.storage import exchange, json_text, workspaces


@contextlib.contextmanager
def atomic_path(path):
    """Yields a temporary path near `path`: on success renamed into place, on failure removed.

    The earlier file stays whole until the new one is complete and on disk, so a crash or a full
    disk never costs it.

    Args:
        path: Where the file shall be. Its folder is created.

    Yields:
        A `Path` in the same folder with the same suffix, to be written by the caller.

    Raises:
        FileNotFoundError: If the caller wrote nothing there.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with workspaces.workspace(path) as folder:
        temporary = folder / path.name
        yield temporary
        if not temporary.is_file():
            raise FileNotFoundError(f"Nothing was written for {path}. Received: {temporary}")
        _flush_to_disk(temporary)
        os.replace(temporary, path)


def atomic_write(path, content):
    """Writes `content` (`bytes` or `str`, as UTF-8) to `path` at once or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


@contextlib.contextmanager
def atomic_folder(path):
    """Yields a temporary folder near `path` that takes its place on success and goes on failure.

    An earlier folder at `path` is exchanged with the new one in one step where the system can
    (Linux, macOS). Elsewhere it is moved aside first and removed last; if the process is killed
    between the two moves, the next call for `path`, or `workspaces.recover`, puts it back.

    Args:
        path: Where the folder shall be.

    Yields:
        A `Path` of an empty folder, to be filled by the caller.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    workspaces.recover(path)
    with workspaces.workspace(path) as work:
        temporary = work / "new"
        temporary.mkdir()
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _flush_to_disk(file)
        _put(temporary, path, work / workspaces.EARLIER)


def _put(new, path, earlier):
    if path.exists() and exchange.exchange(new, path):
        return
    try:
        if path.exists():
            os.replace(path, earlier)
        os.replace(new, path)
    except BaseException:  # a Ctrl-C between the two as well
        if earlier.exists() and not path.exists():
            os.replace(earlier, path)
        raise


def _flush_to_disk(path):
    """Forces a file's bytes out of the operating system's cache."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path):
    """Returns the SHA-256 of a file as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path, value):
    """Writes `value` as indented JSON, atomically.

    Raises:
        ValueError: If it holds a NaN or an infinity, which JSON cannot say.
    """
    atomic_write(path, json_text.render(value))


def read_json(path):
    """Reads a JSON file strictly; see `zoo.storage.json_text.parse`.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is too large or not JSON; the message names the file and the place.
    """
    return parse_json(read_bytes(path), path)


def parse_json(content, path):
    """Returns the value of the bytes of a JSON file.

    Raises:
        ValueError: If they are not JSON; the message names the file and the place.
    """
    try:
        return json_text.parse(content)
    except ValueError as error:
        raise ValueError(f"Expected JSON in {path}. Received: {error}") from error


def read_bytes(path, most=json_text.LARGEST):
    """Returns the content of a JSON file of at most `most` bytes.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is larger; no more than `most` bytes are read.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"Expected a JSON file. Received: {str(path)!r}, which is absent")
    with open(path, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"Expected at most {most:,} bytes in {path}. Received: more")
    return content
