"""Finds an artifact's folder by a name, a folder or a URL."""

import fnmatch
import importlib.util
import math
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from zoo import registry
from zoo.releases import card as cards
from zoo.releases import download, hub, shipping, summary
from zoo.storage import files, schema, workspaces
from zoo.storage.escape import printable

PAPERS = ("bilbo", "broken_elbo", "infovae", "mu_vae", "vimae")

# Released models that are fetched on first use: name -> {"url": ..., "sha256": ... of the archive}.
RELEASES = {}
HOW_TO_GET = (
    "Install elbo-zoo-models, or set ELBO_ZOO_MIRROR to the https address or the folder that has "
    "NAME/ (docs/install.md)."
)


def artifacts_folder():
    """Returns where named artifacts lie.

    The folder is ELBO_ZOO_ARTIFACTS if it is set. Otherwise it is `zoo/artifacts`, which an
    installed wheel has, or `artifacts/` next to `zoo/`, as in a checkout.
    """
    package = Path(__file__).resolve().parents[1]
    inside, beside = package / "artifacts", package.parent / "artifacts"
    chosen = inside if (inside / shipping.INDEX).is_file() else beside
    return Path(os.environ.get("ELBO_ZOO_ARTIFACTS") or chosen)


def folders():
    """Returns the folders of named artifacts in the order of search.

    The first is `artifacts_folder()`. Where that of a wheel does not hold all models, the installed
    distributions of models follow.
    """
    shipped = artifacts_folder()
    if not (shipped / shipping.INDEX).is_file():
        return [shipped]
    models = importlib.util.find_spec(shipping.MODELS)
    return [shipped, *map(Path, models.submodule_search_locations or () if models else ())]


def names():
    """Returns all names that `resolve` knows, sorted."""
    return sorted({*RELEASES, *_index(), *(folder.name for folder in _local_folders())})


def resolve(model):
    """Returns the folder of an artifact.

    Tried in turn:

    - `https://.../NAME.zip#sha256=HEX` or `https://.../NAME/#sha256=HEX` (a folder; the hash is
      its card's), which is fetched once and then read from the cache;
    - `hf://OWNER/NAME[@REVISION][#sha256=HEX]`, which `huggingface_hub` fetches;
    - a path, `#sha256=HEX` of its card after it or not;
    - a name: under `artifacts/`, in an installed distribution of models, or in `RELEASES`;
    - a folder of that name here;
    - a name that a wheel lists and does not hold: below ELBO_ZOO_MIRROR, an https address or a
      folder that has NAME/.

    Args:
        model: A `str` or a `Path`.

    Returns:
        A `Path` of a folder that holds a whole card. Its other files are not yet checked.

    Raises:
        FileNotFoundError: If there is no such name or folder; the nearest name is offered.
        ValueError: If a URL is not of that form, or what it gives is not what its hash says.
    """
    return open_artifact(model)[0]


def open_artifact(model):
    """Returns the folder of an artifact, and its card.

    The bytes of the card that are compared with a hash are the bytes that are read.

    Args:
        model: As for `resolve`.

    Raises:
        FileNotFoundError, ValueError: As `resolve`, and if the card is damaged.
    """
    folder, sha256 = _locate(model)
    return folder, cards.read_card(folder, sha256)


def _locate(model):
    """Returns the folder that a model is in, and the SHA-256 that its card must have, or None."""
    if not isinstance(model, (str, os.PathLike)) or not str(model).strip():
        raise TypeError(f"Expected a model's name, folder or URL. Received: {model!r}")
    text = os.fspath(model)
    if text.startswith("hf://"):
        folder, sha256 = hub.fetch(text)
        return _folder(folder), sha256
    if "://" in text:
        return _downloaded(text)
    path, marked, sha256 = text.partition("#sha256=")
    if marked:
        return _folder(Path(path)), sha256
    if isinstance(model, os.PathLike) or os.sep in text or "/" in text or text in (".", ".."):
        return _folder(Path(text)), None
    return _named(text)


def _downloaded(address):
    url, sha256 = download.split_url(address)
    # The hash of a folder is its card's; that of an archive was compared when it was fetched.
    return download.fetch(url, sha256), sha256 if url.endswith("/") else None


def _named(name):
    for folder in folders():
        if (folder / name / cards.CARD).is_file():
            return folder / name, None
    if name in RELEASES:
        return _downloaded(f"{RELEASES[name]['url']}#sha256={RELEASES[name]['sha256']}")
    if (Path(name) / cards.CARD).is_file():
        return Path(name), None
    if name in _index():
        return _mirrored(name, _index()[name]["sha256"])
    hint = f". {name!r} is a file" if Path(name).is_file() else ""
    raise FileNotFoundError(
        f"Expected a model's name, one of {names()}, or the path of an artifact's folder. "
        f"Received: {name!r}{hint}.{registry.nearest(name, names())}"
    )


def _mirrored(name, sha256):
    """Returns the folder of a released model that a wheel does not hold, and its card's hash."""
    mirror = os.environ.get("ELBO_ZOO_MIRROR", "").rstrip("/")
    if not mirror:
        raise FileNotFoundError(
            f"The model {name!r} is released, and not part of this installation: install "
            f"elbo-zoo-models, set ELBO_ZOO_MIRROR to the https address or the folder that has "
            f"{name}/, or give that address or folder in place of the name, with "
            f"#sha256={sha256} (docs/install.md). Received: {name!r}"
        )
    if "://" in mirror:
        return _downloaded(f"{mirror}/{name}/#sha256={sha256}")
    return _folder(Path(mirror) / name), sha256


def _index():
    """Returns name -> {"sha256", "summary"} of released models that this installation lacks."""
    path = artifacts_folder() / shipping.INDEX
    if not path.is_file():
        return {}
    index = files.read_json(path)
    schema.check(index, {str: shipping.ENTRY}, path)
    return index


def list_models(
    name: str | Sequence[str] | None = None,
    paper: str | Sequence[str] | None = None,
    data: str | Sequence[str] | None = None,
    latent_dim: int | tuple[int, int] | None = None,
) -> summary.Models:
    """Lists the released models from their cards, without loading any; prints as a table.

    `name`, `paper` and `data` take a string or a list of strings. `*`, `?` and `[...]` are
    wildcards, as in `fnmatch`: `list_models("vimae-*", data="*mnist")`.

    Args:
        name: Only models with this name. The name of a paper gives the models of the paper.
        paper: Only models of this paper, one of `PAPERS`.
        data: Only models trained on this data set, for example "mnist".
        latent_dim: Only models with this number of latents: an int, or a pair (least, most).

    Returns:
        A list of dicts, sorted by `name`, with `name`, `paper`, `data` (a data set's name),
        `image_shape`, `latent_dim`, `bytes` (of all files), `encoder_bytes`, `metrics` (name ->
        {"value", "stderr", ...}) and `folder`, None where this installation does not hold it.
        Filters that no model passes together give an empty list. A model whose card cannot be
        read is left out, with a warning that names the file.

    Raises:
        TypeError: If `name`, `paper` or `data` is neither a string nor a list of strings.
        ValueError: If no model has the name or the data set, `paper` is not one of `PAPERS`, or
            `latent_dim` is neither an int nor a pair.
    """
    least, most = _latents(latent_dim)
    rows = _rows()
    if paper is None and isinstance(name, str) and name in PAPERS:
        name, paper = None, name
    chosen = {
        "name": _matches("name", name, [row["name"] for row in rows]),
        "paper": _matches("paper", paper, PAPERS),
        "data": _matches("data", data, sorted({row["data"] for row in rows if row["data"]})),
    }
    return summary.Models(
        row
        for row in rows
        if all(valid is None or row[key] in valid for key, valid in chosen.items())
        and least <= row["latent_dim"] <= most
    )


def _rows():
    """Returns a line for each released model, sorted by name."""
    local = list(filter(None, map(_summary, _local_folders())))
    held = {row["name"] for row in local}
    others = [entry["summary"] for name, entry in _index().items() if name not in held]
    remote = [{**row, "image_shape": tuple(row["image_shape"]), "folder": None} for row in others]
    return sorted([*local, *remote], key=lambda row: row["name"])


def _matches(key, patterns, valid):
    """Returns the names among `valid` that a pattern matches, or None if there is no pattern.

    Raises:
        TypeError: If `patterns` is neither None, a string nor a list of strings.
        ValueError: If a pattern matches none of `valid`.
    """
    if patterns is None:
        return None
    patterns = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(patterns, (list, tuple)) or not all(isinstance(p, str) for p in patterns):
        raise TypeError(
            f"Expected `{key}` as a string or a list of strings. Received: {key}={patterns!r}"
        )
    chosen = set()
    for pattern in patterns:
        matched = [name for name in valid if fnmatch.fnmatchcase(name, pattern)]
        if valid and not matched:
            raise ValueError(
                f"Expected `{key}` to be one of {list(valid)}, or a pattern of them. "
                f"Received: {key}={pattern!r}.{_nearest(pattern, valid)}"
            )
        chosen.update(matched)
    return chosen


def _nearest(pattern, valid):
    """Returns a hint like `registry.nearest`; of a pattern, with what names begin with."""
    plain = pattern.strip("*?")
    if plain == pattern:
        return registry.nearest(pattern, valid)
    parts = (name.split("-") for name in valid)
    begins = {"-".join(part[:length]) for part in parts for length in range(1, len(part) + 1)}
    return registry.nearest(plain, sorted(begins))


def _summary(folder):
    """Returns the row of a folder's card, or None with a warning where the card is damaged."""
    try:
        return {**summary.summarise(cards.read_card(folder)), "folder": str(folder)}
    except (OSError, ValueError) as error:
        warnings.warn(f"A model is left out of the list: {printable(error)}", stacklevel=3)
        return None


def _latents(latent_dim):
    """Returns the least and the most latents."""
    if latent_dim is None:
        return 0, math.inf
    pair = (latent_dim, latent_dim) if isinstance(latent_dim, int) else latent_dim
    if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and pair[0] <= pair[1]):
        raise ValueError(
            "Expected `latent_dim` as an int or a pair (least, most). "
            f"Received: latent_dim={latent_dim!r}"
        )
    return pair


def _folder(path):
    """Returns a path that a user wrote, if it is a folder."""
    workspaces.recover(path)
    if not path.is_dir():
        state = "a file" if path.is_file() else "absent"
        raise FileNotFoundError(f"Expected an artifact's folder. Received: {str(path)!r}, {state}")
    return path


def _local_folders():
    """Returns the folders of the local artifacts, sorted by name; the first of a name counts."""
    local = {}
    for folder in folders():
        for card in sorted(folder.glob(f"*/{cards.CARD}")):
            local.setdefault(card.parent.name, card.parent)
    return [local[name] for name in sorted(local)]
