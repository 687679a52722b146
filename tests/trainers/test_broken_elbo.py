"""The runs that the items of `broken_elbo` ask for, their rows, and the grids of samples."""

from pathlib import Path

import numpy as np
import pytest

import zoo
from trainers.experiments.papers import broken_elbo as paper
from trainers.experiments.runs import Runs, Trained
from trainers.experiments.study import Context
from trainers.plots import png_bytes
from trainers.sweeps import grid, running
from trainers.sweeps.archive import Stored
from zoo.backend import to_numpy

SHAPE = (4, 4, 1)
ROOT = Path(__file__).parents[2]


def _runs():
    """-+v and --- over three betas, --- dominated at beta 0.5; a run that failed."""
    runs = [_run("++v", 1.0, status="failed", error="it broke")]
    for family, beta, rate, distortion in (
        ("---", 0.1, 60.0, 40.0),
        ("---", 0.5, 31.0, 70.0),
        ("---", 1.0, 20.0, 80.0),
        ("-+v", 1.0, 0.5, 95.0),
        ("-+v", 0.5, 5.0, 90.0),
        ("-+v", 0.1, 30.0, 60.0),
    ):
        numbers = {"rate": rate, "distortion": distortion, "elbo": -rate - distortion}
        metrics = {name: {"value": value, "stderr": None} for name, value in numbers.items()}
        metrics["nll"] = {"value": 80.0, "stderr": 1.0, "num_samples": 32, "num_examples": 100}
        runs.append(_run(family, beta, evaluation={"epochs": 2, "metrics": metrics}))
    return Runs(tuple(run.labelled(paper.study.label_of(run)) for run in runs))


def _run(family, beta, **stored):
    point = {"family": family, "objective.beta": beta, "seed": 17}
    kept = Stored("run", config={"config": {}}, **stored)
    return Trained("", point, kept, {}, "MNIST", keys=paper.study.keys)


@pytest.fixture(scope="module")
def model():
    return zoo.VAE(zoo.MLPEncoder(2, hidden_units=[4]), zoo.MLPDecoder(2, SHAPE, hidden_units=[4]))


def test_twelve_families():
    assert len(paper.FAMILIES) == len(set(paper.FAMILIES)) == 12
    assert paper.FAMILIES[0] == "---" and paper.FAMILIES[-1] == "++v"


@pytest.mark.parametrize(("scale", "count"), [("tiny", 4), ("reduced", 36), ("full", 84)])
def test_plans_of_each_scale_are_runs_that_the_config_allows(scale, count, tmp_path, monkeypatch):
    plans, cuts = [], []

    def runs(context, axes, config, data="", cut=""):
        plans.append((config, axes))
        cuts.append(cut)

    monkeypatch.setattr(paper.study, "runs", runs)
    context = Context(scale, tmp_path)
    paper.models(context, "omniglot", is_annealed=True)
    paper.models(context, "omniglot")
    paper.models(context, "mnist", ["-+v"])
    assert [("betas" in cut, "without KL annealing" in cut) for cut in cuts] == [
        *((scale != "full", False), (scale != "full", True), (scale != "full", False))
    ]
    config, axes = plans[0]
    file = grid.join_config(f"configs/{config}.py", "" if scale == "full" else scale)
    axes = [{paper.study.keys.get(key, key): one[key] for key in one} for one in axes]
    configs = [config for *_, config in grid.planned(file, axes)]
    betas = {(config.family, config.objective.beta) for config in configs}
    assert len(configs) == len(betas) == count
    assert {config.objective.anneal_steps for config in configs} == {paper.ANNEAL_STEPS[scale]}
    assert scale != "full" or {config.train.epochs for config in configs} == {200}


def test_the_first_rows_of_the_plane_are_of_the_best_elbo(tmp_path, monkeypatch):
    monkeypatch.setattr(paper.study, "runs", lambda *arguments, **options: _runs())
    outcome = paper.planes(Context("tiny", tmp_path), "omniglot")
    best = {row["metric"]: row for row in outcome.rows if row["name"] == "best ELBO"}
    assert best["elbo"]["ours"] == -90.0 and best["elbo"]["paper"] == -90.37
    assert best["rate"]["ours"] == 30.0 and best["rate"]["note"].startswith("of -+v, beta 0.1; ")
    failed, first = outcome.rows[4], outcome.rows[5]
    assert failed["name"] == "family=++v_beta=1.0" and failed["note"] == "failed: it broke"
    assert (first["name"], first["note"], first["data"]) == (
        "family=---_beta=0.1",
        "2 epochs",
        "MNIST",
    )
    assert outcome.rows[8]["note"] == "2 epochs, 32 importance samples, 100 test images"
    assert len(outcome.rows) == 4 + 1 + 4 * 6
    assert list(outcome.pictures) == ["rate_distortion", "rate_distortion_by_part"]


def test_runs_on_the_frontier_by_falling_rate():
    runs = _runs().finished
    edge = [(run["family"], run["beta"]) for run in paper.frontier(runs)]
    assert edge == [("---", 0.1), ("-+v", 0.1), ("---", 1.0), ("-+v", 0.5), ("-+v", 1.0)]
    assert [paper.point(run)["rate"] for run in paper.frontier(runs, most=3)] == [60.0, 20.0, 0.5]


def test_models_beside_one_another_are_in_the_order_of_the_families(tmp_path, monkeypatch):
    monkeypatch.setattr(paper.study, "runs", lambda *arguments, **options: _runs())
    monkeypatch.setattr(paper, "draw_samples", lambda runs, seed: {"shown": runs})
    shown = paper.pictures(Context("tiny", tmp_path), "mnist").pictures["shown"]
    betas = [0.1, 0.5, 1.0]
    order = [("---", beta) for beta in betas] + [("-+v", beta) for beta in betas] + [("++v", 1.0)]
    assert [(run["family"], run["beta"]) for run in shown] == order
    outcome = paper.pictures(Context("tiny", tmp_path), "mnist", is_frontier=True)
    assert len(outcome.pictures["shown"]) == 5 and outcome.rows[-1]["note"] == "failed: it broke"


def test_off_rate_zero_is_made_from_the_kept_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "train", None)  # a run that is not in the tables would raise
    context = Context("reduced", tmp_path, runs=ROOT / "results" / "broken_elbo")
    rows = {(row["name"], row["metric"]): row for row in paper.off_rate_zero(context).rows}
    assert len(rows) == 10 * 5
    target = rows["-+v, target rate 5", "rate"]
    assert target["ours"] == 5.016169122695922 and target["stderr"] == 0.08776815690508814
    assert rows["++-, beta 1.0, annealed over 300 steps", "active_units"]["ours"] == 64
    assert rows["-+v, beta 1.0", "elbo"]["ours"] == -86.92628408259154


def test_single_and_mean_of_five(model, rng, seed):
    images = rng.integers(0, 2, (6, *SHAPE)).astype("float32")
    for pair in (
        paper.reconstructions(model, images, seed),
        paper.generations(model, 6, seed),
    ):
        single, mean = np.moveaxis(pair, 1, 0)
        assert single.shape == mean.shape == (6, *SHAPE)
        assert set(np.unique(single)) <= {0.0, 1.0}
        np.testing.assert_allclose(mean * 5, np.round(mean * 5), atol=1e-5)
        assert len(np.unique(np.round(mean * 5))) > 2
        assert np.all(mean[single == 1] >= 0.2 - 1e-6)  # the single one is of the five


def test_generations_of_one_latent_share_it(model, seed):
    """Were each of the five of another z, their mean would tend to the model's mean image."""
    sharp = zoo.VAE(zoo.MLPEncoder(2, hidden_units=[4]), zoo.MLPDecoder(2, SHAPE, hidden_units=[]))
    kernel = np.zeros((2, 16))
    kernel[0] = 1e4  # a whole image of ones or zeros, by the sign of the first latent
    sharp.decoder.set_weights([kernel, np.zeros(16)])
    single, mean = np.moveaxis(paper.generations(sharp, 40, seed), 1, 0)
    np.testing.assert_array_equal(single, mean)
    assert 0 < single.mean() < 1
    rebuilt = paper.reconstructions(sharp, to_numpy(single), seed)
    assert rebuilt[:, 0].shape == single.shape


def test_grid_has_a_panel_for_inputs_and_for_each_model(model, rng):
    images = rng.integers(0, 2, (3, *SHAPE)).astype("float32")
    pair = paper.reconstructions(model, images)
    figure = paper.draw_grid([("input", images[:, None]), ("a", pair), ("b", None)])
    assert [axis.get_title() for axis in figure.axes] == ["input", "a", "b"]
    assert [text.get_text() for text in figure.axes[2].texts] == ["failed"]
    assert len(paper.draw_grid([("a", pair)]).axes) == 1
    assert png_bytes(figure)[:4] == b"\x89PNG"
