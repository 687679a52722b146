"""The files of a data set: pictures below a folder, each once, and files by split."""

import os
from pathlib import Path

from trainers.data import split_names
from zoo.light.pictures import listed

NAMED = 3  # files that a message names


def list_pictures(root):
    """Returns the pictures below a folder, sorted by path, and the files that are no pictures.

    Returns:
        A list of `Path`, and a dict from reasons to lists of `Path`.

    Raises:
        FileNotFoundError: If there is no picture, or a link leads nowhere.
        ValueError: If a picture is there twice, by a link.
    """
    pictures, unused = listed(root)
    _check_each_once(pictures, root)
    return pictures, unused


def count(paths, root, noun):
    """Returns `12 hidden ('.DS_Store', 'a/.DS_Store', 'b/.DS_Store', ...)`, for messages."""
    named = [repr(path.relative_to(root).as_posix()) for path in sorted(paths)[:NAMED]]
    more = ", ..." if len(paths) > NAMED else ""
    return f"{len(paths)} {noun} ({', '.join(named)}{more})"


def files_below(folder, suffix):
    """Returns the files of a suffix below a folder, sorted by path; hidden ones are left out.

    Raises:
        FileNotFoundError: If there is none.
    """
    files = []
    for path in sorted(Path(folder).glob(f"**/*{suffix}")):
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts):
            files.append(str(path))
    if not files:
        raise FileNotFoundError(f"Expected {suffix} files. Received: {str(folder)!r}, without any")
    return files


def has_files(folder, suffix):
    """Returns whether a path is a folder with files of a suffix, or with folders of them."""
    patterns = (f"*{suffix}", f"*/*{suffix}")
    return any(next(Path(folder).glob(pattern), None) for pattern in patterns)


def by_split(paths):
    """Returns {split: its files}, or all files under "all".

    A split is a word in the names of its files. Where they lie in several folders and a name has
    no such word, it is a word in the name of the folder.

    Args:
        paths: Paths of files.

    Raises:
        ValueError: If a file has the words of two splits, or has none where others have.
    """
    several = len({os.path.dirname(path) for path in paths}) > 1
    roles = [_roles(path, several) for path in paths]
    for path, role in zip(paths, roles):
        if len(role) > 1 or (not role and any(roles)):
            raise ValueError(
                "Expected files whose names have one of train, validation, test each, or none of "
                f"them. Received: {path!r} of {len(paths)} files"
            )
    if not any(roles):
        return {"all": list(paths)}
    groups = {
        split: [path for path, role in zip(paths, roles) if split in role]
        for split in split_names.ALIASES
    }
    return {split: group for split, group in groups.items() if group}


def _roles(path, with_folder):
    folder, name = os.path.split(path)
    roles = split_names.mentions(os.path.splitext(name)[0])
    return roles or (split_names.mentions(os.path.basename(folder)) if with_folder else set())


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
