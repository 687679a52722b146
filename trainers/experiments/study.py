"""A paper's study: its figures and tables as functions, and the runs that they ask for.

A paper is one file `trainers/experiments/papers/NAME.py` (or a package of that name) with a global
`study`. Nothing else lists papers or items; `--list`, `--paper`, `--item` and the scoreboard find
them here. To write one, or to move one here:

1. `study = Study("NAME", config="NAME/mnist", label={family: title})`. `keys={"sigma":
   "encoder.scale"}` gives config keys a short name in plans and rows.
2. One function an item, with `@study.item("fig9", "Title", shows="The paper's conclusion.")` above
   it. Further keywords of `item` are handed to the function, so that one function with several
   decorators makes several items. `substitute=("cifar10",)` allows other data.
3. Ask for runs as dicts: `runs = study.runs(context, {"family": FAMILIES, "sigma": [0.1, 1.0],
   "seed": context.seeds(3)})`. Several grids are a list of dicts. The result has all runs, failed
   ones too, in the order of the plan; see `runs.Runs`. A run that is there is not trained again,
   whatever its folder is called and whichever item or paper asked for it first.
4. Rows of the result come from `runs.rows("elbo")` and `run.row(metric, value)`, which say a
   failure in the same words everywhere; figures from `figures`.
5. Modules that load Keras are imported by `lazy("zoo.evaluation.probes")`, so that a listing stays
   quick.
"""

import dataclasses
import importlib
import importlib.util
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path

from trainers.executors.base import Executor

SCALES = ("tiny", "reduced", "full")
# Ends the name of a row that is the mean over the runs of a setting.
MEAN_OF_RUNS = ", mean of runs"


@dataclasses.dataclass(frozen=True)
class Context:
    """The settings of a call of an item.

    Attributes:
        scale: One of `SCALES`.
        workdir: A folder of its own, for the runs that it trains; a second call finds them there.
        runs: A folder of runs that all items share, or None; see `reproduce`.
        seed: Int.
        progress: Whether to draw progress bars.
        substitute: Data set that an item may take in place of one that is absent, or "".
        retry_failed: Whether to go on with runs that failed before.
        repeats: Positive int, the most runs of a setting that differ in their seed alone; None for
            as many as the scale has.
        executor: An `executors.Executor` that trains runs, or None for processes of this machine.
    """

    scale: str
    workdir: Path
    runs: Path | None = None
    seed: int = 17
    progress: bool = True
    substitute: str = ""
    retry_failed: bool = False
    repeats: int | None = None
    executor: Executor | None = None

    def seeds(self, count):
        """Returns the seeds of `count` runs of a setting, or of `repeats` where that is fewer."""
        return [self.seed + i for i in range(min(count, self.repeats or count))]

    def cut_of_seeds(self, count):
        """Returns what to say where `seeds` has fewer than `count`: "2 of 5 runs a setting"."""
        fewer = len(self.seeds(count))
        return f"{fewer} of {count} runs a setting" if fewer < count else ""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of an item.

    Attributes:
        rows: From `row`.
        pictures: name -> a Matplotlib figure or a uint8 array, saved as `NAME.png`.
        cut: What was shortened of the paper's experiment; empty at full scale.
        files: name -> text of a small file next to the result (a ledger).
    """

    rows: list
    pictures: dict = dataclasses.field(default_factory=dict)
    cut: str = ""
    files: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Item:
    """A figure or a table of a paper.

    Attributes:
        paper: For example "broken_elbo".
        name: For example "fig5".
        title: One line.
        shows: What the paper concludes from it.
        function: Takes a `Context`, returns an `Outcome`.
        substitute: Data sets that may take the place of one that is absent.
        unlike: dict metric, or "*" for all, -> `verdicts.Unlike`, where its numbers are not those
            that the paper prints.
        claims: Tuple of what the paper concludes, as rules on the rows: see `claims`.
    """

    paper: str
    name: str
    title: str
    shows: str
    function: Callable
    substitute: tuple = ()
    unlike: dict = dataclasses.field(default_factory=dict)
    claims: tuple = ()


class Study:
    """The items of a paper, and how its runs are named.

    Args:
        paper: The name of the paper and of its file: "bilbo".
        config: The config that most of its runs have: "bilbo/mnist".
        label: The name of a run in results: dict family -> name, or a function of a `runs.Trained`.
        keys: dict short name -> config key, for plans and rows: `{"sigma": "encoder.scale"}`.
    """

    def __init__(self, paper, config="", label=None, keys=None):
        self.paper, self.config = paper, config
        self.label, self.keys = label or {}, dict(keys or {})
        self._items = {}

    def item(self, name, title, shows, substitute=(), unlike=None, claims=(), **options):
        """Returns a decorator that makes an item of a function.

        Args:
            name: For example "fig5".
            title: One line.
            shows: What the paper concludes from it, a sentence.
            substitute: Data sets that may take the place of one that is absent.
            unlike: As `Item.unlike`.
            claims: As `Item.claims`.
            **options: Handed to the function after its `Context`.
        """

        def decorate(function):
            def run(context):
                with figures.style():
                    return function(context, **options)

            arguments = (tuple(substitute), dict(unlike or {}), tuple(claims))
            self._items[name] = Item(self.paper, name, title, shows, run, *arguments)
            return function

        return decorate

    @property
    def items(self):
        """The items, `{name: Item}`: kinds in the order of the file, each by its numbers."""
        kinds = list(dict.fromkeys(map(_kind, self._items)))
        order = sorted(self._items, key=lambda name: (kinds.index(_kind(name)), _number(name)))
        return {name: self._items[name] for name in order}

    def label_of(self, run):
        """Returns the name of a `runs.Trained` in results."""
        if callable(self.label):
            return self.label(run)
        family = run.get("family", self.paper)
        return self.label.get(family, family)

    def runs(self, context, axes, config=None, data="", note="", cut=""):
        """Trains the runs of a plan that are not there yet, and returns them as `runs.Runs`.

        Args:
            context: The item's `Context`. A scale other than "full" is a scale of the config.
            axes: dict key -> values, whose product is the plan, or a list of such dicts. A key is
                one of the config's or of the study's `keys`; "family" is the config's option.
            config: The config's name; the study's by default.
            data: The data that the runs are measured on, for rows: "MNIST, test".
            note: What every row has to say.
            cut: What the item itself shortens.
        """
        return runs.train(self, context, config or self.config, axes, data, note, cut)


def _kind(name):
    return re.match("[a-z]*", name)[0]


def _number(name):
    digits, rest = re.fullmatch(r"[a-z]*(\d*)(.*)", name).groups()
    return int(digits or 0), rest


def row(name, metric, ours, stderr=None, paper=None, seeds=(), data="", note=""):
    """Returns a row of `result.json`; a number that is not finite is none, and the note says so.

    Args:
        name: What was measured: a model, a setting.
        metric: For example "rate"; bounds and costs in nats.
        ours: The number, or None where there is none (then `note` says why).
        stderr: Its standard error.
        paper: The paper's number, or None where it gives none.
        seeds: Seeds of the runs behind the number.
        data: Data, split and binarisation.
        note: What else a reader needs.
    """
    if ours is not None and not math.isfinite(ours):
        ours, note = None, joined(note, f"not finite: {float(ours)}")
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


def joined(*texts):
    """Returns the texts that are not empty, with "; " between them."""
    return "; ".join(filter(None, texts))


def lazy(name):
    """Returns a module that is loaded when it is first used.

    Args:
        name: For example "zoo.evaluation.probes"; its package is imported at once.
    """
    package, _, last = name.rpartition(".")
    importlib.import_module(package)
    if name not in sys.modules:
        spec = importlib.util.find_spec(name)
        spec.loader = importlib.util.LazyLoader(spec.loader)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        setattr(sys.modules[package], last, module)
    return sys.modules[name]


figures = lazy("trainers.experiments.figures")
runs = lazy("trainers.experiments.runs")
