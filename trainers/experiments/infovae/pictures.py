"""Pictures of `infovae`: lines over an axis, contours of q(z), posteriors, samples."""

import matplotlib
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from trainers import grids, plots

# Okabe and Ito's colours and a mark each, by the paper's names.
LOOKS = {
    "ELBO": ("#0072B2", "o"),
    "MMD-VAE": ("#D55E00", "s"),
    "Stein-VAE": ("#009E73", "^"),
    "Adversarial VAE": ("#CC79A7", "D"),
    "WGAN-GP VAE": ("#E69F00", "v"),
    "Unregularised": ("#5b6773", "x"),
}
POSTERIOR, TRUE = "#0072B2", "#009E73"  # the paper's blue and green
PRIOR = "#882255"
# On a logarithmic axis: unbiased estimates below are noise around zero, some of it negative.
FLOOR = 1e-5


def lines(series, xlabel, ylabel, title, reference=None, log_x=False, log_y=False):
    """Draws a line with error bars for each model.

    Args:
        series: name of `LOOKS` -> list of (x, y, standard error or None).
        xlabel: Of the axis, whose ticks are the x there are.
        ylabel: With its unit.
        title: Of the panel.
        reference: (value, label) of a dashed line, or None.
        log_x: Whether x is on a logarithmic axis.
        log_y: Likewise y.

    Returns:
        A `Figure`.
    """
    with matplotlib.rc_context(plots.STYLE):
        figure = Figure(figsize=(5.2, 3.5), layout="constrained")
        panel = figure.subplots()
        for name, points in series.items():
            colour, mark = LOOKS[name]
            x, y, error = zip(*sorted(points, key=lambda point: point[0]))
            error = [e or 0.0 for e in error]
            y = np.maximum(y, FLOOR) if log_y else y
            panel.errorbar(x, y, error, color=colour, marker=mark, ms=5, capsize=2, label=name)
        if reference:
            panel.axhline(reference[0], color=PRIOR, linestyle="--", lw=1.2, label=reference[1])
        panel.set(xlabel=xlabel, ylabel=ylabel, title=title)
        panel.set_xscale("log" if log_x else "linear")
        if log_y:
            panel.set_yscale("log")
            panel.set_ylim(0.5 * max(FLOOR, min(p[1] for s in series.values() for p in s)))
        panel.xaxis.set_major_locator(
            FixedLocator(sorted({p[0] for s in series.values() for p in s}))
        )
        panel.xaxis.set_minor_locator(NullLocator())
        panel.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        figure.legend(loc="outside lower center", ncols=3)
    return figure


def curves(groups, title, split):
    """Draws the MMD of each run against the steps, a colour for each model, a line for each seed.

    Args:
        groups: name of `LOOKS` -> list of (seed, steps, values).
        title: Of the panel.
        split: What codes the MMD is of, for the axis.
    """
    with matplotlib.rc_context(plots.STYLE):
        figure = Figure(figsize=(5.2, 3.5), layout="constrained")
        panel = figure.subplots()
        for name, runs in groups.items():
            colour, mark = LOOKS[name]
            for i, (seed, steps, values) in enumerate(runs):
                shown = np.maximum(values, FLOOR)
                style = ("-", "--", ":")[i % 3]
                label = f"{name}, seed {seed}"
                panel.plot(steps, shown, style, color=colour, marker=mark, ms=4, label=label)
        panel.set(xlabel="step", ylabel=f"MMD$^2$(q(z), p(z)), {split}", title=title, yscale="log")
        figure.legend(loc="outside lower center", ncols=2)
    return figure


def contours(densities, reach, captions):
    """Draws densities over the plane, a panel each, on the same levels.

    Args:
        densities: name -> density [G, G] on an even grid of [-reach, reach]^2, first axis z_1.
        reach: Positive number.
        captions: name -> a line under its title.
    """
    axis = np.linspace(-reach, reach, len(next(iter(densities.values()))))
    levels = np.geomspace(1e-3, 1.0, 8) / (2 * np.pi)
    with matplotlib.rc_context({**plots.STYLE, "axes.titleweight": "normal"}):
        figure = Figure(figsize=(3.5 * len(densities), 3.6), layout="constrained")
        panels = figure.subplots(1, len(densities), squeeze=False)[0]
        for panel, (name, density) in zip(panels, densities.items()):
            # What is above the prior's peak is drawn in the last colour.
            look = {"extend": "max", "cmap": "viridis_r", "norm": LogNorm(levels[0], levels[-1])}
            drawn = panel.contourf(axis, axis, density.T, levels, **look)
            panel.set(title=f"{name}\n{captions[name]}", xlabel="z, unit 1", ylabel="z, unit 2")
            panel.set_aspect("equal")
        bar = figure.colorbar(drawn, ax=panels, shrink=0.8, format="%.2g")
        bar.set_label("density")
    return figure


def posteriors(columns, reach):
    """Draws draws of q(z|x) over draws of p(z|x): a row for each model, a column for each image.

    Args:
        columns: name -> list of (image [H, W, C], draws of q [S, 2], draws of p [S, 2], caption).
        reach: The axes are [-reach, reach], all the same.
    """
    count = len(next(iter(columns.values())))
    with matplotlib.rc_context(
        {**plots.STYLE, "axes.titleweight": "normal", "axes.titlesize": 7.5}
    ):
        figure = Figure(figsize=(1.75 * count, 2.15 * len(columns) + 1.2), layout="constrained")
        heights = [0.5, *[1.0] * len(columns)]
        panels = figure.subplots(len(columns) + 1, count, squeeze=False, height_ratios=heights)
        for (name, entries), row in zip(columns.items(), panels[1:]):
            for panel, (image, q, p, caption), top in zip(row, entries, panels[0]):
                top.imshow(image[..., 0], cmap="gray_r", interpolation="nearest")
                top.set_axis_off()
                points = {"s": 5, "alpha": 0.5, "linewidths": 0}
                panel.scatter(*p.T, color=TRUE, label="true posterior p(z|x)", **points)
                panel.scatter(*q.T, color=POSTERIOR, label="approximate q(z|x)", **points)
                panel.set(xlim=(-reach, reach), ylim=(-reach, reach), title=caption)
                panel.set_aspect("equal")
                panel.tick_params(labelsize=6)
            row[0].set_ylabel(f"{name}\nz, unit 2")
        for panel in panels[-1]:
            panel.set_xlabel("z, unit 1", fontsize=7)
        handles, labels = panels[1, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, markerscale=3)
    return figure


def samples(rows, columns=8):
    """Draws grids of images, a row of panels for each model.

    Args:
        rows: name -> {panel's title: images [N, H, W, C]}.
        columns: Images in a row of a panel.
    """
    first = next(iter(rows.values()))
    width, number = len(first), len(next(iter(first.values())))
    height = 3.3 * -(-number // columns) / columns + 0.35
    with matplotlib.rc_context({**plots.STYLE, "axes.titleweight": "normal"}):
        figure = Figure(figsize=(3.3 * width, height * len(rows)), layout="constrained")
        panels = figure.subplots(len(rows), width, squeeze=False)
        for line, (name, entries) in zip(panels, rows.items()):
            for panel, (title, images) in zip(line, entries.items()):
                panel.imshow(grids.image_grid(np.clip(images, 0, 1), columns))
                panel.set_title(f"{name}: {title}", fontsize=9)
                panel.set_axis_off()
    return figure
