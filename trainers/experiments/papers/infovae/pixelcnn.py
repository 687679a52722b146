"""Figure 6 and Table 1 of `infovae`: models with a PixelCNN."""

import itertools

import numpy as np

from trainers.experiments import figures
from trainers.experiments.claims import Bound, Claim, Near
from trainers.experiments.papers.infovae.shared import (
    LOOKS,
    PIXELCNN,
    mean,
    own_rows,
    rows_of,
    study,
)
from trainers.experiments.study import Outcome, joined, lazy, row

ais = lazy("zoo.evaluation.ais")
checkpoints = lazy("trainers.checkpoints")
classifiers = lazy("zoo.evaluation.classifier")
data = lazy("trainers.data")
generated = lazy("zoo.evaluation.generated")
latents = lazy("zoo.evaluation.latents")
nll = lazy("zoo.evaluation.nll")
probes = lazy("zoo.evaluation.probes")

DATA = "MNIST, binarised dynamically"
# Figure 6 and Table 1. The text names 2 latents and "higher" for the one, 5 for the other.
LATENTS = {"tiny": (5,), "reduced": (2, 5, 20), "full": (2, 5, 10, 20, 40, 80)}
COMPARED = ("elbo", "mmd", "stein", "adversarial", "none")
FEW_COMPARED = ("elbo", "mmd")  # at tiny scale
KEPT = 20  # checkpoints
GENERATED = {"tiny": 128, "reduced": 512, "full": 5000}  # images of (C)
LABELS = 1000  # of (E)
# Figure 6 (D): latents, training images or 0 for all, epochs or 0 for the config's; families.
STABILITY = {"tiny": (2, 200, 3), "reduced": (5, 2000, 10), "full": (10, 0, 0)}
CRITIC_AND_MMD = ("adversarial", "mmd")
STABILITY_FAMILIES = {"tiny": CRITIC_AND_MMD, "reduced": CRITIC_AND_MMD}
STABILITY_FAMILIES["full"] = (*CRITIC_AND_MMD, "wgan_gp")
STABILITY_SEEDS = {"tiny": 1, "reduced": 3, "full": 3}
STABILITY_CODES = {"tiny": 500, "reduced": 2000, "full": 10000}
TABLE_LATENTS = 5
PAPER = {"elbo": 82.75, "mmd": 80.76, "stein": 81.47, "adversarial": 82.21}
# Images and samples of the importance-weighted bound.
IMPORTANCE = {"tiny": (20, 5), "reduced": (500, 64), "full": (10000, 1000)}
# Images, chains, temperatures and leapfrog steps of the annealed one, which starts at the prior.
ANNEALED = {"tiny": (4, 2, 2, 1), "reduced": (128, 2, 25, 5), "full": (1024, 16, 1000, 10)}


def by_latents(context, latent_dims, families=COMPARED, cut=""):
    """Returns the PixelCNN runs of Figure 6 and Table 1; at tiny scale those of few families."""
    if context.scale == "tiny":
        families = [family for family in families if family in FEW_COMPARED]
        cut = joined(cut, f"families {', '.join(families)}")
    axes = {"family": [family + PIXELCNN for family in families], "latent_dim": latent_dims}
    axes.update({"train.keep_checkpoints": [KEPT], "seed": [context.seed]})
    return study.runs(context, axes, data=f"{DATA}, test", cut=cut)


def of_stability(context):
    """Returns the runs of Figure 6 (D), with checkpoints all along: some families, three seeds."""
    size, limit, epochs = STABILITY[context.scale]
    count, cut = STABILITY_SEEDS[context.scale], ""
    axes = {
        "family": [family + PIXELCNN for family in STABILITY_FAMILIES[context.scale]],
        "latent_dim": [size],
        "train.keep_checkpoints": [epochs or KEPT],
        "seed": context.seeds(count),
    }
    if limit:
        axes.update({"data.limit": [limit], "train.epochs": [epochs]})
        axes["train.checkpoint_every"] = [1]
        cut = f"{limit:,} training images, {size} latents"
    words = f"{DATA}, {STABILITY_CODES[context.scale]} validation images"
    return study.runs(context, axes, data=words, cut=joined(cut, context.cut_of_seeds(count)))


def mmd(context, runs, run):
    """Returns MMD^2 of q(z) and p(z), of the run's evaluation."""
    entry = run.metric("mmd")
    return entry["value"], entry["stderr"], f"RBF kernel, h = {entry['bandwidth']:g}, U-statistic"


def log_det_per_dimension(context, runs, run):
    """Returns log det Cov[q(z)] / dim(z), of the run's evaluation."""
    entry = run.metric("log_det_cov")
    stderr = entry["stderr"] and entry["stderr"] / run["latent_dim"]
    return entry["per_dimension"], stderr, ""


def class_cross_entropy(context, runs, run):
    """Returns the cross entropy of the classes of generated images, by a classifier of MNIST."""
    config, splits = run.config["data"], run.splits()
    limit = config["limit"] if context.scale == "tiny" else 0  # 0 is all images
    whole = data.load_splits({**config, "limit": limit})["train"]
    folder = runs.folder / f"classifier_mnist_{len(whole)}"
    classifier = classifiers.load_or_fit(folder, whole, splits["test"])
    number, metric = GENERATED[context.scale], "class_cross_entropy"
    model = run.load().model
    options = (number, classifier, context.seed)
    entry = generated.measure(model, splits["test"], None, [metric], *options)[metric]
    note = f"{number} images; classifier's test accuracy {entry['classifier_accuracy']:.4f}"
    return entry["value"], entry["stderr"], note


def svm_error(context, runs, run):
    """Returns the test error of an SVM on draws z ~ q(z|x), which are the decoder's inputs.

    The run's own metric `svm_1000`, which is in the note, is of standardised posterior means. They
    still tell the classes apart where they differ by a thousandth of the posterior's scale.
    """
    model, splits = run.load().model, run.splits()
    train, test = splits["train"], splits["test"]
    rows = probes.labelled_subset(train.labels, min(LABELS, len(train)))
    z = latents.aggregated_samples(model, train.float_images(rows), context.seed)
    # Another seed, so that no test image shares its noise with a training image.
    test_z = latents.aggregated_samples(model, test, context.seed + 1)
    svm = probes.svm_probe(z, train.labels[rows], test_z, test.labels)
    on_means = run.metric("svm_1000")["value"]
    means = "" if on_means is None else f"on posterior means {1 - on_means:.4f}"
    return 1.0 - svm["accuracy"], svm["stderr"], joined(f"{len(rows)} labels", means)


def sized(sizes, *names):
    """Returns the names of the rows of some models over sizes of the latent."""
    return tuple(f"{name}, {size} latents" for name in names for size in sizes)


def _best(metric, distance_to=None):
    """Returns the claims of Figure 6 (A) and (B)."""
    others = ("Stein-VAE", "Adversarial VAE", "Unregularised")
    return (
        *(
            Claim(
                f"{size} latents: MMD is best but for the ELBO.",
                metric,
                sized([size], "MMD-VAE"),
                sized([size], *others),
                distance_to=distance_to,
            )
            for size in LATENTS["reduced"]
        ),
        Bound(
            "The ELBO's codes hold nothing of the images: rates below 0.1 nats.",
            "rate",
            sized(LATENTS["reduced"], "ELBO"),
            below=0.1,
        ),
    )


_DIVERGENCES = (
    "MMD regularisation is best but for the ELBO, whose codes hold nothing of the images."
)


@study.item(
    "fig6a",
    "Full-batch MMD over latent sizes",
    shows=_DIVERGENCES,
    measure=mmd,
    metric="mmd",
    heading="(A) Distance of q(z) from the prior",
    ylabel="MMD$^2$(q(z), p(z)), test images",
    log_y=True,
    claims=_best("mmd"),
)
@study.item(
    "fig6b",
    "log det Cov / dim over latent sizes",
    shows=_DIVERGENCES,
    measure=log_det_per_dimension,
    metric="log_det_cov per dimension",
    heading="(B) Variance of q(z)",
    ylabel="log det Cov[q(z)] / dim, nats",
    reference=(0.0, "prior N(0, I)"),
    claims=_best("log_det_cov per dimension", distance_to=0.0),
)
@study.item(
    "fig6c",
    "Cross entropy of generated classes over latent sizes",
    shows="Stein does well with 2 latents, adversarial training with more, MMD in all cases.",
    measure=class_cross_entropy,
    metric="class_cross_entropy",
    heading="(C) Classes of generated images",
    ylabel="$-c^T(\\log \\hat c - \\log c)$, nats",
    claims=(
        Claim(
            "2 latents: Stein does better than adversarial training.",
            "class_cross_entropy",
            sized([2], "Stein-VAE"),
            sized([2], "Adversarial VAE"),
        ),
        Claim(
            "20 latents: adversarial training does better than Stein.",
            "class_cross_entropy",
            sized([20], "Adversarial VAE"),
            sized([20], "Stein-VAE"),
        ),
        *(
            Claim(
                f"{size} latents: MMD does better than no regularisation.",
                "class_cross_entropy",
                sized([size], "MMD-VAE"),
                sized([size], "Unregularised"),
            )
            for size in LATENTS["reduced"]
        ),
    ),
)
@study.item(
    "fig6e",
    "Semi-supervised error of an SVM on 1000 labels",
    shows="The unregularised autoencoder is best with few latents, MMD catches up with more; the "
    "ELBO's codes are no better than random guess.",
    measure=svm_error,
    metric="svm_1000 error",
    heading="(E) SVM on 1000 labelled codes",
    ylabel="test error of an SVM, share",
    reference=(0.9, "random guess"),
    claims=(
        Claim(
            "2 latents: the unregularised autoencoder has the lowest error.",
            "svm_1000 error",
            sized([2], "Unregularised"),
            sized([2], "ELBO", "MMD-VAE", "Stein-VAE", "Adversarial VAE"),
        ),
        Near(
            "20 latents: MMD's error is within 0.02 of it.",
            "svm_1000 error",
            sized([20], "MMD-VAE", "Unregularised"),
            0.02,
        ),
        Bound(
            "The ELBO's codes are no better than a random guess: errors above 0.85.",
            "svm_1000 error",
            sized(LATENTS["reduced"], "ELBO"),
            above=0.85,
        ),
    ),
)
def over_latents(context, measure, metric, heading, ylabel, reference=None, log_y=False):
    """A number of each PixelCNN model over latent sizes."""
    sizes, cut = LATENTS[context.scale], []
    if context.scale != "full":
        is_cut = metric == "class_cross_entropy"
        cut = [f"{GENERATED[context.scale]} generated images"] if is_cut else []
        cut.append(f"latent sizes {', '.join(map(str, sizes))}")
    runs, series = by_latents(context, sizes, cut=joined(*cut)), {}

    def measured(run):
        value, stderr, note = measure(context, runs, run)
        if value is not None:
            point = run["latent_dim"], value, stderr
            series.setdefault(study.label_of(run), []).append(point)
        return [run.row(metric, value, stderr, note=note), *own_rows(run, "rate", "distortion")]

    rows = rows_of(runs, metric, measured, lambda run: f"{run.label}, {run['latent_dim']} latents")
    labels = {"xlabel": "latent size, dim(z)", "ylabel": ylabel, "title": heading}
    look = {"reference": reference, "log_x": True, "log_y": log_y}
    figure = figures.lines_over_axis(series, LOOKS, **labels, **look)
    return Outcome(rows, {metric.replace(" ", "_"): figure}, runs.cut)


@study.item(
    "fig6d",
    "MMD against iterations: stability of training",
    shows="Adversarial training takes longer to converge, and sometimes converges to poor results.",
    claims=(
        Claim(
            "Adversarial training is slower: its MMD is higher halfway, at step 200.",
            "mmd at step 200",
            ("MMD-VAE",),
            ("Adversarial VAE",),
        ),
        Claim(
            "It converges to a higher MMD.",
            "mmd at the end",
            ("MMD-VAE",),
            ("Adversarial VAE",),
        ),
    ),
)
def stability(context):
    """MMD of validation images at checkpoints, three seeds."""
    runs, number, curves = of_stability(context), STABILITY_CODES[context.scale], {}

    def measure(run):
        split = run.splits()["validation"].take(number)
        entries = mmd_by_step(run, split, context.seed)
        values = {step: entry["value"] for step, entry in entries.items()}
        curves.setdefault(run.label, {})[run["seed"]] = values
        return [
            run.row(f"mmd at step {step}", entry["value"], entry["stderr"])
            for step, entry in entries.items()
        ]

    rows = rows_of(runs, "mmd at the end", measure)
    ends = [_at_the_end(name, seeds, runs[0].data) for name, seeds in curves.items()]
    title = f"Stability of training, {STABILITY[context.scale][0]} latents"
    return Outcome([*ends[::-1], *rows], {"stability": draw_stability(curves, title)}, runs.cut)


def mmd_by_step(run, split, seed=17):
    """Returns dict step -> the entry of `latents.mmd` of q(z) over a split, at each checkpoint.

    Args:
        run: A finished `runs.Trained`.
        split: Has `float_images` and a length.
        seed: Int, of the draws of q(z) and p(z), the same at each checkpoint.
    """
    model, entries = run.load().model, {}
    for path in checkpoints.folders(run.folder / "checkpoints"):
        step = int(path.name.removeprefix("step-"))
        checkpoints.restore(checkpoints.Checkpoint(path, step, []), model)
        entries[step] = latents.mmd(model, split, seed=seed)
    return entries


def _at_the_end(name, seeds, words):
    """Returns the row of a model's mean over seeds; `seeds` is dict seed -> {step: value}."""
    last = np.array([values[max(values)] for values in seeds.values()])
    spread = last.std(ddof=1) / len(last) ** 0.5 if len(last) > 1 else None
    note = f"mean of the seeds, from {last.min():.4g} to {last.max():.4g}"
    return row(name, "mmd at the end", last.mean(), spread, seeds=seeds, data=words, note=note)


def draw_stability(curves, title):
    """Draws the MMD of each run against the steps, a colour for each model, a line for each seed.

    Args:
        curves: dict name of `LOOKS` -> dict seed -> dict step -> value.
        title: Title of the panel.
    """
    figure, axes = figures.sheet(1, 1, 5.2, 3.5)
    panel = axes[0, 0]
    for name, seeds in curves.items():
        colour, mark = LOOKS[name]
        for (seed, values), style in zip(seeds.items(), itertools.cycle(("-", "--", ":"))):
            shown = np.maximum(list(values.values()), figures.FLOOR)
            look = {"color": colour, "marker": mark, "ms": 4, "label": f"{name}, seed {seed}"}
            panel.plot(list(values), shown, style, **look)
    panel.set(xlabel="step", ylabel="MMD$^2$(q(z), p(z)), validation", title=title, yscale="log")
    if curves:
        figure.legend(loc="outside lower center", ncols=2)
    return figure


@study.item(
    "table1",
    "Negative log likelihood of four objectives",
    shows="All objectives are on par with the ELBO or better; MMD-VAE is best.",
    claims=(
        Claim(
            "All objectives have a lower NLL than the ELBO.",
            "nll",
            ("MMD-VAE", "Stein-VAE", "Adversarial VAE"),
            ("ELBO",),
        ),
        Claim(
            "MMD-VAE has the lowest NLL.",
            "nll",
            ("MMD-VAE",),
            ("ELBO", "Stein-VAE", "Adversarial VAE"),
        ),
        Claim(
            "MMD-VAE has the lowest NLL by annealed importance sampling.",
            "nll_ais",
            ("MMD-VAE",),
            ("ELBO", "Stein-VAE", "Adversarial VAE"),
        ),
    ),
)
def likelihoods(context):
    """-log p(x) by importance sampling and by annealing, of runs that Figure 6 has as well.

    Both estimates are upper bounds of -log p(x) in expectation, so the lower estimate is nearer.
    Importance samples come from q(z|x), which with alpha = 1 nothing keeps wide.
    """
    cut = ""
    if context.scale != "full":
        count, samples = IMPORTANCE[context.scale]
        few, _, temperatures, _ = ANNEALED[context.scale]
        cut = f"nll of {count} images, {samples} samples; "
        cut += f"nll_ais of {few} images, {temperatures} temperatures"
    runs = by_latents(context, [TABLE_LATENTS], tuple(PAPER), cut)
    rows = []
    for run in runs:
        paper = PAPER[run["family"].removesuffix(PIXELCNN)]
        rows += [run.row("nll", paper=paper)] if run.failure else bounds(context, run, paper)
    # The paper's own estimator first, as the scoreboard shows the first few.
    return Outcome(sorted(rows, key=lambda r: r["metric"] != "nll"), {}, runs.cut)


def bounds(context, run, paper):
    """Returns the rows of a finished run, both estimates first."""
    model, test, rows = run.load().model, run.test_set(), []
    count, samples = IMPORTANCE[context.scale]
    few, chains, temperatures, leapfrog = ANNEALED[context.scale]
    options = {"seed": context.seed, "progress": context.progress}
    images = figures.spread(test, min(count, len(test)))
    bound = nll.importance_weighted_bound(model, images, samples, **options)
    note = f"{len(bound)} images, {samples} importance samples of q(z|x)"
    rows.append(run.row("nll", *mean(-bound), paper, note))
    images = figures.spread(test, min(few, len(test)))
    bound = ais.annealed_bound(model, images, chains, temperatures, leapfrog, **options)
    note = f"{len(bound)} images, {chains} chains of {temperatures} temperatures from the prior"
    rows.append(run.row("nll_ais", *mean(-bound), paper, note))
    return [*rows, *own_rows(run, "elbo", "rate", "distortion", "mmd")]
