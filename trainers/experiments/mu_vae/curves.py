"""Figures 2 and 8 of `mu_vae`: the training of the four models, epoch by epoch."""

import math

import numpy as np
from matplotlib.ticker import MaxNLocator

from trainers.experiments.item import Outcome
from trainers.experiments.mu_vae import pictures, runs

# Term of the history -> title and unit. The distortion is the squared error plus a constant.
PANELS = {
    "distortion": ("Reconstruction loss", "$|x - x'|^2$"),
    "rate": ("KL divergence", "nats"),
    "accuracy": ("Accuracy of the classifier", "%"),
    "regulariser": ("Regulariser of mu-VAE", ""),
}
PIXELS = 28 * 28
CONSTANT = 0.5 * PIXELS * math.log(math.pi)  # of a Gaussian of scale sqrt(1/2)
SPLITS = {"training": ("", "-"), "test": ("val_", "--")}


def run(context, data):
    """Figures 2 ("fashion") and 8 ("mnist")."""
    models, cut = runs.four(context, data)
    histories, rows = {}, []
    for model in models:
        if model.error:
            rows.append(model.row("reconstruction_loss", data=runs.DATA[data]))
            continue
        history = histories[model.family] = curves(model.history())
        rows += _last(model, history, data)
    return Outcome(rows, {"curves": draw(histories, runs.DATA[data])}, cut)


def curves(history):
    """Returns (split, term) -> (epochs, values) of a history, in the units of `PANELS`."""
    found = {}
    for split, (prefix, _) in SPLITS.items():
        for term in PANELS:
            line = [(r["epoch"], r.get(prefix + term)) for r in history]
            line = [(epoch, value) for epoch, value in line if value is not None]
            if line:
                epochs, values = np.array(line).T
                found[split, term] = epochs, _in_unit(term, values)
    return found


def _in_unit(term, values):
    if term == "distortion":
        return values - CONSTANT
    return 100 * values if term == "accuracy" else values


def _last(model, history, data):
    """Returns a row for the last value of each curve."""
    names = {"distortion": "reconstruction_loss", "accuracy": "accuracy_percent"}
    rows = []
    for (split, term), (epochs, values) in history.items():
        note = f"mean over epoch {epochs[-1]:.0f}" if split == "training" else "after the last"
        metric = f"{names.get(term, term)}, {split}"
        rows.append(model.row(metric, values[-1], data=f"{runs.DATA[data]}, {split}", note=note))
    return rows


def draw(histories, title):
    """Draws the four panels, a line for each model and split."""
    figure, axes = pictures.sheet(1, len(PANELS), 3.0, 2.9, title)
    for panel, (term, (name, unit)) in zip(axes[0], PANELS.items()):
        for family, history in histories.items():
            for split, (_, style) in SPLITS.items():
                if (split, term) in history:
                    epochs, values = history[split, term]
                    look = {"color": runs.COLOURS[family], "linestyle": style, "linewidth": 1.3}
                    marker = {"marker": "o", "markersize": 3} if len(epochs) < 12 else {}
                    panel.plot(epochs, values, **look, **marker)
        panel.set_title(name)
        panel.set(xlabel="epoch", ylabel=unit)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    for family in histories:
        axes[0, 0].plot([], [], color=runs.COLOURS[family], label=runs.NAMES[family])
    for split, (_, style) in SPLITS.items():
        axes[0, 0].plot([], [], style, color=pictures.GREY, label=split)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False)
    return figure
