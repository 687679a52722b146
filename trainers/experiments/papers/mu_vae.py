"""The figures and the table of `mu_vae`, Bridging the ELBO and MMD."""

import math

import numpy as np
from matplotlib.ticker import MaxNLocator

from trainers import grids
from trainers.experiments import figures
from trainers.experiments.claims import Bound, ByEye, Claim, Near
from trainers.experiments.study import Outcome, Study, joined, lazy, row

backend = lazy("zoo.backend")
entries = lazy("zoo.evaluation.entries")
latents = lazy("zoo.evaluation.latents")

NAMES = {
    "vae": "VAE",
    "beta_vae": "beta-VAE",
    "mu_vae_1": "mu-VAE #1",
    "mu_vae_2": "mu-VAE #2",
}
OF_ELBO, OF_MU = ("vae", "beta_vae"), ("mu_vae_1", "mu_vae_2")
COLOURS = dict(zip(NAMES, ("#0072B2", "#777777", "#D55E00", "#117733")))
DATA = {"mnist": "MNIST", "fashion": "Fashion-MNIST", "toy": ""}
# Table 1, data -> family -> per cent.
PAPER = {
    "mnist": {"vae": 93.422, "beta_vae": 62.45, "mu_vae_1": 95.28, "mu_vae_2": 96.44},
    "fashion": {"vae": 78.01, "beta_vae": 62.35, "mu_vae_1": 82.71, "mu_vae_2": 84.26},
}
# Scale -> grids of mean terms and variance terms. Every mean term with the variance as Table 3 has
# it, as the text means it, and kept from the KL divergence; the second subset of its terms that
# the text names, and none, with the mean over batches.
READINGS = {
    "tiny": [(["dimension"], ["printed", "kl"])],
    "full": [
        (["batch", "example", "dimension"], ["printed", "towards_one", "kl"]),
        (["batch", "dimension"], ["excess"]),
        (["batch"], ["none"]),
    ],
}
READINGS["reduced"] = READINGS["full"]
# Family -> sigma of N(0, sigma^2 I) in Figures 6 and 10, and the reach of Figures 7 and 9.
SIGMA = {"vae": 1.0, "beta_vae": 1.0, "mu_vae_1": 3.0, "mu_vae_2": 3.0}
REACH = {"vae": 2.0, "beta_vae": 2.0, "mu_vae_1": 10.0, "mu_vae_2": 20.0}
STEPS, IMAGES, SAMPLES = 40, 30, 64  # of a traversal, of reconstructions, of samples
INCH = 0.16  # of a picture in a traversal: 32 pixels at 200 an inch
# Figure 1: objective and activation of the toys, whose families are named by both.
OBJECTIVES = {"vae": "ELBO", "vae_clipped": "ELBO, clipped", "mu_vae": "mu-VAE, clipped"}
ACTIVATIONS = {"tanh": "tanh", "relu": "ReLU", "leaky_relu": "leaky ReLU"}
TOYS = {f"{o}_{a}": f"{OBJECTIVES[o]}, {ACTIVATIONS[a]}" for o in OBJECTIVES for a in ACTIVATIONS}
TOY_METRICS, TOY_POINTS = ("knn_probe", "rate", "reconstruction_l2"), 5000
TSNE_IMAGES = {"tiny": 100, "reduced": 2000, "full": 10000}
NEIGHBOURS, BINS = 5, 60
# Term of the history -> title and unit. The distortion is the squared error plus a constant.
PANELS = {
    "distortion": ("Reconstruction loss", "$|x - x'|^2$"),
    "rate": ("KL divergence", "nats"),
    "accuracy": ("Accuracy of the classifier", "%"),
    "regulariser": ("Regulariser of mu-VAE", ""),
}
CONSTANT = 0.5 * 28 * 28 * math.log(math.pi)  # of a Gaussian of scale sqrt(1/2)
SPLITS = {"training": ("", "-"), "test": ("val_", "--")}
_CURVES = (
    "mu-VAE has the lower reconstruction loss, the higher KL divergence and the higher accuracy; "
    "beta-VAE is worst in all."
)
_HISTOGRAMS = (
    "beta-VAE's codes follow N(0, 1) closely, VAE's nearly; mu-VAE's have zero mean and a spread "
    "that the clipping controls."
)
_SAMPLES = (
    "mu-VAE's codes are spread out and are sampled with sigma 3; some of its samples have dark "
    "spots, where it tries to make texture."
)
_TRAVERSALS = (
    "Few of beta-VAE's latents change the image; mu-VAE's show different classes, at the two ends "
    "of one latent as well."
)

BETA_VAE, VAE, MU_1, MU_2 = ((NAMES[f],) for f in ("beta_vae", "vae", "mu_vae_1", "mu_vae_2"))
# Metric -> config -> data of the rows.
TEST_SETS = {
    "accuracy_percent": {"mnist": "mnist, test", "fashion": "fashion_mnist, test"},
    "same_class_neighbours, t-SNE": {
        "mnist": "mnist, test, 10000 images",
        "fashion": "fashion_mnist, test, 10000 images",
    },
}
CURVE_CLAIMS = (
    Claim(
        "mu-VAE has the lowest reconstruction loss, beta-VAE the highest.",
        "reconstruction_loss, test",
        MU_1 + MU_2,
        VAE,
        then=(BETA_VAE,),
    ),
    Claim("mu-VAE has the highest KL divergence.", "rate, test", BETA_VAE + VAE, MU_1 + MU_2),
    Claim(
        "mu-VAE has the highest accuracy, beta-VAE the lowest.",
        "accuracy_percent, test",
        BETA_VAE,
        VAE,
        then=(MU_1 + MU_2,),
    ),
)
SPREAD_CLAIM = Claim(
    "mu-VAE's codes are spread wider, with the larger bound on their length more so.",
    "spread",
    BETA_VAE + VAE,
    MU_1,
    then=(MU_2,),
)
HISTOGRAM_CLAIMS = (
    Bound(
        "The codes of VAE and beta-VAE are spread like N(0, 1): by 0.95 to 1.05.",
        "spread",
        BETA_VAE + VAE,
        above=0.95,
        below=1.05,
    ),
    Bound(
        "mu-VAE's codes have a mean near zero: below 0.3, a tenth of a spread of 3.",
        "offset",
        MU_1 + MU_2,
        below=0.3,
    ),
    SPREAD_CLAIM,
)
SAMPLE_CLAIMS = (SPREAD_CLAIM, ByEye("Some of mu-VAE's samples have dark spots."))
TRAVERSAL_CLAIMS = (
    Claim(
        "The two ends of beta-VAE's latents are the least apart, those of mu-VAE the most.",
        "ends_apart",
        BETA_VAE,
        VAE,
        then=(MU_1 + MU_2,),
    ),
    ByEye("The two ends of one of mu-VAE's latents show different classes."),
)
MEAN, VARIANCE = "objective.base.mean_term", "objective.base.variance_term"
study = Study("mu_vae", label=NAMES)


def _ordered(text, metric):
    """Returns the claims, one for each data set, that models are in the paper's order."""
    return tuple(
        Claim(f"{DATA[config]}: {text}", metric, BETA_VAE, VAE, data, then=(MU_1, MU_2))
        for config, data in TEST_SETS[metric].items()
    )


def models(context, config, families=tuple(NAMES), **axes):
    """Returns the runs of some families on "mnist" or "fashion", or of the toys."""
    axes = {"family": families, **axes, "seed": [context.seed]}
    return study.runs(context, axes, f"mu_vae/{config}", data=DATA[config])


def measured_on(run, split):
    """Returns what a row says of a run and its data, as `note` and `data`."""
    data = f"{split.name}, {split.split}, {len(split)} images"
    return {"note": f"{run.config['train']['epochs']} epochs", "data": data}


@study.item(
    "fig1",
    "Toy networks in the plane: objectives, activations, clipping",
    shows="Clipping might make the latent space smoother, with the ELBO as well; mu-VAE's "
    "objective works well.",
    claims=(
        *(
            Near(
                f"{words}: the accuracy of mu-VAE is within 0.02 of the ELBO's.",
                "knn_probe",
                (f"vae_{activation}", f"mu_vae_{activation}"),
                0.02,
            )
            for activation, words in ACTIVATIONS.items()
        ),
        ByEye("Clipping might make the latent space smoother."),
    ),
)
def toys(context):
    """Posterior means of test images, nine panels; the circle is where means are clipped."""
    runs = models(context, "toy", tuple(TOYS))
    figure, axes = figures.sheet(len(OBJECTIVES), len(ACTIVATIONS), 3.0, 3.1)
    rows = figures.draw_runs(axes, runs, draw_toy, "knn_probe")
    for panel in axes[-1]:
        panel.set_xlabel("latent 1")
    for panel in axes[:, 0]:
        panel.set_ylabel("latent 2")
    figures.label_legend(figure, title="digit")
    return Outcome(rows, {"plane": figure}, runs.cut)


def draw_toy(panel, run):
    """Draws the plane of a toy and returns its rows."""
    model, split = run.load().model, run.test_set()
    metadata, rows = measured_on(run, split), []
    for metric in TOY_METRICS:
        entry = run.metric(metric)
        rows.append(run.row(metric, entry["value"], entry["stderr"], **metadata))
    codes = model.predict_codes(split.float_images(slice(0, TOY_POINTS)))
    radius = getattr(getattr(model.encoder, "move", None), "radius", None)
    if radius:
        note = f"share of {len(codes):,} images whose mean lies on the circle"
        metadata["note"] = joined(metadata["note"], note)
        rows.append(run.row("clipped", *share_clipped(codes, radius), **metadata))
        angle = np.linspace(0, 2 * np.pi, 200)
        circle = radius * np.cos(angle), radius * np.sin(angle)
        panel.plot(*circle, color=figures.GREY, linewidth=0.7)
    figures.scatter_by_label(panel, codes, split.labels[:TOY_POINTS], alpha=0.6)
    panel.set_aspect("equal", adjustable="datalim")
    accuracy = run.metric("knn_probe")["value"]
    title = f"{TOYS[run['family']]}\n5-NN accuracy {accuracy:.1%}"
    panel.set_title(title, fontsize=8.5, loc="center")
    return rows


def share_clipped(codes, radius):
    """Returns the share of codes [N, Z] as long as clipping lets them be, and its error."""
    share = float(np.mean(np.linalg.norm(codes, axis=-1) > 0.999 * radius))
    return share, entries.share_stderr(share, len(codes))


@study.item(
    "fig2",
    "Training curves of the four objectives, Fashion-MNIST",
    shows=_CURVES,
    config="fashion",
    claims=CURVE_CLAIMS,
)
@study.item(
    "fig8",
    "Training curves of the four objectives, MNIST",
    shows=_CURVES,
    config="mnist",
    claims=CURVE_CLAIMS,
)
def training(context, config):
    """The terms of the four models, epoch by epoch."""
    runs, rows = models(context, config), []
    histories = {run.label: curves(run.history()) for run in runs.finished}
    names = {"distortion": "reconstruction_loss", "accuracy": "accuracy_percent"}
    for run in runs:
        if run.failure:
            rows.append(run.row("reconstruction_loss"))
            continue
        for (split, term), (epochs, values) in histories[run.label].items():
            note = f"mean over epoch {epochs[-1]:.0f}" if split == "training" else "after the last"
            metric, data = f"{names.get(term, term)}, {split}", f"{DATA[config]}, {split}"
            rows.append(run.row(metric, values[-1], data=data, note=note))
    return Outcome(rows, {"curves": draw_curves(histories, DATA[config])}, runs.cut)


def curves(history):
    """Returns (split, term) -> (epochs, values) of a history, in the units of `PANELS`."""
    lines = {}
    for split, (prefix, _) in SPLITS.items():
        for term in PANELS:
            line = [(epoch["epoch"], epoch.get(prefix + term)) for epoch in history]
            line = [(epoch, value) for epoch, value in line if value is not None]
            if line:
                epochs, values = np.array(line).T
                lines[split, term] = epochs, _in_unit(term, values)
    return lines


def _in_unit(term, values):
    if term == "distortion":
        return values - CONSTANT
    return 100 * values if term == "accuracy" else values


def draw_curves(histories, title):
    """Draws the four panels, a line for each model and split."""
    figure, axes = figures.sheet(1, len(PANELS), 3.0, 2.9, title)
    colours = {NAMES[family]: colour for family, colour in COLOURS.items()}
    for panel, (term, (name, unit)) in zip(axes[0], PANELS.items()):
        for label, history in histories.items():
            for split, (_, style) in SPLITS.items():
                if (split, term) in history:
                    epochs, values = history[split, term]
                    marker = {"marker": "o", "markersize": 3} if len(epochs) < 12 else {}
                    look = {"color": colours[label], "linestyle": style, "linewidth": 1.3}
                    panel.plot(epochs, values, **look, **marker)
        panel.set_title(name, loc="center")
        panel.set(xlabel="epoch", ylabel=unit)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    for label in histories:
        axes[0, 0].plot([], [], color=colours[label], label=label)
    for split, (_, style) in SPLITS.items():
        axes[0, 0].plot([], [], style, color=figures.GREY, label=split)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
    return figure


@study.item(
    "fig3",
    "t-SNE of the codes",
    shows="mu-VAE's codes lie in clusters of a class; a larger bound on their length pulls the "
    "clusters apart. beta-VAE's lie close together.",
    claims=(
        *_ordered(
            "mu-VAE's codes have the most neighbours of their class, with the larger bound more "
            "so; beta-VAE's the fewest.",
            "same_class_neighbours, t-SNE",
        ),
        ByEye("A larger bound on the length of codes pulls clusters apart."),
    ),
)
def neighbours(context):
    """t-SNE of samples of e(z|x), of the four models on both data sets."""
    count = TSNE_IMAGES[context.scale]
    cut = "" if context.scale == "full" else f"t-SNE of {count} of 10,000 test images"
    runs = models(context, "mnist") + models(context, "fashion")
    figure, axes = figures.sheet(2, len(NAMES), 2.8, 2.9)

    def draw(panel, run):
        codes, labels, metadata = codes_of(run, context.seed, count)
        plane = tsne(codes, context.seed)
        figures.scatter_by_label(panel, plane, labels)
        panel.set(xticks=[], yticks=[])
        panel.set_title(f"{run.label}, {run.data}", fontsize=9, loc="center")
        return [
            run.row(f"same_class_neighbours, {name}", *same_class(points, labels), **metadata)
            for name, points in (("codes", codes), ("t-SNE", plane))
        ]

    rows = figures.draw_runs(axes, runs, draw, "same_class_neighbours")
    figures.label_legend(figure, title="class")
    return Outcome(rows, {"tsne": figure}, joined(runs.cut, cut))


def codes_of(run, seed, count=None):
    """Returns samples of e(z|x) of the first `count` test images, labels, and words for a row."""
    split, rows = run.test_set(), slice(0, count)
    codes = latents.aggregated_samples(run.load().model, split.float_images(rows), seed)
    metadata = measured_on(run, split)
    if count is not None and count < len(split):
        metadata["data"] += f", the first {count}"
    return codes, split.labels[rows], metadata


def tsne(codes, seed=17):
    """Returns the embedding [N, 2] of codes [N, Z]: scikit-learn's, perplexity 30, PCA's start."""
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(codes) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(codes)


def same_class(points, labels, count=NEIGHBOURS):
    """Returns the share of each point's nearest points that are of its class, and its error."""
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=count).fit(points).kneighbors(return_distance=False)
    shares = np.mean(labels[nearest] == labels[:, None], axis=1)
    share = float(shares.mean())
    if share in (0.0, 1.0):  # no spread among these points does not mean none among all
        return share, entries.share_stderr(share, len(shares))
    return share, float(shares.std(ddof=1) / np.sqrt(len(shares)))


@study.item(
    "fig4",
    "Histograms of each latent",
    shows=_HISTOGRAMS,
    config="fashion",
    claims=HISTOGRAM_CLAIMS,
)
@study.item(
    "fig11",
    "Histograms of each latent, MNIST",
    shows=_HISTOGRAMS,
    config="mnist",
    claims=HISTOGRAM_CLAIMS,
)
def histograms(context, config):
    """Samples of each latent over the test set."""
    runs = models(context, config)
    codes = {run.label: codes_of(run, context.seed) for run in runs.finished}
    width = max((codes.shape[1] for codes, _, _ in codes.values()), default=1)
    figure, axes = figures.sheet(len(runs), width, 1.15, 1.3, DATA[config])

    def draw(panels, run):
        samples, _, metadata = codes[run.label]
        draw_histograms(panels, samples, run.label)
        return spread_rows(run, samples, metadata)

    rows = figures.draw_runs(axes, runs, draw, "spread")
    figure.supxlabel("z ~ e(z|x) over the test images; the line is N(0, 1)", fontsize=8)
    return Outcome(rows, {"histograms": figure}, runs.cut)


def draw_histograms(panels, codes, label):
    """Draws a panel for each latent, N(0, 1) as a line."""
    reach = max(3.5, float(np.quantile(np.abs(codes), 0.999)))
    grid = np.linspace(-reach, reach, 200)
    normal = np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi)
    for number, (panel, values) in enumerate(zip(np.ravel(panels), codes.T), 1):
        panel.hist(values, BINS, (-reach, reach), density=True, color="#88CCEE")
        panel.plot(grid, normal, color=figures.GREY, linewidth=0.8)
        panel.set(yticks=[], xlim=(-reach, reach))
        panel.tick_params(labelsize=6.5)
        panel.grid(visible=False)
        panel.set_title(f"latent {number}", fontsize=7, weight="normal", loc="center")
    np.ravel(panels)[0].set_ylabel(label, fontsize=8)


def spread_rows(run, codes, metadata):
    """Returns rows of q(z): the root mean square over latents of their means and deviations."""
    codes = np.asarray(codes, "float64")
    numbers = {"offset": codes.mean(axis=0), "spread": codes.std(axis=0)}
    nouns = {"offset": "means", "spread": "standard deviations"}
    return [
        run.row(
            name,
            np.sqrt(np.mean(values**2)),
            data=metadata["data"],
            note=f"{metadata['note']}; root mean square of the latents' {nouns[name]}, which are "
            f"{values.min():.3g} to {values.max():.3g}",
        )
        for name, values in numbers.items()
    ]


@study.item(
    "fig5",
    "Reconstructions, Fashion-MNIST",
    shows="beta-VAE's reconstructions are blurred or wrong, VAE's better, mu-VAE's best.",
    claims=(
        Claim(
            "mu-VAE reconstructs best, beta-VAE worst.",
            "reconstruction_l2",
            MU_1 + MU_2,
            VAE,
            then=(BETA_VAE,),
        ),
    ),
)
def reconstructions(context):
    """Test images above their reconstructions from the posterior mean."""
    runs = models(context, "fashion")
    figure, axes = figures.sheet(2, 2, 4.2, 3.1, f"{DATA['fashion']}, test images")

    def draw(panel, run):
        split = run.test_set()
        images = split.float_images(slice(0, IMAGES))
        rebuilt = backend.to_numpy(run.load().model.reconstruct(images))
        entry = run.metric("reconstruction_l2")
        title = f"{run.label}: $|x - x'|^2$ {entry['value']:.2f}"
        figures.show(panel, grids.reconstruction_grid(images, rebuilt), title)
        metadata = measured_on(run, split)
        return [run.row("reconstruction_l2", entry["value"], entry["stderr"], **metadata)]

    rows = figures.draw_runs(axes, runs, draw, "reconstruction_l2")
    return Outcome(rows, {"reconstructions": figure}, runs.cut)


@study.item(
    "fig6",
    "Samples from N(0, sigma)",
    shows=_SAMPLES,
    config="fashion",
    claims=SAMPLE_CLAIMS,
)
@study.item(
    "fig10",
    "Samples, MNIST",
    shows=_SAMPLES,
    config="mnist",
    claims=SAMPLE_CLAIMS,
)
def samples(context, config):
    """Decoded draws of N(0, sigma^2 I)."""
    runs = models(context, config)
    figure, axes = figures.sheet(1, len(runs), 2.7, 3.0, f"{DATA[config]}, samples")

    def draw(panel, run):
        model, sigma = run.load().model, SIGMA[run["family"]]
        noise = np.random.default_rng(context.seed).normal(size=(SAMPLES, model.latent_dim))
        images = backend.to_numpy(model.decoder.images((sigma * noise).astype("float32")))
        title = f"{run.label}, $\\sigma$ = {sigma:g}"
        figures.show(panel, grids.image_grid(images), title)
        split = run.test_set()
        codes = latents.aggregated_samples(model, split, context.seed)
        metadata = measured_on(run, split)
        metadata["note"] += f"; sampled with sigma {sigma:g}"
        return spread_rows(run, codes, metadata)

    rows = figures.draw_runs(axes, runs, draw, "spread")
    return Outcome(rows, {"samples": figure}, runs.cut)


@study.item(
    "fig7",
    "Traversals of each latent",
    shows=_TRAVERSALS,
    config="fashion",
    claims=TRAVERSAL_CLAIMS,
)
@study.item(
    "fig9",
    "Traversals of each latent, MNIST",
    shows=_TRAVERSALS,
    config="mnist",
    claims=TRAVERSAL_CLAIMS,
)
def traversals(context, config):
    """Each latent alone moved in 40 steps."""
    runs, count = models(context, config), 10
    size = (INCH * STEPS + 0.6, INCH * count + 0.5)
    figure, axes = figures.sheet(len(runs), 1, *size, f"{DATA[config]}, traversals")

    def draw(panel, run):
        reach = REACH[run["family"]]
        images = traverse(run.load().model, reach)
        draw_traversal(panel, run.label, images, reach)
        apart = np.sum((images[:, 0] - images[:, -1]) ** 2, axis=(1, 2, 3))
        note = f"mean over latents of |x(-{reach:g}) - x({reach:g})|^2, {apart.min():.3g} to "
        return [run.row("ends_apart", apart.mean(), data="", note=f"{note}{apart.max():.3g}")]

    rows = figures.draw_runs(axes, runs, draw, "ends_apart")
    return Outcome(rows, {"traversals": figure}, runs.cut)


def traverse(model, reach, steps=STEPS):
    """Returns mean images [Z, steps, H, W, C] with latent d from -reach to reach, the others 0."""
    count = model.latent_dim
    z = np.eye(count)[:, None] * np.linspace(-reach, reach, steps)[None, :, None]
    images = backend.to_numpy(model.decoder.images(z.reshape(-1, count).astype("float32")))
    return images.reshape(count, steps, *images.shape[1:])


def draw_traversal(panel, label, images, reach):
    """Draws a row of images for each latent, with its number, and the latent's value below."""
    count, steps, height, width = images.shape[:4]
    grid = grids.image_grid(images.reshape(-1, *images.shape[2:]), steps, padding=1)
    panel.imshow(grid, interpolation="nearest")
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)
    ends = [width / 2, grid.shape[1] / 2, grid.shape[1] - width / 2]
    panel.set_xticks(ends, [f"{value:g}" for value in (-reach, 0, reach)], fontsize=7)
    rows = (np.arange(count) + 0.5) * (height + 1)
    panel.set_yticks(rows, [str(number) for number in range(1, count + 1)], fontsize=6)
    panel.tick_params(length=0)
    panel.set_ylabel("latent", fontsize=7)
    title = f"{label}, values of one latent from {-reach:g} to {reach:g}"
    panel.set_title(title, fontsize=8, loc="center")


@study.item(
    "table1",
    "Accuracy of a classifier on the codes",
    shows="The classifier is most accurate on mu-VAE's codes, with the larger bound on their "
    "length more so; on beta-VAE's it is worst.",
    claims=_ordered(
        "the classifier is most accurate on mu-VAE's codes, with the larger bound more so; least "
        "on beta-VAE's.",
        "accuracy_percent",
    ),
)
def accuracies(context):
    """The four models on both data sets."""
    rows, lines, cut = [], {}, None
    for config in PAPER:
        runs = models(context, config)
        rows += [r for run in runs for r in accuracy_rows(run, PAPER[config])]
        lines[DATA[config]] = _points(runs)
        lines[f"{DATA[config]}, paper"] = list(PAPER[config].items())
        cut = runs if cut is None else cut + runs
    return Outcome(rows, {"accuracy": draw_accuracies(lines)}, cut.cut)


@study.item(
    "readings",
    "mu-VAE's accuracy by reading of its objective (not of the paper)",
    shows="Not in the paper, whose text has several: which reading of mu-VAE's objective is meant.",
    claims=(
        Claim(
            "With the default interpretation mu-VAE is more accurate than the VAE, with the larger "
            "bound more so.",
            "accuracy_percent",
            VAE,
            ("mu-VAE #1, dimension / kl",),
            then=(("mu-VAE #2, dimension / kl",),),
        ),
    ),
)
def readings(context):
    """mu-VAE on MNIST by readings of its objective, and the two models without one.

    In addition to Table 1's numbers, how far the codes' means lie from 0 and how wide they are
    spread: the text says of both what they should be.
    """
    others = models(context, "mnist", OF_ELBO)
    plan = [
        {"family": OF_MU, MEAN: means, VARIANCE: variances, "seed": [context.seed]}
        for means, variances in READINGS[context.scale]
    ]
    runs = study.runs(context, plan, "mu_vae/mnist", data=DATA["mnist"])
    rows = []
    for run in others + runs:
        is_reading = run["family"] in OF_MU
        run = run.labelled(f"{run.label}, {reading(run)}") if is_reading else run
        rows += accuracy_rows(run, PAPER["mnist"])
        rows += _spread(run, context.seed) if run.is_finished else []
    rows += _distances(runs, others)
    lines = {"paper": list(PAPER["mnist"].items()), "VAE, beta-VAE": _points(others)}
    for name in dict.fromkeys(map(reading, runs)):
        lines[name] = _points([run for run in runs if reading(run) == name])
    return Outcome(rows, {"accuracy": draw_accuracies(lines)}, (others + runs).cut)


def _spread(run, seed):
    """Returns the rows of a finished run's codes, or one without a number for no weights."""
    try:
        codes, _, metadata = codes_of(run, seed)
    except FileNotFoundError:
        return [run.row("spread", note="left out: no weights")]
    return spread_rows(run, codes, metadata)


def reading(run):
    """Returns the mean term and the variance term: "batch / towards_one"."""
    return f"{run[MEAN]} / {run[VARIANCE]}"


def _accuracy(run):
    """Returns the test accuracy of a finished run's classifier, per cent."""
    return 100 * run.metric("classified_accuracy")["value"]


def accuracy_rows(run, paper):
    """Returns the rows of a run: accuracy in per cent, KL divergence, reconstruction loss."""
    paper = paper[run["family"]]
    if run.failure:
        return [run.row("accuracy_percent", paper=paper)]
    evaluation, epochs = run.evaluation, f"{run.epochs} epochs"
    data = f"{evaluation['data']['name']}, {evaluation['split']}"
    accuracy = run.metric("classified_accuracy")
    note = f"{epochs}; {100 * accuracy['at_mean']:.2f} at posterior means"
    numbers = 100 * accuracy["value"], 100 * accuracy["stderr"], paper
    rows = [run.row("accuracy_percent", *numbers, data=data, note=note)]
    for metric in ("rate", "reconstruction_l2"):
        entry = run.metric(metric)
        rows.append(run.row(metric, entry["value"], entry["stderr"], data=data, note=epochs))
    return rows


def _distances(runs, others):
    """Returns two rows for each interpretation: its mean distance from the paper, twice.

    One is the distance of its accuracies. The other is that of its gains over the VAE, which
    depend less on the length of training.
    """
    paper = PAPER["mnist"]
    off = [(reading(run), _accuracy(run) - paper[run["family"]]) for run in runs.finished]
    baseline = [_accuracy(run) - paper["vae"] for run in others.select(family="vae").finished]
    rows = []
    for name in dict.fromkeys(map(reading, runs)):
        own = [value for label, value in off if label == name]
        distances = {
            "distance_from_paper_percent": [abs(value) for value in own],
            "distance_of_gain_over_vae_percent": [abs(x - y) for x in own for y in baseline],
        }
        note = f"mean over {len(own)} accuracies of mu-VAE #1 and #2"
        for metric, values in distances.items():
            value = np.mean(values) if values else None
            rows.append(row(f"reading {name}", metric, value, note=note))
    return rows


def _points(runs):
    """Returns [(family, per cent)] of the runs that finished."""
    return [(run["family"], _accuracy(run)) for run in runs if run.is_finished]


def draw_accuracies(lines):
    """Draws accuracies, a row a line.

    Args:
        lines: dict label -> [(family, per cent)].
    """
    figure, axes = figures.sheet(1, 1, 7.2, 0.3 * len(lines) + 1.5)
    panel = axes[0, 0]
    for family, name in NAMES.items():
        panel.plot([], [], "o", color=COLOURS[family], label=name)
    for height, points in enumerate(lines.values()):
        panel.axhline(height, color=figures.GREY, linewidth=0.4, alpha=0.5)
        for family, value in points:
            panel.plot(value, height, "o", color=COLOURS[family], markersize=6)
    panel.set_yticks(np.arange(len(lines)), list(lines), fontsize=8)
    panel.set_ylim(len(lines) - 0.5, -0.5)
    panel.set_xlabel("test accuracy of the classifier, %")
    figure.legend(*panel.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
