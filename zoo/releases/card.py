"""The card of an artifact, and its files checked against it. Needs the standard library alone."""

import hashlib
from pathlib import Path, PurePosixPath

from zoo.releases.card_keys import CARD_KEYS, GRAPH
from zoo.storage import files, json_text, schema
from zoo.storage.json_text import SEAL

LARGEST = 4 << 30  # bytes of an artifact: those of this zoo have a few MB
CARD = "card.json"
FORMAT = "elbo-zoo artifact"
FORMAT_VERSION = 1
SAVED_MODEL = "saved_model"

LARGEST_CARD = 16 << 20  # bytes; cards of the zoo have 20 thousand


def read_card(folder, sha256=None, sealed=True):
    """Reads and checks `card.json` of an artifact.

    Args:
        folder: The artifact's folder.
        sha256: The SHA-256 that the file must have, or None. The bytes that are hashed are the
            bytes that are read.
        sealed: Whether to refuse a card whose content is not what its own hash says. A card
            without such a hash is read: earlier versions wrote none.

    Returns:
        The card, a dict; see `export.card` for its keys.

    Raises:
        FileNotFoundError: If `folder` or its card is absent.
        ValueError: If the card is not JSON, not of this format, lacks a key, was changed after it
            was written, or has another hash than `sha256`.
    """
    content, path = _read(folder)
    card = _checked(content, path, sha256)
    if sealed:
        json_text.check_seal(card, path)
    return card


def seal_error(folder):
    """Returns what an artifact's card lacks to prove that nobody has changed it, or "".

    Reading refuses a card whose content is not what its own hash says. This also names a card
    without a hash, and one whose text is not as `write_card` writes it.
    """
    content, path = _read(folder)
    card = _checked(content, path)
    json_text.check_seal(card, path)
    if SEAL not in card:
        return (
            f"expected {SEAL}, received a card without it, from before cards had one or "
            f"changed since: python -m export.seal {folder} writes it"
        )
    text = content.replace(b"\r\n", b"\n")
    return "" if text == json_text.render(card).encode() else "text changed after it was written"


def write_card(folder, card):
    """Writes an artifact's card with the hash of its content, by which later edits are noticed."""
    files.write_json(Path(folder) / CARD, json_text.seal(card))


def file_entries(folder):
    """Returns path -> {"sha256", "bytes"} of all files under `folder`."""
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): {
            "sha256": files.sha256(path),
            "bytes": path.stat().st_size,
        }
        for path in paths
    }


def _read(folder):
    """Returns the bytes of the card, and its path."""
    path = Path(folder) / CARD
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected an artifact's folder, which holds {CARD}. Received: folder={str(folder)!r}"
            f"{_run_hint(Path(folder))}"
        )
    return files.read_bytes(path, LARGEST_CARD), path


def _checked(content, path, sha256=None):
    """Returns the card in `content`; raises as `read_card` does."""
    received = hashlib.sha256(content).hexdigest()
    if sha256 is not None and received != sha256.lower():
        raise ValueError(
            f"{path} is not the card that was published. Expected: sha256={sha256.lower()}. "
            f"Received: sha256={received}"
        )
    return check(files.parse_json(content, path), path)


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
        raise ValueError(
            f"Expected format={FORMAT!r} in {path}. Received: format={schema.shortened(received)}"
        )
    if card.get("format_version") != FORMAT_VERSION:
        raise ValueError(
            f"This version of elbo-zoo reads format_version={FORMAT_VERSION} of {path}. "
            f"Received: format_version={schema.shortened(card.get('format_version'))}"
        )
    schema.check(card, CARD_KEYS, path)
    _check_shapes(card, path)
    for name, entry in card["files"].items():
        size = entry.get("bytes") if isinstance(entry, dict) else None
        if not schema.COUNT.test(size) or not schema.SHA256.test(entry.get("sha256")):
            raise ValueError(
                f"Expected `sha256` and `bytes` of each file in {path}. "
                f"Received: {name}={schema.shortened(entry)}"
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
        schema.check(entry, GRAPH, path, f"graphs.{part}")
    scale = card["prior"].get("scale")
    if scale is not None and len(scale) != card["latent_dim"]:
        raise ValueError(
            f"Expected a `prior.scale` for each of {card['latent_dim']} latents in {path}. "
            f"Received: {len(scale)}"
        )
    expected = {"encoder": ("image", card["image_shape"]), "decoder": ("z", [card["latent_dim"]])}
    for part, (name, shape) in expected.items():
        inputs = card["graphs"].get(part, {}).get("inputs")
        if not isinstance(inputs, dict) or name not in inputs:
            continue
        dims = list(inputs[name])[1:]
        is_of_any_size = len(dims) == 3 and all(type(dim) is str for dim in dims)
        if dims != shape and not is_of_any_size:  # those take images before preprocessing
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


def graph_hash(card: dict, part: str) -> str:
    """Returns the SHA-256 of the ONNX file of a part, as the card has it."""
    return card["files"][card["graphs"][part]["file"]]["sha256"]


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
        content = file.read(min(expected["bytes"], path.stat().st_size) + 1)
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
