"""Means over seeds, and the ranking of objectives that the standard errors allow."""

import dataclasses
import math

from trainers.experiments.runs import mean_and_error
from trainers.experiments.verdicts import ERRORS
from trainers.wording import with_error

HIGHER, LOWER, NEAREST_0 = "higher", "lower", "nearest 0"
_COST = {HIGHER: lambda mean: -mean, LOWER: lambda mean: mean, NEAREST_0: abs}


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        name: The name of a metric, or "seconds".
        title: With its unit.
        better: One of `HIGHER`, `LOWER`, `NEAREST_0`, or "" for a column without a best value.
    """

    name: str
    title: str
    better: str = ""


COLUMNS = (
    Column("rate", "rate, nats"),
    Column("distortion", "distortion, nats"),
    Column("elbo", "ELBO, nats", HIGHER),
    Column("nll", "NLL, nats", LOWER),
    Column("mmd", "MMD", NEAREST_0),
    Column("log_det_cov", "log det Cov, nats"),
    Column("active_units", "active units"),
    Column("linear_probe", "linear probe", HIGHER),
    Column("linear_probe_noise_0.4", "probe, noise 0.4", HIGHER),
    Column("seconds", "seconds", LOWER),
)


@dataclasses.dataclass(frozen=True)
class Cell:
    """A value of the table.

    Attributes:
        mean: Over seeds; None where no run has a value.
        stderr: Standard error of the mean over seeds; None for fewer than two.
        rank: 1 for the best; None in a column without a ranking.
    """

    mean: float | None = None
    stderr: float | None = None
    rank: int | None = None

    def text(self) -> str:
        """Returns the mean with its standard error."""
        return "-" if self.mean is None else with_error(float(self.mean), self.stderr)


def column(values: dict[str, list[float]], better: str = "") -> dict[str, Cell]:
    """Returns dict name -> `Cell` of a column.

    An objective has the rank 1 + the number of objectives that are better than it by more than
    two standard errors of the difference. So several share a rank where the errors do not tell
    them apart, and there is no ranking without errors, of one seed.

    Args:
        values: dict name -> a value for each seed; empty where every run failed.
        better: One of `HIGHER`, `LOWER`, `NEAREST_0`, or "".
    """
    cells = {name: Cell(*mean_and_error(v)) if v else Cell() for name, v in values.items()}
    ranked = {name: cell for name, cell in cells.items() if cell.stderr is not None}
    if not better or len(ranked) < 2:
        return cells
    for name, cell in ranked.items():
        rank = 1 + sum(_is_better(other, cell, better) for other in ranked.values())
        cells[name] = dataclasses.replace(cell, rank=rank)
    return cells


def verdict(cells: dict[str, Cell]) -> str:
    """Returns who is best in a column: a name, "no winner: a, b", or "not ranked"."""
    first = [name for name, cell in cells.items() if cell.rank == 1]
    if not first:
        return "not ranked"
    return first[0] if len(first) == 1 else f"no winner: {', '.join(first)}"


def _is_better(cell, other, better):
    difference = _COST[better](other.mean) - _COST[better](cell.mean)
    return difference > ERRORS * math.hypot(cell.stderr, other.stderr)
