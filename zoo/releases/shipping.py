"""Which artifacts an installed wheel holds, and the index of those that it does not.

Needs the standard library alone: `setup.py` calls it where nothing is installed yet.
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
# The rule: smallest first, each at most 8 MB, so that every paper has a model there, and 95 MB in
# all, a wheel of 80 MB: the Python package index takes 100 MB in one file.
LARGEST_EACH = 8_000_000
LARGEST_SUM = 95_000_000


def choose(folder):
    """Returns the names of the artifacts in `folder` that ship, and of those that do not."""
    paths = [path for path in sorted(Path(folder).iterdir()) if (path / cards.CARD).is_file()]
    sizes = {path.name: summary.summarise(cards.read_card(path))["bytes"] for path in paths}
    shipped, total = [], 0
    for name in sorted(sizes, key=lambda name: (sizes[name], name)):
        if sizes[name] <= LARGEST_EACH and total + sizes[name] <= LARGEST_SUM:
            shipped.append(name)
            total += sizes[name]
    return sorted(shipped), sorted(set(sizes) - set(shipped))


def ship(folder, out):
    """Copies the artifacts that ship to `out`, with an index of the others.

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
    shipped, others = choose(folder)
    if out.exists():
        shutil.rmtree(out)
    written = []
    for name in shipped:
        card = cards.read_card(folder / name)
        for file in (cards.CARD, *card["files"]):
            if file != cards.CARD:
                cards.check_file(folder / name, card, file)
            target = out / name / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name / file, target)
            written.append(f"{name}/{file}")
    index = {
        name: {
            "sha256": files.sha256(folder / name / cards.CARD),
            "summary": summary.summarise(cards.read_card(folder / name)),
        }
        for name in others
    }
    files.write_json(out / INDEX, index)
    return [*written, INDEX]
