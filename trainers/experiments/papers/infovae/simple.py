"""Figures 1 to 5 of `infovae`: the toy, and DCGAN networks trained by the ELBO and by InfoVAE."""

import numpy as np
from matplotlib.colors import LogNorm

from trainers import grids
from trainers.experiments import figures
from trainers.experiments.claims import Bound, ByEye, Claim
from trainers.experiments.papers.infovae.shared import (
    COLOURS,
    LOOKS,
    mean,
    own_rows,
    rows_of,
    study,
)
from trainers.experiments.study import Outcome, joined, lazy, row

generated = lazy("zoo.evaluation.generated")
latents = lazy("zoo.evaluation.latents")
posteriors = lazy("trainers.experiments.papers.infovae.posteriors")
study_runs = lazy("trainers.experiments.runs")
toy = lazy("trainers.experiments.papers.infovae.toy")

APPROXIMATE, TRUE = COLOURS[0], COLOURS[2]  # of posteriors; the paper's blue and green
DATA = "binarized_mnist"
# Figure 1: steps, records of them, seeds.
TOY = {"tiny": (200, 2, 1), "reduced": (5000, 20, 1), "full": (40000, 20, 2)}
TOY_METRICS = ("loc", "scale", "rate", "elbo", "log_evidence", "gap")
# Training images of Figures 2 to 5; the paper says "from 500 to 50000".
SIZES = {
    "tiny": (200, 400),
    "reduced": (500, 2000, 5000, 20000, 50000),
    "full": (500, 1000, 2000, 5000, 10000, 20000, 50000),
}
# Training images seen, for a training set of any size, so that all runs have the same steps.
IMAGES_SEEN = {"tiny": 800, "reduced": 100_000, "full": 5_000_000}
RECORDS = 10  # validations and checkpoints of such a run
METRICS = ("mmd", "rate", "distortion", "elbo")
PARZEN = {"tiny": 100, "reduced": 1000, "full": 10000}  # images of Figure 5
SHOWN, COLUMNS = 32, 8  # images of a panel of Figure 5, and in a row of it


def by_size(context, count=None, families=("elbo", "mmd"), cut="", **axes):
    """Returns the runs with DCGAN networks on training sets of some sizes, of equal steps.

    Args:
        context: The item's `Context`.
        count: The number of the scale's sizes to take, the smallest first; all by default.
        families: In the order of the rows.
        cut: What the item itself shortens.
        **axes: Others of the plan.
    """
    sizes = SIZES[context.scale][:count]
    sizes_note = "" if context.scale == "full" else f"training sets of {', '.join(map(str, sizes))}"
    plan = [
        {"family": [family], **_of_size(context.scale, size), **axes, "seed": [context.seed]}
        for family in families
        for size in sizes
    ]
    return study.runs(context, plan, data=f"{DATA}, test", cut=joined(cut, sizes_note))


def _of_size(scale, size):
    epochs = max(1, IMAGES_SEEN[scale] // size)
    every = max(1, epochs // RECORDS)
    train = {"epochs": epochs, "validation_every": every, "checkpoint_every": every}
    train["pictures_every"] = 0
    return {"data.limit": [size], **{f"train.{key}": [value] for key, value in train.items()}}


POINTS = {name: tuple(f"{name}, x = {x}" for x in ("-1", "+1")) for name in ("ELBO", "InfoVAE")}


def sized(name, *sizes):
    """Returns the names of the rows of a model over sizes of the training set."""
    return tuple(f"{name}, {size} images" for size in sizes)


@study.item(
    "fig1",
    "Two-point toy: the ELBO pushes posteriors apart, InfoVAE does not",
    shows="The ELBO pushes the posteriors of the two points away from 0, and far from the true "
    "ones; InfoVAE does not.",
    claims=(
        Claim(
            "The ELBO pushes posteriors away from the prior: their rates are higher.",
            "rate",
            POINTS["InfoVAE"],
            POINTS["ELBO"],
        ),
        Claim(
            "The ELBO's posteriors are further from the true ones: KL(q(z|x) || p(z|x)).",
            "gap",
            POINTS["InfoVAE"],
            POINTS["ELBO"],
        ),
    ),
)
def two_points(context):
    """The two-point toy, by the ELBO and by InfoVAE."""
    steps, records, count = TOY[context.scale]
    models, histories, rows = {}, {}, []
    for name in toy.OBJECTIVES:
        for seed in context.seeds(count):
            if context.progress:
                print(f"{name}, seed {seed}: {steps} steps", flush=True)
            model = toy.build(name, steps, seed)
            history = toy.fit(model, steps, records)
            models.setdefault(name, model)
            histories.setdefault(name, history)
            rows += _toy_rows(name, history[-1], seed)
    pictures = {
        "two_points": toy.draw(models, context.seed),
        "training": toy.draw_training(histories),
    }
    cut = "" if context.scale == "full" else f"{steps} steps, {count} seed"
    return Outcome(rows, pictures, joined(cut, context.cut_of_seeds(count)))


def _toy_rows(name, last, seed):
    metadata = {"seeds": [seed], "data": "x in {-1, 1}", "note": f"step {last['step']}"}
    rows = [
        row(f"{name}, x = {x:+.0f}", metric, value, **metadata)
        for metric in TOY_METRICS
        for x, value in zip(toy.POINTS, last[metric])
    ]
    return [*rows, row(f"{name}, q(z)", "variance", last["variance"], **metadata)]


@study.item(
    "fig2",
    "log det Cov[q(z)] against the size of the training set",
    shows="The ELBO over-estimates the variance of q(z), most with few training images; InfoVAE "
    "does not.",
    claims=(
        Bound(
            "The ELBO over-estimates the variance of q(z): its log determinant is above 0.",
            "log_det_cov",
            sized("ELBO", 500, 2000, 5000, 20000, 50000),
            above=0.0,
        ),
        Claim(
            "It does so most with 500 images.",
            "log_det_cov",
            sized("ELBO", 5000, 20000, 50000),
            sized("ELBO", 500),
        ),
        Bound(
            "InfoVAE does not over-estimate it: its log determinant is below 0.",
            "log_det_cov",
            sized("MMD-VAE", 500, 2000, 5000, 20000, 50000),
            below=0.0,
        ),
        Claim(
            "InfoVAE's log determinant is nearer to 0 than the ELBO's.",
            "log_det_cov",
            sized("MMD-VAE", 500, 2000, 5000, 20000, 50000),
            sized("ELBO", 500, 2000, 5000, 20000, 50000),
            distance_to=0.0,
        ),
    ),
)
def variances(context):
    """log det Cov[q(z)] of test and training images, of models trained on sets of some sizes."""
    runs, series = by_size(context), {}

    def measure(run):
        entry = run.metric("log_det_cov")
        point = run["data.limit"], entry["value"], entry["stderr"]
        series.setdefault(study.label_of(run), []).append(point)
        z = latents.aggregated_samples(run.load().model, run.splits()["train"], context.seed)
        entry = latents.log_det_cov(z)
        metric, data = "log_det_cov of training images", f"{DATA}, training images"
        training = run.row(metric, entry["value"], entry["stderr"], data=data)
        return [*own_rows(run, "log_det_cov", *METRICS), training]

    rows = rows_of(
        runs, "log_det_cov", measure, lambda run: f"{run.label}, {run['data.limit']} images"
    )
    labels = {"xlabel": "training images", "ylabel": "log det Cov[q(z)], nats, test images"}
    labels.update(title="Variance of q(z), 10 latents", reference=(0.0, "prior N(0, I)"))
    figure = figures.lines_over_axis(series, LOOKS, **labels, log_x=True)
    return Outcome(rows, {"log_det_cov": figure}, runs.cut)


@study.item(
    "fig3",
    "Contours of q(z) in the plane from 500 examples",
    shows="After 500 examples InfoVAE's q(z) is almost the prior; the ELBO's is far off.",
    claims=(
        Claim(
            "InfoVAE's q(z) is nearer to the prior than the ELBO's.",
            "KL(q(z) || p(z))",
            ("MMD-VAE",),
            ("ELBO",),
        ),
    ),
)
def contours(context):
    """q(z) in the plane after training on 500 examples, and the prior."""
    runs = by_size(context, 1, ("mmd", "elbo"), latent_dim=[2])
    mixtures, captions = {}, {"prior": "N(0, I)"}

    def measure(run):
        q = posteriors.Mixture.of(run.load().model, run.test_set())
        divergence, stderr = mean(q.divergence(context.seed))
        mixtures[run.label] = q
        captions[run.label] = f"KL(q(z) || p(z)) = {divergence:.2f} nats"
        distance = run.row("KL(q(z) || p(z))", divergence, stderr)
        return [*own_rows(run, "log_det_cov", *METRICS), distance]

    rows = rows_of(runs, "log_det_cov", measure)
    reach = posteriors.reach_of([q.loc for q in mixtures.values()])
    densities = {"prior": posteriors.PRIOR.density(reach), **{run.label: None for run in runs}}
    densities.update({name: q.density(reach) for name, q in mixtures.items()})
    return Outcome(rows, {"contours": draw_contours(densities, reach, captions)}, runs.cut)


def draw_contours(densities, reach, captions):
    """Draws densities over the plane, a panel each, on the same levels.

    Args:
        densities: dict name -> density [G, G] on an even grid of [-reach, reach]^2, first axis
            z_1; None of a run that failed.
        reach: Positive number.
        captions: dict name -> a line under its title.
    """
    levels = np.geomspace(1e-3, 1.0, 8) / (2 * np.pi)
    figure, axes = figures.sheet(1, len(densities), 3.5, 3.6)
    for panel, (name, density) in zip(axes[0], densities.items()):
        if density is None:
            figures.say_failed(panel, name)
            continue
        axis = np.linspace(-reach, reach, len(density))
        # What is above the prior's peak is drawn in the last colour.
        look = {"extend": "max", "cmap": "viridis_r", "norm": LogNorm(levels[0], levels[-1])}
        drawn = panel.contourf(axis, axis, density.T, levels, **look)
        panel.set(xlabel="z, unit 1", ylabel="z, unit 2")
        panel.set_title(f"{name}\n{captions[name]}", weight="normal")
        panel.set_aspect("equal")
    bar = figure.colorbar(drawn, ax=axes[0], shrink=0.8, format="%.2g")
    bar.set_label("density")
    return figure


@study.item(
    "fig4",
    "Samples of q(z|x) and the true posterior",
    shows="The ELBO's approximate posteriors are further from the true ones than InfoVAE's.",
    claims=(
        Claim(
            "The ELBO's posteriors are further from the true ones: KL(q(z|x) || p(z|x)).",
            "gap",
            ("MMD-VAE",),
            ("ELBO",),
        ),
        Claim(
            "The ELBO's posterior means are further from the true ones.",
            "posterior distance",
            ("MMD-VAE",),
            ("ELBO",),
        ),
    ),
)
def true_posteriors(context):
    """Draws of q(z|x) and of the true p(z|x), test images."""
    runs = by_size(context, 1, cut=posteriors.cut(context.scale), latent_dim=[2])
    height = (2.15 * len(runs) + 1.2) / (len(runs) + 1)
    heights = {"height_ratios": [0.5, *[1.0] * len(runs)]}
    figure, axes = figures.sheet(len(runs) + 1, posteriors.IMAGES, 1.75, height, **heights)
    draws = []

    def draw(panels, run):
        model, test = run.load().model, run.test_set()
        columns, measured = posteriors.compare(model, test, context.scale, context.seed)
        draw_posteriors(panels, columns, run.label)
        for top, (image, q, p, _) in zip(axes[0], columns):
            top.imshow(image[..., 0], cmap="gray_r", interpolation="nearest")
            draws.extend([q, p])
        return [
            run.row(metric, *mean(values), note=note) for metric, (values, note) in measured.items()
        ]

    rows = figures.draw_runs(axes[1:], runs, draw, "gap")
    reach = posteriors.reach_of(draws)
    for panel in axes[1:].ravel():
        panel.set(xlim=(-reach, reach), ylim=(-reach, reach))
    for top, bottom in zip(axes[0], axes[-1]):
        top.set_axis_off()
        bottom.set_xlabel("z, unit 1", fontsize=7)
    colours = {"true posterior p(z|x)": TRUE, "approximate q(z|x)": APPROXIMATE}
    handles = [axes[0, 0].scatter([], [], color=c, label=name) for name, c in colours.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return Outcome(rows, {"posteriors": figure}, runs.cut)


def draw_posteriors(panels, columns, label):
    """Draws q(z|x) over p(z|x), a panel for each image.

    Args:
        panels: Matplotlib axes.
        columns: List of (image [H, W, C], draws of q [S, 2], draws of p [S, 2], caption); see
            `posteriors.compare`.
        label: The model's name.
    """
    look = {"s": 5, "alpha": 0.5, "linewidths": 0}
    for panel, (_, q, p, caption) in zip(panels, columns):
        panel.scatter(*p.T, color=TRUE, **look)
        panel.scatter(*q.T, color=APPROXIMATE, **look)
        panel.set_title(caption, fontsize=7.5, weight="normal")
        panel.set_aspect("equal")
        panel.tick_params(labelsize=6)
    panels[0].set_ylabel(f"{label}\nz, unit 2")


@study.item(
    "fig5",
    "Reconstructions and samples",
    shows="The ELBO reconstructs 500 training images sharply and samples badly; InfoVAE's samples "
    "are like its reconstructions.",
    claims=(
        Claim(
            "The ELBO reconstructs training images better.",
            "distortion, training images",
            ("ELBO",),
            ("MMD-VAE",),
        ),
        Claim(
            "InfoVAE's samples have the lower NLL.",
            "generated_nll",
            ("MMD-VAE",),
            ("ELBO",),
        ),
        ByEye("The ELBO's reconstructions are sharp and its samples bad; InfoVAE's are alike."),
    ),
)
def samples(context):
    """Reconstructions and samples after training on 500 examples, means of p(x|z)."""
    few = "" if context.scale == "full" else f"{PARZEN[context.scale]:,} generated images"
    runs = by_size(context, 1, cut=few)
    figure, axes = figures.sheet(len(runs), 3, 3.3, 3.3 * SHOWN / COLUMNS**2 + 0.35)

    def draw(panels, run):
        trained, splits = run.load(), run.splits()
        draw_samples(panels, run.label, trained.model, splits, context.seed)
        rows = own_rows(run, "distortion", "rate", "elbo")
        last = trained.history[-1]["distortion"]
        rows.append(run.row("distortion, training images", last, data=DATA))
        entry = generated.measure(
            *(trained.model, splits["test"], splits["train"], ["generated_nll"]),
            PARZEN[context.scale],
            seed=context.seed,
        )["generated_nll"]
        note = f"{study_runs.how(entry)}, under a Parzen density of the training images"
        metadata = {"note": note, "data": DATA}
        return [*rows, run.row("generated_nll", entry["value"], entry["stderr"], **metadata)]

    rows = figures.draw_runs(axes, runs, draw, "distortion")
    return Outcome(rows, {"samples": figure}, runs.cut)


def draw_samples(panels, label, model, splits, seed):
    """Draws reconstructions of training and test images, and samples, a panel each."""
    images = {role: splits[role].float_images(slice(0, SHOWN)) for role in ("train", "test")}
    shown = {
        "training reconstructions": model.reconstruct(images["train"]),
        "test reconstructions": model.reconstruct(images["test"]),
        "samples, z from p(z)": model.sample(SHOWN, seed=seed),
    }
    for panel, (title, values) in zip(panels, shown.items()):
        grid = grids.image_grid(np.clip(np.asarray(values), 0, 1), COLUMNS)
        figures.show(panel, grid, f"{label}: {title}", loc="left")
