"""Draws the toy model: the encodings of the truth, the ELBO and the target rate."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from trainers import plots
from trainers.experiments import figures
from trainers.experiments.papers.broken_elbo import toy

CLUSTERS = ("#88CCEE", "#882255")  # the codes of z* = 0 and of z* = 1
ROWS = ("data space", "latent space", "encoder e(z|x)", "decoder d(x|z)", "p(x'|x)")
DISTRIBUTIONS = ("encoder", "decoder", "marginal")


def truth(world):
    """Returns the column of the true process; see `draw`."""
    caption = f"R* = I(x; z*) = {world.information:.3f}   H = {world.entropy:.3f} nats"
    tables = world.posterior, world.likelihood, world.joint.sum(axis=1)
    return {**dict(zip(DISTRIBUTIONS, tables)), "caption": caption}


def fitted(model, world):
    """Returns the column of a `toy.Toy`; see `draw`."""
    caption = "R = {rate:.3f}   D = {distortion:.3f}   ELBO = {elbo:.4f}"
    tables = map(np.exp, (model.log_encoder, model.log_decoder, model.log_marginal))
    caption = caption.format(**toy.terms(model, world.data))
    return {**dict(zip(DISTRIBUTIONS, tables)), "caption": caption}


def draw(world, columns):
    """Draws a column for each model, a row for each of its distributions, as the paper's Figure 2.

    Args:
        world: A `toy.World`.
        columns: title -> `{"encoder": e(z|x) [Z, 30], "decoder": d(x|z) [Z, 30],
            "marginal": m(z) [Z], "caption": str}`.

    Returns:
        A `Figure`.
    """
    heights = [1, 1, 1.35, 1.35, 1.35]
    figure, panels = figures.sheet(5, len(columns), 3.7, 2.44, height_ratios=heights)
    for column, (title, model) in zip(panels.T, columns.items()):
        title = f"{title}\n{model['caption']}"
        column[0].set_title(title, fontsize=10, weight="normal")
        order = np.argsort(model["decoder"] @ np.arange(toy.NUM_BINS), kind="stable")
        model = {name: np.asarray(model[name])[order] for name in DISTRIBUTIONS}
        _data_space(column[0], world, model)
        _latent_space(column[1], world, model)
        _tables(column[2:], model)
    for panel, name in zip(panels[:, 0], ROWS):
        panel.set_ylabel(f"{name}\n{panel.get_ylabel()}")
    for panel in panels.ravel():
        panel.grid(visible=False)
    return figure


def _data_space(panel, world, model):
    symbols, codes = np.arange(toy.NUM_BINS), model["encoder"] @ world.data
    lines = {
        "generated": (model["marginal"], "-", plots.TRAINING),
        "reconstructed": (codes, "--", plots.VALIDATION),
    }
    panel.bar(symbols, world.data, 1.0, color="#dfe3e8", label="data")
    for label, (weights, line, colour) in lines.items():
        panel.plot(symbols, weights @ model["decoder"], line, color=colour, label=label)
    panel.set(xlabel="x", ylabel="probability")
    panel.legend(loc="upper left", fontsize=7.5)


def _latent_space(panel, world, model):
    codes = np.arange(len(model["marginal"]))
    by_cluster = model["encoder"] @ world.likelihood.T  # e(z | z*), [Z, 2]
    for cluster, (offset, colour) in enumerate(zip((-0.2, 0.2), CLUSTERS)):
        label = f"e(z | z*={cluster})"
        panel.bar(codes + offset, by_cluster[:, cluster], 0.4, color=colour, label=label)
    aggregated = model["encoder"] @ world.data
    panel.plot(codes, model["marginal"], "s", ms=4, color=plots.INK, label="m(z)")
    panel.plot(codes, aggregated, "x", ms=4, color=plots.VALIDATION, label="e(z)")
    panel.set(xlabel="z, by mean of d(x|z)", ylabel="probability")
    panel.set_ylim(0, panel.get_ylim()[1] * 1.4)
    panel.legend(loc="upper center", fontsize=7.5, ncols=2, columnspacing=1, handlelength=1)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))


def _tables(panels, model):
    encoder, decoder = model["encoder"].T, model["decoder"]
    drawn = (encoder, "z", "x"), (decoder, "x", "z"), (encoder @ decoder, "x'", "x")
    for panel, (table, across, down) in zip(panels, drawn):
        image = panel.imshow(table, vmin=0, aspect="auto", interpolation="nearest")
        panel.set(xlabel=across, ylabel=down)
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        panel.figure.colorbar(image, ax=panel, pad=0.02, aspect=25)
