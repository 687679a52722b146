"""The card of an artifact, and its files checked against it. Needs the standard library alone."""

import hashlib
from pathlib import Path, PurePosixPath

from zoo import files

LARGEST = 4 << 30  # bytes of an artifact: those of this zoo have a few MB
CARD = "card.json"
FORMAT = "elbo-zoo artifact"
FORMAT_VERSION = 1
SAVED_MODEL = "saved_model"

# Keys that every reader relies on, and what each must be.
_REQUIRED = {
    "name": str,
    "image_shape": list,
    "latent_dim": int,
    "model": dict,
    "prior": dict,
    "posterior": dict,
    "preprocessing": dict,
    "graphs": dict,
    "saved_model": str,
    "golden": dict,
    "files": dict,
}


def read_card(folder):
    """Reads and checks `card.json` of an artifact.

    Args:
        folder: The artifact's folder.

    Returns:
        The card, a dict; see `export.card` for its keys.

    Raises:
        FileNotFoundError: If `folder` or its card is absent.
        ValueError: If the card is not JSON, not of this format, or lacks a key.
    """
    path = Path(folder) / CARD
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected an artifact's folder, which holds {CARD}. Received: folder={str(folder)!r}"
            f"{_run_hint(Path(folder))}"
        )
    return check(files.read_json(path), path)


def check(card, path):
    """Returns a card if it is one.

    Args:
        card: What was read from JSON.
        path: The file that it was read from, for messages.

    Raises:
        ValueError: If the card is not of this format, or lacks a key.
    """
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        received = card.get("format") if isinstance(card, dict) else type(card).__name__
        raise ValueError(f"Expected format={FORMAT!r} in {path}. Received: format={received!r}")
    if card.get("format_version") != FORMAT_VERSION:
        raise ValueError(
            f"This version of elbo-zoo reads format_version={FORMAT_VERSION} of {path}. "
            f"Received: format_version={card.get('format_version')!r}"
        )
    for key, kind in _REQUIRED.items():
        if not isinstance(card.get(key), kind):
            raise ValueError(
                f"Expected {key!r} ({kind.__name__}) in {path}. Received: {key}={card.get(key)!r}"
            )
    _check_shapes(card, path)
    for name, entry in card["files"].items():
        size = entry.get("bytes") if isinstance(entry, dict) else None
        if not isinstance(size, int) or not isinstance(entry.get("sha256"), str):
            raise ValueError(
                f"Expected `sha256` and `bytes` of each file in {path}. Received: {name}={entry!r}"
            )
    return card


def _check_shapes(card, path):
    """Refuses shapes that no reader can work with, and graphs without a file."""
    numbers = [*card["image_shape"], card["latent_dim"]]
    if len(numbers) != 4 or not all(type(n) is int and n > 0 for n in numbers):
        raise ValueError(
            f"Expected positive ints, `image_shape` [H, W, C] and `latent_dim`, in {path}. "
            f"Received: image_shape={card['image_shape']!r}, latent_dim={card['latent_dim']!r}"
        )
    for part, entry in card["graphs"].items():
        if not isinstance(entry, dict) or not isinstance(entry.get("file"), str):
            raise ValueError(f"Expected `file` of each graph in {path}. Received: {part}={entry!r}")
    expected = {"encoder": ("image", card["image_shape"]), "decoder": ("z", [card["latent_dim"]])}
    for part, (name, shape) in expected.items():
        inputs = card["graphs"].get(part, {}).get("inputs")
        if isinstance(inputs, dict) and name in inputs and list(inputs[name])[1:] != shape:
            raise ValueError(
                f"Expected {name} of {part} to be [batch, {', '.join(map(str, shape))}] in {path}, "
                f"as the card's shapes say. Received: {inputs[name]}"
            )


def _run_hint(folder):
    """Says what to do if `folder` is a training run and not an artifact."""
    if (folder / "artifact" / CARD).is_file():
        return f", a run whose artifact is {str(folder / 'artifact')!r}"
    if (folder / "config.json").is_file():
        return ", a run; publish it first: python -m export.publish --workdir=DIR --name=NAME"
    return ""


def file_path(folder, card, name):
    """Returns the path of the file that the card calls `name`, which must lie in the folder.

    Raises:
        ValueError: If the card does not list it, or its name leads out of the folder.
        FileNotFoundError: If the card lists it and it is absent.
    """
    if name not in card["files"]:
        raise ValueError(
            f"Expected a file listed in {Path(folder) / CARD}, one of {sorted(card['files'])}. "
            f"Received: name={name!r}"
        )
    path = Path(folder, *parts_of(folder, name))
    if not path.is_file():
        expected = card["files"][name]
        raise FileNotFoundError(
            f"The artifact {card['name']!r} lacks a file: expected {path} with "
            f"sha256={expected['sha256']}. Received: no such file"
        )
    return path


def parts_inside(name):
    """Returns the parts of a file's name, or None if they lead out of a folder on any system."""
    parts = PurePosixPath(name).parts
    leads_out = ".." in parts or name.startswith("/") or "\\" in name or ":" in name
    return None if not parts or leads_out else parts


def parts_of(folder, name):
    """Returns the parts of a file's name in the card of `folder`, below which they must lie.

    Raises:
        ValueError: If they lead out of it.
    """
    parts = parts_inside(name)
    if parts is None:
        raise ValueError(
            f"Expected names of files inside the folder in {Path(folder) / CARD}. "
            f"Received: name={name!r}"
        )
    return parts


def check_card(folder, sha256):
    """Returns `folder` if its card has this SHA-256, and with it the hash of every file.

    Raises:
        FileNotFoundError: If there is no card.
        ValueError: If it is another one.
    """
    read_card(folder)
    path = Path(folder) / CARD
    received = files.sha256(path)
    if received != sha256.lower():
        raise ValueError(
            f"{path} is not the card that was published. Expected: sha256={sha256.lower()}. "
            f"Received: sha256={received}"
        )
    return Path(folder)


def read_file(folder, card, name):
    """Returns the bytes of a file whose size and SHA-256 are those of the card.

    The bytes that were hashed are the bytes that are returned.

    Raises:
        FileNotFoundError: If it is absent.
        ValueError: If it is not the file that was published; names it, and both hashes.
    """
    path = file_path(folder, card, name)
    expected = card["files"][name]
    _check_size(path, expected)
    with open(path, "rb") as file:
        content = file.read(expected["bytes"] + 1)
    _compare(path, expected, hashlib.sha256(content).hexdigest(), len(content))
    return content


def check_file(folder, card, name):
    """As `read_file`, but reads in blocks and returns the path; for files that others open."""
    path = file_path(folder, card, name)
    _check_size(path, card["files"][name])
    _compare(path, card["files"][name], files.sha256(path), path.stat().st_size)
    return path


def _check_size(path, expected):
    """Refuses a file of another size before it is read, and one too large to be an artifact's."""
    size = path.stat().st_size
    if expected["bytes"] > LARGEST:
        raise ValueError(
            f"Expected at most {LARGEST} bytes in a file of an artifact. "
            f"Received: {path}, whose card states {expected['bytes']}"
        )
    if size > expected["bytes"]:
        _compare(path, expected, "not computed, it is longer", size)


def _compare(path, expected, sha256, size):
    if size != expected["bytes"] or sha256 != expected["sha256"]:
        raise ValueError(
            f"{path} is not the file that was published (changed, or cut short). "
            f"Expected: sha256={expected['sha256']}, bytes={expected['bytes']}. "
            f"Received: sha256={sha256}, bytes={size}"
        )
