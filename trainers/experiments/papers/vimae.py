"""The figures and tables of `vimae`, The Variational InfoMax AutoEncoder."""

import itertools

import numpy as np

from trainers import grids, plots
from trainers.experiments import figures
from trainers.experiments.claims import Bound, ByEye, Claim, Near, Unmeasured
from trainers.experiments.study import Outcome, Study, joined, lazy, row
from trainers.experiments.verdicts import Unlike

backend = lazy("zoo.backend")
corruption = lazy("zoo.evaluation.corruption")
data = lazy("trainers.data")
evaluation = lazy("zoo.evaluation")
generated = lazy("zoo.evaluation.generated")
information = lazy("zoo.evaluation.information")
latents = lazy("zoo.evaluation.latents")
probes = lazy("zoo.evaluation.probes")

# Family -> the name in the paper, in its order.
NAMES = {
    "vae": "VAE",
    "beta_h": "beta_H-VAE",
    "beta_a": "beta_A-VAE",
    "vimae_n": "VIMAE-n",
    "vimae_l": "VIMAE-l",
}
INFOMAX = ("vimae_n", "vimae_l")
# Config -> the data that its runs are measured on.
DATA = {
    "plane": "MNIST, test",
    "mnist": "MNIST, test",
    "omniglot": "Omniglot 28x28 in four rotations, alphabets not trained on",
    "cifar10": "CIFAR10, test",
    "celeba": "CelebA 64x64, test",
}
PREPARE = "`python -m trainers.prepare --name=celeb_a`; see configs/vimae/celeba.py"
SUBSTITUTES = ("cifar10", "mnist", "omniglot")
# The paper's tables: numbers in the order of `NAMES`.
NLL = (1224, 1254, 1228, 1190, 1223)
ACCURACY = {
    "cifar10": {
        "": (30, 29, 31, 29, 32),
        "_noise_0.3": (25, 26, 31, 28, 34),
        "_mask_0.2": (16, 19, 18, 23, 23),
    },
    "mnist": {
        "": (80, 92, 93, 93, 93),
        "_noise_0.2": (77, 86, 66, 92, 92),
        "_noise_0.4": (70, 82, 13, 86, 88),
        "_mask_0.2": (72, 91, 85, 92, 92),
        "_mask_0.5": (52, 84, 65, 86, 87),
    },
    "omniglot": {
        "": (22, 21, 22, 22, 24),
        "_noise_0.2": (22, 21, 22, 23, 23),
        "_noise_0.4": (17, 22, 21, 24, 20),
        "_mask_0.2": (22, 19, 21, 22, 23),
        "_mask_0.5": (16, 17, 24, 22, 22),
    },
}
FID = {"celeba": (82, None, 89, 55, 56), "cifar10": (168, 262, 174, 104, 103)}
# Section 5.3, Omniglot: 5 characters of 60 + 20 images, 100 labels. Several draws of characters, as
# 100 test images alone leave an error of 4%.
FEW = {"num_classes": 5, "train_per_class": 60, "test_per_class": 20}
LABELLED, DRAWS = 100, {"tiny": 2, "reduced": 20, "full": 20}
GENERATED = {"tiny": 100, "reduced": 10000, "full": 10000}
COLUMNS, PAIR_ROWS, SAMPLE_ROWS = 8, 3, 8  # of the pictures
POINTS = 5000  # of a panel in the plane
INSIDE = 0.95  # share of p(z) inside the contour

OF_ELBO = ("VAE", "beta_H-VAE", "beta_A-VAE")
VIMAE_N, VIMAE_L = ("VIMAE-n",), ("VIMAE-l",)
WORST = Claim(
    "beta_H-VAE, with the highest penalty on the rate, reconstructs worst.",
    "reconstruction_l2",
    ("VAE", "beta_A-VAE", *VIMAE_N, *VIMAE_L),
    ("beta_H-VAE",),
)

study = Study("vimae", label=NAMES)


def models(context, config, families=tuple(NAMES), note=""):
    """Returns the runs of the paper's models on a data set; `note` stands in every row."""
    axes = {"family": families, "seed": [context.seed]}
    where = {"config": f"vimae/{config}", "data": DATA[config]}
    return study.runs(context, axes, note=note, cut=note, **where)


@study.item(
    "fig1",
    "2-d representations of five models, with their MMD",
    shows="Models of the ELBO do not learn a q(z) close to p(z), and its entropy is far larger; a "
    "divergence between them bounds it.",
    claims=(
        Claim(
            "q(z) of VIMAE is nearer to p(z) than those of models of the ELBO.",
            "mmd",
            VIMAE_N + VIMAE_L,
            OF_ELBO,
        ),
        Claim(
            "The entropy of q(z) is larger for models of the ELBO, by its log determinant.",
            "log_det_cov",
            VIMAE_N + VIMAE_L,
            OF_ELBO,
        ),
    ),
)
def plane(context):
    """z ~ q(z) of five models in the plane, with the contour of p(z)."""
    runs = models(context, "plane")
    metrics = ("mmd", "log_det_cov", "reconstruction_l2", "rate")
    rows = [r for metric in metrics for r in runs.rows(metric)]
    return Outcome(rows, {"codes": draw_plane(runs, context.seed)}, runs.cut)


def draw_plane(runs, seed):
    """Returns the figure: a panel a model, all on the same axes."""
    panels, width = [], 3.5
    for run in runs.finished:
        test, model = run.test_set().take(POINTS), run.load().model
        z = latents.aggregated_samples(model, test, seed)
        panels.append((run, z, np.asarray(test.labels), model.marginal.distribution()))
        width = max(width, float(np.quantile(np.abs(z), 0.995)))
    figure, axes = figures.sheet(1, len(runs), 2.55, 3.5, sharex=True, sharey=True)
    for panel, (run, z, labels, prior) in zip(axes[0], panels):
        figures.scatter_by_label(panel, z, labels, size=3)
        _draw_contour(panel, prior, width, seed)
        title = f"{_shown(run)}\nMMD² {run.metric('mmd')['value']:.4f}"
        panel.set(xlim=(-width, width), ylim=(-width, width), xlabel="latent unit 1", title=title)
        panel.set_aspect("equal")
    for panel, run in zip(axes[0][len(panels) :], runs.failed):
        figures.say_failed(panel, _shown(run))
    axes[0, 0].set_ylabel("latent unit 2")
    prior = axes[0, 0].plot([], [], "--", color=plots.INK, lw=1, label=f"{INSIDE:.0%} of p(z)")
    figures.label_legend(figure, columns=11, more=prior)
    return figure


def _draw_contour(panel, prior, width, seed):
    """Draws the border of the set of highest density that holds a share `INSIDE` of p(z)."""
    draws = prior.sample(20000, seed=backend.tfp_seed(seed))
    level = np.quantile(backend.to_numpy(prior.log_prob(draws)), 1 - INSIDE)
    line = np.linspace(-width, width, 200, dtype="float32")
    grid = np.stack(np.meshgrid(line, line), axis=-1)
    log_prob = backend.to_numpy(prior.log_prob(grid.reshape(-1, 2))).reshape(200, 200)
    look = {"linestyles": "--", "colors": plots.INK, "linewidths": 1}
    panel.contour(line, line, log_prob, levels=[level], **look)


@study.item(
    "fig2",
    "Reconstructions and samples, Omniglot",
    shows="A high penalty on the rate makes poor reconstructions; VAE and beta_H-VAE do not "
    "generate good samples.",
    config="omniglot",
    claims=(WORST, ByEye("VAE and beta_H-VAE do not generate good samples.")),
)
@study.item(
    "fig3",
    "Reconstructions with L2 and rate, CIFAR10",
    shows="beta_H-VAE reconstructs worst; beta_A-VAE resembles VIMAE, at half of its rate.",
    config="cifar10",
    kinds=("reconstructions",),
    claims=(
        WORST,
        ByEye("Reconstructions of beta_A-VAE resemble those of VIMAE."),
        Unmeasured(
            "beta_A-VAE has half of VIMAE's rate.",
            "a rate of VIMAE, whose encoder is deterministic here",
        ),
    ),
)
@study.item(
    "fig4",
    "Reconstructions and samples of the two VIMAE models",
    shows="A normal and a logistic prior differ little in what is generated.",
    substitute=SUBSTITUTES,
    config="celeba",
    families=INFOMAX,
    claims=(ByEye("A normal and a logistic prior differ little in what is generated."),),
)
@study.item(
    "fig5",
    "Samples, CIFAR10",
    shows="Samples of VIMAE are better than those of VAEs.",
    config="cifar10",
    kinds=("samples",),
    claims=(ByEye("Samples of VIMAE are better than those of VAEs."),),
)
@study.item(
    "fig6",
    "Reconstructions, MNIST",
    shows="All models reconstruct MNIST; VIMAE has the smallest error.",
    config="mnist",
    kinds=("reconstructions",),
    claims=(
        Bound(
            "All models reconstruct MNIST: squared errors below 26, half of the mean image's 53.",
            "reconstruction_l2",
            (*OF_ELBO, *VIMAE_N, *VIMAE_L),
            below=26.0,
        ),
        Claim(
            "VIMAE has the smallest error.",
            "reconstruction_l2",
            VIMAE_N + VIMAE_L,
            OF_ELBO,
        ),
    ),
)
@study.item(
    "fig7",
    "Samples, MNIST",
    shows="Samples of beta_A-VAE seem to belong to one cluster: the entropy of its q(z) is high.",
    config="mnist",
    kinds=("samples",),
    claims=(
        ByEye("Samples of beta_A-VAE seem to belong to one cluster."),
        Unmeasured(
            "The entropy of beta_A-VAE's q(z) is high.",
            "the log determinant of the covariance of q(z) on MNIST",
        ),
    ),
)
def pictures(context, config, kinds=("reconstructions", "samples"), families=tuple(NAMES)):
    """Reconstructions with L2 and rate, samples of the marginal."""
    note = ""
    if config == "celeba":
        config, note = faces(context)
    runs = models(context, config, families, note)
    rows = [r for metric in ("reconstruction_l2", "rate", "mmd") for r in runs.rows(metric)]
    draw = {"reconstructions": draw_reconstructions, "samples": draw_samples}
    drawn = {kind: draw[kind](runs, context.seed, note) for kind in kinds}
    return Outcome(rows, drawn, runs.cut)


def draw_reconstructions(runs, seed, note=""):
    """Returns a figure, a panel a model: test images, each above its reconstruction."""

    def draw(run):
        images = figures.spread(run.test_set(), COLUMNS * PAIR_ROWS)
        again = np.clip(backend.to_numpy(run.load().model.reconstruct(images)), 0, 1)
        l2, rate = (run.metric(name)["value"] for name in ("reconstruction_l2", "rate"))
        rate_text = "no finite rate" if rate is None else f"rate {rate:.1f} nats"
        title = f"{_shown(run)}\n|x - x'|² {l2:.1f}\n{rate_text}"
        return title, grids.reconstruction_grid(images, again, COLUMNS)

    return _draw_panels(runs, draw, note)


def draw_samples(runs, seed, note=""):
    """Returns a figure, a panel a model: mean images of z ~ p(z)."""

    def draw(run):
        images = generated.generated_images(run.load().model, COLUMNS * SAMPLE_ROWS, seed)
        return _shown(run), grids.image_grid(np.clip(images, 0, 1), COLUMNS)

    return _draw_panels(runs, draw, note)


def _draw_panels(runs, draw, note):
    """Returns a figure of grids: `draw(run)` gives title and grid of a run that finished."""
    panels = [(_shown(run), None) if run.failure else draw(run) for run in runs]
    return figures.grid_panels(panels, COLUMNS, note)


def _shown(run):
    return run.label.replace("beta_H", r"$\beta_H$").replace("beta_A", r"$\beta_A$")


@study.item(
    "table1",
    "NLL of generated samples, Omniglot",
    shows="Sharper samples come with informative generators: VIMAE-n has the lowest NLL.",
    unlike={
        "generated_nll": Unlike("another estimator: the paper does not define its", order=True)
    },
    claims=(
        Claim(
            "VIMAE-n has the lowest NLL.",
            "generated_nll",
            VIMAE_N,
            (*OF_ELBO, *VIMAE_L),
        ),
    ),
)
def generated_nll(context):
    """NLL of generated samples by a Parzen density of the training images."""
    runs = models(context, "omniglot")
    note = "by a Parzen density of the training images; the paper does not define its number"
    return _outcome(runs.rows("generated_nll", paper=_paper(NLL), note=note), runs.cut, best=min)


@study.item(
    "table2",
    "Semi-supervised accuracy under noise, CIFAR10",
    shows="VIMAE-l is best on clean and noisy images, both VIMAE under a mask.",
    config="cifar10",
    claims=(
        *(
            Claim(
                f"VIMAE-l is best on {words} images.",
                f"svm_1000{name}",
                (*OF_ELBO, *VIMAE_N),
                VIMAE_L,
            )
            for words, name in (("clean", ""), ("noisy", "_noise_0.3"))
        ),
        Claim("Both VIMAE are best under a mask.", "svm_1000_mask_0.2", OF_ELBO, VIMAE_N + VIMAE_L),
    ),
)
@study.item(
    "table3",
    "Semi-supervised accuracy under noise, MNIST",
    shows="On clean codes all but the VAE are alike; under noise and masks VIMAE keeps its "
    "accuracy, VIMAE-l most.",
    config="mnist",
    claims=(
        Near(
            "On clean codes all but the VAE are alike: within 0.02.",
            "svm_1000",
            ("beta_H-VAE", "beta_A-VAE", *VIMAE_N, *VIMAE_L),
            0.02,
        ),
        Claim(
            "On clean codes the VAE is worst.",
            "svm_1000",
            ("VAE",),
            ("beta_H-VAE", "beta_A-VAE", *VIMAE_N, *VIMAE_L),
        ),
        *(
            Claim(
                f"{words}: VIMAE is most accurate, VIMAE-l more so.",
                f"svm_1000{name}",
                OF_ELBO,
                VIMAE_N,
                then=(VIMAE_L,),
            )
            for words, name in (("Strong noise", "_noise_0.4"), ("Large mask", "_mask_0.5"))
        ),
    ),
)
def accuracy(context, config):
    """Accuracy of an SVM on 1000 labelled codes, of corrupted test images."""
    runs, rows = models(context, config), []
    for name, percent in ACCURACY[config].items():
        rows += runs.rows(f"svm_1000{name}", paper=_paper([value / 100 for value in percent]))
    return _outcome(rows, runs.cut)


@study.item(
    "table4",
    "Semi-supervised accuracy under noise, Omniglot",
    shows="On characters never seen no model is far above chance; VIMAE is the most robust.",
    claims=(
        Bound(
            "No model is far above chance, 0.2: accuracies below 0.3.",
            "svm_100_of_300",
            (*OF_ELBO, *VIMAE_N, *VIMAE_L),
            below=0.3,
        ),
        Claim(
            "Strong noise: VIMAE-n is most accurate.",
            "svm_100_of_300_noise_0.4",
            OF_ELBO,
            VIMAE_N,
        ),
    ),
)
def few_characters(context):
    """Accuracy of an SVM on five characters of alphabets that were not trained on."""
    runs, draws = models(context, "omniglot"), DRAWS[context.scale]
    accuracies = {run["family"]: few_classes(run, context.seed, draws) for run in runs.finished}
    note = (
        f"mean over {draws} draws of 5 characters, 100 of 300 codes labelled; chance is 0.2; "
        "transductive: codes standardised by all 400, corrupted test codes among them"
    )
    rows = []
    for name, percent in ACCURACY["omniglot"].items():
        paper = _paper(percent)
        for run in runs:
            values = accuracies[run["family"]][name] if run.is_finished else []
            number, stderr, note_of_mean = _mean(values)
            metadata = {"paper": paper[run["family"]] / 100, "note": joined(note, note_of_mean)}
            rows.append(run.row(f"svm_100_of_300{name}", number, stderr, **metadata))
    return _outcome(rows, runs.cut)


def few_classes(run, seed, draws):
    """Returns dict corruption -> the accuracy of each draw of characters."""
    test, model = run.test_set(), run.load().model
    labels = np.asarray(test.labels)
    clean, accuracies = information.codes(model, test), {}
    for name in ACCURACY["omniglot"]:
        codes = clean
        if name:
            _, kind, strength = name.split("_")
            corrupted = corruption.Corrupted(test, kind, float(strength), seed)
            codes = information.codes(model, corrupted)
        accuracies[name] = [
            svm(clean, codes, labels, *probes.few_classes(labels, **FEW, seed=seed + draw))
            for draw in range(draws)
        ]
    return accuracies


def svm(clean, codes, labels, train, test):
    """Returns the accuracy on `codes[test]` of an SVM on labelled rows of `clean[train]`."""
    labelled = train[probes.labelled_subset(labels[train], LABELLED)]
    inputs = np.concatenate([clean[train], codes[test]])
    splits = (clean[labelled], labels[labelled], codes[test], labels[test])
    return probes.svm_probe(*splits, unlabelled_codes=inputs)["accuracy"]


def _mean(values):
    """Returns (mean, standard error, note) over draws; no error where the draws do not differ."""
    if not values:
        return None, None, ""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    if deviation == 0.0:
        return float(np.mean(values)), None, "no error: the draws do not differ"
    return float(np.mean(values)), deviation / len(values) ** 0.5, ""


@study.item(
    "table5",
    "Frechet distance of samples, CelebA and CIFAR10",
    shows="Both VIMAE are alike, and far better than models of the ELBO.",
    substitute=SUBSTITUTES,
    unlike={"frechet_classifier": Unlike("features of another classifier", order=True)},
    claims=(
        *(
            claim
            for metric, config in (
                ("frechet_classifier", "cifar10"),
                ("frechet_inception", "celeba"),
            )
            for claim in (
                Claim(
                    f"{DATA[config]}: both VIMAE are better than models of the ELBO.",
                    metric,
                    VIMAE_N + VIMAE_L,
                    OF_ELBO if config == "cifar10" else ("VAE", "beta_A-VAE"),
                    DATA[config],
                ),
                Near(
                    f"{DATA[config]}: both VIMAE are alike, within 1 as in the paper.",
                    metric,
                    VIMAE_N + VIMAE_L,
                    1.0,
                    DATA[config],
                ),
            )
        ),
    ),
)
def frechet(context):
    """Frechet distances of generated images, CIFAR10, and CelebA where it is there."""
    runs = models(context, "cifar10")
    outcome = _outcome(_frechet_rows(context, runs, "cifar10"), runs.cut, best=min)
    try:
        config, note = faces(context)
    except FileNotFoundError:
        config, note = "", f"CelebA is not prepared: {PREPARE}"
    if config == "cifar10":
        note = "left out: its substitute, cifar10, is the other half of the table"
    if config in ("", "cifar10"):
        missing = [
            row(name, "frechet_inception", None, None, paper, data=DATA["celeba"], note=note)
            for name, paper in zip(NAMES.values(), FID["celeba"])
        ]
        return Outcome([*outcome.rows, *missing], {}, joined(outcome.cut, "no CelebA"))
    others = models(context, config, note=note)
    rows = _outcome(_frechet_rows(context, others, config), "", best=min).rows
    return Outcome([*outcome.rows, *rows], {}, (runs + others).cut)


def _frechet_rows(context, runs, config):
    """Returns the rows by our classifier's features, and at full scale by Inception's."""
    notes = {
        "frechet_classifier": "features of our classifier of this data: orderings compare with "
        "the paper's FID, values do not"
    }
    if context.scale == "full":
        notes["frechet_inception"] = ""
    entries = {run["family"]: {} for run in runs}
    for run in runs.finished:
        splits = run.splits()
        entries[run["family"]] = evaluation.evaluate(
            run.load().model,
            splits["test"],
            splits["train"],
            list(notes),
            seed=context.seed,
            num_generated=GENERATED[context.scale],
            classifier=runs.folder / f"classifier_{config}",
            progress=False,
        )
    paper = _paper(FID.get(config, ()))
    return [
        run.from_entry(metric, entries[family].get(metric), paper.get(family), note)
        for metric, note in notes.items()
        for family, run in zip(entries, runs)
    ]


def faces(context):
    """Returns (config, note) of an item on CelebA: a substitute where one is asked for.

    Raises:
        FileNotFoundError: If CelebA is absent and no substitute is named. The message says how to
            get it.
    """
    if context.substitute:
        return context.substitute, f"substitute: {context.substitute} instead of CelebA"
    check_celeba()
    return "celeba", ""


def check_celeba():
    """Raises `FileNotFoundError`, which says how to get it, unless CelebA is prepared."""
    try:
        data.load("celeb_a", "test[:1]", download=False)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{error} CelebA may be used for research alone; see configs/vimae/celeba.py. "
            "An item can run on other data when told to: --substitute=cifar10"
        ) from error


def _paper(numbers):
    return dict(zip(NAMES, numbers))


def _outcome(rows, cut, best=max):
    """Returns the rows, and behind those of each metric one on the paper's orderings."""
    every = []
    for metric in dict.fromkeys(r["metric"] for r in rows):
        group = [r for r in rows if r["metric"] == metric]
        every += [*group, orderings(group, best)]
    return Outcome([r for r in every if r is not None], {}, cut)


def orderings(rows, best=max):
    """Returns a row on which of the paper's orderings of two models hold in ours.

    Args:
        rows: Of one metric, a row a model; pairs count whose numbers in the paper differ.
        best: `max` where the better of two models has the larger number, `min` otherwise.

    Returns:
        A row whose number is the share of pairs that hold, or None where there is no pair.
    """
    known = [r for r in rows if r["ours"] is not None and r["paper"] is not None]
    pairs = [
        sorted(pair, key=lambda r: r["paper"])
        for pair in itertools.combinations(known, 2)
        if pair[0]["paper"] != pair[1]["paper"]
    ]
    if not pairs:
        return None
    failed = [(low, high) for low, high in pairs if not low["ours"] < high["ours"]]
    better_first = [pair[::-1] if best is max else pair for pair in failed]
    note = f"{len(pairs) - len(failed)} of {len(pairs)} pairs of models"
    if failed:
        note += "; not " + ", ".join(f"{a['name']} before {b['name']}" for a, b in better_first)
    return row(
        "orderings of the paper that hold",
        known[0]["metric"],
        1 - len(failed) / len(pairs),
        seeds=known[0]["seeds"],
        data=known[0]["data"],
        note=note,
    )
