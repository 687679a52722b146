"""Figures 2, 3, 5 and 9 to 15 of `bilbo`: latents of models of MNIST."""

import math

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from trainers import grids, plots
from trainers.experiments import figures
from trainers.experiments.claims import Bound, ByEye, Claim, Near
from trainers.experiments.papers.bilbo.models import (
    METHODS,
    PAPER,
    PAPER_LEARNED,
    bound_rows,
    in_unit_range,
    models,
    study,
)
from trainers.experiments.study import Outcome, lazy

backend = lazy("zoo.backend")
jacobian = lazy("zoo.evaluation.jacobian")
special = lazy("scipy.special")
stats = lazy("scipy.stats")

MANIFOLD = 20  # images along an axis of the latent plane
AXES = {"xlabel": "latent unit 1", "ylabel": "latent unit 2"}


def learned(size):
    """Returns the plan of runs of learned variances."""
    return [{"family": ["learned"]}]


def ranked(runs):
    """Returns a function of a run that gives its bound in Figure 2, both from worst to best."""
    order = sorted(runs.finished, key=lambda run: run.metric("elbo")["value"])
    printed = dict(zip([run["seed"] for run in order], PAPER_LEARNED))
    return lambda run: printed.get(run["seed"])


def draw_latents(runs, title, columns=4):
    """Draws posterior means in the plane, coloured by label, a panel for each run.

    Args:
        runs: `runs.Runs`.
        title: Function of a run.
        columns: Panels in a row.
    """
    columns = min(columns, len(runs))
    figure, axes = figures.sheet(math.ceil(len(runs) / columns), columns, 3.2, 3.6)
    for panel, run in zip(axes.ravel(), runs):
        if run.failure:
            figures.say_failed(panel, title(run))
            continue
        bound = f"{run.metric('elbo')['value']:.1f} nats"
        test = run.test_set()
        draw_plane(panel, run.load().model.predict_codes(test.float_images()), test.labels)
        panel.set(title=f"{title(run)}: {bound}", **AXES)
    for panel in axes.ravel()[len(runs) :]:
        panel.set_visible(False)
    figures.label_legend(figure, columns=10 if columns > 2 else 5)
    return figure


def draw_plane(panel, codes, labels):
    """Draws codes [N, 2] by label, on axes of one unit."""
    figures.scatter_by_label(panel, codes, labels)
    panel.set_aspect("equal", adjustable="datalim")


@study.item(
    "fig2",
    "Latents by label for three seeds",
    shows="Runs differ in their clusters, not in kind: their bounds are comparable.",
    claims=(
        Near(
            "The bounds of three seeds are alike: within 2.1 nats, as the paper's are.",
            "elbo",
            ("learned z2",),
            2.1,
        ),
        ByEye("Runs differ in their clusters, not in kind."),
    ),
)
def seeds(context):
    """Posterior means of three runs of learned variances, with their bounds."""
    runs = models(context, learned, "fig2")
    note = "the paper's is the mean of its three"
    rows = bound_rows(runs, ranked(runs))
    rows.append(runs.mean("elbo", paper=PAPER["learned"], note=note))
    picture = draw_latents(runs, lambda run: f"seed {run['seed']:g}")
    return Outcome(rows, {"latents": picture}, runs.cut)


@study.item(
    "fig3",
    "Learned variances against means: the U shape",
    shows="Learned variances grow towards the fringes of their own unit and follow no other: they "
    "inflate the posterior and reveal nothing of the data.",
    claims=(
        Claim(
            "A learned variance follows the mean of its own unit more than that of the other.",
            ("variance_and_other_mean", "variance_and_own_mean"),
            ("learned z2",),
            ("learned z2",),
        ),
        Bound(
            "It does not follow the mean of the other unit: rank correlation below 0.1.",
            "variance_and_other_mean",
            ("learned z2",),
            below=0.1,
        ),
    ),
)
def variances(context):
    """Learned variances against means, and against those that the decoder's Jacobian predicts."""
    runs = models(context, learned, "fig3")
    rows, shapes, scales = bound_rows(runs, ranked(runs), ("elbo",)), [], []
    for run in runs.finished:
        blocks = list(jacobian.geometry(run.load().model, run.test_set()))
        loc, scale = (np.concatenate([b[name] for b in blocks]) for name in ("loc", "scale"))
        precisions = [jacobian.precision_of(block) for block in blocks]
        inverse = np.concatenate([np.diagonal(p, axis1=1, axis2=2) for p in precisions])
        predicted = 1.0 / np.sqrt(inverse)
        title = f"seed {run['seed']:g}"
        shapes.append((title, loc / blocks[0]["prior_scale"], scale))
        scales.append((title, scale, predicted))
        gap = np.concatenate([jacobian.evidence_gap_of(block) for block in blocks])
        rows += shape_rows(run, loc, scale, predicted)
        rows += diagnostic_rows(run, gap, jacobian.variance_penalty_of(precisions))
    pictures = {}
    if shapes:
        pictures = {"u_shape": draw_shapes(shapes), "predicted": draw_predicted(scales)}
    return Outcome(rows, pictures, runs.cut)


def shape_rows(run, loc, scale, predicted):
    """Returns rank correlations: a U gives one of variance with |mean|, of the same unit alone.

    Args:
        run: The `runs.Trained`.
        loc: Posterior means [N, 2].
        scale: Learned posterior scales [N, 2].
        predicted: The scales that the decoder's Jacobian predicts [N, 2].
    """
    pairs = {"own": ((0, 0), (1, 1)), "other": ((0, 1), (1, 0))}
    rows = []
    for which, units in pairs.items():
        ranks = [_rank(np.abs(loc[:, against]), scale[:, of]) for of, against in units]
        note = f"rank correlation of variance with |mean| of the {which} unit, mean of both units"
        rows.append(run.row(f"variance_and_{which}_mean", np.mean(ranks), note=note))
    rank = np.mean([_rank(predicted[:, unit], scale[:, unit]) for unit in range(loc.shape[1])])
    note = "rank correlation of the learned scale with that predicted by the Jacobian, eq. 12"
    rows.append(run.row("learned_and_predicted", rank, note=note))
    note = "median of learned scale / predicted scale"
    rows.append(run.row("learned_over_predicted", np.median(scale / predicted), note=note))
    return rows


def _rank(a, b):
    return float(stats.spearmanr(a, b).statistic)


def diagnostic_rows(run, gap, penalty):
    """Returns rows of the gap of each image [N] and of dict formula -> variance penalty, nats."""
    error = np.std(gap, ddof=1) / np.sqrt(len(gap))
    note = "log evidence minus ELBO by the linear view, eq. 18, nats"
    rows = [run.row("evidence_gap", np.mean(gap), error, note=note)]
    for which, value in penalty.items():
        note = f"price of one variance for all images, nats: eq. 22, {which}"
        rows.append(run.row(f"variance_penalty_{which}", value, note=note))
    return rows


def _scatter(panel, x, y, colour):
    look = {"s": float(np.clip(4000 / len(x), 0.8, 10)), "alpha": 0.4, "linewidths": 0}
    panel.scatter(x, y, color=colour, **look)


def draw_shapes(panels):
    """Draws learned posterior variances against means relative to the prior's scale, Figure 3.

    Args:
        panels: List of (title, loc [N, 2], scale [N, 2]), a row of four plots each.
    """
    figure, axes = figures.sheet(len(panels), 4, 3.0, 2.8)
    pairs = ((0, 0), (0, 1), (1, 0), (1, 1))
    for line, (title, loc, scale) in zip(axes, panels):
        for panel, (of, against) in zip(line, pairs):
            colour = plots.TRAINING if of == against else plots.VALIDATION
            _scatter(panel, loc[:, against], scale[:, of] ** 2, colour)
            panel.set_yscale("log")
            panel.set(xlabel=f"mean of unit {against + 1} / s", ylabel=f"variance of unit {of + 1}")
        line[0].set_title(title)
    return figure


def draw_predicted(panels):
    """Draws the learned posterior scales against those that the decoder's Jacobian predicts.

    Args:
        panels: List of (title, learned [N, Z], predicted [N, Z]).
    """
    figure, axes = figures.sheet(1, len(panels), 3.4, 3.6)
    units = range(panels[0][1].shape[1])
    for panel, (title, scale, predicted) in zip(axes[0], panels):
        for unit in units:
            _scatter(panel, predicted[:, unit], scale[:, unit], figures.COLOURS[unit])
        ends = [min(scale.min(), predicted.min()), max(scale.max(), predicted.max())]
        panel.plot(ends, ends, color=plots.INK, linewidth=1)
        panel.set(xscale="log", yscale="log", title=title)
        panel.set(xlabel="scale predicted by the Jacobian", ylabel="learned scale")
    look = {"linestyle": "", "marker": "o"}
    dots = [Line2D([], [], color=figures.COLOURS[u], label=f"unit {u + 1}", **look) for u in units]
    figure.legend(handles=dots, loc="outside lower center", ncols=len(units))
    return figure


@study.item(
    "fig5",
    "Latents of three methods",
    shows="The three methods arrange latents alike.",
    claims=(ByEye("The three methods arrange latents alike."),),
)
def methods(context):
    """Posterior means of the three methods."""
    runs = models(context, lambda size: [{"family": METHODS}])
    # The paper's (a) is the first of its runs of Figure 2.
    printed = {**PAPER, "learned": PAPER_LEARNED[0]}
    picture = draw_latents(runs, lambda run: METHODS[run["family"]])
    rows = bound_rows(runs, lambda run: printed[run["family"]])
    return Outcome(rows, {"latents": picture}, runs.cut)


@study.item(
    "fig9",
    "Latents against Sigma",
    shows="The distribution of latents does not depend on Sigma.",
    family="bilbo",
    key="sigma",
    claims=(ByEye("The distributions for three values of Sigma look alike."),),
)
@study.item(
    "fig10",
    "Latents against lambda",
    shows="Latents pinch towards the origin as lambda increases.",
    family="constant_t",
    key="lambda",
    claims=(ByEye("Latents pinch towards the origin as lambda increases."),),
)
@study.item(
    "fig11",
    "Latents against tau",
    shows="Gaps between clusters tighten as tau increases.",
    family="baggins",
    key="tau",
    claims=(ByEye("Gaps between clusters tighten as tau increases."),),
)
def over_values(context, family, key):
    """Posterior means against Sigma, lambda or tau."""
    runs = models(context, lambda size: [{"family": [family], key: size[f"{key}s"]}])
    picture = draw_latents(runs, lambda run: f"$\\{key}$ = {run[key]:g}")
    return Outcome(bound_rows(runs), {"latents": picture}, runs.cut)


@study.item(
    "fig12",
    "Latent manifold: learned variances, Bernoulli",
    shows="The plane of a standard VAE.",
    plan={"family": ["learned"]},
    caption="Bernoulli, learned Sigma",
    claims=(ByEye("The plane is that of a standard VAE."),),
)
@study.item(
    "fig13",
    "Latent manifold: BILBO, Bernoulli",
    shows="BILBO's plane is much the same.",
    plan={"family": ["bilbo"]},
    caption="Bernoulli, BILBO with Sigma = I",
    claims=(ByEye("BILBO's plane is much like that of learned variances."),),
)
@study.item(
    "fig14",
    "Latent manifold: Gaussian, T = I",
    shows="With T = I digits blur and run into one another.",
    plan={"family": ["constant_t"]},
    caption="Gaussian with T = I, BILBO",
    claims=(ByEye("With T = I digits blur and run into one another."),),
)
@study.item(
    "fig15",
    "Latent manifold: BAGGINS",
    shows="BAGGINS gives the plane of sharper digits.",
    plan={"family": ["baggins"], "tau": [1.0]},
    caption="Gaussian with BAGGINS, tau = 1",
    claims=(ByEye("BAGGINS gives the plane of sharper digits."),),
)
def manifold(context, plan, caption):
    """Images along the latent plane, and the scatter of mu and z."""
    runs = models(context, lambda size: [plan])
    pictures = {}
    for run in runs.finished:
        model, test = run.load().model, run.test_set()
        posterior = model.encoder.distribution(test.float_images())
        loc = backend.to_numpy(posterior.mean())
        z = backend.to_numpy(posterior.sample(seed=backend.tfp_seed(context.seed)))
        grid, reach = decode_plane(model, run.config)
        pictures["manifold"] = draw_manifold(grid, reach, loc, z, test.labels, caption)
    return Outcome(bound_rows(runs), pictures, runs.cut)


def decode_plane(model, config):
    """Returns a grid of images along the latent plane, and the largest latents [2] on it.

    The quantiles of the prior N(0, S^2) space the images.
    """
    scale = backend.to_numpy(model.marginal.distribution().stddev())
    quantiles = special.ndtri((np.arange(MANIFOLD) + 0.5) / MANIFOLD)
    # Rows go down, the second latent goes up.
    plane = [(x * scale[0], y * scale[1]) for y in quantiles[::-1] for x in quantiles]
    images = in_unit_range(model.decoder.images(np.array(plane, "float32")), config)
    return grids.image_grid(images, MANIFOLD, padding=0), quantiles[-1] * scale


def draw_manifold(grid, reach, loc, z, labels, title):
    """Draws images along the latent plane next to the scatter of mu and of samples z.

    Args:
        grid: The images, a uint8 array.
        reach: The largest latents [2] of the images.
        loc: Posterior means [N, 2].
        z: A sample of each posterior [N, 2].
        labels: Integers [N].
        title: Title of the grid.
    """
    figure = Figure(figsize=(10.2, 6.8), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(2, 1))
    panel = left.subplots()
    edge = 0.5 + 0.5 / MANIFOLD
    panel.imshow(grid, extent=(1 - edge, edge, 1 - edge, edge), interpolation="nearest")
    panel.set(xticks=[], yticks=[], title=title)
    quantiles = f"quantiles of the prior from {-reach[0]:.3g} to {reach[0]:.3g}"
    panel.set_xlabel(f"latent unit 1, {quantiles}")
    panel.set_ylabel(f"latent unit 2, from {-reach[1]:.3g} to {reach[1]:.3g}")
    upper, lower = right.subplots(2, 1)
    for panel, codes, name in ((upper, loc, "posterior means"), (lower, z, "posterior samples")):
        draw_plane(panel, codes, labels)
        panel.set(title=name, ylabel="latent unit 2")
    lower.set_xlabel("latent unit 1")
    figures.label_legend(right, columns=5)
    return figure
