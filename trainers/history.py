"""A run's history: `metrics.csv`, a row an epoch; and tables as CSV."""

import csv
import io
from pathlib import Path

from zoo.storage import files

NAME = "metrics.csv"


def write(workdir, rows):
    """Writes the history of the run in `workdir`: rows (dicts) of numbers."""
    files.atomic_write(Path(workdir) / NAME, as_csv(rows))


def read(workdir):
    """Returns the rows of a run's history: numbers, None where an epoch had none.

    A run that has not finished an epoch has no rows.
    """
    path = Path(workdir) / NAME
    if not path.is_file():
        return []
    return numbers(from_csv(path))


def numbers(rows):
    """Returns rows of text as rows of numbers, None for an empty cell."""
    return [{key: float(text) if text else None for key, text in row.items()} for row in rows]


def as_csv(rows):
    """Returns rows (dicts) as CSV text, with a column for every key that any of them has."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def from_csv(path):
    """Returns the rows (dicts) of a CSV file, every cell a text."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
