"""The runs of an experiment: trained once, shared by the items of a paper, read back as rows."""

import dataclasses
import functools
from pathlib import Path

import configs
from trainers import cuts as run_cuts
from trainers import runs
from trainers.experiments.runs import phrases_of, unfinished
from trainers.sweeps import ledger, running
from zoo.storage import files


@dataclasses.dataclass(frozen=True)
class Trained:
    """A sweep's folder, and the rows of its ledger that have numbers.

    Attributes:
        folder: Of the sweep.
        rows: dicts.
        phrases: How its runs differ from the paper's, each difference in words.
        missing: The number of runs that did not finish.
    """

    folder: Path
    rows: list
    phrases: tuple = ()
    missing: int = 0

    @property
    def cut(self):
        """How its runs differ from the paper's, and how many did not finish, as one text."""
        return run_cuts.text(self.phrases, [unfinished(self.missing)])

    def also(self, *phrases):
        """Returns the same runs with more differences in front; empty ones are left out."""
        return dataclasses.replace(self, phrases=(*phrases, *self.phrases))

    def select(self, **values):
        """Returns the rows that have these values, each as the ledger has it.

            trained.select(family="mmd", **{"data.limit": 500})

        Raises:
            ValueError: If there is none; what the ledger has instead is named.
        """
        found = [row for row in self.rows if all(row[key] == v for key, v in values.items())]
        if not found:
            there = {key: sorted({row[key] for row in self.rows}) for key in values}
            raise ValueError(
                f"Expected a finished run of {values}. Received: {str(self.folder)!r}, with {there}"
            )
        return found

    def load(self, row):
        """Returns the `runs.Run` of a row: its model in float32, config, evaluation, history."""
        return runs.load_run(self.folder / row["run"])

    def metric(self, row, name):
        """Returns the entry `{"value": ..., "stderr": ...}` of a metric of a row's evaluation.

        Raises:
            ValueError: If it was not measured.
        """
        found = files.read_json(self.folder / row["run"] / "evaluation.json")["metrics"]
        if name not in found:
            raise ValueError(
                f"Expected a run evaluated with {name}. Received: {row['run']} with {list(found)}"
            )
        return found[name]


def train(context, config, axes, overrides=(), cut=""):
    """Trains every run of grids that is not there yet, and returns them.

    The runs lie in `context.runs`, a folder that the items of a paper can share, or in the item's
    own folder. A run there that was begun with other flags raises; one that fails stops no other.

    Args:
        context: The item's `Context`. A scale other than "full" is a mode of the config.
        config: The config's name, "infovae/mnist".
        axes: dict config key -> its values; the key "family" is a word of the config's argument.
            A list of such dicts is several grids, whose runs share the processes.
        overrides: Flags `--config.key=value` that all runs have.
        cut: What the item itself cuts, beside what the configs of its runs say.

    Returns:
        A `Trained`, with the runs of these grids alone.
    """
    file = str(Path(configs.__file__).parent / f"{config}.py")
    if context.scale != "full":
        file = f"{file}:{context.scale}"
    folder = Path(context.runs or context.workdir / "runs")
    grids = [
        ";".join(f"{key}={','.join(map(str, values))}" for key, values in one.items())
        for one in (axes if isinstance(axes, list) else [axes])
    ]
    say = functools.partial(print, flush=True)
    records = running.sweep(
        file, folder, grids, overrides, retry_failed=context.retry_failed, say=say
    )
    done = ("finished", "failed")
    elsewhere = [record.spec.name for record in records if record.status not in done]
    if elsewhere:
        raise ValueError(
            "Another process is training some of these runs, or was stopped in it; the same "
            f"command again goes on when it is done. Received: {elsewhere} in {str(folder)!r}"
        )
    return read(folder, cut, {record.spec.name for record in records})


def read(folder, cut="", names=None):
    """Returns the `Trained` of a sweep's folder.

    Args:
        folder: Of a sweep.
        cut: What to say was cut, before what the configs of the runs say.
        names: Of the runs to take; all of them by default.

    Raises:
        ValueError: If no run has finished.
    """
    every = [row for row in ledger.read(folder) if names is None or row["run"] in names]
    rows = [row for row in every if row["status"] == "finished"]
    if not rows:
        errors = [row["error"] for row in every if row["error"]]
        raise ValueError(
            f"Expected a sweep with a finished run. Received: {str(folder)!r}, {len(every)} runs, "
            f"{len(errors)} failed{': ' + errors[0] if errors else ''}"
        )
    phrases = [phrase for row in rows for phrase in differences(Path(folder) / row["run"])]
    return Trained(Path(folder), rows, (cut, *phrases), len(every) - len(rows))


def differences(folder):
    """Returns how a run differs from its paper's, each difference in words."""
    return phrases_of(files.read_json(folder / "config.json"))
