"""Pictures of `bilbo`: latents by label, the U shape, bounds during training, latent manifolds."""

import math

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.special import ndtri

from trainers import grids, plots
from zoo.backend import to_numpy

MANIFOLD = 20  # images along an axis of the latent plane
COLOURS = (plots.TRAINING, plots.VALIDATION, *(plots.CLASSES[i] for i in (2, 6, 3, 8)))


def _styled(function):
    return matplotlib.rc_context(plots.STYLE)(function)


@_styled
def latents(panels, columns=4):
    """Draws posterior means in the plane, coloured by label, a panel for each model.

    Args:
        panels: Of (title, codes [N, 2], labels [N]).
        columns: Panels in a row.

    Returns:
        A `Figure`.
    """
    columns = min(columns, len(panels))
    lines = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(3.2 * columns, 3.4 * lines + 0.4), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for axis, (title, codes, labels) in zip(axes, panels):
        _plane(axis, codes, labels)
        axis.set_title(title)
        axis.set(xlabel="latent unit 1", ylabel="latent unit 2")
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    _digits_legend(figure, panels[0][2], 10 if columns > 2 else 5)
    return figure


def _plane(axis, codes, labels):
    """Draws codes in the order of the data, so that no class hides another."""
    colours = [plots.CLASSES[label] for label in labels]
    size = float(np.clip(10000 / len(codes), 1.5, 16))
    axis.scatter(*codes.T, s=size, c=colours, alpha=0.7, linewidths=0, rasterized=True)
    axis.set_aspect("equal", adjustable="datalim")


def _digits_legend(figure, labels, columns):
    dots = [
        Line2D([], [], linestyle="", marker="o", color=plots.CLASSES[label], label=str(label))
        for label in np.unique(labels).tolist()
    ]
    figure.legend(handles=dots, loc="outside lower center", ncols=columns, handletextpad=0.1)


@_styled
def u_shape(panels):
    """Draws learned posterior variances against means relative to the prior's scale, Figure 3.

    Args:
        panels: Of (title, loc [N, 2], scale [N, 2]), a row of four plots each.
    """
    figure = Figure(figsize=(12, 2.8 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), 4, squeeze=False)
    pairs = ((0, 0), (0, 1), (1, 0), (1, 1))
    for line, (title, loc, scale) in zip(axes, panels):
        size = float(np.clip(4000 / len(loc), 0.8, 10))
        for axis, (of, against) in zip(line, pairs):
            colour = plots.TRAINING if of == against else plots.VALIDATION
            look = {"s": size, "color": colour, "alpha": 0.4, "linewidths": 0, "rasterized": True}
            axis.scatter(loc[:, against], scale[:, of] ** 2, **look)
            axis.set_yscale("log")
            axis.set(xlabel=f"mean of unit {against + 1} / s", ylabel=f"variance of unit {of + 1}")
        line[0].set_title(title)
    return figure


@_styled
def predicted(panels):
    """Draws the posterior scales that the decoder's Jacobian predicts against the learned ones.

    Args:
        panels: Of (title, learned [N, Z], predicted [N, Z]).
    """
    figure = Figure(figsize=(3.4 * len(panels), 3.6), layout="constrained")
    for axis, (title, learned, foretold) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels
    ):
        size = float(np.clip(4000 / len(learned), 0.8, 10))
        for unit in range(learned.shape[1]):
            look = {"s": size, "color": COLOURS[unit], "alpha": 0.4, "linewidths": 0}
            axis.scatter(foretold[:, unit], learned[:, unit], rasterized=True, **look)
        low = min(learned.min(), foretold.min())
        high = max(learned.max(), foretold.max())
        axis.plot([low, high], [low, high], color=plots.INK, linewidth=1)
        axis.set(xscale="log", yscale="log", title=title)
        axis.set(xlabel="scale predicted by the Jacobian", ylabel="learned scale")
    units = [
        Line2D([], [], linestyle="", marker="o", color=COLOURS[unit], label=f"unit {unit + 1}")
        for unit in range(panels[0][1].shape[1])
    ]
    figure.legend(handles=units, loc="outside lower center", ncols=len(units))
    return figure


@_styled
def bounds(panels, columns=3):
    """Draws bounds during training, the mean of runs with its standard error as a band.

    Args:
        panels: Of (title, dict label -> list of curves, each (epochs, bounds)).
        columns: Panels in a row.
    """
    columns = min(columns, len(panels))
    lines = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(4.4 * columns, 3.9 * lines), layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for axis, (title, curves) in zip(axes, panels):
        late = []
        for colour, (label, of_runs) in zip(COLOURS, curves.items()):
            of_runs = [curve for curve in of_runs if curve[0]]
            if not of_runs:
                continue
            at, mean, error = mean_curve(of_runs)
            axis.plot(at, mean, color=colour, label=f"{label}, last {mean[-1]:.1f}")
            axis.fill_between(at, mean - error, mean + error, color=colour, alpha=0.2, linewidth=0)
            early = len(mean) // 8
            late += [mean[early:], (mean + error)[early:]]  # the best curve's band is whole
        if late:
            # The first epochs would flatten the rest.
            late = np.concatenate(late)
            late = late[np.isfinite(late)]
            room = 0.05 * max(late.max() - late.min(), 1e-3)
            axis.set_ylim(late.min() - room, late.max() + room)
            # Below the plot: inside, curves that jump would run through it.
            axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, columnspacing=1)
        axis.set(title=title, xlabel="epoch", ylabel="ELBO of the test set (nats)")
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    return figure


def mean_curve(of_runs):
    """Returns (epochs, mean, standard error) of curves of equal epochs; error 0 of a single one."""
    length = min(len(at) for at, _ in of_runs)
    values = np.array([curve[:length] for _, curve in of_runs], np.float64)
    error = np.zeros(length)
    if len(values) > 1:
        error = values.std(axis=0, ddof=1) / math.sqrt(len(values))
    return np.array(of_runs[0][0][:length]), values.mean(axis=0), error


@_styled
def sample_rows(rows, title=""):
    """Draws a row of images for each setting, its name on the left.

    Args:
        rows: Of (name, images [N, H, W, C] in [0, 1]).
        title: Above all.
    """
    count = len(rows[0][1])
    high = rows[0][1].shape[1] >= 64
    size = 0.8 if high else 0.42
    letters = max(len(line) for name, _ in rows for line in name.split("\n"))
    left = 0.07 * letters + 0.1  # inches that the longest name takes at 8 points
    figure = Figure(figsize=(left + size * count, size * len(rows) + 0.35), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.02, w_pad=0.04, hspace=0.02)
    axes = figure.subplots(len(rows), 2, squeeze=False, width_ratios=[left, size * count])
    for (beside, axis), (name, images) in zip(axes, rows):
        beside.text(1, 0.5, name, ha="right", va="center", fontsize=8)
        axis.imshow(grids.image_grid(images, count), interpolation="nearest")
        axis.set_anchor("W")
        for either in (beside, axis):
            either.set(xticks=[], yticks=[])
            either.spines[:].set_visible(False)
    axes[0, 1].set_title(title, fontsize=9)
    return figure


@_styled
def manifold(model, images, loc, z, labels, title):
    """Draws images decoded along the latent plane beside the scatter of mu and of samples z.

    Args:
        model: Of two latents; its prior N(0, S^2) spaces the images by its quantiles.
        images: Function of latents [N, 2], to images in [0, 1].
        loc: Posterior means [N, 2].
        z: A sample of each posterior [N, 2].
        labels: Integers [N].
        title: Of the manifold.
    """
    scale = to_numpy(model.marginal.distribution().stddev())
    quantiles = ndtri((np.arange(MANIFOLD) + 0.5) / MANIFOLD)
    # Rows go down, the second latent goes up.
    plane = [(x * scale[0], y * scale[1]) for y in quantiles[::-1] for x in quantiles]
    picture = grids.image_grid(images(np.array(plane, "float32")), MANIFOLD, padding=0)
    figure = Figure(figsize=(10.2, 6.8), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(2, 1))
    axis = left.subplots()
    edge = 0.5 + 0.5 / MANIFOLD
    reach = ndtri(1 - 0.5 / MANIFOLD) * scale
    axis.imshow(picture, extent=(1 - edge, edge, 1 - edge, edge), interpolation="nearest")
    axis.set(xticks=[], yticks=[], title=title)
    axis.set_xlabel(f"latent unit 1, quantiles of the prior from {-reach[0]:.3g} to {reach[0]:.3g}")
    axis.set_ylabel(f"latent unit 2, from {-reach[1]:.3g} to {reach[1]:.3g}")
    upper, lower = right.subplots(2, 1)
    for axis, codes, name in ((upper, loc, "posterior means"), (lower, z, "posterior samples")):
        _plane(axis, codes, labels)
        axis.set(title=name, ylabel="latent unit 2")
    lower.set_xlabel("latent unit 1")
    _digits_legend(right, labels, 5)
    return figure
