"""Conclusions of a paper as rules on the rows of a result.

A paper concludes more than its tables print: "strong decoders dominate", "samples look alike". An
item states each conclusion as one of these classes, and `verdict(rows)` says whether it "holds",
"fails", is "open" or is judged "by eye". Differences count beyond two standard errors; see
`verdicts`, whose text is the rule.
"""

import dataclasses
import itertools
import math

from trainers.experiments.verdicts import (
    BY_EYE,
    ERRORS,
    FAILS,
    HOLDS,
    OPEN,
    Verdict,
    side,
)


@dataclasses.dataclass(frozen=True)
class Claim:
    """An order of rows.

    Attributes:
        text: The conclusion, a sentence.
        metric: Metric of the rows that are compared, or one metric for each group of rows.
        lower: Names of rows that are below all of `upper`.
        upper: Names of rows.
        data: Data of the rows; any data if empty.
        then: Further groups of names; each group is above the group before it.
        distance_to: Compares distances from this number instead of the numbers, unless None.
    """

    text: str
    metric: str | tuple
    lower: tuple
    upper: tuple
    data: str = ""
    then: tuple = ()
    distance_to: float | None = None

    def verdict(self, rows):
        """Returns the `Verdict` on the rows of a `result.json`.

        Rows of one name, as several seeds have, are all compared.
        """
        names = (self.lower, self.upper, *self.then)
        metrics = (self.metric,) * len(names) if isinstance(self.metric, str) else self.metric
        groups = [_chosen(rows, m, n, self.data) for m, n in zip(metrics, names)]
        if absent := _absent(names, groups):
            return absent
        if self.distance_to is not None:
            groups = [[_distance(row, self.distance_to) for row in group] for group in groups]
        pairs = [p for a, b in itertools.pairwise(groups) for p in itertools.product(a, b)]
        sides = [(side(a, b), _both(a, b, metrics)) for a, b in pairs]
        return _worst(
            [names for s, names in sides if s > 0],
            [names for s, names in sides if s == 0],
            "the other way round",
            groups,
        )


@dataclasses.dataclass(frozen=True)
class Near:
    """Rows that are alike: no two of them differ by more than a number.

    Attributes:
        text: The conclusion, a sentence that names `within`, and its source if it has one.
        metric: Metric of the rows.
        names: Names of rows.
        within: The largest difference, in the unit of the metric.
        data: Data of the rows; any data if empty.
    """

    text: str
    metric: str
    names: tuple
    within: float
    data: str = ""

    def verdict(self, rows):
        """Returns the `Verdict` on the rows of a `result.json`."""
        chosen = _chosen(rows, self.metric, self.names, self.data)
        if absent := _absent([self.names], [chosen]):
            return absent
        far, even = [], []
        for a, b in itertools.combinations(chosen, 2):
            difference = abs(a["ours"] - b["ours"])
            error = ERRORS * math.hypot(a["stderr"] or 0, b["stderr"] or 0)
            if difference - error > self.within:
                far.append(_both(a, b))
            elif difference + error > self.within:
                even.append(_both(a, b))
        return _worst(far, even, f"more than {self.within:g} apart", [chosen])


@dataclasses.dataclass(frozen=True)
class Bound:
    """Rows that are above or below a number.

    Attributes:
        text: The conclusion, a sentence that names the number, and its source if it has one.
        metric: Metric of the rows.
        names: Names of rows.
        above: Number that all rows are above, or None.
        below: Number that all rows are below, or None.
        data: Data of the rows; any data if empty.
    """

    text: str
    metric: str
    names: tuple
    above: float | None = None
    below: float | None = None
    data: str = ""

    def verdict(self, rows):
        """Returns the `Verdict` on the rows of a `result.json`."""
        chosen = _chosen(rows, self.metric, self.names, self.data)
        if absent := _absent([self.names], [chosen]):
            return absent
        ends = [{"ours": self.above, "sign": 1}, {"ours": self.below, "sign": -1}]
        sides = [
            (side(row, {**end, "stderr": 0}) * end["sign"], f"{row['name']} ({row['ours']:.3g})")
            for row in chosen
            for end in ends
            if end["ours"] is not None
        ]
        return _worst(
            [name for s, name in sides if s < 0],
            [name for s, name in sides if s == 0],
            "on the other side",
            [chosen],
        )


@dataclasses.dataclass(frozen=True)
class ByEye:
    """A conclusion about a picture, which no row measures.

    Attributes:
        text: The conclusion, a sentence.
    """

    text: str

    def verdict(self, rows):
        """Returns the `Verdict` "by eye"."""
        return Verdict(BY_EYE, "about the picture alone")


@dataclasses.dataclass(frozen=True)
class Unmeasured:
    """A conclusion that the rows of its item do not suffice for.

    Attributes:
        text: The conclusion, a sentence.
        missing: The measurement that would decide it, a phrase.
    """

    text: str
    missing: str

    def verdict(self, rows):
        """Returns the `Verdict` "open"."""
        return Verdict(OPEN, f"not measured: {self.missing}")


def _chosen(rows, metric, names, data):
    """Returns the rows of a metric, names and data that have a number."""
    return [
        row
        for row in rows
        if row["metric"] == metric
        and row["name"] in names
        and data in ("", row["data"])
        and row["ours"] is not None
    ]


def _absent(names, groups):
    """Returns the open `Verdict` that lists the names without a row, or None."""
    absent = [
        name
        for names_of_group, group in zip(names, groups)
        for name in names_of_group
        if name not in {row["name"] for row in group}
    ]
    return Verdict(OPEN, f"not measured: {', '.join(absent)}") if absent else None


def _distance(row, number):
    return {**row, "ours": abs(row["ours"] - number)}


def _both(a, b, metrics=("",)):
    """Returns the names of two rows, with their metrics where groups have different ones."""
    if len(set(metrics)) > 1:
        return f"{a['name']}, {a['metric']} and {b['metric']}"
    return f"{a['name']} and {b['name']}"


def _worst(wrong, even, description, groups):
    """Returns the `Verdict` of comparisons, given the names of those that do not hold."""
    if wrong:
        kind, reason = FAILS, f"{description}: {'; '.join(dict.fromkeys(wrong))}"
    elif even:
        kind, reason = OPEN, f"within {ERRORS} errors: {'; '.join(dict.fromkeys(even))}"
    else:
        kind, reason = HOLDS, ""
    return Verdict(kind, "; ".join(filter(None, (reason, _runs(groups)))))


def _runs(groups):
    """Returns what the rows lack: "one run each", and "no errors" of one run; "" for neither."""
    seeds, rows = {}, list(itertools.chain(*groups))
    for row in rows:
        seeds.setdefault(row["name"], set()).update(row["seeds"])
    if any(len(of_name) != 1 for of_name in seeds.values()):
        return ""
    return "one run each" if any(row["stderr"] for row in rows) else "one run each, no errors"
