"""Figures 6, 10 and 11 of `bilbo`: Gaussian likelihoods of learned, constant and BAGGINS' T."""

import numpy as np
from scipy.stats import norm

from trainers import data
from trainers.experiments.bilbo import course, runs
from trainers.experiments.bilbo import pictures as bilbo_pictures
from trainers.experiments.bilbo.runs import LAMBDA, TAU
from trainers.experiments.item import Outcome, row
from zoo.backend import to_numpy

SAMPLES = 12
QUIET = 0.02  # standard deviation over the test set, under which a pixel says nothing of digits


def samples(run, count=SAMPLES, seed=17):
    """Returns mean images [N, H, W, C] in [0, 1] of draws from a run's prior."""
    return shown(run, run.model.sample(count, seed=seed))


def shown(run, images):
    """Returns a run's images with its data's scale taken out, clipped to [0, 1]."""
    return np.clip(to_numpy(images) / run.config["data"].get("pixel_scale", 1.0), 0, 1)


def run_fig6(context):
    """Samples under learned T, constant T over lambda, BAGGINS over lambda and over tau."""
    models = runs.train(context, "fig6")
    constant, baggins = models.select(family="constant_t"), models.select(family="baggins")
    learned = models.select(family="learned_t")
    by_lambda = [one for one in baggins if one[TAU] == 0.2]
    by_tau = sorted((one for one in baggins if one[LAMBDA] == 1.0), key=lambda one: one[TAU])
    parts = {
        "a_learned_and_constant": ("learned T, and T = I over data scales", learned + constant),
        "b_baggins_by_lambda": ("BAGGINS, tau = 1/5, over data scales", by_lambda),
        "c_baggins_by_tau": ("BAGGINS over information factors", by_tau),
    }
    pictures = {}
    for name, (title, rows) in parts.items():
        images = [(_short(one), models.load(one)) for one in rows]
        images = [(label, samples(run, seed=context.seed)) for label, run in images if run]
        if images:
            pictures[name] = bilbo_pictures.sample_rows(images, title)
    watched = {
        _short(one): [course.curve(models.history(one))] for one in [*learned, *by_lambda[:1]]
    }
    title = "does the bound settle? 100 latents"
    pictures["bound_of_learned_t"] = bilbo_pictures.bounds([(title, watched)])
    rows = runs.run_rows(models)
    rows += [course.fluctuation_row(one, models.history(one)) for one in [*learned, *by_lambda]]
    for one in learned:
        rows += _quiet_rows(models, one)
    return Outcome(rows, pictures, models.cut)


def _short(found):
    """Returns a run's name for a picture: `BAGGINS, τ = 0.2, λ = 4`."""
    if found["family"] == "learned_t":
        return "learned T"
    scale = f"λ = {found[LAMBDA]:g}"
    if found["family"] == "constant_t":
        return f"T = I, {scale}"
    return f"BAGGINS, τ = {found[TAU]:g}, {scale}"


def _quiet_rows(models, found):
    """Returns what of the bound of learned T the quiet pixels give, at the prior's mean, nats."""
    run = models.load(found)
    if run is None:
        return []
    images = data.load_splits(run.config["data"])["test"].float_images()
    parameters = run.model.decode(np.zeros((1, run.model.latent_dim), "float32"))
    log_prob = norm.logpdf(images, *(to_numpy(parameters[name]) for name in ("mean", "scale")))
    by_pixel, spread = log_prob.mean(axis=0), images.std(axis=0)
    quiet, scale = spread < QUIET, to_numpy(parameters["scale"])[0]
    note = f"of {int(quiet.sum())} pixels whose deviation in the data is below {QUIET:g}, at z = 0"
    ratio = "median of the learned scale / deviation in the data, of the other pixels, at z = 0"
    numbers = {
        "log_prob_quiet": (by_pixel[quiet].sum(), note),
        "log_prob_others": (by_pixel[~quiet].sum(), "z = 0"),
        "scale_over_deviation": (np.median(scale[~quiet] / spread[~quiet]), ratio),
    }
    about = {"seeds": [found["seed"]], "data": runs.DATA}
    return [
        row(runs.name_of(found), metric, value, note=runs.with_state(found, note), **about)
        for metric, (value, note) in numbers.items()
    ]
