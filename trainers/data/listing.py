"""The pictures below a folder, each once, and the files that are not used."""

import os

from zoo.light.pictures import SUFFIXES, entries, is_picture

NAMED = 3  # files that a message names


def list_pictures(root):
    """Returns the pictures below a folder, sorted by path, and the files that are no pictures.

    Returns:
        A list of `Path`, and a dict from reasons to lists of `Path`.

    Raises:
        FileNotFoundError: If there is no picture, or a link leads nowhere.
        ValueError: If a picture is there twice, by a link.
    """
    pictures, unused = [], {}
    for path, reason in entries(root):
        if reason is None and is_picture(path):
            pictures.append(path)
        else:
            unused.setdefault(reason or "not pictures", []).append(path)
    if not pictures:
        raise without_any(root)
    pictures.sort(key=lambda file: file.as_posix())
    _check_each_once(pictures, root)
    return pictures, unused


def without_any(folder):
    """Returns the error for a folder without pictures."""
    return FileNotFoundError(
        f"Expected images ({', '.join(SUFFIXES)}). Received: path={str(folder)!r}, without any"
    )


def count(paths, root, what):
    """Returns `12 hidden ('.DS_Store', 'a/.DS_Store', 'b/.DS_Store', ...)`, for messages."""
    named = [repr(path.relative_to(root).as_posix()) for path in sorted(paths)[:NAMED]]
    more = ", ..." if len(paths) > NAMED else ""
    return f"{len(paths)} {what} ({', '.join(named)}{more})"


def _check_each_once(pictures, root):
    """Raises ValueError if two paths lead to one file: by a link of either kind."""
    first = {}
    for path in pictures:
        status = os.stat(path)
        # Some file systems do not number their files.
        key = (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)
        if key in first:
            names = [other.relative_to(root).as_posix() for other in (first[key], path)]
            raise ValueError(
                "Expected each picture once, without links to others, which would be in two "
                f"splits or classes. Received: {names} in {str(root)!r}, which are one file"
            )
        first[key] = path
