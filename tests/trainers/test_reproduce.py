"""Items by name, results whole and never replaced by lesser ones, and the scoreboard."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from trainers.experiments import catalogue, reproducing, scoreboard
from trainers.experiments.study import Context, Item, Outcome, Study, row
from zoo.storage import files


@pytest.fixture
def counted(monkeypatch):
    """A small item in place of `toy`, which counts its calls and cuts below full scale."""
    calls = []

    def run(context):
        calls.append(context)
        rows = [
            row("a", "rate", 0.5, 0.01, 0.7, [context.seed], "exact"),
            row("-+v", "nll", None, note="left out"),
        ]
        picture = np.zeros((4, 4, 3), np.uint8)
        cut = "" if context.scale == "full" else "half | of it"
        return Outcome(rows, {"grid": picture}, cut, {"ledger.csv": "family\n---\n"})

    item = Item("broken_elbo", "toy", "A title", "A conclusion.", run)
    monkeypatch.setattr(catalogue, "item", lambda paper, name: item)
    return calls


def test_papers_and_items_are_found_by_their_modules():
    counts = {paper: len(catalogue.items(paper)) for paper in catalogue.papers()}
    known = {"bilbo": 17, "broken_elbo": 9, "infovae": 11, "mu_vae": 13, "vimae": 12}
    assert known.items() <= counts.items()
    listing = catalogue.listing()
    assert all(paper in listing for paper in catalogue.papers())
    assert catalogue.listing("vimae").splitlines()[0] == "vimae"
    for paper in catalogue.papers():
        for name, item in catalogue.items(paper).items():
            assert (item.paper, item.name) == (paper, name)
            assert item.title and item.shows.endswith(".")


def test_a_listing_loads_no_keras():
    code = (
        "import sys; from trainers.experiments import catalogue; catalogue.listing(); "
        "print([m for m in ('keras', 'tensorflow', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr[-2000:]


def test_items_are_in_the_paper_s_order_and_take_options():
    study = Study("p")

    @study.item("fig10", "Ten", shows="x.", number=10)
    @study.item("fig2", "Two", shows="x.", number=2, substitute=("digits",))
    def figure(context, number):
        return (context, number)

    @study.item("table1", "One", shows="x.")
    @study.item("fig6b", "B", shows="x.")
    @study.item("fig6a", "A", shows="x.")
    def others(context):
        return context

    assert list(study.items) == ["fig2", "fig6a", "fig6b", "fig10", "table1"]
    assert study.items["fig2"].function("context") == ("context", 2)
    assert study.items["fig2"].substitute == ("digits",)


def test_unknown_names_raise_with_the_nearest(tmp_path):
    for paper, item, words in (
        ("brokenelbo", "toy", "Received: paper='brokenelbo'. Did you mean \"broken_elbo\"?"),
        ("broken_elbo", "tyo", "Received: item='tyo'. Did you mean \"toy\"?"),
        ("infovae", "table2", "Received: item='table2'. Did you mean \"table1\"?"),
    ):
        with pytest.raises(ValueError) as error:
            reproducing.reproduce(paper, item, tmp_path)
        assert words in str(error.value)
    with pytest.raises(ValueError, match=r"Received: scale='ful'\. Did you mean \"full\""):
        reproducing.reproduce("broken_elbo", "toy", tmp_path, scale="ful")
    assert list(tmp_path.iterdir()) == []


def test_a_result_holds_what_a_reader_needs(counted, tmp_path):
    result = reproducing.reproduce("broken_elbo", "toy", tmp_path / "run", "tiny", progress=False)
    kept = json.loads((tmp_path / "run" / "result.json").read_text(encoding="utf-8"))
    assert kept == result
    assert kept["scale"] == "tiny" and kept["cut"] == "half | of it"
    assert kept["command"] == (
        "python -m trainers.reproduce --paper=broken_elbo --item=toy --scale=tiny --workdir=DIR"
    )
    assert kept["seconds"] >= 0 and kept["hardware"] and "keras" in kept["versions"]
    assert kept["rows"][0] == {
        **{"name": "a", "metric": "rate", "ours": 0.5, "stderr": 0.01, "paper": 0.7},
        **{"seeds": [17], "data": "exact", "note": ""},
    }
    assert kept["rows"][1]["ours"] is None
    assert str(tmp_path) not in json.dumps(kept)
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [
        *("grid.png", "ledger.csv", "result.json")
    ]
    assert "0.500 ± 0.010  (paper 0.7)" in reproducing.table(result)


def test_a_fuller_result_is_replaced_only_when_told(counted, tmp_path):
    folders = {"workdir": tmp_path / "run", "out": tmp_path / "results"}
    reproducing.reproduce("broken_elbo", "toy", scale="reduced", progress=False, **folders)
    with pytest.raises(ValueError, match="A result of scale 'reduced' is there"):
        reproducing.reproduce("broken_elbo", "toy", scale="tiny", **folders)
    elsewhere = {**folders, "workdir": tmp_path / "other"}
    with pytest.raises(ValueError, match=r"--overwrite .* Received: scale='tiny'"):
        reproducing.reproduce("broken_elbo", "toy", scale="tiny", **elsewhere)
    assert len(counted) == 1, "refused before anything was run"
    published = folders["out"] / "broken_elbo" / "toy"
    assert reproducing.read(published)["scale"] == "reduced"
    reproducing.reproduce("broken_elbo", "toy", scale="full", progress=False, **folders)
    assert reproducing.read(published)["scale"] == "full"
    told = {"overwrite": True, "progress": False}
    reproducing.reproduce("broken_elbo", "toy", scale="tiny", **told, **folders)
    assert reproducing.read(published)["scale"] == "tiny"
    assert sorted(p.name for p in published.iterdir()) == ["grid.png", "ledger.csv", "result.json"]


def test_fewer_repeats_are_said_and_replace_no_more(counted, tmp_path):
    context = Context("full", tmp_path, seed=20, repeats=2)
    assert context.seeds(5) == [20, 21] and context.cut_of_seeds(5) == "2 of 5 runs a setting"
    assert context.seeds(1) == [20] and context.cut_of_seeds(1) == context.cut_of_seeds(2) == ""
    every = Context("full", tmp_path, seed=20)
    assert every.seeds(3) == [20, 21, 22] and every.cut_of_seeds(3) == ""
    told = {"scale": "full", "progress": False}
    two = reproducing.reproduce("broken_elbo", "toy", tmp_path, repeats=2, **told)
    assert two["repeats"] == counted[-1].repeats == 2 and " --repeats=2 " in two["command"]
    with pytest.raises(ValueError, match=r"is there, repeats 2; .*Received: .* repeats=1"):
        reproducing.reproduce("broken_elbo", "toy", tmp_path, repeats=1, **told)
    assert reproducing.reproduce("broken_elbo", "toy", tmp_path, **told)["repeats"] is None
    with pytest.raises(ValueError, match="is there, repeats None"):
        reproducing.reproduce("broken_elbo", "toy", tmp_path, repeats=4, **told)
    with pytest.raises(ValueError, match=r"`repeats` must be a positive int\. Received: repeats=0"):
        reproducing.reproduce("broken_elbo", "toy", tmp_path, repeats=0, **told)
    assert len(counted) == 2


def test_other_data_replaces_no_result_on_the_paper_s(counted, tmp_path, monkeypatch):
    given = {"scale": "reduced", "out": tmp_path / "results"}
    with pytest.raises(ValueError, match="'vimae', 'fig4'.*Received: substitute='cifar10', broken"):
        reproducing.reproduce("broken_elbo", "toy", tmp_path, substitute="cifar10")
    assert not counted
    item = dataclasses.replace(catalogue.item("broken_elbo", "toy"), substitute=("cifar10",))
    monkeypatch.setattr(catalogue, "item", lambda paper, name: item)
    with pytest.raises(ValueError, match=r"among \['cifar10'\]. Received: substitute='cifar'"):
        reproducing.reproduce("broken_elbo", "toy", tmp_path, substitute="cifar")
    reproducing.reproduce("broken_elbo", "toy", tmp_path / "a", substitute="cifar10", **given)
    reproducing.reproduce("broken_elbo", "toy", tmp_path / "b", **given)
    with pytest.raises(ValueError, match="--overwrite replaces it.*substitute='cifar10'"):
        reproducing.reproduce("broken_elbo", "toy", tmp_path / "c", substitute="cifar10", **given)
    kept = reproducing.read(tmp_path / "results" / "broken_elbo" / "toy")
    assert "substitute" not in kept["command"]


def test_a_number_that_is_not_finite_costs_no_result():
    found = row("a", "elbo", -np.inf, 0.1, None, [17], "exact", "an epoch")
    assert (found["ours"], found["stderr"]) == (None, None)
    assert found["note"] == "an epoch; not finite: -inf"
    assert row("a", "elbo", 1.0, np.nan)["stderr"] is None


def test_a_folder_of_another_item_is_refused(counted, tmp_path):
    reproducing.reproduce("broken_elbo", "toy", tmp_path, "tiny", progress=False)
    files.write_json(tmp_path / "result.json", {**reproducing.read(tmp_path), "item": "fig5"})
    with pytest.raises(ValueError, match="which holds broken_elbo fig5"):
        reproducing.reproduce("broken_elbo", "toy", tmp_path, "tiny")


def test_scoreboard_has_a_line_for_every_item(counted, tmp_path):
    reproducing.reproduce(
        "broken_elbo", "toy", tmp_path / "run", "tiny", out=tmp_path / "results", progress=False
    )
    text = scoreboard.write(tmp_path / "results").read_text(encoding="utf-8")
    total = sum(len(catalogue.items(paper)) for paper in catalogue.papers())
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(lines) == total + len(catalogue.papers()), "and a head for each paper"
    (toy,) = [line for line in lines if line.startswith("| [toy](broken_elbo/toy/) |")]
    assert (
        "| tiny | half \\| of it | 1 disagrees; 3 open | a, rate: 0.500 ± 0.010 (paper 0.7) |"
        in toy
    )
    assert (
        "| table1 | Negative log likelihood of four objectives | not run yet |  | 3 open |  |"
        in text
    )
    assert "## broken_elbo: 1 of 9" in text


def test_toy_at_tiny_scale_through_the_script(tmp_path):
    command = [sys.executable, "-m", "trainers.reproduce", "--paper=broken_elbo", "--item=toy"]
    command += ["--scale=tiny", f"--workdir={tmp_path / 'toy'}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "0.5  (paper 0.5)" in done.stdout
    result = reproducing.read(tmp_path / "toy")
    assert {row["name"] for row in result["rows"]} >= {"truth", "ELBO", "target rate"}
    assert all((tmp_path / "toy" / name).is_file() for name in result["pictures"])
