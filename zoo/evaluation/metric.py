"""The registry of metrics: the name, the meaning and the measurement of each.

Every list of metrics derives from it: the default and the full list of `zoo.evaluation`, and the
sentences and details of a report. So do the columns of `zoo.list_models`, the metrics of a released
card and the table of `docs/metrics.md`. It imports neither NumPy nor Keras.

A file of `zoo.evaluation.families` registers each family of metrics. A custom metric is registered
in the same way:

    >>> from zoo.evaluation.metric import Metric, register
    >>> def measure_mean(request, names):
    ...     return {"pixel_mean": {"value": 0.5, "stderr": None, "num_examples": 3, "unit": ""}}
    >>> register(Metric("pixel_mean", "", "Mean pixel of the data.", measure=measure_mean))
"""

import dataclasses
import functools
import importlib
import pkgutil
from collections.abc import Callable, Collection, Mapping
from typing import Any

LAST = 1000  # the stage of a measurement that declares none
# Keys of an entry that say how any metric was measured, and their text in a report.
DETAILS = {
    "num_samples": "samples an example: {}",
    "num_examples": "examples: {}",
    "num_train": "trained on: {}",
}


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A function that measures metrics jointly: `measurement(request, names)`.

    Args:
        function: Takes a `Request` and a list of names. It returns a dict name -> entry, or yields
            pairs (name, entry) as soon as each is measured. An entry is a dict with `value`,
            `stderr`, `num_examples` and `unit`, or a sentence on why there is no value.
        title: Printed before it starts, formatted with the fields of the request; "" prints
            nothing.
        stage: Measurements run in ascending order of their stages.
        details: Key of an entry -> its text in a report, a format string.
    """

    function: Callable
    title: str = ""
    stage: int = LAST
    details: Mapping = dataclasses.field(default_factory=dict)

    def __call__(self, request, names):
        return self.function(request, names)


def measurement(title: str = "", stage: int = LAST, details: Mapping | None = None):
    """Returns a decorator that makes a `Measurement` of a function; arguments as there."""
    return lambda function: Measurement(function, title, stage, details or {})


@dataclasses.dataclass(frozen=True)
class Metric:
    """The description of a metric.

    Args:
        name: Its key in results.
        unit: For example "nats" or "fraction"; "" where there is none.
        text: What a reader of a report needs to judge it, in whole sentences.
        measure: A `Measurement`, or a function as `Measurement` takes it. Metrics with the same
            one are measured together.
        needs: What a model must have, among `NEEDS`. The value of a metric is None without it.
        definition: Its formula or its settings, for the documentation.
        is_default: Whether `evaluate` measures it by default.
        card: Its place among the metrics of a released card; None if a card needs none.
        column: Its place among the columns of `zoo.list_models` and the heading; None if it has
            no column.
    """

    name: str
    unit: str
    text: str
    measure: Callable = dataclasses.field(repr=False)
    needs: tuple = ()
    definition: str = ""
    is_default: bool = False
    card: int | None = None
    column: tuple[int, str] | None = None

    def __post_init__(self):
        unknown = [need for need in self.needs if need not in NEEDS]
        if isinstance(self.needs, str) or unknown:
            raise ValueError(
                f"Expected needs among {list(NEEDS)}, as a tuple. Received: needs={self.needs!r}"
            )
        if not isinstance(self.measure, Measurement):
            object.__setattr__(self, "measure", Measurement(self.measure))


@dataclasses.dataclass(frozen=True)
class Request:
    """The arguments of `zoo.evaluation.evaluate`, under their names."""

    model: Any
    dataset: Any
    train_dataset: Any
    num_samples: int
    nll_examples: int | None
    seed: int
    batch_size: int | None
    max_rows: int | None
    progress: bool
    num_chains: int
    num_temperatures: int
    num_generated: int | None
    classifier: Any

    def options(self, *names: str) -> dict:
        """Returns these arguments as a dict; by default those of functions over blocks.

        An argument that is None is left out: the default of the called function holds.
        """
        names = names or ("seed", "batch_size", "max_rows", "progress")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


def _lacks_density(model):
    from zoo.evaluation import information  # needs Keras

    return information.is_deterministic(model)


def _lacks_levels(model):
    return not model.decoder.likelihood.bits_per_dimension


# What a metric may need -> (whether a model lacks it, the sentence on a value that is left out).
NEEDS = {
    "density": (_lacks_density, "left out: the encoder is deterministic and has no density"),
    "levels": (_lacks_levels, "left out: the likelihood is not one of discrete pixels"),
}
_METRICS: dict[str, Metric] = {}


def register(*metrics: Metric) -> None:
    """Adds metrics to the registry.

    A metric whose function is defined again, by a notebook's cell for example, replaces the first.

    Raises:
        ValueError: If a name belongs to another metric.
    """
    for metric in metrics:
        registered = _METRICS.get(metric.name, metric)
        if _origin(registered) != _origin(metric):
            raise ValueError(
                f"Expected a new name for a metric. Received: name={metric.name!r}, which "
                f"{'.'.join(_origin(registered))} measures"
            )
        _METRICS[metric.name] = metric


def unregister(name: str) -> None:
    """Removes a metric from the registry."""
    del _METRICS[name]


def _origin(metric):
    function = metric.measure.function
    return (
        getattr(function, "__module__", ""),
        getattr(function, "__qualname__", repr(function)),
    )


@functools.cache
def _import_families():
    families = importlib.import_module("zoo.evaluation.families")
    for module in pkgutil.iter_modules(families.__path__):
        importlib.import_module(f"{families.__name__}.{module.name}")


def metrics() -> dict[str, Metric]:
    """Returns name -> `Metric` of all metrics, in the order in which they are measured."""
    _import_families()
    stages = sorted(_METRICS.values(), key=lambda metric: metric.measure.stage)
    return {metric.name: metric for metric in stages}


def names_of(measurement: Measurement) -> tuple[str, ...]:
    """Returns the names of the metrics that `measurement` measures."""
    return tuple(name for name, metric in _METRICS.items() if metric.measure is measurement)


def default_names() -> tuple[str, ...]:
    """Returns the names of the metrics that `evaluate` measures by default."""
    return tuple(name for name, metric in metrics().items() if metric.is_default)


def all_names() -> tuple[str, ...]:
    """Returns the names of all metrics, those of the default first."""
    default = default_names()
    return (*default, *(name for name in metrics() if name not in default))


def card_names() -> tuple[str, ...]:
    """Returns the names of the metrics of a released card."""
    places = {name: m.card for name, m in metrics().items() if m.card is not None}
    return tuple(sorted(places, key=places.get))


def columns() -> dict[str, str]:
    """Returns name -> heading of the columns of `zoo.list_models`."""
    headings = {name: m.column for name, m in metrics().items() if m.column}
    return {name: headings[name][1] for name in sorted(headings, key=headings.get)}


def describe(name: str) -> str:
    """Returns what a metric means in whole sentences, or "" for an unknown name."""
    metric = metrics().get(name)
    return metric.text if metric else ""


def details() -> dict[str, str]:
    """Returns key of an entry -> its text in a report, for all that say how it was measured."""
    texts = dict(DETAILS)
    for metric in metrics().values():
        for key, text in metric.measure.details.items():
            texts.setdefault(key, text)
    return texts


def groups(names: Collection[str]) -> list[tuple[Measurement, list[str]]]:
    """Returns measurements, each with those of `names` that it measures, in order of stages."""
    by_function: dict[Callable, tuple[Measurement, list[str]]] = {}
    for name, metric in metrics().items():
        if name in names:
            group = by_function.setdefault(metric.measure.function, (metric.measure, []))
            group[1].append(name)
    return list(by_function.values())


def table() -> str:
    """Returns all metrics as a Markdown table, those of the default first."""
    lines = ["| name | unit | default | meaning | definition |", "|---|---|---|---|---|"]
    registered = metrics()
    for name in all_names():
        metric = registered[name]
        is_default = "yes" if metric.is_default else ""
        cells = (f"`{name}`", metric.unit, is_default, metric.text, metric.definition)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)
