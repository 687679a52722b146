"""The artifacts that a distribution of the zoo holds, and the index of all others.

The wheel of `elbo-zoo` has one model, with which the first example runs, and an index. The models
are distributions of their own, one a paper: `export.package` writes them. Needs the standard
library alone: `setup.py` calls it where nothing is installed yet.
"""

import shutil
from pathlib import Path

from zoo.releases import card as cards
from zoo.releases import summary
from zoo.releases.card_keys import METRICS
from zoo.storage import files, schema

INDEX = "index.json"
ENTRY = schema.Keys(  # of a model in the index
    {
        "sha256": schema.SHA256,
        "summary": schema.Keys(
            {
                "name": str,
                "paper": schema.TEXT,
                "data": schema.TEXT,
                "image_shape": [schema.SIZE],
                "latent_dim": schema.SIZE,
                "bytes": schema.COUNT,
                "metrics": METRICS,
            }
        ),
    }
)
EXAMPLE = "vimae-mnist-z8-l"  # of the README's first lines; about 1 MB
# The folder of Python's path that the distributions of models share.
MODELS = "elbo_zoo_models"


def names(folder) -> list[str]:
    """Returns the names of the artifacts in `folder`, sorted."""
    return sorted(path.parent.name for path in Path(folder).glob(f"*/{cards.CARD}"))


def copy(folder, names, out) -> list[str]:
    """Copies artifacts to `out`, each file checked against its card.

    Args:
        folder: The repository's `artifacts/`.
        names: Names of the artifacts.
        out: A folder, made if absent.

    Returns:
        The paths written, relative to `out`.

    Raises:
        ValueError: If a file is not what its card says: nothing unverified ships.
    """
    folder, out = Path(folder), Path(out)
    written = []
    for name in names:
        card = cards.read_card(folder / name)
        for file in (cards.CARD, *card["files"]):
            if file != cards.CARD:
                cards.check_file(folder / name, card, file)
            target = out / name / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name / file, target)
            written.append(f"{name}/{file}")
    return written


def ship(folder, out) -> list[str]:
    """Copies the example model to `out`, with an index of the others.

    `index.json` maps a name to the SHA-256 of its card, which has those of all its files, and to
    its line in `zoo.list_models`.

    Args:
        folder: The repository's `artifacts/`.
        out: A folder; an earlier one is replaced.

    Returns:
        The paths written, relative to `out`.

    Raises:
        ValueError: If a file is not what its card says: nothing unverified ships.
    """
    folder, out = Path(folder), Path(out)
    if out.exists():
        shutil.rmtree(out)
    shipped = [name for name in names(folder) if name == EXAMPLE]
    written = copy(folder, shipped, out)
    index = {
        name: {
            "sha256": files.sha256(folder / name / cards.CARD),
            "summary": summary.summarise(cards.read_card(folder / name)),
        }
        for name in names(folder)
        if name not in shipped
    }
    files.write_json(out / INDEX, index)
    return [*written, INDEX]
