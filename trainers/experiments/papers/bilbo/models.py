"""The models of `bilbo`: the paper's numbers, the plans of runs, and rows of their bounds."""

import math

import numpy as np

from trainers.experiments.study import Study, joined, lazy

backend = lazy("zoo.backend")

DATA = "MNIST, grey levels in [0, 1], test"
PIXELS = 28 * 28
METHODS = {"learned": "learned Sigma", "constant": "constant Sigma", "bilbo": "BILBO"}
METRICS = ("elbo", "rate", "distortion")
# Test bounds as printed: Figure 2 (three runs of learned Sigma), Figure 5 (b) and (c).
PAPER_LEARNED = (-136.5, -135.0, -134.4)
PAPER = {"learned": round(sum(PAPER_LEARNED) / 3, 2), "constant": -134.2, "bilbo": -134.3}
# Short names of config keys, for plans and labels. `scaled_sigma` is the sigma of `bilbo_scaled`.
KEYS = {
    "sigma": "encoder.scale",
    "scaled_sigma": "encoder.base.scale",
    "lambda": "data.pixel_scale",
    "tau": "decoder.likelihood.tau",
    "factor": "encoder.factor",
}
# Family -> the keys that its label has.
SHOWN = {
    "constant": ("sigma",),
    "bilbo": ("sigma",),
    "constant_t": ("lambda",),
    "baggins": ("lambda", "tau"),
    "learned_scaled": ("factor",),
    "bilbo_scaled": ("factor", "scaled_sigma"),
}
APART = "mlp_apart"  # the encoder of configs/bilbo/apart.py
# The counts of latents, the runs of a setting (1 where a figure is absent), and the values of
# sigma, lambda, tau and the factor. The paper gives the first two; the values are in its pictures
# alone and are this project's choice.
SCALES = {
    "tiny": {
        "latents": (2, 100),
        "runs": {"fig2": 2, "fig3": 2, "fig4": 2},
        "sigmas": (0.1, 1.0),
        "lambdas": (1.0, 16.0),
        "taus": (0.2, 1.0),
        "factors": (10.0,),
    },
    "full": {
        "latents": (2, 100),
        "runs": {"fig2": 3, "fig3": 3, "fig4": 5, "fig8": 3},
        "sigmas": (0.1, 1.0, 10.0),
        "lambdas": (1.0, 4.0, 16.0, 64.0),
        "taus": (0.05, 0.2, 1.0, 5.0),
        "factors": (0.1, 10.0),
    },
}
SCALES["reduced"] = {**SCALES["full"], "runs": SCALES["tiny"]["runs"]}


def label(run):
    """Returns the name of a run in results: `baggins z100 lambda=4 tau=0.2`."""
    family = run["family"]
    fields = [family, f"z{run['latent_dim']:g}"]
    fields += [f"{key.removeprefix('scaled_')}={run[key]:g}" for key in SHOWN.get(family, ())]
    if APART in (run.get("encoder.name"), run.get("encoder.base.name")):
        fields.append(f"apart {run['marginal.name']}")
    return " ".join(fields)


study = Study("bilbo", "bilbo/mnist", label, KEYS)


def models(context, plan, figure=""):
    """Returns the runs of a figure on MNIST.

    Args:
        context: The item's `Context`.
        plan: Function of an entry of `SCALES` that returns grids without seeds.
        figure: The figure, for the number of runs of a setting.
    """
    chosen, full = (
        (plan(SCALES[scale]), SCALES[scale]["runs"].get(figure, 1))
        for scale in (context.scale, "full")
    )
    fewer = "" if chosen == full else "fewer runs or values than at full scale"
    grids, count = chosen
    cut = joined(context.cut_of_seeds(count), fewer)
    grids = [{**grid, "seed": context.seeds(count)} for grid in grids]
    return study.runs(context, grids, data=DATA, cut=cut)


def bound_rows(runs, paper=None, metrics=METRICS):
    """Returns a row for each metric of each run.

    The bound of scaled data also has a row as a bound of the data before scaling, log p(x) =
    log p(lambda x) + m log lambda. Only these bounds are comparable over lambda.

    Args:
        runs: `runs.Runs`.
        paper: Function of a run that returns the paper's bound.
        metrics: Names.
    """
    rows = []
    for run in runs:
        if run.failure:
            rows.append(run.row("elbo"))
            continue
        for metric in metrics:
            reported = paper(run) if paper and metric == "elbo" else None
            rows.append(run.measured(metric, reported, f"{run.epochs:g} epochs"))
        factor = run.get("lambda", 1.0)
        if factor != 1.0:
            elbo, note = run.metric("elbo"), "bound of the data unscaled: elbo + m log lambda"
            bound = elbo["value"] + PIXELS * math.log(factor)
            rows.append(run.row("elbo_unscaled", bound, elbo["stderr"], note=note))
    return rows


def samples(model, config, count=12, seed=17):
    """Returns mean images [N, H, W, C] in [0, 1] of draws from a model's prior."""
    return in_unit_range(model.sample(count, seed=seed), config)


def in_unit_range(images, config):
    """Returns images divided by the scale of the run's data, clipped to [0, 1]."""
    return np.clip(backend.to_numpy(images) / config["data"].get("pixel_scale", 1.0), 0, 1)
