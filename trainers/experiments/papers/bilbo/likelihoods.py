"""Figure 6 of `bilbo`: Gaussian likelihoods of learned, constant and BAGGINS' T."""

import numpy as np

from trainers.experiments import figures
from trainers.experiments.claims import ByEye, Claim
from trainers.experiments.papers.bilbo.bounds import YLABEL, curve, fluctuation_row
from trainers.experiments.papers.bilbo.models import bound_rows, models, samples, study
from trainers.experiments.study import Outcome, lazy

backend = lazy("zoo.backend")
stats = lazy("scipy.stats")

EPOCHS = 400  # of Gaussian likelihoods with 100 latents, section 7.2
QUIET = 0.02  # standard deviation over the test set, below which a pixel carries no information

# Names of rows of 100 latents, over lambda and over tau.
CONSTANT = tuple(f"constant_t z100 lambda={value}" for value in (1, 4, 16, 64))
SCALED = tuple(f"baggins z100 lambda={value} tau=0.2" for value in (1, 4, 16, 64))
BY_TAU = tuple(f"baggins z100 lambda=1 tau={value}" for value in (0.05, 0.2, 1, 5))


@study.item(
    "fig6",
    "Scale of the likelihood: learned, constant, BAGGINS",
    shows="Learned T fails, constant T depends on the data's scale, BAGGINS does not; tau moves "
    "samples from blurry to broken.",
    claims=(
        Claim(
            "With learned T the bound goes up and down more than with BAGGINS' T.",
            "elbo_change",
            SCALED,
            ("learned_t z100",),
        ),
        Claim(
            "With constant T the rate rises with the scale of the data.",
            "rate",
            CONSTANT[:1],
            CONSTANT[1:2],
            then=(CONSTANT[2:3], CONSTANT[3:]),
        ),
        Claim(
            "BAGGINS' rate depends on that scale less: at all four scales it is between those of "
            "constant T at 1 and 16.",
            "rate",
            CONSTANT[:1],
            SCALED,
            then=(CONSTANT[2:3],),
        ),
        Claim(
            "The rate rises with tau.",
            "rate",
            BY_TAU[:1],
            BY_TAU[1:2],
            then=(BY_TAU[2:3], BY_TAU[3:]),
        ),
        ByEye("BAGGINS' samples do not depend on the scale; low tau blurs them, high breaks them."),
    ),
)
def likelihoods(context):
    """Samples under learned T, constant T over lambda, BAGGINS over lambda and over tau."""
    epochs = {"train.epochs": [EPOCHS]} if context.scale == "full" else {}

    def plan(size):
        large = {"latent_dim": size["latents"][-1:], **epochs}
        return [
            {"family": ["learned_t"], **large},
            {"family": ["constant_t"], **large, "lambda": size["lambdas"]},
            {"family": ["baggins"], **large, "lambda": size["lambdas"]},
            {"family": ["baggins"], **large, "tau": size["taus"]},
        ]

    runs = models(context, plan)
    learned, baggins = runs.select(family="learned_t"), runs.select(family="baggins")
    by_lambda = baggins.select(tau=0.2)
    by_tau = sorted(baggins.select(**{"lambda": 1.0}), key=lambda run: run["tau"])
    parts = {
        "a_learned_and_constant": (
            "learned T, and T = I over data scales",
            learned + runs.select(family="constant_t"),
        ),
        "b_baggins_by_lambda": ("BAGGINS, tau = 1/5, over data scales", by_lambda),
        "c_baggins_by_tau": ("BAGGINS over information factors", by_tau),
    }
    pictures = {}
    for name, (title, chosen) in parts.items():
        images = [
            (short_label(run), samples(run.load().model, run.config, seed=context.seed))
            for run in chosen
            if run.is_finished
        ]
        if images:
            pictures[name] = figures.image_rows(images, title)
    watched = {
        short_label(run): [curve(run)] for run in (*learned, *by_lambda[:1]) if run.is_finished
    }
    panels = [("does the bound settle? 100 latents", watched)]
    pictures["bound_of_learned_t"] = figures.curves_over_epochs(panels, YLABEL)
    rows = bound_rows(runs)
    rows += [fluctuation_row(run) for run in (*learned, *by_lambda)]
    rows += [row for run in learned.finished for row in quiet_rows(run)]
    return Outcome(rows, pictures, runs.cut)


def short_label(run):
    """Returns a run's name for a picture: `BAGGINS, τ = 0.2, λ = 4`."""
    if run["family"] == "learned_t":
        return "learned T"
    scale = f"λ = {run['lambda']:g}"
    if run["family"] == "constant_t":
        return f"T = I, {scale}"
    return f"BAGGINS, τ = {run['tau']:g}, {scale}"


def quiet_rows(run):
    """Returns rows of what quiet pixels add to the bound of learned T, at z = 0, in nats."""
    images, model = run.test_set().float_images(), run.load().model
    parameters = model.decode(np.zeros((1, model.latent_dim), "float32"))
    loc, scale = (backend.to_numpy(parameters[name]) for name in ("mean", "scale"))
    by_pixel = stats.norm.logpdf(images, loc, scale).mean(axis=0)
    deviation, scale = images.std(axis=0), scale[0]
    quiet = deviation < QUIET
    note = f"of {int(quiet.sum())} pixels whose deviation in the data is below {QUIET:g}, at z = 0"
    ratio = "median of the learned scale / deviation in the data, of the other pixels, at z = 0"
    values = {
        "log_prob_quiet": (by_pixel[quiet].sum(), note),
        "log_prob_others": (by_pixel[~quiet].sum(), "z = 0"),
        "scale_over_deviation": (np.median(scale[~quiet] / deviation[~quiet]), ratio),
    }
    return [run.row(metric, value, note=note) for metric, (value, note) in values.items()]
