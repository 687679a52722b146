"""Figure 1 of `mu_vae`: three objectives and three activations in the plane."""

import numpy as np

from configs.mu_vae import toy
from trainers import plots
from trainers.experiments.item import Outcome
from trainers.experiments.mu_vae import pictures, runs
from zoo.evaluation.entries import share_stderr

TITLES = {"vae": "ELBO", "vae_clipped": "ELBO, clipped", "mu_vae": "mu-VAE, clipped"}
ACTIVATIONS = {"tanh": "tanh", "relu": "ReLU", "leaky_relu": "leaky ReLU"}
METRICS = ("knn_probe", "rate", "reconstruction_l2")
POINTS = 5000


def run(context):
    """Figure 1: posterior means of test images, nine panels."""
    axes = {"family": list(toy.MODELS), "seed": [context.seed]}
    models, cut = runs.models(context, "toy", axes)
    rows, drawn = [], []
    for model in models:
        row, activation = toy.MODELS[model.family]
        title = f"{TITLES[row]}, {ACTIVATIONS[activation]}"
        if model.error:
            rows.append(model.row("knn_probe"))
            drawn.append((model, title, None))
            continue
        found = model.load()
        split = runs.test_split(found)
        for metric in METRICS:
            entry, about = model.metric(metric), runs.about(found, split)
            rows.append(model.row(metric, entry["value"], entry["stderr"], **about))
        some = slice(0, POINTS)
        codes = found.model.predict_codes(split.float_images(some))
        radius = getattr(getattr(found.model.encoder, "move", None), "radius", None)
        if radius:
            clipped, about = _share_clipped(codes, radius), runs.about(found, split)
            note = f"{about['note']}; share of {len(codes):,} images whose mean lies on the circle"
            rows.append(model.row("clipped", *clipped, **{**about, "note": note}))
        title += f"\n5-NN accuracy {model.metric('knn_probe')['value']:.1%}"
        drawn.append((model, title, (codes, split.labels[some], radius)))
    return Outcome(rows, {"plane": draw(drawn)}, cut)


def _share_clipped(codes, radius):
    """Returns the share of codes [N, Z] as long as clipping lets them be, and its error."""
    share = float(np.mean(np.linalg.norm(codes, axis=-1) > 0.999 * radius))
    return share, share_stderr(share, len(codes))


def draw(drawn):
    """Draws the nine planes, a row an objective; the circle is where means are clipped."""
    figure, axes = pictures.sheet(len(toy.ROWS), len(toy.ACTIVATIONS), 3.0, 3.1)
    for panel, (model, title, found) in zip(axes.ravel(), drawn):
        if found is None:
            pictures.say_failed(panel, model)
            continue
        codes, labels, radius = found
        colours = np.array(plots.CLASSES)[labels]
        size = float(np.clip(8000 / len(codes), 1, 12))
        panel.scatter(*codes.T, s=size, c=colours, alpha=0.6, linewidths=0)
        if radius:
            angle = np.linspace(0, 2 * np.pi, 200)
            circle = radius * np.cos(angle), radius * np.sin(angle)
            panel.plot(*circle, color=pictures.GREY, linewidth=0.7)
        panel.set_aspect("equal", adjustable="datalim")
        panel.set_title(title, fontsize=8.5)
    for panel in axes[-1]:
        panel.set_xlabel("latent 1")
    for panel in axes[:, 0]:
        panel.set_ylabel("latent 2")
    for label, colour in enumerate(plots.CLASSES):
        axes[0, 0].scatter([], [], s=24, color=colour, label=str(label))
    handles, labels = axes[0, 0].get_legend_handles_labels()
    place = {"loc": "outside lower center", "ncols": 10, "frameon": False}
    figure.legend(handles, labels, title="digit", **place)
    return figure
