"""The items of `bilbo`: the runs that they ask for, what fails, rows and pictures."""

import itertools
import math
import types

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.stats import norm, sem

import zoo
from configs.bilbo import families, mnist
from trainers import cuts, data, history, plots
from trainers.config import model_config, plain
from trainers.experiments import catalogue, reproducing, training
from trainers.experiments.bilbo import course
from trainers.experiments.bilbo import items as bilbo
from trainers.experiments.bilbo import likelihood as bilbo_likelihood
from trainers.experiments.bilbo import pictures as bilbo_pictures
from trainers.experiments.bilbo import posterior as bilbo_posterior
from trainers.experiments.bilbo import runs as bilbo_runs
from trainers.experiments.item import SCALES, Context
from trainers.sweeps import grid
from zoo.storage import files

CELEBA = ("fig7", "fig16", "fig17")


@pytest.mark.parametrize("scale", SCALES)
def test_items_ask_for_runs_that_the_configs_allow_and_say_what_fails(all_fail, scale, tmp_path):
    assert list(bilbo.ITEMS) == list(catalogue.items("bilbo"))
    for name, (function, shows) in bilbo.ITEMS.items():
        assert shows.endswith(".")
        if name in CELEBA:
            continue
        outcome = function(Context(scale, tmp_path / name, runs=tmp_path / "runs"))
        assert outcome.rows and "runs not finished" in outcome.cut
        assert all(row["ours"] is None for row in outcome.rows)
        notes = {row["note"] for row in outcome.rows if row["metric"] == "elbo"}
        assert notes <= {"failed: it diverged", "every run failed"}
        assert all(isinstance(picture, Figure) for picture in outcome.pictures.values())
    # Figure 4 (three methods, two sizes); 9; 6; 10; 11; 8 without what others have.
    counts = {
        "tiny": 3 * 2 * 2 + 1 + (1 + 2 + 3) + 2 + 2 + 3,
        "reduced": 3 * 2 * 2 + 2 + (1 + 4 + 7) + 4 + 4 + 2 * 4,
        "full": 3 * 2 * 5 + 2 + (1 + 4 + 7) + 4 + 4 + (2 * 2 + 2 * 4 * 3),
    }
    asked = {spec.name: spec for _, spec in all_fail}
    assert len(asked) == counts[scale]
    long = [spec for spec in asked.values() if "train.epochs" in spec.point]
    assert len(long) == (12 if scale == "full" else 0)
    assert {spec.point["latent_dim"] for spec in long} <= {"100"}


def test_all_runs_of_a_figure_share_the_processes_and_each_is_asked_for_once(
    all_fail, tmp_path, monkeypatch
):
    calls, sweep = [], training.running.sweep
    monkeypatch.setattr(
        training.running, "sweep", lambda *args, **more: calls.append(1) or sweep(*args, **more)
    )
    bilbo.ITEMS["fig6"][0](Context("full", tmp_path))
    assert len(calls) == 1
    assert len(all_fail) == len({spec.name for _, spec in all_fail}) == 12


def test_a_scale_says_what_it_cuts_and_nothing_else(all_fail, tmp_path):
    few = "fewer runs or values than at full scale"
    for item, scale, expected in (
        ("fig6", "reduced", False),  # as many runs of as many values
        ("fig6", "tiny", True),
        ("fig4", "reduced", True),
        ("fig8", "full", False),
    ):
        outcome = bilbo.ITEMS[item][0](Context(scale, tmp_path / item / scale))
        assert (few in outcome.cut) == expected, (item, scale)
    axes = {"family": ["baggins"], "latent_dim": [100], "seed": [17]}
    for latents, text in ((100, "50 of 400 epochs"), (2, "50 of 200 epochs")):
        axes["latent_dim"] = [latents]
        (name,) = bilbo_runs._names(axes)
        config = mnist.get_config("baggins,reduced", [f"--config.latent_dim={latents}"])
        files.write_json(tmp_path / name / "config.json", {"config": plain(config)})
        assert bilbo_runs._differences(tmp_path, axes) == (text,)


def test_fewer_repeats_ask_for_fewer_seeds(all_fail, tmp_path):
    outcome = bilbo.ITEMS["fig4"][0](Context("full", tmp_path, seed=20, repeats=2))
    assert outcome.cut.startswith("2 of 5 runs a setting")
    assert len(all_fail) == 3 * 2 * 2
    assert {spec.point["seed"] for _, spec in all_fail} == {"20", "21"}


def test_runs_on_celeba_are_those_that_the_config_allows(all_fail, monkeypatch, tmp_path):
    monkeypatch.setattr(data, "load", lambda *_, **__: None)
    for scale in SCALES:
        context = Context(scale, tmp_path / scale, runs=tmp_path / scale)
        outcome = bilbo.ITEMS["fig17"][0](context)
        assert [row["note"] for row in outcome.rows] == ["failed: it diverged"] * 3
        asked = {spec.name: spec for _, spec in all_fail}
        assert [spec.point.get("encoder.scale") for spec in asked.values()] == [
            None,
            "1.0",
            "0.1",
        ]


def test_without_celeba_an_item_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    message = "'celeb_a' is not prepared .*trainers.prepare --name=celeb_a.*img_align_celeba.zip"
    with pytest.raises(FileNotFoundError, match=message):
        bilbo.ITEMS["fig7"][0](Context("tiny", tmp_path))


def test_families_of_the_config():
    found = {name: mnist.get_config(name) for name in families.FAMILIES}
    assert mnist.get_config().family == "learned"
    for name, config in found.items():
        assert config.train.epochs == 200 and not cuts.differences(config)
        is_learned = name.startswith("learned") and name != "learned_t"
        assert config.marginal.name == ("normal" if is_learned else "floating")
        encoder = config.encoder.base if name.endswith("_scaled") else config.encoder
        assert encoder.scale == ("softplus_scale" if is_learned else 1.0)
    assert found["constant"].objective.name == "beta" == found["constant_baggins"].objective.name
    assert found["bilbo"].objective.name == "bilbo" == found["baggins"].objective.name
    assert found["baggins"].decoder.likelihood.tau == 0.2
    assert found["bilbo_scaled"].decoder.base.hidden_units == (200,) * 4
    tiny = mnist.get_config("bilbo_scaled,tiny")
    assert tiny.encoder.base.hidden_units == tiny.decoder.base.hidden_units == (16, 16)
    reduced = mnist.get_config("reduced")
    assert reduced.train.epochs == 50 and cuts.phrases({"config": reduced}) == ("50 of 200 epochs",)


def _found(family, seed, elbo, **values):
    found = {"run": f"{family}-{seed}", "family": family, "seed": seed, "latent_dim": 2.0}
    found.update(dict.fromkeys(bilbo_runs.AXES[family], 1.0), **values)
    numbers = {"elbo": elbo, "rate": 5.0, "distortion": -elbo - 5.0} if elbo else {"elbo": None}
    found.update(numbers, elbo_stderr=0.4, rate_stderr=0.1, distortion_stderr=0.4, epochs=200.0)
    return {**found, "status": "finished" if elbo else "failed", "error": "" if elbo else "why"}


MADE_UP = range(1, 41)  # epochs of the histories below


@pytest.fixture
def pretended(monkeypatch, rng, tmp_path):
    """Puts untrained models in place of all runs, with bounds made up, and a small test set."""
    images, labels = rng.random((40, 28, 28, 1)).astype("float32"), np.arange(40) % 10

    def splits(config):
        scale = config.get("pixel_scale", 1.0)
        split = data.Dataset("pretended", "test", images, labels, pixel_scale=scale)
        return {"train": split, "validation": None, "test": split}

    def train(context, item):
        rows = []
        for request in bilbo_runs.plan(item, context.scale):
            axes = request.axes(context)
            for point in itertools.product(*axes.values()):
                values = dict(zip(axes, point))
                bound = -100.0 - len(rows)
                made = _found(values.pop("family"), values.pop("seed"), bound, **values)
                name = grid.run_name(dict(zip(axes, map(str, point))))
                rows.append({**made, "run": name})
        return bilbo_runs.Models(tmp_path, rows, "few steps")

    def load(models, found):
        config = mnist.get_config(f"{found['family']},tiny")
        config.latent_dim = int(found["latent_dim"])
        for key in bilbo_runs.AXES[found["family"]]:
            config.update_from_flattened_dict({key: found[key]})
        model = zoo.build(model_config(config, (28, 28, 1)))
        plain = config.to_dict()
        model.adapt(splits(plain["data"])["train"])
        return types.SimpleNamespace(model=model, config=plain)

    def courses(models, found):
        bounds = {e: found["elbo"] + e - max(MADE_UP) for e in MADE_UP}
        return [{"epoch": e, "elbo": bound, "val_elbo": bound} for e, bound in bounds.items()]

    monkeypatch.setattr(bilbo_runs, "train", train)
    monkeypatch.setattr(bilbo_runs.Models, "load", load)
    monkeypatch.setattr(bilbo_runs.Models, "history", courses)
    monkeypatch.setattr(data, "load_splits", splits)
    return images


@pytest.mark.parametrize("item", [name for name in bilbo.ITEMS if name not in CELEBA])
def test_items_measure_and_draw(pretended, item, tmp_path):
    outcome = bilbo.ITEMS[item][0](Context("tiny", tmp_path))
    assert outcome.cut == "few steps" and outcome.rows and outcome.pictures
    assert all(math.isfinite(row["ours"]) for row in outcome.rows)
    # Drawn, as only drawing lays a figure out.
    for picture in outcome.pictures.values():
        assert plots.png_bytes(picture).startswith(b"\x89PNG")


def test_what_quiet_pixels_give_the_bound_of_a_learned_variance(monkeypatch, tmp_path):
    rng = np.random.default_rng(17)
    images = rng.random((50, 28, 28, 1)).astype("float32")
    images[:, :10] = 0.25  # the first ten rows never change
    split = data.Dataset("made", "test", images, None)
    monkeypatch.setattr(data, "load_splits", lambda config: {"test": split})
    mean = np.full((1, 28, 28, 1), 0.5, "float32")
    scale = np.where(np.arange(28)[:, None, None] < 10, 0.01, 2 * images.std(axis=0))
    mean[:, :10] = 0.25
    decode = lambda z: {"mean": mean, "scale": scale[None].astype("float32")}  # noqa: E731
    run = types.SimpleNamespace(
        model=types.SimpleNamespace(latent_dim=100, decode=decode), config={"data": {}}
    )
    monkeypatch.setattr(bilbo_runs.Models, "load", lambda models, found: run)
    models = bilbo_runs.Models(tmp_path, [], "")
    found = {**_found("learned_t", 17, 1000.0), "latent_dim": 100.0}
    rows = {row["metric"]: row for row in bilbo_likelihood._quiet_rows(models, found)}
    quiet = 280 * -np.log(0.01 * np.sqrt(2 * np.pi))
    assert rows["log_prob_quiet"]["ours"] == pytest.approx(quiet, rel=1e-5)
    assert "of 280 pixels" in rows["log_prob_quiet"]["note"]
    assert rows["scale_over_deviation"]["ours"] == pytest.approx(2.0, rel=1e-5)
    others = norm.logpdf(images[:, 10:], 0.5, scale[None, 10:]).mean(axis=0).sum()
    assert rows["log_prob_others"]["ours"] == pytest.approx(others, rel=1e-5)


def test_pictures_have_the_data_s_scale_taken_out():
    run = types.SimpleNamespace(config={"data": {"pixel_scale": 16.0}})
    found = bilbo_likelihood.shown(run, np.array([-1.0, 4.0, 16.0, 20.0]))
    np.testing.assert_array_equal(found, [0.0, 0.25, 1.0, 1.0])


def test_rows_have_runs_means_and_bounds_of_unscaled_data(tmp_path):
    bounds = (-135.0, -137.0, None)
    rows = [_found("learned", 17 + i, bound) for i, bound in enumerate(bounds)]
    rows.append(_found("baggins", 17, -100.0, **{bilbo_runs.LAMBDA: 4.0}))
    models = bilbo_runs.Models(tmp_path, rows, "")
    found = bilbo_runs.run_rows(models, {"learned-17": -134.4})
    by_name = {(row["name"], row["metric"], *row["seeds"]): row for row in found}
    assert by_name["learned z2", "elbo", 17]["paper"] == -134.4
    assert by_name["learned z2", "elbo", 18]["paper"] is None
    assert by_name["learned z2", "elbo", 19]["note"] == "failed: why"
    scaled = by_name["baggins z2 lambda=4 tau=1", "elbo_unscaled", 17]
    assert scaled["ours"] == pytest.approx(-100 + 784 * math.log(4))
    mean = bilbo_runs.mean_row(models, -135.3, family="learned")
    # sd of two numbers 2 apart is sqrt 2, its error over two runs 1.
    assert (mean["ours"], mean["stderr"], mean["seeds"]) == (-136.0, pytest.approx(1.0), [17, 18])
    assert "2 of 3 runs" in mean["note"]
    assert bilbo_posterior._as_printed(bilbo_runs.Models(tmp_path, rows[:3], "")) == {
        "learned-18": -136.5,
        "learned-17": -135.0,
    }


def _with_history(models, seed, validations, bounds):
    """Writes a history: bounds of test and of training images, None where an epoch had none."""
    found = models.select(seed=seed)[0]
    rows = [
        {"epoch": i + 1, "val_elbo": v, "elbo": b}
        for i, (v, b) in enumerate(zip(validations, bounds))
    ]
    history.write(models.folder / found["run"], rows)
    return found


def test_curves_and_how_far_a_bound_fluctuates(tmp_path):
    models = bilbo_runs.Models(tmp_path, [_found("learned", 17, -135.0)], "")
    validations = [-200.0, None, -150.0, -140.0, -142.0, -140.0]
    found = _with_history(models, 17, validations, [-1.0] * 6)
    assert course.curve(models.history(found)) == (
        [1, 3, 4, 5, 6],
        [-200.0, -150.0, -140.0, -142.0, -140.0],
    )
    changes = course.fluctuation_row(found, models.history(found))
    assert changes["ours"] == pytest.approx(2.0)  # of the changes -2 and 2
    curves = [([5, 10], [-3.0, -1.0]), ([5, 10], [-5.0, -1.0])]
    at, mean, error = bilbo_pictures.mean_curve(curves)
    assert at.tolist() == [5, 10] and mean.tolist() == [-4.0, -1.0] and error.tolist() == [1.0, 0.0]


def test_the_course_of_runs_has_means_of_its_parts_and_counts_of_falls(tmp_path):
    runs = [_found("learned", seed, -135.0) for seed in (17, 18, 19)]
    models = bilbo_runs.Models(tmp_path, runs, "")
    # Falls of 2.5 (first half, not counted), 2.5, 1.5 (none) and 3.
    bounds = [-150.0, -152.5, -140.0, -139.0, -130.0, -132.5, -134.0, -137.0]
    first = [-160.0, -150.0, -144.0, -142.0, -140.0, -141.0, -138.0, -141.0]
    _with_history(models, 17, first, bounds)
    _with_history(models, 18, [bound - 2.0 for bound in first], [-1.0] * 8)
    by_name = {
        (row["name"], row["metric"], *row["seeds"]): row
        for row in course.rows_of(runs, [models.history(one) for one in runs])
    }
    early, late = (
        by_name["learned z2", name, 17] for name in ("elbo_first_quarter", "elbo_later_half")
    )
    assert early["ours"] == -155.0 and "of 2 validations in the first quarter" in early["note"]
    assert late["ours"] == -140.0 and "of 4 validations in the later half" in late["note"]
    assert "sd 1.41" in late["note"]
    assert [by_name["learned z2", "elbo_falls", seed]["ours"] for seed in (17, 18)] == [2, 0]
    # The third never finished an epoch: it has rows without numbers, and no part in the means.
    for metric in ("elbo_first_quarter", "elbo_later_half", "elbo_falls"):
        assert by_name["learned z2", metric, 19]["ours"] is None
    mean = by_name["learned z2, mean of runs", "elbo_later_half", 17, 18]
    assert (mean["ours"], mean["stderr"]) == (-141.0, pytest.approx(1.0))
    assert "2 of 3 runs" in mean["note"]
    assert by_name["learned z2, mean of runs", "elbo_first_quarter", 17, 18]["ours"] == -156.0


def test_a_run_that_failed_late_is_in_no_mean(tmp_path):
    runs = [_found("learned", seed, bound) for seed, bound in ((17, -130.0), (18, -132.0))]
    failed = {**_found("learned", 19, None), "error": "a NaN"}
    models = bilbo_runs.Models(tmp_path, [*runs, failed], "")
    for seed, count, bound in ((17, 8, -130.0), (18, 8, -132.0), (19, 4, -170.0)):
        _with_history(models, seed, [bound] * count, [bound] * count)
    histories = [models.history(one) for one in models.rows]
    at, mean, _ = bilbo_pictures.mean_curve(course.curves(models.rows, histories))
    assert at.tolist() == list(range(1, 9)) and set(mean) == {-131.0}
    rows = course.rows_of(models.rows, histories)
    (late,) = [r for r in rows if "mean of runs" in r["name"] and r["metric"] == "elbo_later_half"]
    assert late["ours"] == -131.0 and "2 of 3 runs" in late["note"]
    own = [r["ours"] for r in rows if r["metric"] == "elbo_later_half" and r["seeds"] == [19]]
    assert own == [-170.0]
    notes = [r["note"] for r in rows if r["seeds"] == [19]]
    assert notes and all(note.startswith("failed run, as far as it got; ") for note in notes)


def test_a_finished_run_without_its_weights_is_an_error_and_no_gap_in_a_figure(tmp_path):
    finished, failed = _found("learned", 17, -135.0), _found("learned", 18, None)
    models = bilbo_runs.Models(tmp_path, [finished, failed], "")
    assert models.load(failed) is None
    files.write_json(tmp_path / finished["run"] / "config.json", {})
    with pytest.raises(FileNotFoundError, match="a copy of a sweep's numbers has none"):
        models.load(finished)


def test_shape_rows_tell_a_u_from_noise():
    rng = np.random.default_rng(17)
    loc = rng.standard_normal((2000, 2))
    scale = 0.1 + loc**2
    rows = bilbo_posterior._shape_rows(_found("learned", 17, -135.0), loc, scale, 2 * scale)
    values = {row["metric"]: row["ours"] for row in rows}
    assert values["variance_and_own_mean"] == pytest.approx(1.0)
    assert abs(values["variance_and_other_mean"]) < 0.1
    assert values["learned_and_predicted"] == pytest.approx(1.0)
    assert values["learned_over_predicted"] == pytest.approx(0.5)


def test_diagnostic_rows_are_means_with_their_errors():
    gap = np.array([1.0, 2.0, 6.0])
    penalty = {"approximate": 0.25, "exact": 0.5}
    rows = bilbo_posterior._diagnostic_rows(_found("learned", 17, -135.0), gap, penalty)
    found = {row["metric"]: (row["ours"], row["stderr"]) for row in rows}
    assert found == {
        "evidence_gap": (3.0, pytest.approx(sem(gap))),
        "variance_penalty_approximate": (0.25, None),
        "variance_penalty_exact": (0.5, None),
    }


def test_pictures_can_be_drawn():
    rng = np.random.default_rng(17)
    labels = np.arange(30) % 10
    plane = rng.standard_normal((30, 2))
    model = zoo.VAE(zoo.MLPEncoder(2, [8]), zoo.MLPDecoder(2, (28, 28, 1), [8]))
    pictures = [
        bilbo_pictures.latents([(str(i), plane, labels) for i in range(5)]),
        bilbo_pictures.u_shape([("seed", plane, np.exp(plane))]),
        bilbo_pictures.predicted([("seed", np.exp(plane), np.exp(plane))]),
        bilbo_pictures.bounds([("z", {"one": [([1, 2], [-2.0, -1.0])], "none": [([], [])]})]),
        bilbo_pictures.sample_rows([("a", rng.random((4, 28, 28, 1)))], "title"),
    ]
    images = lambda z: np.full((len(z), 28, 28, 1), 0.5)  # noqa: E731
    pictures.append(bilbo_pictures.manifold(model, images, plane, plane, labels, "title"))
    # Drawn, as only drawing lays a figure out.
    assert all(plots.png_bytes(picture).startswith(b"\x89PNG") for picture in pictures)


@pytest.mark.slow
@pytest.mark.parametrize("item", [name for name in bilbo.ITEMS if name not in CELEBA])
def test_items_run(item, tmp_path, tfds_dir, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tfds_dir))
    result = reproducing.reproduce("bilbo", item, tmp_path, "tiny", progress=False)
    assert all(row["ours"] is not None for row in result["rows"])
