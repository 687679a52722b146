"""Pictures of a run: pixel positions, shares of variance, refusals."""

import io
import warnings

import matplotlib
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.colors import to_hex, to_rgba
from PIL import Image

from trainers import class_names, plots

HISTORY = {
    "epoch": [3, 4, 5],
    "seconds": [1.0, 1.0, 1.0],
    "loss": [9.0, np.nan, 7.0],
    "val_loss": [9.5, None, 7.5],
    "beta": [0.0, 0.5, 1.0],
    "val_nll": [8.0, 7.0, 6.0],
}


def test_curves_have_a_panel_for_each_term_and_twins_share_it():
    panels = plots.curves(HISTORY, units={"loss": "nats", "beta": "", "accuracy": "fraction"}).axes
    assert [panel.get_title(loc="left") for panel in panels] == ["loss", "beta", "nll"]
    assert [panel.get_ylabel() for panel in panels] == ["nats", "", ""]
    assert [len(panel.lines) for panel in panels] == [2, 1, 1]


def test_curves_leave_a_gap_at_nan_and_go_on_over_none():
    training, validation = plots.curves(HISTORY, ["loss"]).axes[0].lines
    np.testing.assert_array_equal(training.get_xdata(), [3, 4, 5])
    np.testing.assert_array_equal(training.get_ydata(), [9, np.nan, 7])
    np.testing.assert_array_equal(validation.get_xdata(), [3, 5])
    assert validation.get_label() == "validation, last 7.5"


def test_curves_say_that_the_last_value_is_not_finite():
    figure = plots.curves({"loss": [1.0, np.inf]})
    line = figure.axes[0].lines[0]
    assert line.get_label() == "training, last not finite"
    np.testing.assert_array_equal(line.get_xdata(), [1, 2])


def test_curves_draw_one_epoch_as_a_point():
    assert plots.curves({"epoch": [1], "loss": [2.0]}).axes[0].lines[0].get_marker() == "o"


def test_curves_hide_the_places_left_over():
    assert [p.get_visible() for p in plots.curves(HISTORY, columns=2).axes] == [True] * 3 + [False]


def test_curves_refuse_what_they_cannot_draw():
    with pytest.raises(ValueError, match=r"among \['loss'.*Received: names=\['kl'\]"):
        plots.curves(HISTORY, ["kl"])
    with pytest.raises(ValueError, match=r"Received: names=\[\]"):
        plots.curves({"epoch": [1]})
    with pytest.raises(ValueError, match=r"as many values as epochs.*'loss': 2"):
        plots.curves({"epoch": [1], "loss": [1.0, 2.0]})


def test_principal_components_agree_with_the_covariance(rng):
    codes = rng.normal(size=(50, 4)) @ rng.normal(size=(4, 4)) + 3
    scores, shares = plots.principal_components(codes)
    variances = np.sort(np.linalg.eigvalsh(np.cov(codes.T)))[::-1]
    np.testing.assert_allclose(shares, variances[:2] / variances.sum(), rtol=1e-10)
    np.testing.assert_allclose(scores.var(axis=0, ddof=1), variances[:2], rtol=1e-10)
    np.testing.assert_allclose(scores.mean(axis=0), 0, atol=1e-12)


def test_principal_components_have_one_sign(rng):
    codes = rng.normal(size=(30, 3)) * [5, 2, 1]
    scores, _ = plots.principal_components(codes)
    assert np.corrcoef(scores[:, 0], codes[:, 0])[0, 1] > 0.9
    assert np.corrcoef(scores[:, 1], codes[:, 1])[0, 1] > 0.5


def test_collapsed_codes_hold_no_variance():
    scores, shares = plots.principal_components(np.ones((5, 3)))
    assert not scores.any() and not shares.any()


def test_scatter_names_the_share_of_variance_that_svd_gives(rng):
    codes = rng.normal(size=(40, 5))
    singular = np.linalg.svd(codes - codes.mean(0), compute_uv=False)
    shares = singular**2 / np.sum(singular**2)
    panel = plots.latent_scatter(codes).axes[0]
    assert panel.get_xlabel() == f"component 1 ({shares[0]:.1%} of variance)"
    assert panel.get_ylabel() == f"component 2 ({shares[1]:.1%} of variance)"


def test_scatter_draws_two_units_as_they_are(rng):
    codes, labels = rng.normal(size=(20, 2)), np.arange(20) % 3
    figure = plots.latent_scatter(codes, labels, ["ant", "bee", "cat"])
    points = figure.axes[0].collections[0]
    np.testing.assert_array_equal(points.get_offsets(), codes)
    assert to_hex(points.get_facecolor()[1]) == plots.CLASSES[1].lower()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ant", "bee", "cat"]
    assert [text.get_text() for text in figure.axes[0].texts] == ["ant", "bee", "cat"]


def test_scatter_leaves_absent_classes_out():
    figure = plots.latent_scatter(np.eye(2), np.array([0, 2]), ["ant", "bee", "cat"])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ant", "cat"]


def test_a_label_without_a_name_is_its_own():
    assert plots._classes(3, np.array([-1, 0, 2]), ["zero", "one"]) == {-1: "-1", 0: "zero", 2: "2"}


NAMES = ["_neg", "__", "5$", r"$\\wrong$", "$a_1$", "pos"]


@pytest.mark.parametrize("units", [1, 2, 5])
def test_every_class_is_in_the_legend_whatever_its_name(rng, units):
    labels = np.arange(12) % 6
    figure = plots.latent_scatter(rng.normal(size=(12, units)), labels, NAMES)
    legend = figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == NAMES
    colours = [
        to_hex(handle.get_facecolor() if units == 1 else handle.get_color())
        for handle in legend.legend_handles
    ]
    assert colours == [colour.lower() for colour in plots.CLASSES[:6]]
    texts = [*legend.get_texts(), *figure.axes[0].texts]
    assert not any(text.get_parse_math() for text in texts)  # a dollar begins no formula
    assert [text.get_text() for text in figure.axes[0].texts] == (NAMES if units > 1 else [])
    assert plots.png_bytes(figure).startswith(b"\x89PNG")


def test_names_are_one_short_line():
    for name, text in (
        ("a\tb\n c ", "a b c"),
        ("x" * 24, "x" * 24),
        ("a_very_long_name_of_a_folder_0001", "a_very_long_…folder_0001"),
        ("bad \udcff byte", "bad \ufffd byte"),
        ("u\u0308ber", "\u00fcber"),
    ):
        assert class_names.class_name(3, name) == class_names.ClassName(text, ("sans-serif",))
    assert len(class_names.class_name(3, "long" * 50).text) == class_names.LONGEST
    assert class_names.class_name(3, " ").text == "class 3"


@pytest.fixture
def no_fonts_of_the_system(monkeypatch):
    """Matplotlib's own fonts alone, whatever this machine has."""
    manager = class_names.font_manager.fontManager
    own = [font for font in manager.ttflist if "mpl-data" in font.fname]
    monkeypatch.setattr(manager, "ttflist", own)
    return manager


def test_letters_that_no_font_has_are_named_in_the_caption(no_fonts_of_the_system, caplog):
    labels, names = np.array([0, 1, 2]), ["ant", "\u732b", "_\u72ac"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Matplotlib warns where it draws a box
        figure = plots.latent_scatter(np.eye(3)[:, :2], labels, names)
        plots.png_bytes(figure)
    texts = ["ant", "class 1", "class 2"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == texts
    assert [text.get_text() for text in figure.axes[0].texts] == texts
    assert plots.substitutes(labels, names) == (
        " Names that no installed font can draw: class 1 is '\u732b', class 2 is '_\u72ac'."
    )
    assert plots.substitutes(labels, ["a", "b", "c"]) == plots.substitutes() == ""
    assert plots.substitutes(np.arange(30), ["\u732b"] * 30) == ""  # too many to draw


def test_an_installed_font_that_has_the_letters_draws_them(no_fonts_of_the_system, tmp_path):
    def square(pen):
        for i, at in enumerate([(0, 0), (0, 700), (700, 700), (700, 0)]):
            (pen.lineTo if i else pen.moveTo)(at)
        pen.closePath()

    builder, glyphs = FontBuilder(1000, isTTF=True), {}
    for glyph in (".notdef", "cat"):
        pen = TTGlyphPen(None)
        square(pen)
        glyphs[glyph] = pen.glyph()
    builder.setupGlyphOrder(list(glyphs))
    builder.setupCharacterMap({0x732B: "cat"})
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (1000, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Cats", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "cats.ttf")
    no_fonts_of_the_system.addfont(tmp_path / "cats.ttf")
    name = class_names.class_name(1, "5 \u732b")
    assert name == class_names.ClassName("5 \u732b", ("sans-serif", "Cats")) and name.width == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plots.latent_scatter(np.eye(2), np.array([0, 1]), ["ant", "5 \u732b"])
        plots.png_bytes(figure)
    (_, text) = figure.legends[0].get_texts()
    assert text.get_text() == "5 \u732b" and text.get_fontfamily() == ["sans-serif", "Cats"]
    assert class_names.class_name(1, "\u732b\u72ac").text == "class 1"  # half of a name is none


@pytest.mark.parametrize("shapes", [True, False])
def test_right_to_left_names_need_a_matplotlib_that_orders_them(monkeypatch, shapes):
    monkeypatch.setattr(class_names, "_can_shape", lambda: shapes)
    name = "\u05e9\u05dc\u05d5\u05dd"
    assert class_names.class_name(2, name).text == (name if shapes else "class 2")


def test_a_legend_of_many_rows_leaves_the_plot_its_height(rng):
    codes, labels = rng.normal(size=(20, 2)), np.arange(20) % 10
    long = [f"a_rather_long_class_{i}" for i in range(10)]
    heights = []
    for names in (None, long):
        figure = plots.latent_scatter(codes, labels, names)
        plots.png_bytes(figure)
        box = figure.axes[0].get_window_extent()
        heights.append(box.height / figure.dpi)
    assert heights[1] > 0.9 * heights[0]


def test_scatter_without_labels_has_no_legend(rng):
    figure = plots.latent_scatter(rng.normal(size=(9, 2)))
    assert not figure.legends
    expected = to_rgba(plots.TRAINING, 0.75)
    np.testing.assert_allclose(figure.axes[0].collections[0].get_facecolor()[0], expected)


def test_scatter_does_not_colour_too_many_classes(rng):
    figure = plots.latent_scatter(rng.normal(size=(22, 2)), np.arange(22))
    assert figure.axes[0].get_title(loc="left") == "22 classes, too many to colour"
    assert not figure.legends


@pytest.mark.parametrize("labels", [None, np.arange(30) % 3])
def test_one_unit_is_a_histogram_of_all_codes(rng, labels):
    panel = plots.latent_scatter(rng.normal(size=(30, 1)), labels).axes[0]
    assert sum(bar.get_height() for bar in panel.patches) == pytest.approx(30)
    assert panel.get_ylabel() == "examples"


def test_scatter_refuses_codes_and_labels_that_do_not_fit():
    codes = np.eye(3)
    with pytest.raises(ValueError, match=r"label for each of 3 codes\. Received: .*\(2,\)"):
        plots.latent_scatter(codes, np.array([0, 1]))
    with pytest.raises(ValueError, match=r"integer label.*float64"):
        plots.latent_scatter(codes, np.zeros(3))
    with pytest.raises(ValueError, match=r"\[N, Z\]. Received: codes.shape=\(3,\)"):
        plots.latent_scatter(np.zeros(3))
    codes[1, 1] = np.nan
    with pytest.raises(ValueError, match="codes with 1 of 3 not"):
        plots.latent_scatter(codes)


def test_active_units_are_counted_and_sorted(rng):
    means = rng.normal(size=(500, 4)) * [0.01, 2.0, 0.0, 0.5]
    panel = plots.active_units(means).axes[0]
    assert panel.get_title(loc="left") == "2 of 4 units active"
    tops = [bar.get_y() + bar.get_height() for bar in panel.patches]
    variances = np.sort(means.var(axis=0))[::-1]
    np.testing.assert_allclose(tops[:2], variances[:2])
    assert tops == sorted(tops, reverse=True)
    np.testing.assert_array_equal(panel.lines[0].get_ydata(), [0.01, 0.01])


def test_active_units_refuse_a_threshold_of_zero():
    with pytest.raises(ValueError, match=r"positive threshold\. Received: threshold=0"):
        plots.active_units(np.eye(2), threshold=0)


def test_png_of_an_array_is_lossless(rng):
    for shape in ((4, 6, 3), (4, 6, 1), (4, 6)):
        array = rng.integers(0, 256, shape, dtype=np.uint8)
        decoded = np.asarray(Image.open(io.BytesIO(plots.png_bytes(array))))
        np.testing.assert_array_equal(decoded, array.reshape(decoded.shape))


def test_png_of_a_figure_has_two_pixels_for_a_css_pixel_and_repeats():
    first, second = (plots.png_bytes(plots.curves(HISTORY, ["loss"])) for _ in range(2))
    assert Image.open(io.BytesIO(first)).size == (720, 520)
    assert first == second


def test_png_refuses_floats():
    with pytest.raises(TypeError, match=r"uint8 array\. Received: float64"):
        plots.png_bytes(np.zeros((2, 2, 3)))


def test_pictures_leave_the_callers_settings_alone():
    before = dict(matplotlib.rcParams)
    plots.png_bytes(plots.latent_scatter(np.eye(3)))
    assert dict(matplotlib.rcParams) == before


def test_a_drawing_has_a_palette_and_a_photograph_has_not():
    """Lines and texts lose nothing that is seen: white is white, every pixel is near."""
    figure = plots.Figure(figsize=(3, 2))
    panel = figure.add_subplot()
    panel.plot([0, 1, 3], color="#4477aa")
    panel.set_title("nats")
    content = plots.png_bytes(figure)
    drawn = Image.open(io.BytesIO(content))
    assert drawn.mode == "P" and plots.png_bytes(figure) == content
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=200, facecolor="white")
    exact = np.asarray(Image.open(buffer).convert("RGB"), int)
    shown = np.asarray(drawn.convert("RGB"), int)
    assert (shown[(exact == 255).all(-1)] == 255).all()
    assert np.abs(shown - exact).max() <= 12
    assert len(content) < 0.7 * len(buffer.getvalue())
    noise = np.random.default_rng(17).integers(0, 256, (64, 64, 3), np.uint8)
    photograph = Image.open(io.BytesIO(plots.with_palette(Image.fromarray(noise))))
    np.testing.assert_array_equal(np.asarray(photograph), noise)
