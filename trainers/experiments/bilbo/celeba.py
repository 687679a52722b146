"""Figures 7, 16 and 17 of `bilbo`, on CelebA, which the user brings."""

import keras
import numpy as np

from trainers import data
from trainers.experiments.bilbo import pictures as bilbo_pictures
from trainers.experiments.bilbo import runs as bilbo_runs
from trainers.experiments.bilbo.likelihood import samples, shown
from trainers.experiments.bilbo.runs import SIGMA
from trainers.experiments.item import Outcome, row
from zoo import aggregate
from zoo.backend import to_numpy

CONFIG = "bilbo/celeba"
DATA = "CelebA, 64 x 64, test"
IMAGES = 10
PRIOR_EXAMPLES = 10000  # training images that the optimal prior of a learned Sigma is taken over
PRIOR_TRACE = 25000  # tr S^2 at Sigma = I, section 7.1
NAMES = {"learned": "ELBO, learned Sigma", 0.1: "BILBO, Sigma = I/100", 1.0: "BILBO, Sigma = I"}


def _train(context, sigmas):
    """Trains learned Sigma and BILBO at `sigmas`.

    Raises:
        FileNotFoundError: If CelebA is not there; the message says how to get it.
    """
    data.load("celeb_a", "test[:1]", image_size=64, download=False)
    seed = [context.seed]
    axes = [
        {"family": ["learned"], "seed": seed},
        {"family": ["bilbo"], SIGMA: list(sigmas), "seed": seed},
    ]
    return bilbo_runs.train(context, "celeba", CONFIG, axes)


def _runs(models):
    """Returns (name, row, run) of every run that can be loaded."""
    found = []
    for one in models.rows:
        run = models.load(one)
        if run is not None:
            key = "learned" if one["family"] == "learned" else one[SIGMA]
            found.append((NAMES[key], one, run))
    return found


def _prior_variance(run):
    """Returns S^2 of eq. 4, [Z]: that of the floating prior, or estimated for a learned Sigma."""
    if run.model.marginal.adapts:
        return to_numpy(run.model.marginal.distribution().variance())
    train = data.load_splits(run.config["data"])["train"].take(PRIOR_EXAMPLES)
    return aggregate.prior_variance(run.model, train)


def _optimal_samples(run, seed):
    """Returns mean images of draws from N(0, S^2), S^2 the optimal prior variance."""
    z = keras.random.normal((IMAGES, run.model.latent_dim), seed=seed)
    z = z * np.sqrt(_prior_variance(run)).astype("float32")
    return shown(run, run.model.decoder.images(z))


def _reconstructions(runs):
    images = data.load_splits(runs[0][2].config["data"])["test"].float_images(slice(0, IMAGES))
    rows = [("data", images)]
    rows += [(name, shown(run, run.model.reconstruct(images))) for name, _, run in runs]
    return bilbo_pictures.sample_rows(rows, "reconstructions")


def _rows(models, runs):
    rows = []
    for name, one, run in runs:
        seeds = [one["seed"]]
        for metric in ("elbo", "rate", "distortion"):
            if one[metric] is not None:
                error = one[f"{metric}_stderr"]
                rows.append(row(name, metric, one[metric], error, None, seeds, DATA))
        is_the_paper_s = one["status"] == "finished" and one.get(SIGMA) == 1.0
        paper = PRIOR_TRACE if is_the_paper_s else None
        trace = float(np.sum(_prior_variance(run)))
        note = bilbo_runs.with_state(one, "tr S^2 of the optimal prior, eq. 4")
        rows.append(row(name, "prior_trace", trace, None, paper, seeds, DATA, note))
    for one in models.rows:
        if one["status"] != "finished":
            note = f"failed: {one['error']}"
            rows.append(row(one["run"], "elbo", None, None, None, [one["seed"]], DATA, note))
    return rows


def run_fig7(context):
    """Reconstructions, and samples from the optimal prior, of ELBO and BILBO."""
    models = _train(context, (0.1,))
    runs = _runs(models)
    if not runs:
        return Outcome(_rows(models, runs), {}, models.cut)
    drawn = [(name, _optimal_samples(run, context.seed)) for name, _, run in runs]
    pictures = {
        "reconstructions": _reconstructions(runs),
        "samples": bilbo_pictures.sample_rows(drawn, "samples from the optimal prior"),
    }
    return Outcome(_rows(models, runs), pictures, models.cut)


def run_fig16(context):
    """Reconstructions of ELBO and BILBO."""
    models = _train(context, (0.1,))
    runs = _runs(models)
    pictures = {"reconstructions": _reconstructions(runs)} if runs else {}
    return Outcome(_rows(models, runs), pictures, models.cut)


def run_fig17(context):
    """Samples by posterior variance and prior."""
    models = _train(context, (1.0, 0.1))
    runs = _runs(models)
    drawn = []
    for name, one, run in runs:
        if one["family"] == "learned":
            drawn.append((f"{name},\nN(0, I)", samples(run, IMAGES, context.seed)))
        drawn.append((f"{name},\noptimal prior", _optimal_samples(run, context.seed)))
    title = "samples by posterior variance and prior"
    pictures = {"samples": bilbo_pictures.sample_rows(drawn, title)} if drawn else {}
    return Outcome(_rows(models, runs), pictures, models.cut)
