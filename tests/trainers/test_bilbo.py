"""The items of `bilbo`: the runs that they ask for, what fails, rows and pictures."""

import itertools
import math
import types

import keras
import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.stats import norm, sem

import zoo
from configs.bilbo import families, mnist
from trainers import cuts, data, overrides, plots
from trainers.config import model_config
from trainers.experiments import catalogue, figures, reproducing
from trainers.experiments.papers.bilbo import bounds, latents, likelihoods, models
from trainers.experiments.runs import Runs, Trained
from trainers.experiments.study import SCALES, Context
from trainers.sweeps.archive import Stored
from zoo.backend import gradients, to_numpy

CELEBA = ("fig7", "fig16", "fig17")
ITEMS = catalogue.items("bilbo")
ON_MNIST = [name for name in ITEMS if name not in CELEBA]
# Items with all runs that any item asks for.
WIDEST = {
    "tiny": ON_MNIST,
    "reduced": ("fig4", "fig8"),
    "full": ("fig4", "fig6", "fig8", "fig9", "fig10", "fig11", "apart"),
}


@pytest.fixture(autouse=True)
def registered():
    """Forgets, after a test, the encoder that configs/bilbo/apart.py registers."""
    yield
    zoo.registry.ENCODERS._classes.pop(models.APART, None)


@pytest.mark.parametrize("scale", SCALES)
def test_items_ask_for_runs_that_the_configs_allow_and_say_what_fails(all_fail, scale, tmp_path):
    for name in WIDEST[scale]:
        outcome = ITEMS[name].function(Context(scale, tmp_path / name, runs=tmp_path / "runs"))
        assert outcome.rows and "runs not finished" in outcome.cut
        assert all(row["ours"] is None for row in outcome.rows)
        notes = {row["note"] for row in outcome.rows}
        assert notes <= {"failed: it diverged", "every run failed"}
        assert all(isinstance(picture, Figure) for picture in outcome.pictures.values())
    # Figure 4 (three methods, two sizes); 9; 6; 10; 11; 8 without what others have; apart.
    counts = {
        "tiny": 3 * 2 * 2 + 1 + (1 + 2 + 3) + 2 + 2 + 3 + 13,
        "reduced": 3 * 2 * 2 + 2 + 2 * 4,
        "full": 3 * 2 * 5 + 2 + (1 + 4 + 7) + 4 + 4 + (2 * 2 + 2 * 4 * 3) + 13,
    }
    asked = {spec.name: spec for _, spec in all_fail}
    assert len(asked) == counts[scale]
    epochs = [(s.point.get("train.epochs"), s.point.get("latent_dim", 2)) for s in asked.values()]
    assert epochs.count((400, 100)) == (12 if scale == "full" else 0)
    assert epochs.count((50, 2)) == (9 if scale == "full" else 0)
    assert {number for number, _ in epochs} <= {None, 50, 400}


def test_a_scale_says_what_it_cuts_and_nothing_else(monkeypatch, tmp_path):
    asked = []

    def runs(context, axes, **options):
        asked.append(options["cut"])
        raise NotImplementedError

    monkeypatch.setattr(models.study, "runs", runs)
    few = "fewer runs or values than at full scale"
    for item, scale, cut in (
        ("fig6", "reduced", ""),  # as many runs of as many values
        ("fig6", "tiny", few),
        ("fig4", "reduced", few),
        ("fig8", "full", ""),
    ):
        with pytest.raises(NotImplementedError):
            ITEMS[item].function(Context(scale, tmp_path))
        assert asked.pop() == cut, (item, scale)


def test_fewer_repeats_ask_for_fewer_seeds(all_fail, tmp_path):
    outcome = ITEMS["fig4"].function(Context("full", tmp_path, seed=20, repeats=2))
    assert outcome.cut.startswith("2 of 5 runs a setting")
    assert len(all_fail) == 3 * 2 * 2
    assert {spec.point["seed"] for _, spec in all_fail} == {20, 21}


def test_runs_on_celeba_are_those_that_the_config_allows(all_fail, monkeypatch, tmp_path):
    monkeypatch.setattr(data, "load", lambda *_, **__: None)
    for number, scale in enumerate(SCALES):
        context = Context(scale, tmp_path / scale, runs=tmp_path / scale)
        outcome = ITEMS["fig17"].function(context)
        assert [row["note"] for row in outcome.rows] == ["failed: it diverged"] * 3
        names = ["ELBO, learned Sigma", "BILBO, Sigma = I", "BILBO, Sigma = I/100"]
        assert [row["name"] for row in outcome.rows] == names
        asked = [spec for _, spec in all_fail[3 * number :]]
        assert [spec.point.get("encoder.scale") for spec in asked] == [None, 1.0, 0.1]
        assert all(spec.name.startswith("bilbo-celeba-") for spec in asked)


def test_without_celeba_an_item_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    message = "'celeb_a' is not prepared .*trainers.prepare --name=celeb_a.*img_align_celeba.zip"
    with pytest.raises(FileNotFoundError, match=message):
        ITEMS["fig7"].function(Context("tiny", tmp_path))


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
    large = mnist.get_config("baggins,reduced", ["--config.latent_dim=100"])
    assert cuts.phrases({"config": large}) == ("50 of 400 epochs",)


class Pretend(Trained):
    """A run with made-up numbers, an untrained model and a made-up history."""

    def load(self):
        config = mnist.get_config(f"{self['family']},tiny")
        config.update_from_flattened_dict(_of_config(self.point))
        model = zoo.build(model_config(config, (28, 28, 1)))
        model.adapt(self.splits()["train"])
        return types.SimpleNamespace(model=model)

    def history(self):
        if self.stored.epochs:
            return list(self.stored.epochs)
        values = [(epoch, self.metric("elbo")["value"] + epoch - 40.0) for epoch in range(1, 41)]
        return [{"epoch": epoch, "elbo": bound, "val_elbo": bound} for epoch, bound in values]


def _of_config(point):
    """Returns the values of a plan that a config has without configs/bilbo/apart.py."""
    return {k: v for k, v in point.items() if k not in ("family", "seed") and v != models.APART}


def _run(family, seed, elbo, history=(), **point):
    """Returns a `Pretend`; `elbo` None makes a failed one."""
    config = mnist.get_config(f"{family},tiny")
    config.update_from_flattened_dict(_of_config(point))
    numbers = {"elbo": elbo, "rate": 5.0, "distortion": -(elbo or 0.0) - 5.0}
    metrics = {name: {"value": value, "stderr": 0.4} for name, value in numbers.items()}
    state = ("finished", "") if elbo else ("failed", "why")
    evaluation = {"metrics": metrics, "epochs": 200} if elbo else {}
    about = {"config": {"config": config.to_dict()}, "evaluation": evaluation}
    stored = Stored(f"{family}-{seed}", *state, **about, epochs=tuple(history))
    point = {"family": family, **point, "seed": seed}
    run = Pretend("", point, stored, config.to_dict(), models.DATA, keys=models.KEYS)
    return run.labelled(models.label(run))


@pytest.fixture
def pretended(monkeypatch, rng):
    """Puts `Pretend` in place of all runs, and a small data set in place of MNIST."""
    images, labels = rng.random((40, 28, 28, 1)).astype("float32"), np.arange(40) % 10

    def splits(config):
        scale = config.get("pixel_scale", 1.0)
        split = data.Dataset("pretended", "test", images, labels, pixel_scale=scale)
        return {"train": split, "validation": None, "test": split}

    def runs(context, axes, config=None, data="", note="", cut=""):
        entries = []
        for grid in axes:
            keys = [models.KEYS.get(key, key) for key in grid]
            for values in itertools.product(*grid.values()):
                point = dict(zip(keys, values))
                family, seed = point.pop("family"), point.pop("seed")
                entries.append(_run(family, seed, -100.0 - len(entries), **point))
        return Runs(tuple(entries), ("few steps",))

    monkeypatch.setattr(models.study, "runs", runs)
    monkeypatch.setattr(data, "load_splits", splits)


@pytest.mark.parametrize("item", ON_MNIST)
def test_items_measure_and_draw(pretended, item, tmp_path):
    outcome = ITEMS[item].function(Context("tiny", tmp_path))
    assert outcome.cut.startswith("few steps") and outcome.rows and outcome.pictures
    assert all(math.isfinite(row["ours"]) for row in outcome.rows)
    # Drawn, as only drawing lays a figure out.
    for picture in outcome.pictures.values():
        assert plots.png_bytes(picture).startswith(b"\x89PNG")


def test_what_quiet_pixels_give_the_bound_of_a_learned_variance(monkeypatch):
    rng = np.random.default_rng(17)
    images = rng.random((50, 28, 28, 1)).astype("float32")
    images[:, :10] = 0.25  # the first ten rows never change
    split = data.Dataset("made", "test", images, None)
    monkeypatch.setattr(data, "load_splits", lambda config: {"test": split})
    mean = np.full((1, 28, 28, 1), 0.5, "float32")
    scale = np.where(np.arange(28)[:, None, None] < 10, 0.01, 2 * images.std(axis=0))
    mean[:, :10] = 0.25
    decode = lambda z: {"mean": mean, "scale": scale[None].astype("float32")}  # noqa: E731
    loaded = types.SimpleNamespace(model=types.SimpleNamespace(latent_dim=100, decode=decode))
    monkeypatch.setattr(Pretend, "load", lambda run: loaded)
    run = _run("learned_t", 17, 1000.0, latent_dim=100)
    rows = {row["metric"]: row for row in likelihoods.quiet_rows(run)}
    quiet = 280 * -np.log(0.01 * np.sqrt(2 * np.pi))
    assert rows["log_prob_quiet"]["ours"] == pytest.approx(quiet, rel=1e-5)
    assert "of 280 pixels" in rows["log_prob_quiet"]["note"]
    assert rows["scale_over_deviation"]["ours"] == pytest.approx(2.0, rel=1e-5)
    others = norm.logpdf(images[:, 10:], 0.5, scale[None, 10:]).mean(axis=0).sum()
    assert rows["log_prob_others"]["ours"] == pytest.approx(others, rel=1e-5)


def test_pictures_have_the_data_s_scale_taken_out():
    config = {"data": {"pixel_scale": 16.0}}
    images = models.in_unit_range(np.array([-1.0, 4.0, 16.0, 20.0]), config)
    np.testing.assert_array_equal(images, [0.0, 0.25, 1.0, 1.0])


def test_scales_apart_send_no_gradient_into_the_hidden_layers(rng):
    config = overrides.load(f"{overrides.ROOT}/configs/bilbo/apart.py:tiny")
    config.encoder.name = models.APART
    apart = zoo.build(model_config(config, (6, 6, 1))).encoder
    plain = zoo.MLPEncoder(2, (16, 16))
    x = rng.random((4, 6, 6, 1)).astype("float32")
    plain.build(x.shape)
    plain.set_weights(apart.get_weights())
    for name, value in plain(x).items():
        np.testing.assert_array_equal(to_numpy(apart(x)[name]), to_numpy(value))
    # A gradient that reaches the input went through the hidden layers.
    x = keras.ops.convert_to_tensor(x)
    slopes = {}
    for name in ("loc", "scale"):
        total = lambda x, name=name: keras.ops.sum(apart(x)[name]) + 0.0 * keras.ops.sum(x)  # noqa: E731
        slopes[name] = to_numpy(gradients(total, [x])[0])
    assert np.any(slopes["loc"]) and not np.any(slopes["scale"])


def test_labels_have_the_values_of_a_family():
    factors = {"encoder.factor": 10.0, "decoder.factor": 10.0}
    runs = {
        "learned z2": _run("learned", 17, -1.0),
        "constant z100 sigma=1": _run("constant", 17, -1.0, latent_dim=100),
        "bilbo z2 sigma=0.1": _run("bilbo", 17, -1.0, **{"encoder.scale": 0.1}),
        "baggins z2 lambda=4 tau=0.2": _run("baggins", 17, -1.0, **{"data.pixel_scale": 4.0}),
        "bilbo_scaled z2 factor=10 sigma=0.1": _run(
            "bilbo_scaled", 17, -1.0, **factors, **{"encoder.base.scale": 0.1}
        ),
        "learned z2 apart normal": _run("learned", 17, -1.0, **{"encoder.name": models.APART}),
        "learned_scaled z2 factor=10 apart floating": _run(
            "learned_scaled",
            *(17, -1.0),
            **{**factors, "encoder.base.name": models.APART, "marginal.name": "floating"},
        ),
    }
    assert [run.label for run in runs.values()] == list(runs)


def test_rows_have_runs_means_and_bounds_of_unscaled_data():
    runs = [_run("learned", 17 + i, bound) for i, bound in enumerate((-135.0, -137.0, None))]
    learned = Runs(tuple(runs))
    scaled = Runs((_run("baggins", 17, -100.0, **{"data.pixel_scale": 4.0}),))
    rows = models.bound_rows(learned + scaled, lambda run: {17: -134.4}.get(run["seed"]))
    by_name = {(row["name"], row["metric"], *row["seeds"]): row for row in rows}
    assert by_name["learned z2", "elbo", 17]["paper"] == -134.4
    assert by_name["learned z2", "elbo", 17]["note"] == "200 epochs"
    assert by_name["learned z2", "elbo", 18]["paper"] is None
    assert by_name["learned z2", "elbo", 19]["note"] == "failed: why"
    assert [metric for _, metric, seed in by_name if seed == 19] == ["elbo"]
    unscaled = by_name["baggins z2 lambda=4 tau=0.2", "elbo_unscaled", 17]
    assert unscaled["ours"] == pytest.approx(-100 + 784 * math.log(4))
    mean = learned.mean("elbo", paper=-135.3)
    # sd of two numbers 2 apart is sqrt 2, its error over two runs 1.
    assert (mean["ours"], mean["stderr"], mean["seeds"]) == (-136.0, pytest.approx(1.0), [17, 18])
    assert "2 of 3 runs" in mean["note"]
    paper = latents.ranked(learned)
    assert [paper(run) for run in learned] == [-135.0, -136.5, None]


def _history(validations, training):
    """Returns a history: bounds of test and of training images, None where an epoch had none."""
    pairs = enumerate(zip(validations, training), 1)
    return [{"epoch": epoch, "val_elbo": v, "elbo": b} for epoch, (v, b) in pairs]


def test_curves_and_how_far_a_bound_fluctuates():
    validations = [-200.0, None, -150.0, -140.0, -142.0, -140.0]
    run = _run("learned", 17, -135.0, _history(validations, [-1.0] * 6))
    assert bounds.curve(run) == ([1, 3, 4, 5, 6], [-200.0, -150.0, -140.0, -142.0, -140.0])
    changes = bounds.fluctuation_row(run)
    assert changes["ours"] == pytest.approx(2.0)  # of the changes -2 and 2
    short = bounds.fluctuation_row(_run("learned", 17, -135.0, _history([-1.0], [-1.0])))
    assert short["ours"] is None and "too few validations" in short["note"]
    curves = [([5, 10], [-3.0, -1.0]), ([5, 10], [-5.0, -1.0])]
    epochs, mean, error = figures.mean_curve(curves)
    assert epochs.tolist() == [5, 10] and mean.tolist() == [-4.0, -1.0]
    assert error.tolist() == [1.0, 0.0]


def test_the_course_of_runs_has_means_of_its_parts_and_counts_of_falls():
    # Falls of 2.5 (first half, not counted), 2.5, 1.5 (none) and 3.
    training = [-150.0, -152.5, -140.0, -139.0, -130.0, -132.5, -134.0, -137.0]
    first = [-160.0, -150.0, -144.0, -142.0, -140.0, -141.0, -138.0, -141.0]
    runs = Runs(
        (
            _run("learned", 17, -135.0, _history(first, training)),
            _run("learned", 18, -135.0, _history([bound - 2.0 for bound in first], [-1.0] * 8)),
            _run("learned", 19, -135.0, _history([None], [None])),
            # It failed late, and is in no mean.
            _run("learned", 20, None, _history([-170.0] * 4, [-170.0] * 4)),
        )
    )
    rows = bounds.course_rows(runs)
    by_name = {(row["name"], row["metric"], *row["seeds"]): row for row in rows}
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
        assert by_name["learned z2", metric, 20]["ours"] is None
        assert by_name["learned z2", metric, 20]["note"] == "failed: why"
    mean = by_name["learned z2, mean of runs", "elbo_later_half", 17, 18]
    assert (mean["ours"], mean["stderr"]) == (-141.0, pytest.approx(1.0))
    assert "2 of 4 runs" in mean["note"]
    assert by_name["learned z2, mean of runs", "elbo_first_quarter", 17, 18]["ours"] == -156.0


def test_early_bounds_are_those_of_every_fifth_epoch():
    values = [float(epoch) for epoch in range(1, 81)]
    run = _run("learned", 17, -135.0, _history(values, values))
    assert bounds.early(run).tolist() == [5.0 * i for i in range(1, 11)]


def test_shape_rows_tell_a_u_from_noise():
    rng = np.random.default_rng(17)
    loc = rng.standard_normal((2000, 2))
    scale = 0.1 + loc**2
    rows = latents.shape_rows(_run("learned", 17, -135.0), loc, scale, 2 * scale)
    values = {row["metric"]: row["ours"] for row in rows}
    assert values["variance_and_own_mean"] == pytest.approx(1.0)
    assert abs(values["variance_and_other_mean"]) < 0.1
    assert values["learned_and_predicted"] == pytest.approx(1.0)
    assert values["learned_over_predicted"] == pytest.approx(0.5)


def test_diagnostic_rows_are_means_with_their_errors():
    gap = np.array([1.0, 2.0, 6.0])
    penalty = {"approximate": 0.25, "exact": 0.5}
    rows = latents.diagnostic_rows(_run("learned", 17, -135.0), gap, penalty)
    values = {row["metric"]: (row["ours"], row["stderr"]) for row in rows}
    assert values == {
        "evidence_gap": (3.0, pytest.approx(sem(gap))),
        "variance_penalty_approximate": (0.25, None),
        "variance_penalty_exact": (0.5, None),
    }


@pytest.mark.slow
@pytest.mark.parametrize("item", ON_MNIST)
def test_items_run(item, tmp_path, tfds_dir, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tfds_dir))
    result = reproducing.reproduce("bilbo", item, tmp_path, "tiny", progress=False)
    # Two epochs have no early part, and no changes to count.
    short = {"elbo_first_quarter", "elbo_epochs_5_to_50", "elbo_falls", "elbo_change"}
    assert {row["metric"] for row in result["rows"] if row["ours"] is None} <= short
