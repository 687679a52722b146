"""One rule compares every number of a paper with ours, and every conclusion with our rows."""

from pathlib import Path

import pytest

from trainers.experiments import catalogue, reproducing, verdicts
from trainers.experiments.claims import Bound, ByEye, Claim, Near, Unmeasured
from trainers.experiments.study import MEAN_OF_RUNS, row
from trainers.experiments.verdicts import Unlike

RESULTS = Path(__file__).resolve().parents[2] / "results"
# Rows that the committed results do not have, which leave their claims open.
NOT_MEASURED = {
    (f"{name} z2{sigma}{MEAN_OF_RUNS}", "elbo_first_quarter")
    for name, sigma in (("learned", ""), ("constant", " sigma=1"), ("bilbo", " sigma=1"))
}


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
        return Claim("A text.", "nll", lower, upper).verdict(rows)

    assert verdict(("a",), ("b", "c")).kind == "holds"
    assert verdict(("b",), ("a", "c")) == verdicts.Verdict("fails", "the other way round: b and a")
    assert verdict(("b",), ("c",)) == verdicts.Verdict("open", "within 2 errors: b and c")
    assert verdict(("a",), ("d",)) == verdicts.Verdict("open", "not measured: d")


def test_a_chain_of_groups_is_in_order():
    rows = [row(name, "nll", value, 0.1) for name, value in zip("abc", (1.0, 2.0, 3.0))]
    assert Claim("A text.", "nll", ("a",), ("b",), then=(("c",),)).verdict(rows).kind == "holds"
    wrong = Claim("A text.", "nll", ("a",), ("c",), then=(("b",),)).verdict(rows)
    assert wrong == verdicts.Verdict("fails", "the other way round: c and b")


def test_a_claim_compares_two_metrics_or_distances_to_a_number():
    rows = [row("a", "own", 0.8), row("a", "other", 0.3), row("b", "own", -0.9)]
    assert Claim("A text.", ("other", "own"), ("a",), ("a",)).verdict(rows).kind == "holds"
    swapped = Claim("A text.", ("own", "other"), ("a",), ("a",)).verdict(rows)
    assert swapped == verdicts.Verdict("fails", "the other way round: a, own and other")
    assert Claim("A text.", "own", ("b",), ("a",)).verdict(rows).kind == "holds"
    to_zero = Claim("A text.", "own", ("b",), ("a",), distance_to=0.0)
    assert to_zero.verdict(rows).kind == "fails"


@pytest.mark.parametrize(
    ("within", "error", "kind"),
    [(1.0, 0.0, "holds"), (0.9, 0.0, "fails"), (1.0, 0.1, "open"), (0.5, 0.1, "fails")],
)
def test_rows_are_alike_within_a_number(within, error, kind):
    rows = [row(name, "rate", value, error) for name, value in zip("abc", (1.0, 2.0, 9.0))]
    verdict = Near("A text.", "rate", ("a", "b"), within).verdict(rows)
    assert verdict.kind == kind
    assert Near("A text.", "rate", ("a", "b", "c"), 2.0).verdict(rows).kind == "fails"
    assert Near("A text.", "rate", ("a", "d"), 2.0).verdict(rows).reason == "not measured: d"


def test_rows_are_above_or_below_a_number():
    rows = [row("a", "rate", 0.05, 0.01), row("b", "rate", 5.0, 0.1)]

    def verdict(names, **bounds):
        return Bound("A text.", "rate", names, **bounds).verdict(rows)

    assert verdict(("a",), below=0.1).kind == "holds"
    assert verdict(("a", "b"), below=0.1) == verdicts.Verdict("fails", "on the other side: b (5)")
    assert verdict(("a",), below=0.06).kind == "open"
    assert verdict(("b",), above=1.0, below=6.0).kind == "holds"
    assert verdict(("b",), above=1.0, below=4.0).kind == "fails"
    assert verdict(("c",), above=1.0).reason == "not measured: c"


def test_a_claim_says_where_its_errors_are_over_one_run():
    rows = [row("a", "nll", 1.0, 0.1, seeds=[17]), row("b", "nll", 2.0, 0.1, seeds=[17])]
    claim = Claim("A text.", "nll", ("a",), ("b",))
    assert claim.verdict(rows) == verdicts.Verdict("holds", "one run each")
    others = [row("a", "nll", 1.1, 0.1, seeds=[18]), row("b", "nll", 2.1, 0.1, seeds=[18])]
    assert claim.verdict(rows + others) == verdicts.Verdict("holds")
    exact = [row("a", "nll", 1.0, seeds=[17]), row("b", "nll", 2.0, seeds=[17])]
    assert claim.verdict(exact) == verdicts.Verdict("holds", "one run each, no errors")


def test_a_claim_looks_at_its_data_alone():
    rows = [row("a", "nll", 1.0, 0.1, data="x"), row("b", "nll", 2.0, 0.1, data="x")]
    rows += [row("a", "nll", 3.0, 0.1, data="y")]
    assert Claim("A text.", "nll", ("a",), ("b",), "x").verdict(rows).kind == "holds"
    assert Claim("A text.", "nll", ("a",), ("b",)).verdict(rows).kind == "fails"


def test_what_no_row_measures_is_by_eye_or_open():
    assert ByEye("Samples look alike.").verdict([]).kind == "by eye"
    missing = Unmeasured("A text.", "rates of three seeds").verdict([])
    assert missing == verdicts.Verdict("open", "not measured: rates of three seeds")
    assert verdicts.count([missing, missing, *[ByEye("A text.").verdict([])] * 2]) == (
        "2 open, 2 by eye"
    )


@pytest.mark.parametrize("paper", catalogue.papers())
def test_every_item_states_its_conclusions(paper):
    for name, item in catalogue.items(paper).items():
        assert item.claims, f"{paper} {name} states no conclusion"
        result = reproducing.read(RESULTS / paper / name)
        known = {(r["name"], r["metric"]) for r in result["rows"]} if result else None
        for claim in item.claims if result else ():
            for key in _named(claim):
                assert key in known or key in NOT_MEASURED, f"{paper} {name}: {key}"


def _named(claim):
    """Returns the (name, metric) of the rows that a claim compares."""
    groups = [getattr(claim, "names", ())]
    if isinstance(claim, Claim):
        groups = [claim.lower, claim.upper, *claim.then]
    metric = getattr(claim, "metric", "")
    metrics = metric if isinstance(metric, tuple) else (metric,) * len(groups)
    return [(name, m) for m, group in zip(metrics, groups) for name in group]


def test_counts_are_in_words():
    found = [verdicts.Verdict(kind) for kind in ("agrees", "order agrees", "order agrees")]
    found.append(verdicts.Verdict("not comparable"))
    assert verdicts.count(found) == "1 agrees, 2 order agree, 1 not comparable"
    assert verdicts.count([verdicts.Verdict("holds"), verdicts.Verdict("holds")]) == "2 hold"
    assert verdicts.count([]) == ""
