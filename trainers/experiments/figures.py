"""Drawing functions that the papers share: codes by label, grids of images, curves, lines."""

import math

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from trainers import grids, plots

COLOURS = (plots.TRAINING, plots.VALIDATION, *(plots.CLASSES[i] for i in (2, 6, 3, 8)))
GREY = plots.MUTED
FLOOR = 1e-5  # on a logarithmic axis, where an unbiased estimate may be negative


def style():
    """Returns a context in which Matplotlib draws in the zoo's style; every item runs in it."""
    return matplotlib.rc_context(plots.STYLE)


def sheet(rows, columns, width, height, title="", **options):
    """Returns a figure in the zoo's style and its axes [rows, columns].

    Args:
        rows: Rows of panels.
        columns: Columns of panels.
        width: Width of a panel in inches.
        height: Height of a panel in inches.
        title: Above all panels.
        **options: Of `Figure.subplots`.
    """
    with style():
        figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, **options)
        if title:
            figure.suptitle(title, fontsize=10, weight="bold")
    return figure, axes


def say_failed(panel, title):
    """Writes into an empty panel that a run failed.

    Args:
        panel: A Matplotlib axis.
        title: The name of the run.
    """
    panel.set_axis_off()
    panel.set_title(title, loc="center")
    panel.text(0.5, 0.5, "failed", ha="center", color=GREY, transform=panel.transAxes)


def draw_runs(axes, runs, draw, metric):
    """Draws a panel for each run and returns the rows of all.

    Args:
        axes: Matplotlib axes, or rows of axes, in the order of `runs`.
        runs: `runs.Runs`; a run that failed has an empty panel and a row without a number.
        draw: Function of a panel and a finished run that returns rows.
        metric: The metric of a failed run's row.
    """
    panels = axes.ravel() if axes.size == len(runs) else axes
    rows = []
    for panel, run in zip(panels, runs):
        if run.is_finished:
            rows += draw(panel, run)
        else:
            for other in np.ravel(panel)[1:]:
                other.set_axis_off()
            say_failed(np.ravel(panel)[0], run.label)
            rows.append(run.row(metric))
    return rows


def scatter_by_label(panel, points, labels, alpha=0.7, size=None):
    """Draws points in the order of the data, so that no class hides another.

    Args:
        panel: A Matplotlib axis.
        points: [N, 2].
        labels: Integers [N], at most ten classes.
        alpha: Opacity of a point, in (0, 1].
        size: Size of a point; by default it is larger for fewer points.
    """
    colours = np.array(plots.CLASSES)[np.asarray(labels)]
    size = size or float(np.clip(8000 / len(points), 1, 12))
    panel.scatter(*np.asarray(points).T, s=size, c=colours, alpha=alpha, linewidths=0)


def label_legend(figure, labels=range(10), title="", columns=10, more=()):
    """Adds a legend of the classes below a figure.

    Args:
        figure: A Matplotlib figure.
        labels: Integers of the classes.
        title: Title of the legend.
        columns: Columns of the legend.
        more: Other handles behind those of the classes.
    """
    dots = [
        Line2D([], [], linestyle="", marker="o", markersize=5, color=colour, label=str(label))
        for label in sorted(set(np.asarray(labels).tolist()))
        for colour in [plots.CLASSES[label]]
    ]
    place = {"loc": "outside lower center", "ncols": columns, "handletextpad": 0.2}
    figure.legend(handles=[*dots, *more], title=title or None, **place)


def show(panel, grid, title="", fontsize=9, loc="center"):
    """Draws a grid of images, a uint8 array, without axes."""
    panel.imshow(grid, interpolation="nearest")
    panel.set_axis_off()
    panel.set_title(title, loc=loc, fontsize=fontsize, weight="normal")


def grid_panels(panels, columns, title="", inch=0.3, fontsize=8.5):
    """Returns a figure of grids of images, side by side.

    Args:
        panels: List of (title, uint8 array), the arrays of one size, None for a run that failed.
        columns: Images in a row of a grid.
        title: Above all panels.
        inch: Width of an image.
        fontsize: Font size of the titles of panels.
    """
    sizes = [grid.shape for _, grid in panels if grid is not None]
    height, width, _ = sizes[0] if sizes else (1, 1, 3)
    inches = inch * columns
    size = (inches + 0.15, inches * height / width + 0.75 + 0.2 * bool(title))
    figure, axes = sheet(1, len(panels), *size)
    if title:
        figure.suptitle(title, fontsize=9)
    for panel, (name, grid) in zip(axes[0], panels):
        if grid is None:
            say_failed(panel, name)
        else:
            show(panel, grid, name, fontsize, loc="left")
    return figure


def image_rows(rows, title=""):
    """Returns a figure with a row of images for each setting, its name on the left.

    Args:
        rows: List of (name, images [N, H, W, C] in [0, 1]).
        title: Above all rows.
    """
    count = len(rows[0][1])
    size = 0.8 if rows[0][1].shape[1] >= 64 else 0.42
    letters = max(len(line) for name, _ in rows for line in name.split("\n"))
    left = 0.07 * letters + 0.1  # inches that the longest name takes at 8 points
    with style():
        figure = Figure(
            figsize=(left + size * count, size * len(rows) + 0.35), layout="constrained"
        )
        figure.get_layout_engine().set(h_pad=0.02, w_pad=0.04, hspace=0.02)
        axes = figure.subplots(len(rows), 2, squeeze=False, width_ratios=[left, size * count])
    for (margin, panel), (name, images) in zip(axes, rows):
        margin.text(1, 0.5, name, ha="right", va="center", fontsize=8)
        panel.imshow(grids.image_grid(images, count), interpolation="nearest")
        panel.set_anchor("W")
        for axis in (margin, panel):
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            axis.grid(visible=False)
    axes[0, 1].set_title(title, fontsize=9)
    return figure


def curves_over_epochs(panels, ylabel, columns=3):
    """Returns a figure of curves during training: the mean of runs, their standard error as a band.

    Args:
        panels: List of (title, dict label -> list of curves, each (epochs, values)).
        ylabel: With its unit.
        columns: Panels in a row.
    """
    columns = min(columns, len(panels))
    figure, axes = sheet(math.ceil(len(panels) / columns), columns, 4.4, 3.9)
    for axis, (title, curves) in zip(axes.ravel(), panels):
        late = []
        for colour, (label, runs) in zip(COLOURS, curves.items()):
            runs = [curve for curve in runs if curve[0]]
            if not runs:
                continue
            epochs, mean, error = mean_curve(runs)
            axis.plot(epochs, mean, color=colour, label=f"{label}, last {mean[-1]:.1f}")
            low, high = mean - error, mean + error
            axis.fill_between(epochs, low, high, color=colour, alpha=0.2, linewidth=0)
            early = len(mean) // 8
            late += [mean[early:], high[early:]]  # the best curve's band is whole
        if late:
            # The first epochs would flatten the rest.
            late = np.concatenate(late)
            late = late[np.isfinite(late)]
            room = 0.05 * max(late.max() - late.min(), 1e-3)
            axis.set_ylim(late.min() - room, late.max() + room)
            # Below the plot: inside, curves that jump would run through it.
            axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, columnspacing=1)
        axis.set(title=title, xlabel="epoch", ylabel=ylabel)
    for axis in axes.ravel()[len(panels) :]:
        axis.set_visible(False)
    return figure


def mean_curve(runs):
    """Returns (epochs, mean, standard error) of curves of equal epochs; error 0 of a single one."""
    length = min(len(epochs) for epochs, _ in runs)
    values = np.array([curve[:length] for _, curve in runs], np.float64)
    error = np.zeros(length)
    if len(values) > 1:
        error = values.std(axis=0, ddof=1) / math.sqrt(len(values))
    return np.array(runs[0][0][:length]), values.mean(axis=0), error


def lines_over_axis(series, looks, xlabel, ylabel, title, reference=None, log_x=False, log_y=False):
    """Returns a figure with a line with error bars for each model.

    Args:
        series: dict name -> list of (x, y, standard error or None).
        looks: dict name -> (colour, marker).
        xlabel: Label of the axis, whose ticks are the x of the points.
        ylabel: With its unit.
        title: Title of the panel.
        reference: (value, label) of a dashed line, or None.
        log_x: Whether x is on a logarithmic axis.
        log_y: Whether y is on a logarithmic axis.
    """
    figure, axes = sheet(1, 1, 5.2, 3.5)
    panel = axes[0, 0]
    for name, points in series.items():
        colour, mark = looks[name]
        x, y, error = zip(*sorted(points, key=lambda point: point[0]))
        y = np.maximum(y, FLOOR) if log_y else y
        error = [e or 0.0 for e in error]
        panel.errorbar(x, y, error, color=colour, marker=mark, ms=5, capsize=2, label=name)
    if reference:
        value, label = reference
        panel.axhline(value, color=plots.CLASSES[6], linestyle="--", lw=1.2, label=label)
    every = [point for points in series.values() for point in points]
    panel.set(xlabel=xlabel, ylabel=ylabel, title=title)
    panel.set_xscale("log" if log_x else "linear")
    if log_y:
        panel.set_yscale("log")
        panel.set_ylim(0.5 * max(FLOOR, min((point[1] for point in every), default=FLOOR)))
    panel.xaxis.set_major_locator(FixedLocator(sorted({point[0] for point in every})))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    if series:
        figure.legend(loc="outside lower center", ncols=3)
    return figure


def spread(dataset, count):
    """Returns `count` images, evenly spaced through a data set."""
    return dataset.float_images(np.arange(count) * len(dataset) // count)
