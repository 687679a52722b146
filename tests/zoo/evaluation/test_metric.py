"""The registry of metrics: one registration is all that a new metric needs."""

import pathlib
import re
import subprocess
import sys

import numpy as np
import oracles
import pytest

import zoo.evaluation
from export import catalogue as releases
from trainers import reevaluate, report
from zoo.evaluation import evaluate, metric
from zoo.evaluation.entries import mean
from zoo.evaluation.metric import Metric, measurement, register
from zoo.releases import summary

DOCS = pathlib.Path(__file__).parents[3] / "docs" / "metrics.md"


@measurement("pixels", details={"pixels": "pixels an image: {}"})
def measure_pixels(request, names):
    images = request.dataset.float_images(slice(None))
    entry = mean("mean_pixel", images.mean(axis=(1, 2, 3)), unit="grey levels")
    yield "mean_pixel", {**entry, "pixels": images[0].size}
    yield "code_length", "left out: there is no code"


@pytest.fixture
def registered():
    shared = {"measure": measure_pixels}
    first = Metric(
        *("mean_pixel", "grey levels", "Mean pixel."), **shared, card=12, column=(6, "mean pixel")
    )
    register(first, Metric("code_length", "bits", "Bits a code.", needs=("density",), **shared))
    yield
    metric.unregister("mean_pixel")
    metric.unregister("code_length")


@pytest.fixture
def setting(rng):
    oracle, model = oracles.exact()
    return model, oracle.images(rng, 6)


def test_a_registered_metric_is_evaluated(registered, setting, capsys):
    model, x = setting
    results = evaluate(model, x, metrics=["mean_pixel", "rate", "code_length"])
    assert list(results) == ["mean_pixel", "rate", "code_length"]
    assert results["mean_pixel"]["value"] == pytest.approx(x.mean(), rel=1e-6)
    assert results["mean_pixel"]["unit"] == "grey levels"
    assert results["code_length"] == {
        **{"value": None, "stderr": None, "num_examples": 0, "unit": "bits"},
        "note": "left out: there is no code",
    }
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "rate and distortion" and lines[-1] == "pixels"  # no stage: last


def test_a_registered_metric_is_listed_and_formatted(registered):
    assert "mean_pixel" in zoo.evaluation.ALL_METRICS
    assert "mean_pixel" not in zoo.evaluation.METRICS
    assert metric.card_names() == (*releases.METRICS, "mean_pixel")
    assert "| `mean_pixel` | grey levels |  | Mean pixel. |  |" in metric.table().splitlines()
    row = report._metric("mean_pixel", {"value": 0.5, "pixels": 4, "unit": "grey levels"})
    assert "Mean pixel." in row and "pixels an image: 4" in row and "grey levels" in row
    card = {"name": "a", "paper": "b", "data": "c", "image_shape": (2, 2, 1), "latent_dim": 2}
    entry = {"value": 0.25, "unit": "grey levels"}
    model = {**card, "bytes": 1, "metrics": {"mean_pixel": entry}}
    heading, _, line = summary.table([model]).splitlines()
    assert heading.endswith("mean pixel") and line.endswith("0.25")


def test_commands_know_a_registered_metric(registered, tmp_path):
    with pytest.raises(ValueError, match=r"'mean_pixe'\. Did you mean \"mean_pixel\""):
        reevaluate.reevaluate(tmp_path, metrics=["mean_pixe"])
    with pytest.raises(FileNotFoundError):  # the name is known, the run is not there
        reevaluate.reevaluate(tmp_path, metrics=["mean_pixel"])


def test_a_metric_that_needs_a_density_says_so(registered, monkeypatch, setting):
    model, x = setting
    monkeypatch.setitem(metric.NEEDS, "density", (lambda model: True, "left out: no density"))
    results = evaluate(model, x, metrics=["code_length", "mean_pixel"], progress=False)
    assert results["code_length"]["note"] == "left out: no density"
    assert results["code_length"]["unit"] == "bits"
    assert results["mean_pixel"]["value"] is not None


def test_a_name_has_one_owner_and_needs_are_known(registered):
    with pytest.raises(ValueError, match=r"Received: name='nll', which .*bounds\.measure_nll"):
        register(Metric("nll", "bits", "Another.", lambda request, names: {}))
    register(Metric("mean_pixel", "bits", "The cell once more.", measure_pixels))
    assert metric.describe("mean_pixel") == "The cell once more."
    with pytest.raises(ValueError, match=r"among \['density', 'levels'\].*needs=\('dense',\)"):
        Metric("a", "", "", measure_pixels, needs=("dense",))
    with pytest.raises(ValueError, match=r"as a tuple\. Received: needs='density'"):
        Metric("a", "", "", measure_pixels, needs="density")


def test_lists_and_their_order():
    default = ("rate", "distortion", "elbo", "nll", "active_units", "linear_probe")
    assert default == zoo.evaluation.METRICS
    assert zoo.evaluation.ALL_METRICS[: len(default)] == default
    others = ("nll_ais", "reconstruction_l2", "classified_accuracy", "knn_probe", "svm_1000")
    assert tuple(name for name in zoo.evaluation.ALL_METRICS if name in others) == others
    assert (
        *("rate", "distortion", "elbo", "nll", "active_units", "reconstruction_l2"),
        *("mmd", "log_det_cov", "linear_probe", "knn_probe", "svm_1000"),
    ) == releases.METRICS
    assert list(metric.columns()) == ["nll", "elbo", "linear_probe", "knn_probe", "svm_1000"]


def test_entries_have_the_declared_unit(setting):
    model, x = setting
    labels = np.arange(6) % 2
    names = ["rate", "active_units", "linear_probe", "mmd", "log_det_cov", "reconstruction_l2"]
    results = evaluate(model, (x, labels), (x, labels), names, progress=False)
    assert {name: entry["unit"] for name, entry in results.items()} == {
        name: metric.metrics()[name].unit for name in names
    }


def test_the_documentation_has_the_table():
    tables = re.findall(r"(?:^\|.*\n?)+", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert [text.rstrip("\n") for text in tables] == [metric.table()]


def test_names_are_known_without_keras():
    code = (
        "import sys; from zoo.evaluation import ALL_METRICS, metric; metric.table();"
        "assert 'nll' in ALL_METRICS; print('keras' in sys.modules, 'tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
