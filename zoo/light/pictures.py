"""Picture files: those below a folder, and the reader of one. Needs Pillow to read."""

import io
import os
import struct
from pathlib import Path

from zoo.light.axes import from_pillow

SUFFIXES = (
    *(".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm"),
    *(".tif", ".tiff", ".webp"),
)
# What Pillow may find in such a file. For others, EPS for example, it starts a program on the file.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")


def listed(folder):
    """Returns the pictures below a folder, sorted by path, and the files that are no pictures.

    Args:
        folder: Path; links are followed.

    Returns:
        A list of `Path`, and a dict from reasons to lists of `Path`: "not pictures", and those of
        `entries`.

    Raises:
        FileNotFoundError: If there is no picture, or a link leads nowhere.
        PermissionError: If a folder may not be read.
    """
    pictures, unused = [], {}
    for path, reason in entries(folder):
        if reason is None and is_picture(path):
            pictures.append(path)
        else:
            unused.setdefault(reason or "not pictures", []).append(path)
    if not pictures:
        raise without_any(folder)
    return sorted(pictures, key=lambda file: file.as_posix()), unused


def without_any(folder):
    """Returns the error for a folder without pictures."""
    return FileNotFoundError(
        f"Expected images ({', '.join(SUFFIXES)}). Received: path={str(folder)!r}, without any"
    )


def entries(folder, above=()):
    """Yields (path, reason) of what is below a folder, links followed.

    `reason` says why it is no file to read: "hidden" (of a folder too, whose content is not
    looked at) or "not a file" (a pipe or a device). It is None for files.

    Args:
        folder: Path.
        above: Folders that it lies in, real paths: a link back to one of them is not followed.

    Raises:
        PermissionError: If a folder may not be read: nothing is left out in silence.
        FileNotFoundError: If a link leads nowhere.
    """
    real = os.path.realpath(folder)
    if real in above:
        return
    with os.scandir(folder) as listed:
        for entry in listed:
            path = Path(entry.path)
            if entry.name[0] == ".":
                yield path, "hidden"
            elif path.is_dir():
                yield from entries(path, (*above, real))
            elif entry.is_symlink() and not path.exists():
                raise FileNotFoundError(
                    "Expected links that lead to a file or a folder. "
                    f"Received: {str(path)!r}, a link to {os.readlink(path)!r}, which is absent"
                )
            else:
                yield path, None if path.is_file() else "not a file"


def is_picture(file):
    """Returns whether a file's suffix is one of `SUFFIXES`."""
    return Path(file).suffix.lower() in SUFFIXES


def are_paths(images):
    """Returns whether images are the path of a picture or of a folder, or a list of paths."""
    if isinstance(images, (list, tuple)):
        return bool(images) and all(isinstance(image, (str, os.PathLike)) for image in images)
    return isinstance(images, (str, os.PathLike))


def files_of(images):
    """Returns what to go through: the pictures of a folder, a picture, or `images` itself."""
    if not isinstance(images, (str, os.PathLike)):
        return images
    path = Path(images).expanduser()
    return listed(path)[0] if path.is_dir() else [path]


def read_image(path, content=None):
    """Reads one picture: the first frame, turned as its EXIF says, transparency over black.

    Args:
        path: The file.
        content: Its bytes, if they are already in memory; `path` then only names it in messages.

    Returns:
        [H, W, C] uint8: C is 1 for grey files, otherwise 3. 16-bit grey is scaled to 8 bits.

    Raises:
        ImportError: If Pillow is not installed.
        ValueError: If it cannot be read, or states more pixels than Pillow accepts; names the file.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f"Pictures need Pillow: pip install pillow ({path})") from error

    try:
        source = path if content is None else io.BytesIO(content)
        with Image.open(source, formats=FORMATS) as picture:
            return from_pillow(picture)
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        is_empty = not content and (content is not None or _is_empty_file(path))
        raise ValueError(
            "Expected a readable image. "
            f"Received: path={str(path)!r} ({'a file of 0 bytes' if is_empty else error})"
        ) from error
    except Image.DecompressionBombError as error:
        raise ValueError(
            f"Expected an image of ordinary size. Received: path={str(path)!r} ({error})"
        ) from error


def _is_empty_file(path):
    return os.path.isfile(path) and not os.path.getsize(path)
