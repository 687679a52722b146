"""Trains the runs of an item that are missing, and returns all in the order of the plan."""

import dataclasses
import functools
import math
from pathlib import Path

from trainers import config as configs
from trainers import cuts as run_cuts
from trainers import data, overrides
from trainers.experiments.study import MEAN_OF_RUNS, joined, lazy, row
from trainers.sweeps import archive, grid, identity, records, running
from trainers.sweeps.archive import Stored
from trainers.sweeps.grid import RunSpec
from zoo.storage import files

run_folders = lazy("trainers.runs")


@dataclasses.dataclass(frozen=True)
class Trained:
    """A run of a plan, finished or failed.

    `run["sigma"]` is a value of the plan, or of the run's config where the plan has no such key.

    Attributes:
        label: Its name in results.
        point: dict key -> value of the plan.
        stored: The content of its files, an `archive.Stored`.
        config: The run's complete config, a dict.
        data: The data that it is measured on, for rows.
        note: What each of its rows has to say.
        keys: dict short name -> config key.
    """

    label: str
    point: dict
    stored: Stored
    config: dict
    data: str = ""
    note: str = ""
    keys: dict = dataclasses.field(default_factory=dict)

    def __getitem__(self, key):
        return self.point[key] if key in self.point else self.get(key, _REQUIRED)

    def get(self, key, default=None):
        """Returns a value of the plan or of the run's config."""
        for name in (key, self.keys.get(key, key)):
            if name in self.point:
                return self.point[name]
        value = self._flat.get(self.keys.get(key, key), default)
        if value is _REQUIRED:
            raise KeyError(f"Expected a key of the plan or the config. Received: {key!r}")
        return value

    @functools.cached_property
    def _flat(self):
        return configs.flat(self.config)

    @property
    def folder(self):
        """The run's folder, or None where only its numbers are there."""
        return self.stored.folder

    @property
    def is_finished(self):
        """Whether the run has all its epochs and its evaluation."""
        return self.stored.status == "finished"

    @property
    def failure(self):
        """Why the run has no numbers, as every row and figure says it; "" where it has."""
        return "" if self.is_finished else f"failed: {self.stored.error or 'not finished'}"

    @property
    def evaluation(self):
        """Content of the run's `evaluation.json`."""
        return self.stored.evaluation

    @property
    def epochs(self):
        """The number of epochs that it was trained for."""
        return self.stored.evaluation.get("epochs", 0)

    def load(self):
        """Returns the `trainers.runs.Run`: its model in float32, config, evaluation, history.

        None for a run that failed before its first checkpoint.

        Raises:
            FileNotFoundError: If it finished, and its weights are not there.
        """
        if self.folder is None:
            raise FileNotFoundError(
                "Expected a run with its weights; tables of runs have numbers alone. Received: "
                f"{self.stored.name}"
            )
        try:
            return run_folders.load_run(self.folder)
        except FileNotFoundError:
            if self.is_finished:
                raise
            return None

    def history(self):
        """Returns a dict for each epoch, as far as it got; see `trainers.history.read`."""
        return self.stored.history()

    def splits(self):
        """Returns the splits of its data, by role: "train", "validation", "test"."""
        return data.load_splits(self.config["data"])

    def test_set(self):
        """Returns the test split of its data."""
        return self.splits()["test"]

    def metric(self, name):
        """Returns the entry `{"value": ..., "stderr": ...}` of a metric of its evaluation.

        Raises:
            ValueError: If it was not measured.
        """
        metrics = self.stored.evaluation.get("metrics", {})
        if name not in metrics:
            raise ValueError(
                f"Expected a run evaluated with {name}. "
                f"Received: {self.stored.name} with {list(metrics)}"
            )
        return metrics[name]

    def row(self, metric, value=None, stderr=None, paper=None, note="", data=None):
        """Returns a row of the result; of a run that failed one without a number."""
        if self.failure:
            value, stderr, note = None, None, self.failure
        metadata = {
            "paper": paper,
            "seeds": [self["seed"]],
            "data": self.data if data is None else data,
        }
        return row(self.label, metric, value, stderr, note=joined(self.note, note), **metadata)

    def measured(self, metric, paper=None, note="", data=None):
        """Returns the row of a metric of its own evaluation."""
        entry = self.metric(metric) if self.is_finished else {}
        return self.from_entry(metric, entry, paper, note, data)

    def from_entry(self, metric, entry, paper=None, note="", data=None):
        """Returns the row of an entry `{"value", "stderr", "note"}` of an evaluation."""
        if self.failure:
            return self.row(metric, paper=paper, data=data)
        note = joined(note, entry.get("note", ""), how(entry))
        return self.row(metric, entry["value"], entry.get("stderr"), paper, note, data)

    def labelled(self, label):
        """Returns the run with another name in results."""
        return dataclasses.replace(self, label=label)


_REQUIRED = object()


@dataclasses.dataclass(frozen=True)
class Runs:
    """Runs in the order of their plan, failed ones too.

    Attributes:
        entries: Tuple of `Trained`.
        notes: Texts of what the item itself shortens.
        folder: Where those are trained that were not there.
    """

    entries: tuple
    notes: tuple = ()
    folder: Path | None = None

    def __iter__(self):
        return iter(self.entries)

    def __len__(self):
        return len(self.entries)

    def __getitem__(self, index):
        return self.entries[index]

    def __add__(self, other):
        return Runs((*self.entries, *other.entries), (*self.notes, *other.notes), self.folder)

    def select(self, **values):
        """Returns the runs that have these values: `runs.select(family="bilbo", sigma=0.1)`."""
        chosen = [r for r in self if all(r.get(key) == value for key, value in values.items())]
        return dataclasses.replace(self, entries=tuple(chosen))

    def by(self, key):
        """Returns dict value -> the runs that have it, in the order of the plan.

        Args:
            key: A key of the plan or the config, or a function of a `Trained`.
        """
        value_of = key if callable(key) else lambda run: run[key]
        groups = {}
        for run in self:
            groups.setdefault(value_of(run), []).append(run)
        return {v: dataclasses.replace(self, entries=tuple(g)) for v, g in groups.items()}

    @property
    def finished(self):
        """Those that finished."""
        return dataclasses.replace(self, entries=tuple(r for r in self if r.is_finished))

    @property
    def failed(self):
        """Those that did not finish."""
        return dataclasses.replace(self, entries=tuple(r for r in self if not r.is_finished))

    @property
    def cut(self):
        """The differences from the paper's runs, and the number of unfinished runs."""
        differences = [
            phrases_of({**run.stored.config, "config": run.config}) for run in self.finished
        ]
        return run_cuts.text(self.notes, *differences, [unfinished(len(self.failed))])

    def rows(self, *metrics, paper=None, note=""):
        """Returns a row for each metric of each run; for a failed run one without a number.

        Args:
            *metrics: Names.
            paper: dict family -> the paper's number, or a function of a `Trained`.
            note: What each row has to say.
        """
        lookup = paper if callable(paper) else lambda run: dict(paper or {}).get(run.get("family"))
        return [
            run.measured(metric, lookup(run), note)
            for run in self
            for metric in (metrics if run.is_finished else metrics[:1])
        ]

    def mean(self, metric, value=None, paper=None, note="", data=None):
        """Returns the row of a mean over runs of one setting, with the standard error over them.

        Args:
            metric: Its name.
            value: Function of a `Trained` that returns its number or None; the metric of its
                evaluation by default.
            paper: The paper's number.
            note: What else a reader needs.
            data: The data it is measured on; that of the runs by default.
        """
        value = value or (lambda run: run.metric(metric)["value"])
        pairs = [(run, value(run)) for run in self.finished]
        pairs = [(run, number) for run, number in pairs if number is not None]
        name, seeds = self[0].label + MEAN_OF_RUNS, [run["seed"] for run, _ in pairs]
        data = self[0].data if data is None else data
        if not pairs:
            return row(name, metric, None, None, paper, [], data, "every run failed")
        mean, error = mean_and_error([number for _, number in pairs])
        number_of_runs = f"{len(pairs)} of {len(self)} runs" if len(self) > 1 else "one run"
        text = joined(f"standard error over {number_of_runs}" if error else number_of_runs, note)
        return row(name, metric, mean, error, paper, seeds, data, text)


def train(study, context, config, axes, data="", note="", cut=""):
    """Trains the runs of a plan that are not there yet, and returns all; see `Study.runs`.

    A run is there if a run's config in `context.runs`, or in a table of runs there, is the same in
    everything that is computed from. What is missing in a table is trained in the item's folder. A
    run that fails stops no other.
    """
    file = str(overrides.ROOT / "configs" / f"{config}.py")
    argument = grid.join_config(file, "" if context.scale == "full" else context.scale)
    folder = Path(context.runs or context.workdir / "runs")
    tables = archive.read(folder) if archive.is_archive(folder) else []
    folder = context.workdir / "runs" if tables else folder
    entries = []
    planned = grid.planned(argument, _grids(study, axes))
    for point, complete, run in find_or_train(context, planned, folder, tables):
        run = Trained("", point, run, complete, data, note, study.keys)
        entries.append(run.labelled(study.label_of(run)))
    return Runs(tuple(entries), (cut,) if cut else (), folder)


def find_or_train(context, planned, folder, tables=()):
    """Trains the runs of a plan that are not there yet; those of the same config are one run.

    Args:
        context: A `Context`; its executor trains, its `retry_failed` holds.
        planned: (point, flags, config) of each run, as `grid.planned` yields them.
        folder: Where runs are looked for, and trained.
        tables: List of `Stored`, runs that need not be trained.

    Returns:
        A list of (point, complete config as a dict, `Stored`), in the order of the plan.
    """
    # First: a config's file may register a part, without which a run has no identity.
    planned = list(planned)
    stored = {identity.key(identity.computed(run.config["config"])): run for run in tables}
    plan, missing, known = {}, {}, _known(folder)
    for point, arguments, complete in planned:
        values = identity.computed(complete)
        key = identity.key(values)
        plan.setdefault(key, (point, configs.plain(complete)))
        if key not in stored:
            home, name = known.get(key) or (folder, identity.name(point, arguments, values))
            record = records.read(home, name)  # has the flags that the run was begun with
            spec = record.spec if record else RunSpec(name, point, arguments)
            missing[key] = home, spec
    stored.update(_trained(context, missing))
    return [
        (point, stored[key].config.get("config", complete), stored[key])
        for key, (point, complete) in plan.items()
    ]


def _grids(study, axes):
    """Returns a plan with the keys of the config in place of the study's."""
    grids = axes if isinstance(axes, list) else [axes]
    return [{study.keys.get(key, key): list(axis[key]) for key in axis} for axis in grids]


def _known(folder):
    """Returns dict `identity.key` -> (folder around it, name) of each run that was begun."""
    folders = identity.folders(folder)
    return {key: (path.parent, path.name) for key, path in folders.items()}


def _trained(context, missing):
    """Trains the runs that are not finished; returns dict key -> `Stored` of all.

    Args:
        context: The item's `Context`.
        missing: dict key -> (folder around the run, its `RunSpec`).
    """
    stored, say = {}, functools.partial(print, flush=True)
    for home in dict.fromkeys(home for home, _ in missing.values()):
        specs = {key: spec for key, (place, spec) in missing.items() if place == home}
        states = {key: records.read(home, spec.name) for key, spec in specs.items()}
        for key, spec in specs.items():
            if states[key] is None and records.has_numbers(home / spec.name):
                states[key] = records.Record(spec, "finished")
        unfinished = [k for k, r in states.items() if r is None or r.status != "finished"]
        if unfinished:
            specs = [specs[key] for key in unfinished]
            trained = running.train(
                specs,
                home,
                retry_failed=context.retry_failed,
                say=say,
                executor=context.executor,
            )
            states.update(zip(unfinished, trained))
        stored.update({key: _stored(home, record) for key, record in states.items()})
    elsewhere = [r.name for r in stored.values() if r.status not in ("finished", "failed")]
    if elsewhere:
        raise ValueError(
            "Another process is training some of these runs, or was stopped in it; the same "
            f"command again goes on when it is done. Received: {elsewhere}"
        )
    return stored


def _stored(home, record):
    """Returns the `Stored` of a run's folder."""
    name, folder = record.spec.name, home / record.spec.name
    config, evaluation = (
        files.read_json(folder / file) if (folder / file).is_file() else {}
        for file in ("config.json", "evaluation.json")
    )
    evaluation = evaluation if record.status == "finished" else {}
    return Stored(name, record.status, record.error, config, evaluation, folder)


def phrases_of(origin):
    """Returns how a run differs from its paper's, each difference in words; see `trainers.cuts`.

    Args:
        origin: The content of the run's `config.json`.
    """
    if "paper_run" not in origin["config"]:  # an earlier version's `cut` says it of the images
        origin = {**origin, "is_limited": False}
    return run_cuts.phrases(origin)


def how(entry):
    """Returns how the entry of a metric was measured, where it says more than its value, or ""."""
    texts = []
    if "num_generated" in entry:
        texts.append(f"{entry['num_generated']:,} generated images")
    if "kernel" in entry:
        texts.append(f"{entry['kernel'].upper()} kernel of bandwidth {entry['bandwidth']:g}")
    return joined(*texts)


def unfinished(count):
    """Returns what to say of runs of a plan that did not finish, or ""."""
    return f"runs not finished: {count}" if count else ""


def mean_and_error(values):
    """Returns the mean of numbers and its standard error, None for a single one."""
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return mean, None
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, math.sqrt(variance / len(values))
