"""Figures 4 and 8 of `bilbo`, and the study `apart`: bounds of the test set during training.

The last epoch of a bound that jumps is a random draw, so rows have means over many validations.
"""

import numpy as np

from trainers.experiments import figures
from trainers.experiments.claims import ByEye, Claim, Near, Unmeasured
from trainers.experiments.papers.bilbo.models import (
    APART,
    DATA,
    METHODS,
    PAPER,
    bound_rows,
    models,
    samples,
    study,
)
from trainers.experiments.study import MEAN_OF_RUNS, Outcome

PAPER_RUNS = {"learned": "the mean of three", "constant": "one run", "bilbo": "one run"}
FALL = 2.0  # nats that the bound of training images loses from one epoch to the next
YLABEL = "ELBO of the test set (nats)"
# Rows of Figures 4 and 8, means over seeds: latents -> (learned Sigma, the proposed methods).
MEANS = {
    size: [
        tuple(f"{name}{MEAN_OF_RUNS}" for name in names)
        for names in (
            (f"learned z{size}",),
            (f"constant z{size} sigma=1", f"bilbo z{size} sigma=1"),
        )
    ]
    for size in (2, 100)
}


def curve(run):
    """Returns (epochs, bounds of the test set) during a run's training.

    The prior of these bounds floats with the test batch; the rows of `bound_rows` are evaluated
    with the S^2 of the training set.
    """
    history = [epoch for epoch in run.history() if epoch.get("val_elbo") is not None]
    return [epoch["epoch"] for epoch in history], [epoch["val_elbo"] for epoch in history]


def first_quarter(run):
    """Returns the first quarter of the bounds of a `curve`."""
    values = curve(run)[1]
    return np.array(values[: len(values) // 4], np.float64)


def later_half(run):
    """Returns the later half of the bounds of a `curve`."""
    values = curve(run)[1]
    return np.array(values[len(values) // 2 :], np.float64)


def early(run):
    """Returns the bounds at the epochs 5, 10, ..., 50."""
    return np.array([v for e, v in zip(*curve(run)) if e <= 50 and e % 5 == 0], np.float64)


# Metric -> (function of a run, which validations these are).
LATE = {"elbo_later_half": (later_half, "in the later half of training")}
PARTS = {"elbo_first_quarter": (first_quarter, "in the first quarter of training"), **LATE}
EARLY_PARTS = {"elbo_epochs_5_to_50": (early, "at epochs 5, 10, ..., 50"), **LATE}


def falls(run):
    """Returns how often a run's bound of training images fell, in the later half of training.

    A fall is a loss of more than `FALL` nats from one epoch to the next. None where the history
    has less than two epochs there.
    """
    values = [epoch["elbo"] for epoch in run.history() if epoch.get("elbo") is not None]
    values = values[len(values) // 2 :]
    return int(np.sum(np.diff(values) < -FALL)) if len(values) > 1 else None


def course_rows(runs, parts=None):
    """Returns the rows of the bounds during the training of runs of one setting.

    Each run has the means of its validations in parts of training (nats), and the number of its
    `falls`. Means over runs follow where two or more finished.

    Args:
        runs: `runs.Runs` of one setting.
        parts: dict metric -> (function of a run, which validations these are); `PARTS` by default.
    """
    rows = []
    for metric, (part, where) in (parts or PARTS).items():
        rows += [_part_row(run, metric, part, where) for run in runs]
        mean = runs.mean(metric, lambda run, part=part: _mean(part(run)))
        rows += [mean] if len(mean["seeds"]) > 1 else []
    note = f"losses of more than {FALL:g} nats of training images from one epoch to the next, "
    note += "in the later half of training"
    counts = [None if run.failure else falls(run) for run in runs]
    return rows + [run.row("elbo_falls", count, note=note) for run, count in zip(runs, counts)]


def _part_row(run, metric, part, where):
    if run.failure:
        return run.row(metric)
    values = part(run)
    deviation = f", sd {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    note = f"mean of {len(values)} validations {where}{deviation}"
    return run.row(metric, _mean(values), note=note)


def _mean(values):
    return float(np.mean(values)) if len(values) else None


def fluctuation_row(run):
    """Returns the row of how far a run's bound goes up and down, nats.

    It is the standard deviation of the changes between validations in the later half.
    """
    if run.failure:
        return run.row("elbo_change")
    changes = np.diff(later_half(run))
    note = "sd of the changes between validations in the later half of training"
    if len(changes) < 2:
        return run.row("elbo_change", note=f"{note}: too few validations")
    return run.row("elbo_change", float(np.std(changes)), note=note)


def matching(factor):
    """Returns the claims of Figure 8 at a hard-coded scale of the latents."""
    learned, bilbo = "learned z2", "bilbo z2"
    if factor != 1:
        learned, bilbo = (f"{n}_scaled z2 factor={factor:g}" for n in ("learned", "bilbo"))
    names = {s: f"{bilbo} sigma={s:g}{MEAN_OF_RUNS}" for s in (0.1, 1, 10)}
    others = tuple(name for sigma, name in names.items() if sigma != factor)
    at = f"Latents scaled by {factor:g}: "
    return (
        Claim(at + f"sigma = {factor:g} is best.", "elbo_first_quarter", others, (names[factor],)),
        Near(
            at + "learned Sigma is like sigma = 1, within 2 nats.",
            "elbo_first_quarter",
            (learned + MEAN_OF_RUNS, names[1]),
            2.0,
        ),
    )


@study.item(
    "fig4",
    "Bound during training, and samples, of three methods",
    shows="Constant Sigma and BILBO reach a better bound than learned Sigma, and sooner; samples "
    "look alike.",
    claims=(
        *(
            Claim(
                f"{size} latents: constant Sigma and BILBO reach a better bound than learned.",
                "elbo",
                *MEANS[size],
            )
            for size in MEANS
        ),
        Claim(
            "They reach it sooner: their bounds are better in the first quarter of training.",
            "elbo_first_quarter",
            *MEANS[2],
        ),
        ByEye("Samples of the three methods look alike."),
    ),
)
def training(context):
    """Bounds during training, the mean of runs, and samples of three methods."""
    runs = models(
        context, lambda size: [{"family": METHODS, "latent_dim": size["latents"]}], "fig4"
    )
    panels, rows, pictures = [], bound_rows(runs), {}
    for latents, group in sorted(runs.by("latent_dim").items()):
        curves, images = {}, []
        for family, chosen in group.by("family").items():
            paper = PAPER[family] if latents == 2 else None
            note = f"the paper's is {PAPER_RUNS[family]}" if paper else ""
            rows.append(chosen.mean("elbo", paper=paper, note=note))
            rows += course_rows(chosen)
            curves[METHODS[family]] = [curve(run) for run in chosen.finished]
            for run in chosen.finished[:1]:
                drawn = samples(run.load().model, run.config, seed=context.seed)
                images.append((METHODS[family], drawn))
        counts = sorted({len(finished) for finished in curves.values()})
        number_of_runs = (
            f"mean of {' to '.join(map(str, counts))} runs" if counts != [1] else "one run each"
        )
        panels.append((f"{latents:g} latents, {number_of_runs}", curves))
        if images:
            title = f"samples, {latents:g} latents"
            pictures[f"samples_z{latents:g}"] = figures.image_rows(images, title)
    pictures["bounds"] = figures.curves_over_epochs(panels, YLABEL)
    return Outcome(rows, pictures, runs.cut)


def scaled_plan(size):
    """Returns the grids of Figure 8: learned Sigma and BILBO over sigma, at each factor."""
    grids = [{"family": ["learned"]}, {"family": ["bilbo"], "sigma": size["sigmas"]}]
    for factor in size["factors"]:
        factors = {"factor": [factor], "decoder.factor": [factor]}
        grids.append({"family": ["learned_scaled"], **factors})
        grids.append({"family": ["bilbo_scaled"], **factors, "scaled_sigma": size["sigmas"]})
    return grids


@study.item(
    "fig8",
    "Hard-coded latent scaling against sigma",
    shows="Best is the sigma that matches the hard-coded scale; learned Sigma is most like sigma "
    "1: the difference is one of initial weights.",
    claims=(*matching(0.1), *matching(1), *matching(10)),
)
def scaled(context):
    """Bounds during training with hard-coded latent scaling, by sigma."""
    runs = models(context, scaled_plan, "fig8")
    rows, panels = bound_rows(runs, metrics=("elbo",)), []
    for factor, group in sorted(runs.by(_factor).items()):
        curves = {}
        for sigma, chosen in sorted(group.by(_sigma).items()):
            name = f"$\\sigma$ = {sigma:g}" if sigma else "learned"
            curves[name] = [curve(run) for run in chosen.finished]
            rows.append(chosen.mean("elbo"))
            rows += course_rows(chosen)
        panels.append((f"latents scaled by {factor:g}", curves))
    return Outcome(rows, {"bounds": figures.curves_over_epochs(panels, YLABEL)}, runs.cut)


def _factor(run):
    return run.get("factor", 1.0)


def _sigma(run):
    """Returns the constant sigma of a run, 0 of a learned one."""
    if run["family"].startswith("learned"):
        return 0.0
    return run["scaled_sigma" if run["family"].endswith("_scaled") else "sigma"]


@study.item(
    "apart",
    "Learned scales that send no gradient into the shared layers (not of the paper)",
    shows="Not in the paper, which says that learned Sigma is most like sigma 1: whether the "
    "gradient of the scales in the hidden layers is why it falls behind.",
    claims=(
        Unmeasured(
            "Learned Sigma falls behind because its scales send gradients into the hidden layers.",
            "learned Sigma with that gradient at 50 epochs, of the same seeds",
        ),
    ),
)
def apart(context):
    """Bounds of learned scales whose gradient stops at the head, by the factor of Figure 8.

    With N(0, I) runs are as long as the paper's. With the floating prior, which constant
    variances have, they have 50 epochs: the start is compared.
    """
    short = {"train.epochs": [50], "train.validation_every": [1], "evaluation.nll_examples": [1000]}
    floating = {"marginal.name": ["floating"], **(short if context.scale == "full" else {})}
    plain = {"family": ["learned"], "encoder.name": [APART]}
    grids = [
        {**plain, "seed": context.seeds(4)},
        {**plain, **floating, "seed": context.seeds(3)},
    ]
    for factor in (0.1, 10.0):
        factors = {"factor": [factor], "decoder.factor": [factor], "encoder.base.name": [APART]}
        grid = {"family": ["learned_scaled"], **factors, **floating, "seed": context.seeds(3)}
        grids.append(grid)
    cut = context.cut_of_seeds(4)
    runs = study.runs(context, grids, config="bilbo/apart", data=DATA, cut=cut)
    rows, panels = bound_rows(runs), {}
    for chosen in runs.by(lambda run: run.label).values():
        rows.append(chosen.mean("elbo"))
        rows += course_rows(chosen, EARLY_PARTS)
        panel = panels.setdefault(f"scales apart, {chosen[0]['marginal.name']} prior", {})
        panel[f"factor {_factor(chosen[0]):g}"] = [curve(run) for run in chosen.finished]
    picture = figures.curves_over_epochs(list(panels.items()), YLABEL)
    return Outcome(rows, {"bounds": picture}, runs.cut)
