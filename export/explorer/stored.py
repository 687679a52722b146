"""The images of a page, their codes, and the ranges of the latent dimensions."""

import dataclasses
from pathlib import Path

import numpy as np

from export import pictures
from zoo.light import runtime
from zoo.releases import card as cards
from zoo.storage.arrays import read_npz

LIMIT = 400  # images: enough to see the clusters, 314 kB at 28 x 28
# The plane reaches this many scales of the prior, or as far as the codes do.
REACH = 3.0
SCALED_PRIORS = ("standard_normal", "diagonal_normal", "logistic")


@dataclasses.dataclass(frozen=True)
class Stored:
    """Args: images uint8 [N, H, W, C], labels a list of N ints or None, source in words."""

    images: np.ndarray
    labels: list | None
    source: str


def from_golden(folder, card):
    """Returns the real images of the golden file: those that are not all of one value."""
    content = cards.read_file(folder, card, card["golden"]["file"])
    images = read_npz(card["golden"]["file"], content)["encoder.image"]
    images = images / np.float32(card["preprocessing"].get("multiply", 1))
    real = images[images.reshape(len(images), -1).std(axis=1) > 0]
    kind = "random images (its data was not at hand)" if _is_random(card) else "images"
    return Stored(_as_bytes(real), None, f"{len(real)} {kind} of the model's golden file")


def _is_random(card):
    return str(card.get("data", {}).get("golden", "")).startswith("random")


def from_path(path, image_shape, resize=False, limit=LIMIT):
    """Returns at most `limit` images, evenly spaced through all, and their labels if it has any.

    Args:
        path: Folder or file; see `export.pictures.open_images`. An npz file may hold integer
            `labels` in addition to `images`.
        image_shape: (H, W, C) of the model.
        resize: Whether images are brought to the model's size and channels.
        limit: How many at most.
    """
    path = Path(path).expanduser()
    source = pictures.open_images(path, image_shape, resize)
    images, chosen = pictures.evenly_spaced(source, limit, image_shape)
    of_all = "" if len(chosen) == source.count else f" of {source.count}"
    text = f"{len(chosen)}{of_all} given images"
    return Stored(_as_bytes(images), _labels(path, source.count, chosen), text)


def _as_bytes(images):
    """Returns uint8 images of any that `zoo.light.runtime.prepare_images` takes."""
    plain = runtime.prepare_images(images, {"scale": "uint8/255", "binarise": None})
    return np.round(plain * 255).astype(np.uint8)


def _labels(path, count, chosen):
    if not str(path).endswith(".npz"):
        return None
    labels = read_npz(path).get("labels")
    if labels is None:
        return None
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"Expected `labels` as {count} ints in {str(path)!r}. "
            f"Received: shape={labels.shape}, dtype={labels.dtype}"
        )
    return [int(label) for label in labels[chosen]]


def activity_order(card, codes):
    """Returns the dimensions, most active first: by Var[E[z|x]] of the card, else of the codes."""
    units = card.get("metrics", {}).get("active_units", {})
    variances = units.get("variances") if isinstance(units, dict) else None
    if not isinstance(variances, list) or len(variances) != card["latent_dim"]:
        variances = codes.var(axis=0)
    order = np.argsort(-np.asarray(variances, np.float64), kind="stable")
    return [int(dimension) for dimension in order]


def prior_scale(card):
    """Returns the prior's scales [Z], or None where the card names none that the page can draw."""
    prior = card["prior"]
    if prior.get("family") == "standard_normal":
        return np.ones(card["latent_dim"])
    if prior.get("family") not in SCALED_PRIORS:
        return None
    return np.asarray(prior["scale"], np.float64)


def ranges(card, codes, draws=None):
    """Returns `low` and `high` [Z]: REACH scales of the prior, or its draws and 0; and all codes.

    Args:
        card: The model's card.
        codes: Codes of the stored images, [N, Z].
        draws: Draws of a prior that has no scales, [M, Z].
    """
    if draws is not None:
        codes = np.concatenate([codes, draws, np.zeros_like(codes[:1])])
    low, high = codes.min(axis=0).astype(np.float64), codes.max(axis=0).astype(np.float64)
    scale = prior_scale(card)
    if scale is None:
        margin = 0.1 * (high - low) + 1e-3
        low, high = low - margin, high + margin
    else:
        low, high = np.minimum(low, -REACH * scale), np.maximum(high, REACH * scale)
    return [float(x) for x in low], [float(x) for x in high]
