"""The figures of `vimae`: codes in the plane, reconstructions, samples."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from trainers import grids, plots
from trainers.experiments.item import Outcome
from trainers.experiments.vimae import runs
from zoo.backend import tfp_seed, to_numpy
from zoo.evaluation import latents
from zoo.evaluation.generated import generated_images

COLUMNS, PAIR_ROWS, SAMPLE_ROWS = 8, 3, 8
INCH = 0.3  # of a picture
POINTS = 5000  # of a panel in the plane
INSIDE = 0.95  # share of p(z) inside the contour


def plane(context):
    """Figure 1: z ~ q(z) of five models in the plane, beside the contour of p(z)."""
    models = runs.train(context, "plane")
    rows = models.rows("mmd") + models.rows("log_det_cov") + models.rows("reconstruction_l2")
    rows += models.rows("rate")
    return Outcome(rows, {"codes": draw_plane(models, context.seed)}, models.cut)


def draw_plane(models, seed):
    """Returns the figure: a panel a model, all on the same axes."""
    panels, width = [], 0.0
    for family, found, run in models.loaded():
        test, _ = runs.load_data(run)
        test = test.take(POINTS)
        z = latents.aggregated_samples(run.model, test, seed)
        mmd = models.trained.metric(found, "mmd")["value"]
        title = f"{_shown(family)}\nMMD² {mmd:.4f}"
        panels.append((title, z, np.asarray(test.labels), run.model.marginal.distribution()))
        width = max(width, float(np.quantile(np.abs(z), 0.995)))
    width = max(width, 3.5)
    with matplotlib.rc_context(plots.STYLE):
        figure = Figure(figsize=(2.5 * len(panels) + 0.3, 3.5), layout="constrained")
        every = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
        for axis, (title, z, labels, prior) in zip(every, panels):
            _draw_codes(axis, z, labels, prior, width, seed)
            axis.set_title(title)
        every[0].set_ylabel("latent unit 2")
        handles = [
            every[0].scatter([], [], s=24, color=colour, label=str(digit))
            for digit, colour in enumerate(plots.CLASSES)
        ]
        handles += every[0].plot([], [], "--", color=plots.INK, lw=1, label=f"{INSIDE:.0%} of p(z)")
        figure.legend(handles=handles, loc="outside lower center", ncols=11, handletextpad=0.2)
    return figure


def _draw_codes(axis, z, labels, prior, width, seed):
    colours = [plots.CLASSES[label] for label in labels]
    axis.scatter(*z.T, s=3, c=colours, alpha=0.7, linewidths=0)
    # The set of highest density that holds so much of p(z).
    draws = prior.sample(20000, seed=tfp_seed(seed))
    level = np.quantile(to_numpy(prior.log_prob(draws)), 1 - INSIDE)
    line = np.linspace(-width, width, 200, dtype="float32")
    grid = np.stack(np.meshgrid(line, line), axis=-1)
    log_prob = to_numpy(prior.log_prob(grid.reshape(-1, 2))).reshape(200, 200)
    axis.contour(
        line, line, log_prob, levels=[level], linestyles="--", colors=plots.INK, linewidths=1
    )
    axis.set(xlim=(-width, width), ylim=(-width, width), xlabel="latent unit 1")
    axis.set_aspect("equal")


def pictures(context, data, which, families=tuple(runs.NAMES)):
    """Figures 2 to 7: reconstructions with L2 and rate, samples of the marginal.

    Args:
        context: The item's `Context`.
        data: "mnist", say; "celeba" may be replaced by `context.substitute`.
        which: Of "reconstructions", "samples".
        families: The models.
    """
    note = ""
    if data == "celeba":
        data, note = runs.faces(context)
    models = runs.train(context, data, families, note)
    rows = models.rows("reconstruction_l2") + models.rows("rate") + models.rows("mmd")
    draw = {"reconstructions": draw_reconstructions, "samples": draw_samples}
    return Outcome(rows, {name: draw[name](models, context.seed) for name in which}, models.cut)


def draw_reconstructions(models, seed):
    """Returns a figure, a panel a model: test images, each above its reconstruction."""
    panels = []
    for family, found, run in models.loaded():
        test, _ = runs.load_data(run)
        images = spread(test, COLUMNS * PAIR_ROWS)
        again = np.clip(to_numpy(run.model.reconstruct(images)), 0, 1)
        l2 = models.trained.metric(found, "reconstruction_l2")["value"]
        rate = _rate(models.trained.metric(found, "rate")["value"])
        title = f"{_shown(family)}\n|x - x'|² {l2:.1f}\n{rate}"
        panels.append((title, grids.reconstruction_grid(images, again, COLUMNS)))
    return _side_by_side(panels, models.note)


def draw_samples(models, seed):
    """Returns a figure, a panel a model: mean images of z ~ p(z)."""
    panels = []
    for family, _, run in models.loaded():
        images = np.clip(generated_images(run.model, COLUMNS * SAMPLE_ROWS, seed), 0, 1)
        panels.append((_shown(family), grids.image_grid(images, COLUMNS)))
    return _side_by_side(panels, models.note)


def spread(dataset, count):
    """Returns so many images, evenly spaced through a data set."""
    return dataset.float_images(np.arange(count) * len(dataset) // count)


def _rate(value):
    return "no finite rate" if value is None else f"rate {value:.1f} nats"


def _shown(family):
    return runs.NAMES[family].replace("beta_H", r"$\beta_H$").replace("beta_A", r"$\beta_A$")


def _side_by_side(panels, note=""):
    height, width = panels[0][1].shape[:2]
    inches = INCH * COLUMNS
    size = ((inches + 0.15) * len(panels), inches * height / width + 0.75 + 0.2 * bool(note))
    with matplotlib.rc_context({**plots.STYLE, "axes.grid": False}):
        figure = Figure(figsize=size, layout="constrained")
        if note:
            figure.suptitle(note, fontsize=9)
        for axis, (title, image) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels):
            axis.imshow(image, interpolation="nearest")
            axis.set_title(title, fontsize=8.5, fontweight="normal")
            axis.set_axis_off()
    return figure
