"""The items of `mu_vae`: the runs that they ask for, what fails, numbers and pictures."""

import functools
import io
import math
import types

import numpy as np
import pytest
from matplotlib.figure import Figure

import zoo
from configs.mu_vae import mnist, toy
from trainers.config import model_config
from trainers.experiments import catalogue, reproducing
from trainers.experiments.papers import mu_vae
from trainers.experiments.runs import Runs, Trained
from trainers.experiments.study import SCALES, Context
from trainers.sweeps.archive import Stored
from zoo.evaluation.entries import share_stderr

ITEMS = catalogue.items("mu_vae")
EACH = ("fig1", "fig2", "fig3", "fig4", "fig5", "fig6", "fig7", "table1", "readings")


@pytest.mark.parametrize("scale", SCALES)
def test_items_ask_for_runs_that_the_configs_allow_and_say_what_fails(all_fail, scale, tmp_path):
    # An item of each function, and at the other scales of each grid.
    for name in EACH if scale == "reduced" else ("fig1", "fig2", "table1", "readings"):
        outcome = ITEMS[name].function(Context(scale, tmp_path / name, runs=tmp_path / "runs"))
        assert outcome.rows and "runs not finished" in outcome.cut
        assert all(row["ours"] is None for row in outcome.rows)
        notes = [row["note"] for row in outcome.rows if "distance" not in row["metric"]]
        assert set(notes) == {"failed: it diverged"}
        assert all(isinstance(picture, Figure) for picture in outcome.pictures.values())
    # The four models and, on MNIST, of mu-VAE #1 and #2 the readings besides the default.
    readings = {"tiny": 2, "reduced": 12, "full": 12}[scale]
    names = {spec.name for _, spec in all_fail}
    counts = {data: sum(f"-{data}-" in name for name in names) for data in mu_vae.DATA}
    assert counts == {"mnist": 2 + 2 * readings, "fashion": 4, "toy": 9}
    assert set(mu_vae.TOYS) == set(toy.MODELS)


@functools.cache
def _untrained(family):
    module = toy if family in toy.MODELS else mnist
    config = module.get_config(f"{family},tiny")
    return zoo.build(model_config(config, (28, 28, 1)))


class Pretend(Trained):
    """A finished run with an untrained model, and what is measured made up."""

    def load(self):
        return types.SimpleNamespace(model=_untrained(self["family"]))

    def test_set(self):
        return Split(np.random.default_rng(17))

    def history(self):
        first = {"epoch": 1.0, "distortion": 500.0, "val_distortion": None, "accuracy": 0.5}
        return [first, {**first, "epoch": 2.0, "val_distortion": 480.0, "rate": 3.0}]


class Split:
    """Test images of ten classes."""

    name, split = "pretended", "test"

    def __init__(self, rng):
        self.labels = np.arange(60) % 10
        self.images = rng.random((60, 28, 28, 1)).astype("float32")

    def __len__(self):
        return 60

    def float_images(self, rows):
        return self.images[rows]


METRICS = ("classified_accuracy", "rate", "reconstruction_l2", "knn_probe")


def _pretend(family, data="MNIST", **point):
    entry = {name: {"value": 0.5, "stderr": 0.01, "at_mean": 0.6} for name in METRICS}
    evaluation = {"metrics": entry, "epochs": 2, "data": {"name": data}, "split": "test"}
    label = mu_vae.NAMES.get(family, family)
    config = {"train": {"epochs": 2}, "cut": "few steps"}
    stored = Stored(family, evaluation=evaluation)
    return Pretend(label, {"family": family, "seed": 17, **point}, stored, config, data)


@pytest.fixture
def pretended(monkeypatch):
    """Puts `Pretend` in place of all runs."""

    def runs(context, axes, config=None, data=""):
        axes = axes[0] if isinstance(axes, list) else axes
        first = {key: values[0] for key, values in axes.items() if key != "family"}
        return Runs(tuple(_pretend(family, data, **first) for family in axes["family"]))

    monkeypatch.setattr(mu_vae.study, "runs", runs)


@pytest.mark.parametrize("item", EACH)
def test_items_measure_and_draw(pretended, item, tmp_path, monkeypatch):
    monkeypatch.setattr(mu_vae, "tsne", lambda codes, seed: codes[:, :2])
    outcome = ITEMS[item].function(Context("tiny", tmp_path))
    assert outcome.cut.startswith("few steps") and outcome.rows
    assert all(math.isfinite(row["ours"]) for row in outcome.rows)
    (picture,) = outcome.pictures.values()
    file = io.BytesIO()
    picture.savefig(file, dpi=40)
    assert file.tell() > 3000


def test_share_of_codes_that_clipping_keeps_on_its_circle():
    codes = np.array([[3.0, 4.0], [0.0, -5.0], [4.9, 0.0], [0.0, 0.0], [1.0, 1.0]])
    assert mu_vae.share_clipped(codes, 5.0) == (0.4, share_stderr(0.4, 5))
    assert mu_vae.share_clipped(codes[:3], 1.0)[1] == pytest.approx(0.25)  # 3 of 3


def test_table_1_is_in_per_cent_beside_the_paper(pretended, tmp_path):
    rows = mu_vae.accuracies(Context("tiny", tmp_path)).rows
    accuracy = [row for row in rows if row["metric"] == "accuracy_percent"]
    assert accuracy[0]["ours"] == 50.0 and accuracy[0]["stderr"] == pytest.approx(1.0)
    assert [row["paper"] for row in accuracy[:4]] == [93.422, 62.45, 95.28, 96.44]
    assert "60.00 at posterior means" in accuracy[0]["note"]
    rows = mu_vae.readings(Context("tiny", tmp_path)).rows
    distances = [row["ours"] for row in rows if row["metric"] == "distance_from_paper_percent"]
    assert distances == pytest.approx([np.mean([45.28, 46.44])] * len(distances))
    gains = [r["ours"] for r in rows if r["metric"] == "distance_of_gain_over_vae_percent"]
    assert gains == pytest.approx([np.mean([95.28, 96.44]) - 93.422] * len(distances))
    assert len(distances) == len(gains) == 1


def test_readings_of_a_copy_of_numbers_leave_out_what_needs_weights(
    pretended, tmp_path, monkeypatch
):
    whole = mu_vae.readings(Context("tiny", tmp_path)).rows

    def none(*arguments):
        raise FileNotFoundError("a copy of a sweep's numbers has none")

    monkeypatch.setattr(mu_vae, "codes_of", none)
    rows = mu_vae.readings(Context("tiny", tmp_path)).rows
    needing = [row for row in rows if row["metric"] == "spread"]
    assert {row["note"] for row in needing} == {"left out: no weights"}
    assert [r for r in rows if r not in needing] == [
        r for r in whole if r["metric"] not in ("spread", "offset")
    ]
    assert len([r for r in whole if r["metric"] == "spread"]) == len(needing) == 4


def test_curves_are_squared_errors_and_per_cent():
    found = mu_vae.curves(_pretend("vae").history())
    epochs, values = found["training", "distortion"]
    np.testing.assert_allclose(values, 500 - 392 * np.log(np.pi))
    assert list(epochs) == [1, 2] and list(found["test", "distortion"][0]) == [2]
    np.testing.assert_allclose(found["training", "accuracy"][1], 50)
    assert ("test", "rate") not in found and ("training", "regulariser") not in found


def test_a_traversal_moves_one_latent_at_a_time():
    class Decoder:
        def images(self, z):
            return np.asarray(z)[:, None, :, None]

    model = types.SimpleNamespace(latent_dim=3, decoder=Decoder())
    z = mu_vae.traverse(model, 2.0, steps=5)[:, :, 0, :, 0]
    np.testing.assert_allclose(z[1, :, 1], [-2, -1, 0, 1, 2])
    assert np.count_nonzero(z) == 3 * 4


def test_spread_of_codes_is_a_root_mean_square_over_latents():
    codes = np.array([[1.0, -4.0], [5.0, -4.0]])  # means 3 and -4, deviations 2 and 0
    rows = mu_vae.spread_rows(_pretend("vae"), codes, {"data": "codes", "note": "few"})
    found = {row["metric"]: row["ours"] for row in rows}
    assert found == {
        "offset": pytest.approx(np.sqrt((9 + 16) / 2)),
        "spread": pytest.approx(np.sqrt(4 / 2)),
    }


def test_neighbours_of_the_same_class():
    points = np.repeat(np.eye(3) * 100, 6, axis=0) + np.arange(18)[:, None] * 0.01
    labels = np.repeat([0, 1, 2], 6)
    # All 18 of 18: the Wilson interval at one standard error is [18 / 19, 1].
    assert mu_vae.same_class(points, labels) == (1.0, pytest.approx(1 / 19))
    share, stderr = mu_vae.same_class(points, np.tile([0, 1], 9))
    # Of the five others of a point's six, two have its label.
    assert share == pytest.approx(2 / 5) and stderr == pytest.approx(0)


def test_tsne_keeps_far_groups_apart(rng):
    codes = rng.normal(size=(40, 10)) + 100 * (np.arange(40) % 2)[:, None]
    plane = mu_vae.tsne(codes)
    assert plane.shape == (40, 2)
    assert mu_vae.same_class(plane, np.arange(40) % 2)[0] > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("item", list(ITEMS))
def test_items_run(item, tmp_path, tfds_dir, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tfds_dir))
    result = reproducing.reproduce("mu_vae", item, tmp_path, "tiny", progress=False)
    assert all(row["ours"] is not None for row in result["rows"])
