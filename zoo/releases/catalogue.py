"""From what a user says (a name, a folder, a URL) to an artifact's folder."""

import os
from pathlib import Path

from zoo import registry
from zoo.releases import card as cards
from zoo.releases import download

PAPERS = ("bilbo", "broken_elbo", "infovae", "mu_vae", "vimae")

# Released models that are fetched on first use: name -> {"url": ..., "sha256": ... of the archive}.
RELEASES = {}


def artifacts_folder():
    """Returns where named artifacts lie: ELBO_ZOO_ARTIFACTS, else `artifacts/` beside `zoo/`."""
    beside = Path(__file__).resolve().parents[2] / "artifacts"
    return Path(os.environ.get("ELBO_ZOO_ARTIFACTS") or beside)


def names():
    """Returns all names that `resolve` knows, sorted."""
    return sorted({*RELEASES, *(folder.name for folder in _local_folders())})


def resolve(model):
    """Returns the folder of an artifact.

    Tried in turn: `https://.../NAME.zip#sha256=HEX`, which is fetched once and then read from the
    cache; a path; a name under `artifacts/` or in `RELEASES`; a folder of that name here.

    Args:
        model: A `str` or a `Path`.

    Returns:
        A `Path` of a folder that holds a card. Its files are not yet checked.

    Raises:
        FileNotFoundError: If there is no such name or folder; the nearest name is offered.
        ValueError: If a URL is not of that form, or what it gives is not what its hash says.
    """
    if not isinstance(model, (str, os.PathLike)) or not str(model).strip():
        raise TypeError(f"Expected a model's name, folder or URL. Received: {model!r}")
    text = os.fspath(model)
    if "://" in text:
        return download.fetch(*download.split_url(text))
    if isinstance(model, os.PathLike) or os.sep in text or "/" in text or text in (".", ".."):
        return _folder(Path(text))
    local = artifacts_folder() / text
    if (local / cards.CARD).is_file():
        return local
    if text in RELEASES:
        return download.fetch(RELEASES[text]["url"], RELEASES[text]["sha256"])
    if (Path(text) / cards.CARD).is_file():
        return Path(text)
    raise FileNotFoundError(
        f"Expected a model's name, one of {names()}, or the path of an artifact's folder. "
        f"Received: {text!r}.{registry.nearest(text, names())}"
    )


def list_models(paper=None, data=None):
    """Lists the artifacts under `artifacts/` from their cards, without loading any.

    Args:
        paper: Only models of this paper: one of `PAPERS`.
        data: Only models trained on this data set, "mnist" say.

    Returns:
        A list of dicts, sorted by `name`, with `name`, `paper`, `data` (a data set's name),
        `image_shape`, `latent_dim`, `bytes` (of all files), `encoder_bytes`, `metrics` (name ->
        {"value", "stderr", ...}) and `folder`.

    Raises:
        ValueError: If `paper` is not one of `PAPERS`, or a card cannot be read.
    """
    if paper is not None and paper not in PAPERS:
        raise ValueError(
            f"Expected `paper` to be one of {list(PAPERS)}. Received: paper={paper!r}."
            f"{registry.nearest(paper, PAPERS)}"
        )
    rows = [_summary(folder) for folder in _local_folders()]
    return [
        row
        for row in rows
        if (paper is None or row["paper"] == paper) and (data is None or row["data"] == data)
    ]


def _folder(path):
    """Checks that a path that a user wrote is an artifact's folder."""
    if not path.is_dir():
        raise FileNotFoundError(f"Expected an artifact's folder. Received: {str(path)!r}, absent")
    cards.read_card(path)
    return path


def _local_folders():
    folder = artifacts_folder()
    if not folder.is_dir():
        return []
    return sorted(child for child in folder.iterdir() if (child / cards.CARD).is_file())


def _summary(folder):
    card = cards.read_card(folder)
    sizes = {name: entry["bytes"] for name, entry in card["files"].items()}
    return {
        "name": card["name"],
        "paper": card.get("paper"),
        "data": card.get("data", {}).get("name"),
        "image_shape": tuple(card["image_shape"]),
        "latent_dim": card["latent_dim"],
        "bytes": sum(sizes.values()),
        "encoder_bytes": sizes.get("encoder.onnx", 0),
        "metrics": card.get("metrics", {}),
        "folder": str(folder),
    }
