"""Panels that the figures of `mu_vae` share: grids of images, and a place for what failed."""

import matplotlib
from matplotlib.figure import Figure

from trainers import plots

GREY = "#5b6773"


def sheet(rows, columns, width, height, title="", **options):
    """Returns a figure in the zoo's style and its axes [rows, columns].

    Args:
        rows: Of panels.
        columns: Likewise.
        width: Of a panel, inches.
        height: Likewise.
        title: Above all panels.
        **options: Of `Figure.subplots`.
    """
    with matplotlib.rc_context(plots.STYLE):
        figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, **options)
        if title:
            figure.suptitle(title, fontsize=10, weight="bold")
    return figure, axes


def say_failed(panel, model):
    """Writes into an empty panel that the model's run failed."""
    panel.set_axis_off()
    panel.set_title(model.name, loc="center")
    panel.text(0.5, 0.5, "did not finish", ha="center", color=GREY, transform=panel.transAxes)


def show(panel, grid, title):
    """Draws a grid of images, a uint8 array, without axes."""
    panel.imshow(grid, interpolation="nearest")
    panel.set_axis_off()
    panel.set_title(title, loc="center", fontsize=9, weight="normal")
