"""The figures of `broken_elbo`, Fixing a Broken ELBO (its supplement)."""

import itertools

import numpy as np

from trainers import grids
from trainers.experiments import figures
from trainers.experiments.claims import Bound, ByEye, Claim, Near, Unmeasured
from trainers.experiments.papers.broken_elbo import toy, toy_picture
from trainers.experiments.study import Outcome, Study, joined, lazy, row
from trainers.experiments.verdicts import Unlike

backend = lazy("zoo.backend")
rate_distortion = lazy("trainers.sweeps.rate_distortion")

# Encoder, decoder and marginal of the twelve families, "---" to "++v".
FAMILIES = tuple(map("".join, itertools.product("-+", "-+", "-+v")))
TINY = ("---", "-+v")  # the families at tiny scale
# Scale -> decoder -> betas. The paper's are for Omniglot; it gives none for MNIST.
BETAS = {
    "tiny": dict.fromkeys("-+", (0.1, 1.0)),
    "reduced": dict.fromkeys("-+", (0.1, 0.5, 1.0)),
    "full": {"-": (0.9, 1.0, 1.1), "+": tuple(i / 10 for i in range(1, 12))},
}
ALONG = {**BETAS, "reduced": dict.fromkeys("-+", (0.1, 0.2, 0.3, 0.5, 1.0))}  # of Figure 8
# What all runs of a scale have. The paper's have 200 epochs.
SETTINGS = {
    "tiny": {},
    "reduced": {"train.dtype_policy": ["mixed_bfloat16"]},
    "full": {"train.epochs": [200]},
}
FEW_SAMPLES = {"evaluation.num_samples": [16], "evaluation.nll_examples": [50]}
# The paper annealed on Omniglot, where strong decoders ignored the code otherwise. It does not say
# for which models, nor how long. Here Figure 8 alone does.
WITHOUT = {"mnist": "", "omniglot": "without KL annealing"}
ANNEAL_STEPS = {"tiny": 2, "reduced": 100, "full": 1000}
DATA = {
    "mnist": "static binarised MNIST, test",
    "omniglot": "Omniglot 28x28, small1 and small2, pixels of at least 1/2, test",
}
METRICS = ("rate", "distortion", "elbo", "nll")
# The paper's best model on Omniglot, `++-`, beta 1 with KL annealing (supplement, section B).
BEST = {"mnist": {}, "omniglot": {"elbo": -90.37, "rate": 0.77, "distortion": 89.60}}
ABOUT_BEST = (
    "; the paper's is ++-, beta 1 with KL annealing, on the whole of Omniglot; ours is without "
    "annealing"
)
OTHER_OMNIGLOT = {
    "*": Unlike("other data: 4,037 thresholded images; the paper's 24,345 are binarised by others")
}
MOST = 12  # models of a figure along the frontier
MEAN_OF, ROWS = 5, 8  # draws of a mean image, images of each model
INCH = 0.36  # of an image
# Steps of Adam and restarts of the toy model.
TOY = {"tiny": (300, 2), "reduced": (5000, 4), "full": (20000, 10)}
TOY_METRICS = (
    *("rate", "distortion", "elbo", "elbo_gap", "cluster_information", "information"),
    *("generative_lower", "generated_information", "generative_upper"),
)
# Name -> form, whether symbols begin in the order of their bins, target rate.
TOY_FITS = {
    "ELBO": ("one_hot", True, None),
    "target rate": ("one_hot", True, toy.TARGET_RATE),
    "ELBO, unordered start": ("one_hot", False, None),
    "target rate, unordered start": ("one_hot", False, toy.TARGET_RATE),
    "ELBO, form position": ("position", False, None),
    "target rate, form position": ("position", False, toy.TARGET_RATE),
}


def named(families, *betas):
    """Returns the names of the rows of some families at some betas."""
    return tuple(f"family={family}_beta={beta}" for family in families for beta in betas)


STRONG, WEAK = ([f for f in FAMILIES if f[1] == sign] for sign in "+-")
ALL_BETAS = BETAS["reduced"]["+"]
DOMINATE = (
    Claim(
        "Strong decoders have the better ELBO at every beta.",
        "elbo",
        named(WEAK, *ALL_BETAS),
        named(STRONG, *ALL_BETAS),
    ),
    Claim(
        "Strong decoders have the lower distortion at every beta.",
        "distortion",
        named(STRONG, *ALL_BETAS),
        named(WEAK, *ALL_BETAS),
    ),
)
BETA, TARGET, STEPS = "objective.beta", "objective.target", "objective.anneal_steps"
START = "marginal.start"
study = Study(
    "broken_elbo",
    label=lambda run: f"family={run['family']}_beta={run.get('beta')}",
    keys={"beta": BETA},
)


@study.item(
    "toy",
    "Toy model: true joint, ELBO optimum, target-rate optimum",
    shows="The ELBO alone does not say how much a code carries; a target rate of 0.5 nats does, "
    "and recovers the two clusters.",
    claims=(
        Bound(
            "Every optimum's ELBO is within 0.001 nats of the entropy of the data.",
            "elbo_gap",
            tuple(TOY_FITS),
            below=0.001,
        ),
        Claim(
            "The code of the ELBO's optimum carries less than that of the target rate's.",
            "information",
            ("ELBO", "ELBO, unordered start"),
            ("target rate", "target rate, unordered start"),
        ),
        Claim(
            "The code of the target rate knows more of the true cluster.",
            "cluster_information",
            ("ELBO", "ELBO, unordered start"),
            ("target rate", "target rate, unordered start"),
        ),
    ),
)
def toy_model(context):
    """The model of section E: true joint, ELBO optimum and target-rate optimum, exactly."""
    steps, restarts = TOY[context.scale]
    world = toy.true_world()
    description = f"30 bins of [-5, 5], sigma 1, means +-{world.mean:.6f}, exact p*(x)"
    known = toy.cluster_information(world.posterior, world)
    rows = [
        row("truth", "entropy", world.entropy, data=description),
        row("truth", "information", world.information, paper=toy.TARGET_RATE, data=description),
        row("truth", "cluster_information", known, data=description),
    ]
    columns = {"truth": toy_picture.truth(world)}
    seeds = [context.seed + i for i in range(restarts)]
    for name, (form, is_ordered, target) in TOY_FITS.items():
        if context.progress:
            print(f"{name}: {restarts} restarts of {steps} steps", flush=True)
        model, fits = toy.fit_best(world, seeds, form, is_ordered, target, steps)
        rows += [_toy_row(name, metric, fits, seeds, description, target) for metric in TOY_METRICS]
        columns[name] = toy_picture.fitted(model, world)
    first = {name: column for name, column in columns.items() if "," not in name}
    others = {name: column for name, column in columns.items() if "," in name}
    pictures = {"toy": first, "other_readings": others}
    pictures = {name: toy_picture.draw(world, shown) for name, shown in pictures.items()}
    cut = "" if context.scale == "full" else f"{restarts} restarts of {steps} steps"
    return Outcome(rows, pictures, cut)


def _toy_row(name, metric, fits, seeds, data, target):
    values = [fit[metric] for fit in fits]
    note = f"best of {len(seeds)} restarts, which gave {min(values):.4g} to {max(values):.4g}"
    paper = target if metric == "rate" else None
    return row(name, metric, values[0], None, paper, seeds, data, note)


def models(context, data, families=FAMILIES, betas=None, is_annealed=False):
    """Returns the runs of some families over beta, by family and beta.

    Args:
        context: The item's `Context`. Tiny and reduced scale have fewer betas, tiny scale also at
            most two families.
        data: "mnist" or "omniglot".
        families: Names.
        betas: dict scale -> decoder -> betas; `BETAS` by default.
        is_annealed: Whether beta rises from 0 over the first `ANNEAL_STEPS`.
    """
    axes, scale, notes = settings(context, data), context.scale, []
    if is_annealed:
        axes[STEPS] = [ANNEAL_STEPS[scale]]
    if scale == "tiny":
        families = [family for family in families if family in TINY]
        notes.append(f"families {', '.join(families)}")
    decoders = (betas or BETAS)[scale]
    if scale != "full" and len(decoders["+"]) > 1:
        notes.append(f"betas {', '.join(map(str, decoders['+']))}")
    notes.append("" if is_annealed else WITHOUT[data])
    plan = [{"family": [f], "beta": decoders[f[1]], **axes} for f in sorted(families)]
    config = f"broken_elbo/{data}"
    return study.runs(context, plan, config, data=DATA[data], cut=joined(*notes))


def settings(context, data="mnist"):
    """Returns the axes that all runs of a scale have."""
    few = FEW_SAMPLES if (context.scale, data) == ("reduced", "omniglot") else {}
    return {**SETTINGS[context.scale], **few, "seed": [context.seed]}


def measured(run, metrics=METRICS, paper=(), note=""):
    """Returns a row for each metric that a run has; for a failed run one without a number."""
    if run.failure:
        return [run.row(metrics[0])]
    rows = []
    for metric in metrics:
        entry = run.evaluation["metrics"].get(metric, {})
        if entry.get("value") is None:
            continue
        notes = [note or f"{run.epochs} epochs"]
        if metric == "nll":  # on fewer images than the ELBO
            counts = ("num_samples", "importance samples"), ("num_examples", "test images")
            notes += [f"{entry[key]} {noun}" for key, noun in counts if entry.get(key)]
        paper_and_note = dict(paper).get(metric), ", ".join(notes)
        rows.append(run.row(metric, entry["value"], entry.get("stderr"), *paper_and_note))
    return rows


@study.item(
    "fig7",
    "Omniglot: D against R, -ELBO against R, by encoder, decoder and marginal",
    shows="On Omniglot strong decoders dominate weak ones.",
    unlike=OTHER_OMNIGLOT,
    data="omniglot",
    claims=DOMINATE,
)
@study.item(
    "rd_omniglot",
    "Rate-distortion curve of the twelve families, Omniglot",
    shows="Strong decoders dominate, most at very low rates; annealing moves them off rate zero.",
    unlike=OTHER_OMNIGLOT,
    data="omniglot",
    claims=(
        *DOMINATE,
        Unmeasured(
            "KL annealing moves strong decoders off rate zero on Omniglot.",
            "the families of strong decoders with KL annealing",
        ),
    ),
)
@study.item(
    "rd_mnist",
    "Rate-distortion curve of the twelve families, static MNIST",
    shows="Strong decoders rule at low rates, weak ones at high rates; equal ELBOs hide rates far "
    "apart.",
    data="mnist",
    claims=(
        Claim(
            "At beta 1, where rates are lowest, strong decoders have the better ELBO.",
            "elbo",
            named(WEAK, 1.0),
            named(STRONG, 1.0),
        ),
        Unmeasured(
            "At high rates weak decoders have the lower distortion.",
            "distortions of converged weak and strong decoders at equal rates",
        ),
        Near(
            "Some ELBOs are equal, within 2 nats: ---, beta 1 and +--, beta 0.5.",
            "elbo",
            named(("---",), 1.0) + named(("+--",), 0.5),
            2.0,
        ),
        Claim(
            "The rates behind these equal ELBOs differ.",
            "rate",
            named(("---",), 1.0),
            named(("+--",), 0.5),
        ),
    ),
)
def planes(context, data):
    """The rate-distortion plane of the twelve families over beta."""
    runs = models(context, data)
    rows, pictures = [r for run in runs for r in measured(run)], {}
    if len(runs.finished):
        best = max(runs.finished, key=lambda run: run.metric("elbo")["value"])
        note = f"of {best['family']}, beta {best['beta']:g}{ABOUT_BEST if BEST[data] else ''}"
        rows = measured(best.labelled("best ELBO"), paper=BEST[data], note=note) + rows
        points = list(map(point, runs.finished))
        pictures = {
            "rate_distortion": rate_distortion.overview(points),
            "rate_distortion_by_part": rate_distortion.by_part(points),
        }
    return Outcome(rows, pictures, runs.cut)


def point(run):
    """Returns a finished run as a row of `rate_distortion`."""
    values = {metric: run.metric(metric)["value"] for metric in ("rate", "distortion")}
    return {key: run[key] for key in ("family", "beta", "seed")} | values


@study.item(
    "fig5",
    "Reconstructions and generations of the twelve families at beta 1",
    shows="At beta 1 models are syntactic encoders or autodecoders; none is a semantic encoder.",
    data="mnist",
    betas=dict.fromkeys(BETAS, dict.fromkeys("-+", (1.0,))),
    claims=(
        Bound(
            "At beta 1 strong decoders are autodecoders: their rates are below 1 nat.",
            "rate",
            named(STRONG, 1.0),
            below=1.0,
        ),
        Bound(
            "At beta 1 weak decoders encode: their rates are above 1 nat.",
            "rate",
            named(WEAK, 1.0),
            above=1.0,
        ),
        ByEye("The models that encode are syntactic encoders; none is a semantic one."),
    ),
)
@study.item(
    "fig6",
    "Reconstructions and generations along the frontier, static MNIST",
    shows="Many architectures share the frontier, from autodecoding to syntactic encoding.",
    data="mnist",
    is_frontier=True,
    claims=(
        ByEye("Many architectures share the frontier, from autodecoding to syntactic encoding."),
    ),
)
@study.item(
    "fig8",
    "Family -+v across beta, Omniglot",
    shows="Beta moves one family smoothly from autodecoding to autoencoding.",
    data="omniglot",
    families=("-+v",),
    betas=ALONG,
    is_annealed=True,
    claims=(
        Claim(
            "The rate of -+v falls at every step of beta.",
            "rate",
            *(named(("-+v",), beta) for beta in (1.0, 0.5)),
            then=tuple(named(("-+v",), beta) for beta in (0.3, 0.2, 0.1)),
        ),
        ByEye("Images go smoothly from autodecoding to autoencoding."),
    ),
)
@study.item(
    "fig9",
    "Reconstructions and generations along the frontier, Omniglot",
    shows="The frontier of Omniglot, from generative models to those that encode much.",
    data="omniglot",
    is_frontier=True,
    claims=(ByEye("The frontier goes from generative models to those that encode much."),),
)
def pictures(context, data, is_frontier=False, **plan):
    """Reconstructions and generations of several models: a single draw and the mean of five."""
    runs = models(context, data, **plan)
    shown = sorted(runs, key=lambda run: (FAMILIES.index(run["family"]), run["beta"]))
    if is_frontier:
        shown = frontier(runs.finished)
    rows = [r for run in shown for r in measured(run)]
    if is_frontier:
        rows += [r for run in runs.failed for r in measured(run)]
    return Outcome(rows, draw_samples(shown, context.seed) if shown else {}, runs.cut)


def frontier(runs, most=MOST):
    """Returns the finished runs that none dominates in rate and distortion, by falling rate.

    Where there are more than `most`, that many are taken, evenly spaced along the frontier.
    """
    points = list(map(point, runs))
    rates, distortions = ([p[metric] for p in points] for metric in ("rate", "distortion"))
    edge = rate_distortion.pareto_frontier(rates, distortions)[::-1]
    if len(edge) > most:
        edge = [edge[round(i * (len(edge) - 1) / (most - 1))] for i in range(most)]
    return [runs[i] for i in edge]


def draw_samples(runs, seed):
    """Returns both grids of runs; R and D stand above a model's single and mean images."""
    images = runs[0].test_set().float_images(slice(0, ROWS))
    rebuilt, generated = [("input", images[:, None])], []
    for run in runs:
        if run.failure:
            rebuilt.append((run.label, None))
            generated.append((run.label, None))
            continue
        model = run.load().model
        rebuilt.append((_title(run), reconstructions(model, images, seed)))
        generated.append((_title(run), generations(model, len(images), seed)))
    return {"reconstructions": draw_grid(rebuilt), "generations": draw_grid(generated)}


def reconstructions(model, images, seed=17):
    """Returns x^ ~ d(x|z), z ~ e(z|x), [N, 2, H, W, C]: a single draw and the mean of five.

    Each of the five has another z; the single draw is the first.

    Args:
        model: A `zoo.VAE`.
        images: [N, H, W, C].
        seed: Int.
    """
    key = backend.tfp_seed(seed)
    posterior = model.encoder.distribution(model.check_images(images))
    z = posterior.sample(MEAN_OF, seed=backend.fold_in(key, 0))
    return _single_and_mean(model, backend.to_numpy(z), backend.fold_in(key, 1))


def generations(model, count, seed=17):
    """Returns x^ ~ d(x|z), z ~ m(z), [count, 2, H, W, C]: a single draw and the mean of five.

    All five have the same z.
    """
    key = backend.tfp_seed(seed)
    z = model.marginal.distribution().sample(count, seed=backend.fold_in(key, 0))
    z = np.stack([backend.to_numpy(z)] * MEAN_OF)
    return _single_and_mean(model, z, backend.fold_in(key, 1))


def _single_and_mean(model, z, key):
    rows = z.reshape(-1, model.latent_dim)
    x = backend.to_numpy(model.decoder.distribution(rows).sample(seed=key))
    x = x.reshape(MEAN_OF, -1, *model.image_shape)
    return np.stack([x[0], x.mean(axis=0)], axis=1)


def _title(run):
    numbers = point(run)
    rate = round(numbers["rate"], 1) + 0.0  # no "-0.0" of a sampled rate a little below 0
    title = f"{run['family']}  $\\beta$ {run['beta']:g}"
    return f"{title}\nR {rate:.1f}\nD {numbers['distortion']:.1f}"


def draw_grid(panels):
    """Draws a panel for each (title, images [N, columns, H, W, C]); None is a run that failed."""
    widths = [2 if images is None else images.shape[1] for _, images in panels]
    inches = INCH * (sum(widths) + 0.5 * len(widths)) / len(panels)
    figure, axes = figures.sheet(1, len(panels), inches, INCH * ROWS + 0.7, width_ratios=widths)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.01)
    for panel, columns, (title, images) in zip(axes[0], widths, panels):
        if images is None:
            figures.say_failed(panel, title)
        else:
            images = np.clip(images.reshape(-1, *images.shape[2:]), 0, 1)
            figures.show(panel, grids.image_grid(images, columns), title, fontsize=6.5)
    return figure


@study.item(
    "off_rate_zero",
    "A strong decoder off rate zero: annealing, target rate, pseudo-inputs (not of the paper)",
    shows="Not an item of the paper, whose text says that annealing moves strong decoders off rate "
    "zero.",
    claims=(
        *(
            Claim(
                f"{family} has a higher rate {words}.",
                "rate",
                (f"{family}, beta 1.0",),
                (f"{family}, {other}",),
            )
            for family in ("++-", "-+v")
            for words, other in (
                ("with KL annealing", "beta 1.0, annealed over 300 steps"),
                ("with a target rate of 5 nats", "target rate 5"),
            )
        ),
    ),
)
def off_rate_zero(context):
    """Two families with the strong decoder: at beta 1, annealed, with a target rate; VampPriors."""
    families, fixed = ("++-", "-+v"), settings(context)
    longer = {"train.epochs": [3]} if context.scale == "reduced" else {}
    plan = [
        {**fixed, "family": families, "beta": [1.0]},
        {**fixed, "family": families, STEPS: [3 * ANNEAL_STEPS[context.scale]]},
        {**fixed, "family": [f"{f},target_rate" for f in families], TARGET: [5.0, 20.0]},
        {**fixed, **longer, "family": ["-+v"], "beta": [0.5], START: ["images", "normal"]},
    ]
    runs = study.runs(context, plan, "broken_elbo/mnist", data=DATA["mnist"])
    metrics = (*METRICS, "active_units")
    rows = [r for run in runs for r in measured(run.labelled(variant(run)), metrics)]
    return Outcome(rows, {}, runs.cut)


def variant(run):
    """Returns what distinguishes a run of `off_rate_zero`: "-+v, target rate 5"."""
    objective = f"beta {run.get(BETA)}"
    if run.get(TARGET) is not None:
        objective = f"target rate {run[TARGET]:g}"
    fields = [run.config["family"], objective]
    if run.get(STEPS):
        fields.append(f"annealed over {run[STEPS]} steps")
    if START in run.point:
        fields.append(f"pseudo-inputs start at {run[START]}")
    return ", ".join(fields)
