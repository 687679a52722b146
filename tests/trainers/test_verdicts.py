"""One rule compares every number of a paper with ours, and every conclusion with our rows."""

import pytest

from trainers.experiments import verdicts
from trainers.experiments.study import MEAN_OF_RUNS, row
from trainers.experiments.verdicts import Claim, Unlike


def _kinds(rows, unlike=None):
    return [verdict.kind for _, verdict in verdicts.of_rows(rows, unlike)]


@pytest.mark.parametrize(
    ("ours", "stderr", "paper", "kind"),
    [
        (90.1, 0.1, 90.3, "agrees"),  # two errors
        (90.1, 0.1, 90.36, "disagrees"),  # more, and more than the rounding of 90.36
        (90.1, 0.0, 90.0, "agrees"),  # 90 is printed for 89.5 to 90.5
        (90.6, None, 90.0, "disagrees"),
        (None, None, 90.0, "not comparable"),
    ],
)
def test_a_number_agrees_within_two_errors_and_the_rounding(ours, stderr, paper, kind):
    assert _kinds([row("a", "nll", ours, stderr, paper)]) == [kind]


def test_an_order_needs_a_difference_beyond_the_errors_and_none_against_it():
    def column(a, b, c, error):
        papers = {"a": 110.5, "b": 120.5, "c": 130.5}
        return [row(n, "nll", v, error, papers[n]) for n, v in zip("abc", (a, b, c))]

    assert _kinds(column(1.0, 2.0, 3.0, 0.1)) == ["order agrees"] * 3
    assert _kinds(column(1.0, 3.0, 2.0, 0.1)) == ["order agrees", "disagrees", "disagrees"]
    assert _kinds(column(1.0, 2.0, 3.0, 5.0)) == ["not comparable"] * 3
    assert _kinds(column(1.0, 1.1, 3.0, 0.1)) == ["order agrees"] * 3, "a and b are open"


def test_runs_of_one_setting_have_no_order_among_them():
    rows = [row("a", "elbo", -10.0 - i, 0.1, -20.5 - i, [i]) for i in range(2)]
    rows.append(row("a" + MEAN_OF_RUNS, "elbo", -10.5, 0.5, -21.0, [0, 1]))
    assert _kinds(rows) == ["disagrees"] * 3


def test_other_metrics_and_data_are_no_part_of_a_column():
    rows = [row("a", "nll", 1.0, 0.1, 10.5), row("b", "elbo", 2.0, 0.1, 20.5)]
    rows.append(row("b", "nll", 2.0, 0.1, 20.5, data="others"))
    assert _kinds(rows) == ["disagrees"] * 3


def test_an_item_says_what_is_not_the_papers_quantity():
    rows = [row("a", "nll", 1.0, 0.1, 1.0), row("b", "nll", 2.0, 0.1, 2.0)]
    other_data = {"*": Unlike("other data")}
    assert [v.reason for _, v in verdicts.of_rows(rows, other_data)] == ["other data"] * 2
    assert _kinds(rows, other_data) == ["not comparable"] * 2
    by_order = {"nll": Unlike("another estimator", order=True)}
    assert _kinds(rows, by_order) == ["order agrees"] * 2
    assert _kinds(rows[:1], by_order) == ["not comparable"]


def test_a_conclusion_holds_fails_or_is_open():
    rows = [row(name, "nll", value, 0.1) for name, value in (("a", 1.0), ("b", 2.0), ("c", 2.1))]
    rows.append(row("d", "nll", None, note="failed"))

    def verdict(lower, upper):
        return verdicts.of_claim(Claim("A text.", "nll", lower, upper), rows)

    assert verdict(("a",), ("b", "c")).kind == "holds"
    assert verdict(("b",), ("a", "c")) == verdicts.Verdict("fails", "the other way round: b and a")
    assert verdict(("b",), ("c",)) == verdicts.Verdict("open", "within 2 errors: b and c")
    assert verdict(("a",), ("d",)) == verdicts.Verdict("open", "not measured: d")


def test_counts_are_in_words():
    found = [verdicts.Verdict(kind) for kind in ("agrees", "order agrees", "order agrees")]
    found.append(verdicts.Verdict("not comparable"))
    assert verdicts.count(found) == "1 agrees, 2 order agree, 1 not comparable"
    assert verdicts.count([verdicts.Verdict("holds"), verdicts.Verdict("holds")]) == "2 hold"
    assert verdicts.count([]) == ""
