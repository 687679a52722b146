"""An encoder that is one ONNX file, with its card inside the file or next to it."""

import hashlib
import json
import os
from pathlib import Path

from zoo.light.graph import Graph
from zoo.releases import card as cards
from zoo.storage import json_text

METADATA = "elbo_zoo_card"  # the key of the card in the metadata of an ONNX file
# What a file of its own says of the model; metrics and hashes are those of the published encoder.
_KEPT = (
    *("format", "format_version", "name", "paper", "licence", "image_shape", "latent_dim"),
    *("posterior", "prior", "data", "preprocessing"),
)
_LARGEST = 2 << 30  # bytes; Protocol Buffers have no larger messages
_EMPTY = {"model": {}, "saved_model": "", "golden": {}, "metrics": {}, "files": {}}


def split(model):
    """Returns (path, sha256 or None) if `model` names an ONNX file, otherwise None.

    Args:
        model: What a user gives for a model: "encoder.int8.onnx" or "FILE.onnx#sha256=HEX".
    """
    if not isinstance(model, (str, os.PathLike)) or "://" in os.fspath(model):
        return None
    path, marked, sha256 = os.fspath(model).partition("#sha256=")
    if not path.endswith(".onnx"):
        return None
    return Path(path).expanduser(), sha256 if marked else None


def embed(card, content):
    """Returns the card that an encoder's file carries, as JSON.

    Args:
        card: The card of the model that the file was made from.
        content: The bytes of the file.
    """
    graph = Graph(content, "encoder")
    entry = {
        "file": "encoder.onnx",
        "signature": "encode",
        "inputs": graph.inputs,
        "outputs": graph.outputs,
    }
    metadata = {key: card[key] for key in _KEPT if key in card}
    return json.dumps(json_text.seal({**metadata, **_EMPTY, "graphs": {"encoder": entry}}))


def read(path, sha256=None, session=None):
    """Returns (card, graph) of an encoder's file.

    The card is that of the artifact's folder in which the file lies, or that of the file's
    metadata, as `python -m export.quantize` writes it. Its `files` and `graphs` name this file.

    Args:
        path: The ONNX file.
        sha256: The SHA-256 that the file must have; None compares none, a blank text is refused.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no encoder, is too large, has no card or has another hash.
    """
    if not path.is_file():
        raise FileNotFoundError(f"Expected an ONNX file. Received: {str(path)!r}, absent")
    if (size := path.stat().st_size) > _LARGEST:
        raise ValueError(
            f"Expected an ONNX file of at most {_LARGEST:,} bytes. "
            f"Received: {str(path)!r} of {size:,} bytes"
        )
    content = path.read_bytes()
    received = hashlib.sha256(content).hexdigest()
    if sha256 is not None and sha256.lower() != received:
        raise ValueError(
            f"{path} is not the file that was published. Expected: sha256={sha256.lower()}. "
            f"Received: sha256={received}"
        )
    graph = Graph(content, path.name, session)
    card = _card(path, graph)
    if path.name in card["files"]:
        cards.check_file(path.parent, card, path.name)
    entry = card["graphs"].get("encoder")
    if entry is None:
        raise ValueError(f"Expected an encoder's file. Received: {str(path)!r}, of another part")
    graph.require(entry)
    file = {"sha256": received, "bytes": len(content)}
    changed = {"graphs": {**card["graphs"], "encoder": {**entry, "file": path.name}}}
    return {**card, **changed, "files": {**card["files"], path.name: file}}, graph


def _card(path, graph):
    """Returns the card of a file: its folder's, if that is of the same model, or that inside it."""
    inside, folder = None, None
    if METADATA in graph.metadata:
        try:
            value = json_text.parse(graph.metadata[METADATA].encode("utf-8", "surrogateescape"))
        except ValueError as error:
            raise ValueError(f"Expected a card as JSON in {path}. Received: {error}") from error
        inside = cards.check(value, path)
        json_text.check_seal(inside, path)
    if (path.parent / cards.CARD).is_file():
        folder = cards.read_card(path.parent)
    if folder is not None and (inside is None or inside["name"] == folder["name"]):
        # Metrics are those of the published encoder.
        return folder if path.name in folder["files"] else {**folder, "metrics": {}}
    if inside is None:
        raise ValueError(
            "Expected an encoder's file with its card inside, as `python -m export.quantize` "
            f"writes it, or in its artifact's folder. Received: {str(path)!r}"
        )
    return inside
