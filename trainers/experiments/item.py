"""What an experiment is, and what it hands back: rows of numbers and pictures."""

import dataclasses
import importlib
import math
from collections.abc import Callable
from pathlib import Path

SCALES = ("tiny", "reduced", "full")


@dataclasses.dataclass(frozen=True)
class Context:
    """What an item's function is told.

    Attributes:
        scale: One of `SCALES`.
        workdir: A folder of its own, for the runs that it trains; a second call finds them there.
        runs: A folder of runs that the paper's items share, or None; see `reproduce`.
        seed: Int.
        progress: Whether to draw progress bars.
        substitute: Data set that an item may take in place of one that is absent, or "".
        retry_failed: Whether to go on with runs that failed before.
        repeats: Positive int, the most runs of a setting that differ in their seed alone; None for
            as many as the scale has.
    """

    scale: str
    workdir: Path
    runs: Path | None = None
    seed: int = 17
    progress: bool = True
    substitute: str = ""
    retry_failed: bool = False
    repeats: int | None = None

    def seeds(self, count):
        """Returns the seeds of `count` runs of a setting, or of `repeats` where that is fewer."""
        return [self.seed + i for i in range(min(count, self.repeats or count))]

    def cut_of_seeds(self, count):
        """Returns what to say where `seeds` has fewer than `count`: "2 of 5 runs a setting"."""
        fewer = len(self.seeds(count))
        return f"{fewer} of {count} runs a setting" if fewer < count else ""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What an item's function returns.

    Attributes:
        rows: From `row`.
        pictures: name -> a Matplotlib figure or a uint8 array, saved as `NAME.png`.
        cut: What was shortened of the paper's experiment; empty at full scale.
        files: name -> text of a small file to keep beside the result (a ledger).
    """

    rows: list
    pictures: dict = dataclasses.field(default_factory=dict)
    cut: str = ""
    files: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Item:
    """A figure or a table of a paper.

    Attributes:
        paper: "broken_elbo", say.
        name: "fig5", say.
        title: A line of what it is.
        shows: What the paper concludes from it.
        function: Takes a `Context`, returns an `Outcome`; None where it is not written yet.
    """

    paper: str
    name: str
    title: str
    shows: str = ""
    function: Callable | None = None


def row(name, metric, ours, stderr=None, paper=None, seeds=(), data="", note=""):
    """Returns a row of `result.json`; a number that is not finite is none, and the note says so.

    Args:
        name: What was measured: a model, a setting.
        metric: "rate", say; bounds and costs in nats.
        ours: The number, or None where there is none (then `note` says why).
        stderr: Its standard error.
        paper: The paper's number, or None where it gives none.
        seeds: Of the runs it is from.
        data: Data, split and binarisation.
        note: What else a reader needs.
    """
    if ours is not None and not math.isfinite(ours):
        ours, note = None, "; ".join(filter(None, [note, f"not finite: {float(ours)}"]))
    if stderr is not None and (ours is None or not math.isfinite(stderr)):
        stderr = None
    return {
        "name": name,
        "metric": metric,
        "ours": None if ours is None else float(ours),
        "stderr": None if stderr is None else float(stderr),
        "paper": paper,
        "seeds": [int(seed) for seed in seeds],
        "data": data,
        "note": note,
    }


def later(module, name, *arguments, **options):
    """Returns an item's function; its module, and Keras with it, is loaded when it is called.

    Args:
        module: Inside `trainers.experiments`: "bilbo.posterior", say.
        name: Of a function there that takes a `Context` first.
        *arguments: Its others.
        **options: Its others by name.
    """

    def run(context):
        found = importlib.import_module(f"trainers.experiments.{module}")
        return getattr(found, name)(context, *arguments, **options)

    return run
