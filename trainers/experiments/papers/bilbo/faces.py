"""Figures 7, 16 and 17 of `bilbo`, on CelebA, which is not downloaded without being asked for."""

import dataclasses

import numpy as np

from trainers.experiments import figures
from trainers.experiments.claims import ByEye, Claim
from trainers.experiments.papers.bilbo.models import METRICS, in_unit_range, samples, study
from trainers.experiments.study import Outcome, lazy

aggregate = lazy("zoo.aggregate")
backend = lazy("zoo.backend")
data = lazy("trainers.data")

DATA = "CelebA, 64 x 64, test"
IMAGES = 10
PRIOR_EXAMPLES = 10000  # training images that the optimal prior of a learned Sigma is taken over
PRIOR_TRACE = 25000  # tr S^2 at Sigma = I, section 7.1
NAMES = {"learned": "ELBO, learned Sigma", 0.1: "BILBO, Sigma = I/100", 1.0: "BILBO, Sigma = I"}


def models(context, sigmas):
    """Returns the runs of learned Sigma, and of BILBO at `sigmas`.

    Raises:
        FileNotFoundError: If CelebA is not prepared; the message says how to get it.
    """
    data.load("celeb_a", "test[:1]", image_size=64, download=False)
    seed = [context.seed]
    grids = [
        {"family": ["learned"], "seed": seed},
        {"family": ["bilbo"], "sigma": sigmas, "seed": seed},
    ]
    runs = study.runs(context, grids, config="bilbo/celeba", data=DATA)
    entries = [run.labelled(NAMES[_sigma(run) or "learned"]) for run in runs]
    return dataclasses.replace(runs, entries=tuple(entries))


def _sigma(run):
    return None if run["family"] == "learned" else run["sigma"]


def prior_variance(run, model):
    """Returns S^2 of eq. 4, [Z]: that of the floating prior, or estimated for a learned Sigma."""
    if model.marginal.adapts:
        return backend.to_numpy(model.marginal.distribution().variance())
    return aggregate.prior_variance(model, run.splits()["train"].take(PRIOR_EXAMPLES))


def optimal_samples(run, model, seed):
    """Returns mean images of draws from N(0, S^2), S^2 the optimal prior variance."""
    z = np.random.default_rng(seed).standard_normal((IMAGES, model.latent_dim))
    z = (z * np.sqrt(prior_variance(run, model))).astype("float32")
    return in_unit_range(model.decoder.images(z), run.config)


def reconstructions(loaded):
    """Returns the figure of test images and the reconstructions of each model."""
    images = loaded[0][0].test_set().float_images(slice(0, IMAGES))
    rows = [("data", images)]
    for run, model in loaded:
        rows.append((run.label, in_unit_range(model.reconstruct(images), run.config)))
    return figures.image_rows(rows, "reconstructions")


def trace_row(run, model):
    """Returns the row of the trace of the optimal prior's variance."""
    trace = float(np.sum(prior_variance(run, model)))
    paper = PRIOR_TRACE if _sigma(run) == 1.0 else None
    return run.row("prior_trace", trace, paper=paper, note="tr S^2 of the optimal prior, eq. 4")


def prior_samples(loaded, seed):
    """Returns the figure of samples from the optimal prior."""
    rows = [(run.label, optimal_samples(run, model, seed)) for run, model in loaded]
    return figures.image_rows(rows, "samples from the optimal prior")


def both_priors(loaded, seed):
    """Returns the figure of samples from N(0, I), for a learned Sigma, and the optimal prior."""
    rows = []
    for run, model in loaded:
        if run["family"] == "learned":
            standard = samples(model, run.config, IMAGES, seed)
            rows.append((f"{run.label},\nN(0, I)", standard))
        rows.append((f"{run.label},\noptimal prior", optimal_samples(run, model, seed)))
    return figures.image_rows(rows, "samples by posterior variance and prior")


@study.item(
    "fig7",
    "CelebA: reconstructions and samples, ELBO and BILBO",
    shows="On CelebA ELBO and BILBO are alike.",
    sigmas=(0.1,),
    kinds=("reconstructions", "samples"),
    claims=(ByEye("Reconstructions and samples of ELBO and BILBO look alike."),),
)
@study.item(
    "fig16",
    "CelebA: reconstructions, ELBO and BILBO",
    shows="Reconstructions by ELBO and BILBO are alike.",
    sigmas=(0.1,),
    kinds=("reconstructions",),
    claims=(ByEye("Reconstructions by ELBO and BILBO look alike."),),
)
@study.item(
    "fig17",
    "CelebA: samples by posterior variance and prior",
    shows="Samples of the standard normal vary less than those of the optimal prior; Sigma = I "
    "exaggerates them, I/100 does not.",
    sigmas=(1.0, 0.1),
    kinds=("both_priors",),
    claims=(
        Claim(
            "Sigma = I makes the variance of the optimal prior larger than I/100 does.",
            "prior_trace",
            (NAMES[0.1],),
            (NAMES[1.0],),
        ),
        ByEye("Samples of N(0, I) vary less than those of the optimal prior."),
    ),
)
def faces(context, sigmas, kinds):
    """Rows of ELBO and BILBO, their reconstructions and samples."""
    runs = models(context, sigmas)
    loaded = [(run, run.load().model) for run in runs.finished]
    rows = []
    for run, model in loaded:
        rows += [run.measured(metric) for metric in METRICS]
        rows.append(trace_row(run, model))
    rows += [run.row("elbo") for run in runs.failed]
    draw = {
        "reconstructions": lambda: {"reconstructions": reconstructions(loaded)},
        "samples": lambda: {"samples": prior_samples(loaded, context.seed)},
        "both_priors": lambda: {"samples": both_priors(loaded, context.seed)},
    }
    pictures = {}
    for kind in kinds if loaded else ():
        pictures.update(draw[kind]())
    return Outcome(rows, pictures, runs.cut)
