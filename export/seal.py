"""Writes the hash of a card into the card, after an intended edit.

python -m export.seal FOLDER [FOLDER ...]

`export.verify` then notices every later edit. `export.publish` writes this hash itself. This
command is for artifacts of earlier versions, and for
a card that was edited on purpose. Weights and graphs stay as they are.
"""

import sys
from pathlib import Path

from trainers import scripts
from zoo.releases import card as cards
from zoo.storage.escape import printable


def seal(folder):
    """Writes the hash of its content into the card of an artifact.

    Args:
        folder: The artifact's folder.

    Returns:
        The hash, 64 hexadecimal digits.

    Raises:
        FileNotFoundError: If the card or a file that it lists is absent.
        ValueError: If the card is not what `zoo.releases.read_card` expects, or a file is not the
            one that the card describes.
    """
    card = cards.read_card(folder, sealed=False)
    for name in card["files"]:
        cards.check_file(folder, card, name)
    cards.write_card(folder, card)
    return cards.read_card(folder)[cards.SEAL]


@scripts.reported
def main(arguments=None):
    """Seals the artifacts that the command line names; returns the exit code."""
    parser = scripts.Parser(__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="artifacts' folders")
    for folder in parser.parse_args(arguments).folders:
        print(f"{seal(folder)}  {printable(folder)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
