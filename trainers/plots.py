"""Pictures of a run: NumPy arrays in, Matplotlib figures or uint8 images out; no global state.

Every function is pure. Figures are made without `pyplot`, so nothing stays open and no display
is needed; `png_bytes` turns either kind of picture into a file.
"""

import io
import math

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageChops, ImageStat

from trainers.class_names import class_name
from trainers.grids import check_count

# Okabe and Ito's blue and vermilion: distinct under every common colour blindness and in grey.
TRAINING, VALIDATION = "#0072B2", "#D55E00"
# Paul Tol's "muted" scheme, made for colour-blind readers, and a grey: ten classes at most.
CLASSES = (
    *("#332288", "#88CCEE", "#117733", "#DDCC77", "#CC6677"),
    *("#44AA99", "#882255", "#999933", "#AA4499", "#777777"),
)
INK, MUTED = "#1f2933", "#5b6773"
CSS_DPI = 100  # an inch of figure is 100 CSS pixels of a page
PALETTE_ERROR = 2.0  # of 255, mean over a drawing; with more it is written without a palette
DENSITY = 2  # PNG pixels for one CSS pixel, so that figures are crisp on dense screens
NOT_TERMS = ("epoch", "step", "seconds")
STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e3e7eb",
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "legend.frameon": False,
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.w_pad": 0.1,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.8,
}


def _styled(function):
    """Runs `function` under the zoo's style and gives the caller's settings back."""
    return matplotlib.rc_context(STYLE)(function)


def curve_names(history):
    """Returns the terms of a history in order: without `val_` twins and the epoch's bookkeeping."""
    names = [name.removeprefix("val_") for name in history if name not in NOT_TERMS]
    return list(dict.fromkeys(names))


@_styled
def curves(history, names=None, columns=3, units=None):
    """Draws training and validation values by epoch, a panel for each term.

    Args:
        history: dict name -> list of floats, one an epoch: None where an epoch did not measure it
            (the line goes on), NaN where it was not finite (a gap). `epoch` gives the abscissa
            (1, 2, .. without it), and `val_NAME` shares the panel of NAME.
        names: Terms to draw; all by default.
        columns: Panels in a row.
        units: Mapping from terms to their units, for the ordinates; a term that is not in it has
            none.

    Returns:
        A `Figure`, 3.6 by 2.6 inches a panel.

    Raises:
        ValueError: If there is no term, an unknown name, or lists of unequal length.
    """
    known = curve_names(history)
    names = known if names is None else list(names)
    if not names or not set(names) <= set(known):
        raise ValueError(f"Expected terms among {known}. Received: names={names}")
    lengths = {name: len(values) for name, values in history.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"Expected as many values as epochs for every term. Received: {lengths}")
    epochs = history.get("epoch", range(1, max(lengths.values()) + 1))
    check_count("columns", columns, 1)
    columns = min(columns, len(names))
    rows = math.ceil(len(names) / columns)
    figure = Figure(figsize=(3.6 * columns, 2.6 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, name in zip(panels, names):
        _curve_panel(panel, history, name, epochs, (units or {}).get(name, ""))
    for panel in panels[len(names) :]:
        panel.set_visible(False)
    return figure


def _curve_panel(panel, history, name, epochs, unit):
    """Draws one term; the legend names each line's last value."""
    twins = (("training", name, TRAINING, "-"), ("validation", f"val_{name}", VALIDATION, "--"))
    for label, key, colour, line in twins:
        if key not in history:
            continue
        measured = [(at, value) for at, value in zip(epochs, history[key]) if value is not None]
        if not measured:
            continue
        at, values = np.array(measured, np.float64).T
        values[~np.isfinite(values)] = np.nan
        last = f"{values[-1]:.4g}" if np.isfinite(values[-1]) else "not finite"
        marker = "o" if len(values) <= 12 else None  # a lone epoch is a point, not a line
        look = {"color": colour, "marker": marker, "markersize": 4}
        panel.plot(at, values, line, label=f"{label}, last {last}", **look)
    panel.set_title(readable(name))
    panel.set_xlabel("epoch")
    panel.set_ylabel(unit)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    if panel.lines:
        panel.legend()


def readable(name):
    """Returns a term's name for a reader: `log_det_cov` as `log det cov`."""
    return name.strip("_").replace("_", " ")


def _codes(codes, name="codes"):
    """Checks and returns codes [N, Z] as float64."""
    codes = np.asarray(codes, np.float64)
    if codes.ndim != 2 or 0 in codes.shape:
        raise ValueError(
            f"Expected at least one code as [N, Z]. Received: {name}.shape={codes.shape}"
        )
    bad = int(np.sum(~np.isfinite(codes).all(axis=1)))
    if bad:
        raise ValueError(f"Expected finite codes. Received: {name} with {bad} of {len(codes)} not")
    return codes


def principal_components(codes, count=2):
    """Projects codes on the directions of largest variance.

    With the singular values s_i of the centred codes, direction i holds the share
    s_i^2 / sum_j s_j^2 of the variance. Each direction's largest loading is made positive, so
    that the picture does not turn over from run to run.

    Args:
        codes: [N, Z].
        count: Directions wanted.

    Returns:
        (scores [N, count], shares [count]); the shares are 0 where the codes do not vary.
    """
    codes = _codes(codes)
    if not 1 <= count <= min(codes.shape):
        raise ValueError(
            f"Expected 1 to min(N, Z)={min(codes.shape)} directions. Received: {count=}"
        )
    centred = codes - codes.mean(axis=0)
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    total = np.sum(singular**2)
    shares = singular**2 / total if total > 0 else np.zeros_like(singular)
    largest = np.abs(directions).argmax(axis=1)[:, None]
    directions = directions * np.where(np.take_along_axis(directions, largest, 1) < 0, -1, 1)
    return centred @ directions[:count].T, shares[:count]


@_styled
def latent_scatter(codes, labels=None, class_names=None):
    """Draws codes in the plane, coloured by class.

    Two units are drawn as they are, more by their first two principal components, one as a
    histogram. Up to ten classes are coloured; each name also stands at its class's median. Names
    are any text; one that no installed font can draw is "class 3", see `substitutes`.

    Args:
        codes: [N, Z], for example posterior means.
        labels: Integers [N] from 0, or None.
        class_names: A name for each class; the numbers by default.

    Returns:
        A `Figure` 4.4 inches wide, so that its text stays readable on a phone.

    Raises:
        ValueError: If codes are not finite, or labels do not fit codes or names.
    """
    codes = _codes(codes)
    classes = _classes(len(codes), labels, class_names)
    figure = Figure(figsize=(4.4, 4.8 if codes.shape[1] > 1 else 3.6), layout="constrained")
    panel = figure.subplots()
    if len(classes) > len(CLASSES):
        panel.set_title(f"{len(classes)} classes, too many to colour")
        classes = {}
    if min(codes.shape) == 1:
        _histogram(panel, codes[:, 0], labels, classes)
    else:
        _scatter(panel, codes, labels, classes)
    if classes:
        _legend(figure, list(classes.items()), has_points=min(codes.shape) > 1)
    return figure


def substitutes(labels=None, class_names=None):
    """Returns which names `latent_scatter` cannot draw, as a sentence for its caption, or "".

    Args:
        labels, class_names: As in `latent_scatter`.
    """
    classes = {} if labels is None else _classes(len(labels), labels, class_names)
    if len(classes) > len(CLASSES):
        return ""
    drawn = {label: class_name(label, name) for label, name in classes.items()}
    names = [f"{drawn[i].text} is {classes[i]!r}" for i in classes if drawn[i].is_substitute]
    return f" Names that no installed font can draw: {', '.join(names)}." if names else ""


def _legend(figure, classes, has_points):
    """Adds a legend of all classes; Matplotlib itself leaves out names that begin with "_"."""
    names = [class_name(label, name) for label, name in classes]
    round_ = {"marker": "o", "linestyle": "", "markersize": 6}
    handles = [
        Line2D([], [], color=colour, **round_) if has_points else Patch(color=colour)
        for colour, _ in zip(CLASSES, names)
    ]
    room = 50 // (5 + max(name.width for name in names))  # names in a row, by their letters
    columns = min(5, len(names), max(1, room))
    rows = math.ceil(len(names) / columns)
    figure.set_figheight(
        figure.get_figheight() + 0.18 * max(0, rows - 2)
    )  # the plot keeps its size
    place = {"loc": "outside lower center", "ncols": columns, "handletextpad": 0.3}
    legend = figure.legend(handles, ["class"] * len(names), **place)
    for name, text in zip(names, legend.get_texts()):
        name.style(text)


def _classes(count, labels, class_names):
    """Checks labels against codes and names; returns dict label -> name of the classes present."""
    if labels is None:
        return {}
    labels = np.asarray(labels)
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer):
        received = f"labels of shape {labels.shape}, {labels.dtype}"
        raise ValueError(
            f"Expected an integer label for each of {count} codes. Received: {received}"
        )
    present = np.unique(labels).tolist()
    if class_names is None:
        return {label: str(label) for label in present}
    # A label without a name is its own: -1, for example, where there is none.
    known = dict(enumerate(class_names))
    return {label: str(known.get(label, label)) for label in present}


def _scatter(panel, codes, labels, classes):
    """Draws the plane; points keep the order of the data, so that no class hides another."""
    if codes.shape[1] == 2:
        axes = ("latent unit 1", "latent unit 2")
    else:
        codes, shares = principal_components(codes)
        axes = [f"component {i} ({s:.1%} of variance)" for i, s in enumerate(shares, 1)]
    colour = dict(zip(classes, CLASSES))
    colours = [colour[label] for label in np.asarray(labels)] if classes else TRAINING
    size = float(np.clip(16000 / len(codes), 3, 24))
    panel.scatter(*codes.T, s=size, c=colours, alpha=0.75, linewidths=0)
    halo = [withStroke(linewidth=3, foreground="white")]
    for label, name in classes.items():
        middle = np.median(codes[np.asarray(labels) == label], axis=0)
        centred = {"ha": "center", "va": "center", "path_effects": halo}
        text = panel.annotate("", middle, weight="bold", fontsize=9, **centred)
        class_name(label, name).style(text)
    panel.set(xlabel=axes[0], ylabel=axes[1])
    panel.set_aspect("equal", adjustable="datalim")


def _histogram(panel, values, labels, classes):
    """Draws a single unit, the classes stacked on one another."""
    groups = [values[np.asarray(labels) == label] for label in classes] if classes else [values]
    colours = CLASSES[: len(classes)] if classes else [TRAINING]
    bins = np.histogram_bin_edges(values, 40)
    panel.hist(groups, bins, stacked=True, color=colours)
    panel.set(xlabel="latent unit 1", ylabel="examples")


@_styled
def active_units(means, threshold=0.01):
    """Draws the variance of each unit's posterior mean over the data, sorted, on a log scale.

        A_u = Var_x( E_{q(z_u | x)}[z_u] );  unit u is active if A_u > threshold

    Args:
        means: Posterior means [N, Z].
        threshold: 0.01 after Burda, Grosse and Salakhutdinov (2016).

    Returns:
        A `Figure` of 4.4 by 2.8 inches; its title counts the active units.

    Raises:
        ValueError: If means are not finite or not [N, Z], or the threshold is not positive.
    """
    variances = np.sort(_codes(means, "means").var(axis=0))[::-1]
    if not threshold > 0:
        raise ValueError(f"Expected a positive threshold. Received: {threshold=}")
    figure = Figure(figsize=(4.4, 2.8), layout="constrained")
    panel = figure.subplots()
    floor = threshold / 100
    active = int(np.sum(variances > threshold))
    colours = [TRAINING] * active + ["#b6bfc9"] * (len(variances) - active)
    heights = np.maximum(variances, floor * 1.3) - floor  # a dead unit keeps a visible stump
    panel.bar(np.arange(1, len(variances) + 1), heights, bottom=floor, color=colours, width=0.85)
    panel.axhline(threshold, color=VALIDATION, linestyle="--", label=f"threshold {threshold:g}")
    panel.set_yscale("log")
    panel.set_ylim(floor, max(variances[0], threshold) * 4)
    panel.set_title(f"{active} of {len(variances)} units active")
    panel.set(xlabel="latent unit, sorted", ylabel="variance of posterior mean")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
    panel.grid(axis="x", visible=False)
    panel.legend(loc="upper right")
    return figure


def png_bytes(picture):
    """Writes a picture as PNG.

    Args:
        picture: A `Figure`, drawn at 200 pixels an inch and written with a palette, or a uint8
            array [H, W, 3], [H, W, 1] or [H, W], written pixel for pixel.

    Returns:
        The file's bytes; equal pictures give equal bytes.

    Raises:
        TypeError: If it is neither.
    """
    buffer = io.BytesIO()
    if isinstance(picture, Figure):
        dpi = CSS_DPI * DENSITY
        options = {"dpi": dpi, "facecolor": "white", "metadata": {"Software": None}}
        picture.savefig(buffer, format="png", **options)
        return with_palette(Image.open(buffer))
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        received = getattr(picture, "dtype", type(picture).__name__)
        raise TypeError(f"Expected a Figure or a uint8 array. Received: {received}")
    if picture.ndim == 3 and picture.shape[-1] == 1:
        picture = picture[..., 0]
    Image.fromarray(picture).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def with_palette(picture):
    """Writes a drawing as PNG with a palette, a third to a half as large.

    Each channel is rounded to 6 bits first, an error of at most 2 of 255, which the eye does not
    see. A drawing whose colours no palette has, for example one with photographs, is written
    without one.

    Args:
        picture: A Pillow image. Transparency is dropped.

    Returns:
        The file's bytes.
    """
    rgb = picture.convert("RGB")
    levels = [round(round(value / 255 * 63) / 63 * 255) for value in range(256)]
    method = Image.Quantize.MEDIANCUT
    drawn = rgb.point(levels * 3).quantize(256, method, dither=Image.Dither.NONE)
    error = ImageStat.Stat(ImageChops.difference(drawn.convert("RGB"), rgb)).mean
    buffer = io.BytesIO()
    chosen = rgb if max(error) > PALETTE_ERROR else drawn
    chosen.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
