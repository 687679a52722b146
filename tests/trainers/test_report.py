"""The page of a run: every number in it, well formed, self-contained, safe."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from trainers import grids, plots, report, wording
from zoo.evaluation import metric

CONFIG = {
    "seed": 17,
    "data": {"name": "digits", "binarisation": "none"},
    "encoder": {"name": "mlp", "hidden_units": [64, 32]},
    "decoder": {"name": "mlp", "likelihood": {"name": "bernoulli"}},
    "marginal": {"name": "normal"},
    "objective": {"name": "beta", "beta": 0.5},
}
EVALUATION = {
    "split": "test",
    "num_examples": 1234,
    "metrics": {
        "rate": {"value": 7.81234, "stderr": 0.0913, "unit": "nats"},
        "nll": {"value": 98.7654, "stderr": 0.231, "num_samples": 512, "unit": "nats"},
        "active_units": {"value": 13, "stderr": None, "latent_dim": 20, "variances": [1.0] * 20},
        "linear_probe": {"value": None, "stderr": None, "note": "left out: no labels"},
    },
}
VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """Checks that tags balance, and collects what tests ask for."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"unbalanced </{tag}>"

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def render(folder, **parts):
    path = report.write_report(folder, **{"title": "a run", "config": CONFIG, **parts})
    assert path == folder / "report.html"
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture
def full(tmp_path, rng):
    images = rng.random((5, 8, 8, 1))
    return render(
        tmp_path,
        title="mlp on digits",
        history={"epoch": [1, 2], "loss": [3.25, 2.125], "val_loss": [None, 2.375]},
        terms={"loss": {"unit": "nats", "text": "What <training> minimises.", "per": "batch"}},
        evaluation=EVALUATION,
        pictures={
            "reconstructions": (grids.reconstruction_grid(images, images), "Pairs of rows."),
            "samples": grids.image_grid(images),
            "latent": (plots.latent_scatter(rng.normal(size=(9, 3))), "Codes."),
            "extra_picture": plots.png_bytes(grids.image_grid(images)),
        },
        versions={"keras": "3.15.0"},
        command="python -m trainers.train --workdir=/tmp/run",
        seconds=3725,
        hardware="a processor, 2 cores",
        cut=["2 epochs of 500", "1000 images"],
    )


def test_every_metric_stands_with_its_error_and_how_it_was_measured(full):
    for words in ("7.812 ± 0.091", "98.77 ± 0.23", "samples an example: 512", "latent units: 20"):
        assert words in full.text
    assert "linear probe Test accuracy" in full.text and "left out: no labels" in full.text
    exact = [attrs["title"] for attrs in full.all("td") if "title" in attrs]
    assert exact == ["7.81234", "98.7654", "13"]


def test_a_term_stands_with_its_meaning_and_unit(full):
    assert "loss What <training> minimises. 2.125 2.375 nats" in full.text


def test_the_run_is_told_in_words(full):
    for words in (
        *("mlp on digits", "data digits", "seed 17", "trained in 1 h 02 min"),
        *("1,234 examples of test", "hidden_units [64, 32]", "likelihood bernoulli", "beta 0.5"),
        *("python -m trainers.train --workdir=/tmp/run", "keras 3.15.0", "a processor, 2 cores"),
        *("2 epochs of 500; 1000 images", '"hidden_units": [', "2.125", "2.375"),
    ):
        assert words in full.text


def test_pictures_carry_their_own_bytes_and_words(full):
    images = full.all("img")
    assert len(images) == 5, "one curve and four pictures"
    for attrs in images:
        kind, _, content = attrs["src"].partition(",")
        assert kind == "data:image/png;base64"
        picture = Image.open(io.BytesIO(base64.b64decode(content, validate=True)))
        picture.load()
        ratio = picture.width / picture.height
        assert int(attrs["width"]) / int(attrs["height"]) == pytest.approx(ratio, rel=0.01)
    assert [attrs["alt"] for attrs in images] == [
        *("Curve of loss by epoch", "Pairs of rows.", "Samples", "Codes.", "Extra picture")
    ]


def test_small_grids_are_magnified_by_a_whole_factor_and_large_ones_are_not(tmp_path):
    pictures = {
        "small": np.zeros((10, 50, 3), np.uint8),
        "large": np.zeros((10, 700, 3), np.uint8),
    }
    small, large = render(tmp_path, pictures=pictures).all("img")
    assert (small["width"], small["height"], small["class"]) == ("600", "120", "pixels")
    assert (large["width"], large["class"]) == ("700", "plot")


def test_nothing_comes_from_elsewhere(full, tmp_path):
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|url\(|@import|<script|<link", text)
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"], "no temporary file is left"


def test_page_is_accessible(full):
    assert full.all("html") == [{"lang": "en"}]
    assert len(full.all("h1")) == 1 and len(full.all("h2")) >= 6
    assert all(attrs.get("scope") in ("col", "row") for attrs in full.all("th"))
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in full.all(
        "meta"
    )


def test_every_text_is_escaped(tmp_path):
    evil = "<script>alert(1)</script>\"'&"
    page = render(
        tmp_path,
        title=evil,
        config={
            "seed": evil,
            evil: evil,
            "data": {"name": evil},
            "encoder": {"name": evil, evil: 1},
        },
        history={"epoch": [1], evil.replace("_", ""): [1.0]},
        evaluation={
            "split": evil,
            "num_examples": 3,
            "metrics": {
                evil: {"value": 1.0, "unit": evil, "note": evil, "description": evil},
                "nll": {"value": 2.0, "num_samples": evil},
            },
        },
        pictures={evil: (np.zeros((4, 4, 3), np.uint8), evil)},
        versions={evil: evil},
        command=evil,
        hardware=evil,
        cut=evil,
    )
    assert not page.all("script")
    assert page.text.count("alert(1)") >= 15
    assert [attrs["alt"] for attrs in page.all("img")][-1] == evil


def test_a_bare_run_says_what_is_missing(tmp_path):
    page = render(tmp_path, config={})
    for sentence in (
        *("The config names no model.", "This run has not been evaluated.", "no run time noted"),
        *("This run left no training history.", "No config was noted.", "No command was noted."),
        "This run left no pictures of: reconstructions, samples, latent.",
    ):
        assert sentence in page.text


def test_rows_are_a_history_too_and_no_validation_is_said(tmp_path):
    rows = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": float("nan"), "rate": 1.5}]
    page = render(tmp_path, history=rows)
    assert "No split was held out." in page.text
    assert [attrs["alt"] for attrs in page.all("img")] == [
        *("Curve of loss by epoch", "Curve of rate by epoch")
    ]
    assert "loss nan - rate 1.5 -" in page.text


def test_an_earlier_page_survives_a_failure(tmp_path):
    render(tmp_path, title="first")
    with pytest.raises(TypeError, match=r"PNG bytes\. Received: list"):
        render(tmp_path, title="second", pictures={"samples": [1, 2]})
    assert "first" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("value", "stderr", "text"),
    [
        (86.3412, 0.1234, "86.34 ± 0.12"),
        (-86.3412, 0.96, "-86.34 ± 0.96"),
        (8634.12, 25.0, "8634 ± 25"),
        (0.97531, 0.0031, "0.9753 ± 0.0031"),
        (0.97531, None, "0.97531"),
        (0.97531, 0.0, "0.97531 ± 0"),
        (12, None, "12"),
        (None, None, "not available"),
        (float("nan"), 0.1, "nan"),
    ],
)
def test_numbers_have_two_digits_of_their_error(value, stderr, text):
    assert wording.with_error(value, stderr) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(8.44, "8.4 s"), (59.97, "1 min 00 s"), (185, "3 min 05 s"), (7621, "2 h 07 min")],
)
def test_durations_in_words(seconds, text):
    assert wording.duration(seconds) == text


def test_every_metric_has_its_sentence_and_variants_say_what_is_otherwise():
    assert all(metric.describe(name) for name in metric.all_names())
    plain = "Test accuracy of an SVM on the codes of 1000 labels. Higher is better."
    assert metric.describe("svm_1000") == plain
    assert metric.describe("svm_1000_transductive_mask_0.5") == (
        f"{plain} Codes are standardised by all inputs. "
        "A share 0.5 of the test images' pixels is set to 0."
    )
    assert metric.describe("linear_probe_noise_0.2").endswith("of standard deviation 0.2.")
    assert metric.describe("another") == ""
