"""The picture of the toy model: what the truth, the ELBO and the target rate encode."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from trainers import plots
from trainers.experiments.broken_elbo.toy import NUM_BINS

TRUE, GENERATED, RECONSTRUCTED = plots.INK, plots.TRAINING, plots.VALIDATION
CLUSTERS = ("#88CCEE", "#882255")  # the codes of z* = 0 and of z* = 1
ROWS = ("data space", "latent space", "encoder e(z|x)", "decoder d(x|z)", "p(x'|x)")


def draw(world, columns):
    """Draws a column for each model, a row for each of its distributions, as in the paper's Fig 2.

    Args:
        world: A `toy.World`.
        columns: title -> `{"encoder": e(z|x) [Z, 30], "decoder": d(x|z) [Z, 30],
            "marginal": m(z) [Z], "caption": str}`.

    Returns:
        A `Figure`.
    """
    with matplotlib.rc_context({**plots.STYLE, "axes.grid": False, "axes.titleweight": "normal"}):
        figure = Figure(figsize=(3.7 * len(columns), 12.2), layout="constrained")
        panels = figure.subplots(
            5, len(columns), squeeze=False, height_ratios=[1, 1, 1.35, 1.35, 1.35]
        )
        for column, (title, model) in zip(panels.T, columns.items()):
            column[0].set_title(f"{title}\n{model['caption']}", fontsize=10)
            ordered = _in_order_of_decoded_mean(model)
            _data_space(column[0], world, ordered)
            _latent_space(column[1], world, ordered)
            _tables(column[2:], world, ordered)
        for panel, name in zip(panels[:, 0], ROWS):
            panel.set_ylabel(f"{name}\n{panel.get_ylabel()}")
    return figure


def _in_order_of_decoded_mean(model):
    order = np.argsort(model["decoder"] @ np.arange(NUM_BINS), kind="stable")
    return {name: np.asarray(model[name])[order] for name in ("encoder", "decoder", "marginal")}


def _data_space(panel, world, model):
    aggregated = model["encoder"] @ world.data
    symbols = np.arange(NUM_BINS)
    panel.bar(symbols, world.data, 1.0, color="#dfe3e8", label="data")
    panel.plot(symbols, model["marginal"] @ model["decoder"], color=GENERATED, label="generated")
    panel.plot(
        symbols, aggregated @ model["decoder"], "--", color=RECONSTRUCTED, label="reconstructed"
    )
    panel.set(xlabel="x", ylabel="probability")
    panel.legend(loc="upper left", fontsize=7.5)


def _latent_space(panel, world, model):
    codes = np.arange(len(model["marginal"]))
    by_cluster = model["encoder"] @ world.likelihood.T  # e(z | z*), [Z, 2]
    for cluster, (offset, colour) in enumerate(zip((-0.2, 0.2), CLUSTERS)):
        label = f"e(z | z*={cluster})"
        panel.bar(codes + offset, by_cluster[:, cluster], 0.4, color=colour, label=label)
    style = {"linestyle": "none", "markersize": 4}
    panel.plot(codes, model["marginal"], "s", color=TRUE, label="m(z)", **style)
    panel.plot(
        codes, model["encoder"] @ world.data, "x", color=RECONSTRUCTED, label="e(z)", **style
    )
    panel.set(xlabel="z, by mean of d(x|z)", ylabel="probability")
    panel.set_ylim(0, panel.get_ylim()[1] * 1.4)
    panel.legend(loc="upper center", fontsize=7.5, ncols=2, columnspacing=1, handlelength=1)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))


def _tables(panels, world, model):
    reconstruction = model["encoder"].T @ model["decoder"]
    drawn = (
        (model["encoder"].T, "z", "x"),
        (model["decoder"], "x", "z"),
        (reconstruction, "x'", "x"),
    )
    for panel, (table, across, down) in zip(panels, drawn):
        image = panel.imshow(table, vmin=0, aspect="auto", interpolation="nearest")
        panel.set(xlabel=across, ylabel=down)
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        panel.figure.colorbar(image, ax=panel, pad=0.02, aspect=25)
