"""Keeps runs without their weights as two tables: `runs.csv` and `history.csv`.

A row of `runs.csv` is a run: all of its `config.json` and `evaluation.json`, a column for each
value, named by its path: `config/config/seed`, `evaluation/metrics/elbo/stderr`. A row of
`history.csv` is an epoch of a run. Numbers are the same to the last bit; `read` gives back what
`write` was given.
"""

import dataclasses
import json
from pathlib import Path

from trainers import history as histories
from zoo.storage import files

RUNS, HISTORY = "runs.csv", "history.csv"
_TEXT = ("run", "status", "error")


@dataclasses.dataclass(frozen=True)
class Stored:
    """A run as its folder, or a row of a table, has it.

    Attributes:
        name: The run's name.
        status: "finished", "failed" and so on; see `records.Record`.
        error: Why the run failed.
        config: Content of its `config.json`; empty where it never began.
        evaluation: Content of its `evaluation.json`; empty where it was not evaluated.
        folder: Its folder; None for a row of a table.
        epochs: Rows of a table's history, as text.
    """

    name: str
    status: str = "finished"
    error: str = ""
    config: dict = dataclasses.field(default_factory=dict)
    evaluation: dict = dataclasses.field(default_factory=dict)
    folder: Path | None = None
    epochs: tuple = ()

    def history(self):
        """Returns the rows of the run's history, as `trainers.history.read` does."""
        return histories.read(self.folder) if self.folder else histories.numbers(self.epochs)


def is_archive(folder):
    """Returns whether a folder holds runs as tables."""
    return (Path(folder) / RUNS).is_file()


def write(folder, runs):
    """Adds runs to the tables of a folder, those of the same name replaced.

    Args:
        folder: A folder, made if absent.
        runs: List of `Stored`.

    Returns:
        The `Stored` of all runs in the tables.
    """
    all_runs = {run.name: run for run in (read(folder) if is_archive(folder) else [])}
    all_runs.update({run.name: run for run in runs})
    rows, epochs = [], []
    for run in all_runs.values():
        values = {"config": run.config, "evaluation": run.evaluation}
        texts = {key: getattr(run, key) for key in _TEXT[1:]}
        rows.append({"run": run.name, **texts, **_flat(values)})
        history = run.epochs
        if run.folder:
            path = run.folder / histories.NAME
            history = histories.from_csv(path) if path.is_file() else ()
        epochs += [{"run": run.name, **row} for row in history]
    columns = {column: None for row in rows for column in row}
    order = sorted(columns, key=lambda name: (name not in _TEXT, "/metrics/" not in name))
    rows = [{column: row.get(column, "") for column in order} for row in rows]
    files.atomic_write(Path(folder) / HISTORY, histories.as_csv(epochs))
    files.atomic_write(Path(folder) / RUNS, histories.as_csv(rows))
    return list(all_runs.values())


def read(folder):
    """Returns the `Stored` of every run in the tables of a folder.

    Raises:
        FileNotFoundError: If there are none.
    """
    epochs = {}
    for row in histories.from_csv(Path(folder) / HISTORY):
        epochs.setdefault(row.pop("run"), []).append(row)
    runs = []
    for row in histories.from_csv(Path(folder) / RUNS):
        text = {key: row.pop(key) for key in _TEXT}
        values = _nested(row)
        history = _columns_used(epochs.get(text["run"], []))
        runs.append(
            Stored(
                text["run"],
                text["status"],
                text["error"],
                values.get("config", {}),
                values.get("evaluation", {}),
                epochs=history,
            )
        )
    return runs


def _columns_used(rows):
    """Leaves out the columns of a history that another run of the table has."""
    used = {key for row in rows for key, text in row.items() if text}
    return tuple({key: text for key, text in row.items() if key in used} for row in rows)


def _flat(value, path=""):
    """Returns dict path -> cell of nested dicts."""
    cells = {}
    for key, inner in value.items():
        if "/" in key:
            raise ValueError(f"Expected keys without a slash. Received: {key=}")
        name = f"{path}{key}"
        if isinstance(inner, dict) and inner:
            cells.update(_flat(inner, f"{name}/"))
        else:
            cells[name] = _cell(inner)
    return cells


def _cell(value):
    """Returns a value as text: as it is where it can be read as nothing else, or as JSON."""
    if isinstance(value, str) and value and not _is_json(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _is_json(text):
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _nested(cells):
    """Returns the nested dicts whose cells these are; an empty cell is of another run."""
    values = {}
    for path, text in cells.items():
        if text:
            *rooms, key = path.split("/")
            inner = values
            for room in rooms:
                inner = inner.setdefault(room, {})
            inner[key] = json.loads(text) if _is_json(text) else text
    return values
