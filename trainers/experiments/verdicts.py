"""Compares a result with its paper by one rule, for all papers alike.

Every row with a number of the paper gets one of four verdicts. The first that applies counts:

1. "not comparable": nothing was measured, or its item says why its numbers mean something else than
   the paper's: other data, or another estimator.
2. "agrees": the two numbers differ by at most two standard errors and the paper's rounding. The
   error is over seeds where a row has several runs. One run has only its error over test examples,
   which is too small: it leaves out what another seed changes. Such a row agrees too seldom, never
   too often. The rounding is half a unit of the last decimal that the paper prints in that column.
3. "order agrees": this setting is compared with the other settings with the same metric and data,
   which the paper puts above or below it. None is on the other side by more than two standard
   errors of the difference. At least one is on the paper's side by more than that.
4. "disagrees": all else. There is one exception: other settings stand in its column, and none
   differs from it by more than two errors. Then no order was found. The row is "not comparable",
   and the reason says so.

A number without a standard error counts as exact.

An item also states the conclusions of the paper as rules on its rows. These are its claims: an
order of rows, rows that are alike, rows above or below a number. A claim "holds" if it is true of
all rows by more than two standard errors. It "fails" if it is false of some rows by more than that.
It is "open" otherwise, or if a measurement is missing; the reason names it. "one run each" means
that the errors are over test examples alone, and "no errors" that there are none. Another seed may
change such a verdict. Where the paper names no number for "alike" or "near", the claim's is a
choice. A conclusion about a picture alone is judged "by eye". Claims are compared at the scale of
the result: one that fails on shortened runs may hold on the paper's.
"""

import collections
import dataclasses
import math

from trainers.experiments.study import MEAN_OF_RUNS

AGREES, ORDER, DISAGREES, INCOMPARABLE = "agrees", "order agrees", "disagrees", "not comparable"
KINDS = (AGREES, ORDER, DISAGREES, INCOMPARABLE)
HOLDS, FAILS, OPEN, BY_EYE = "holds", "fails", "open", "by eye"
OUTCOMES = (HOLDS, FAILS, OPEN, BY_EYE)
ERRORS = 2  # How many standard errors apart two numbers still agree.


@dataclasses.dataclass(frozen=True)
class Unlike:
    """Why an item's numbers are not the paper's quantity.

    Attributes:
        reason: A phrase: "other data: ...".
        order: Whether their order can be compared all the same.
    """

    reason: str
    order: bool = False


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The verdict of the rule on a row or a claim.

    Attributes:
        kind: One of `KINDS`, or of `OUTCOMES` for a claim.
        reason: A phrase.
    """

    kind: str
    reason: str = ""


def of_rows(rows, unlike=None):
    """Returns `[(row, Verdict)]` of the rows that have a number of the paper.

    Args:
        rows: Rows of a `result.json`.
        unlike: dict metric, or "*" for all, -> `Unlike`.
    """
    unlike = unlike or {}
    columns = collections.defaultdict(list)
    for row in rows:
        if row["paper"] is not None:
            columns[row["metric"], row["data"]].append(row)
    judged = {
        id(row): _verdict(row, column, unlike.get(row["metric"], unlike.get("*")))
        for column in columns.values()
        for row in column
    }
    return [(row, judged[id(row)]) for row in rows if id(row) in judged]


def count(verdicts):
    """Returns verdicts in words: "2 agree, 1 disagrees"; "" for none."""
    kinds = collections.Counter(verdict.kind for verdict in verdicts)
    return ", ".join(f"{kinds[k]} {_plural(k, kinds[k])}" for k in KINDS + OUTCOMES if kinds[k])


def _plural(kind, number):
    verb, _, rest = kind.rpartition(" ")
    if number == 1 or kind in (INCOMPARABLE, OPEN, BY_EYE):
        return kind
    return f"{verb} {rest[:-1]}".strip()


def _verdict(row, column, unlike):
    if row["ours"] is None:
        return Verdict(INCOMPARABLE, row["note"] or "not measured")
    if unlike and not unlike.order:
        return Verdict(INCOMPARABLE, unlike.reason)
    rounding = _rounding(column)
    allowed = ERRORS * (row["stderr"] or 0) + rounding
    if not unlike and abs(row["ours"] - row["paper"]) <= allowed * (1 + 1e-9):
        return Verdict(AGREES, "one run" if len(row["seeds"]) == 1 else "")
    others = [
        other
        for other in column
        if other["ours"] is not None
        and _setting(other) != _setting(row)
        and abs(other["paper"] - row["paper"]) > rounding
    ]
    why = unlike.reason if unlike else f"{row['ours'] - row['paper']:+.3g} from the paper's number"
    if not others:
        return Verdict(INCOMPARABLE if unlike else DISAGREES, why)
    return _order(row, others, why)


def _order(row, others, why):
    """Returns the verdict by the order of a row among other settings of its column."""
    sides = [side(row, other) * _sign(row["paper"] - other["paper"]) for other in others]
    against = [other["name"] for other, side in zip(others, sides) if side < 0]
    if against:
        return Verdict(
            DISAGREES, f"{why}; on the other side of {', '.join(dict.fromkeys(against))}"
        )
    if any(side > 0 for side in sides):
        return Verdict(ORDER, why)
    return Verdict(INCOMPARABLE, f"{why}; no other row differs by more than {ERRORS} errors")


def _setting(row):
    """Returns what was run: the runs of several seeds, and their mean, are of one setting."""
    return row["name"].removesuffix(MEAN_OF_RUNS)


def _sign(number):
    return int(math.copysign(1, number))


def side(row, other):
    """Returns -1, 0 or 1: below, within the errors of, or above another row."""
    difference = row["ours"] - other["ours"]
    error = math.hypot(row["stderr"] or 0, other["stderr"] or 0)
    return 0 if abs(difference) <= ERRORS * error else _sign(difference)


def _rounding(column):
    """Returns half a unit of the last decimal of the paper's numbers of a column."""
    decimals = [len(f"{row['paper']:.6g}".partition(".")[2]) for row in column]
    return 0.5 * 10.0 ** -max(decimals)
