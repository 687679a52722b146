"""The figures of `broken_elbo`, Fixing a Broken ELBO (supplement)."""

import functools

import numpy as np

from trainers.experiments.broken_elbo import toy, toy_picture
from trainers.experiments.item import Outcome, row

# Steps of Adam and restarts of the toy model.
TOY = {"tiny": (300, 2), "reduced": (5000, 4), "full": (20000, 10)}
# Name -> form, whether symbols begin in the order of their bins, target rate.
TOY_FITS = {
    "ELBO": ("one_hot", True, None),
    "target rate": ("one_hot", True, toy.TARGET_RATE),
    "ELBO, unordered start": ("one_hot", False, None),
    "target rate, unordered start": ("one_hot", False, toy.TARGET_RATE),
    "ELBO, form position": ("position", False, None),
    "target rate, form position": ("position", False, toy.TARGET_RATE),
}


def run_toy(context):
    """The toy model of section E: true joint, ELBO optimum and target-rate optimum, exactly."""
    steps, restarts = TOY[context.scale]
    world = toy.true_world()
    data = f"30 bins of [-5, 5], sigma 1, means +-{world.mean:.6f}, exact p*(x)"
    seeds = [context.seed + i for i in range(restarts)]
    truth = {
        "entropy": world.entropy,
        "information": world.information,
        "cluster_information": toy.cluster_information(world.posterior, world),
    }
    rows = [row("truth", name, value, data=data) for name, value in truth.items()]
    rows[1]["paper"] = toy.TARGET_RATE
    best = {}
    for name, (form, ordered, target) in TOY_FITS.items():
        if context.progress:
            print(f"{name}: {restarts} restarts of {steps} steps", flush=True)
        best[name], found = _fit_toy(world, seeds, form, ordered, target, steps)
        rows += _toy_rows(name, found, seeds, data, target)
    columns = {"truth": _truth_column(world)}
    for name in ("ELBO", "target rate"):
        columns[name] = _toy_column(best[name], world)
    pictures = {"toy": toy_picture.draw(world, columns)}
    columns = {name: _toy_column(model, world) for name, model in best.items() if "," in name}
    pictures["other_readings"] = toy_picture.draw(world, columns)
    cut = "" if context.scale == "full" else f"{restarts} restarts of {steps} steps"
    return Outcome(rows, pictures, cut)


def _fit_toy(world, seeds, form, ordered, target, steps):
    """Returns the best model of all restarts, and the terms of each restart, best first."""
    fits = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        model = toy.Toy.start(rng, world.centres, form, ordered)
        found = toy.fit(model, world.data, target, steps=steps)
        encoder = np.exp(model.log_encoder)
        found["cluster_information"] = toy.cluster_information(encoder, world)
        found["elbo_gap"] = -found["elbo"] - world.entropy
        found["loss"] = -found["elbo"]
        if target is not None:
            found["loss"] = found["distortion"] + toy.WEIGHT * abs(found["rate"] - target)
        fits.append((found["loss"], seed, model, found))
    fits.sort(key=lambda fit: fit[:2])
    return fits[0][2], [fit[3] for fit in fits]


def _toy_rows(name, fits, seeds, data, target):
    metrics = ("rate", "distortion", "elbo", "elbo_gap", "cluster_information", "information")
    metrics += ("generative_lower", "generated_information", "generative_upper")
    rows = []
    for metric in metrics:
        values = [fit[metric] for fit in fits]
        note = f"best of {len(seeds)} restarts, which gave {min(values):.4g} to {max(values):.4g}"
        paper = target if metric == "rate" else None
        rows.append(row(name, metric, values[0], None, paper, seeds, data, note))
    return rows


def _truth_column(world):
    weights = world.joint.sum(axis=1)
    caption = f"R* = I(x; z*) = {world.information:.3f}   H = {world.entropy:.3f} nats"
    return {
        "encoder": world.posterior,
        "decoder": world.likelihood,
        "marginal": weights,
        "caption": caption,
    }


def _toy_column(model, world):
    found = toy.terms(model, world.data)
    caption = "R = {rate:.3f}   D = {distortion:.3f}   ELBO = {elbo:.4f}".format(**found)
    return {
        "encoder": np.exp(model.log_encoder),
        "decoder": np.exp(model.log_decoder),
        "marginal": np.exp(model.log_marginal),
        "caption": caption,
    }


# The paper's best model on Omniglot, `++-`, beta 1 with KL annealing (supplement, section B).
BEST_OMNIGLOT = {"elbo": -90.37, "rate": 0.77, "distortion": 89.60}


def run_rate_distortion(context, data):
    """The rate-distortion plane of the twelve families over beta."""
    from trainers.experiments.broken_elbo import families
    from trainers.sweeps import rate_distortion

    trained = families.train(context, data)
    best = max(trained.rows, key=lambda run: run["elbo"])
    paper = BEST_OMNIGLOT if data == "omniglot" else {}
    note = f"of {best['family']}, beta {best['beta']:g}"
    if paper:
        note += "; the paper's is ++-, beta 1 with KL annealing, on the whole of Omniglot; ours "
        note += "is without annealing"
    rows = _run_rows([{**best, "run": "best ELBO"}], data, paper, note)
    rows += _run_rows(trained.rows, data)
    pictures = {
        "rate_distortion": rate_distortion.overview(trained.rows),
        "rate_distortion_by_part": rate_distortion.by_part(trained.rows),
    }
    text = (trained.folder / "ledger.csv").read_text(encoding="utf-8")
    return Outcome(rows, pictures, trained.cut, {"ledger.csv": text})


def run_samples(context, data, which):
    """Reconstructions and generations of models beside one another: Figures 5, 6, 8 and 9.

    Args:
        context: The item's `Context`.
        data: "mnist" or "omniglot".
        which: "beta 1" (every family), "frontier", or "-+v" (that family over beta).
    """
    from trainers.experiments.broken_elbo import families, samples

    if which == "beta 1":
        trained = families.train(context, data, betas=("1.0",))
        chosen = families.at_beta(trained, 1.0)
    elif which == "frontier":
        trained = families.train(context, data)
        chosen = families.on_frontier(trained)
    else:
        trained = families.train(context, data, [which], annealed=True)
        chosen = families.of_family(trained, which)
    pictures = samples.draw(trained.folder, chosen, seed=context.seed)
    return Outcome(_run_rows(chosen, data), pictures, trained.cut)


def _run_rows(runs, data, paper=(), note=""):
    """Returns a row for each number of each run of a ledger."""
    from trainers.experiments.broken_elbo.families import DATA, METRICS

    paper, rows = dict(paper), []
    for run in runs:
        said = note or f"{int(run['epochs'])} epochs"
        for metric in METRICS:
            if run.get(metric) is not None:
                more = _how_nll(run) if metric == "nll" else ""
                numbers = (run[metric], run.get(f"{metric}_stderr"), paper.get(metric))
                seeds = [run["seed"]]
                rows.append(row(run["run"], metric, *numbers, seeds, DATA[data], said + more))
    return rows


def _how_nll(run):
    """Returns how the NLL of a run was measured, on fewer images than its ELBO."""
    samples, examples = run.get("nll_samples"), run.get("nll_examples")
    said = [f"{samples:g} importance samples"] if samples else []
    said += [f"{examples:g} test images"] if examples else []
    return "".join(f", {part}" for part in said)


# Name -> the function and what the paper concludes from it.
ITEMS = {
    "toy": (
        run_toy,
        "The ELBO alone does not say how much a code carries; a target rate of 0.5 nats does, and "
        "recovers the two clusters.",
    ),
    "rd_mnist": (
        functools.partial(run_rate_distortion, data="mnist"),
        "Strong decoders rule at low rates, weak ones at high rates; equal ELBOs hide rates far "
        "apart.",
    ),
    "rd_omniglot": (
        functools.partial(run_rate_distortion, data="omniglot"),
        "Strong decoders dominate, most at very low rates; annealing moves them off rate zero.",
    ),
    "fig5": (
        functools.partial(run_samples, data="mnist", which="beta 1"),
        "At beta 1 models are syntactic encoders or autodecoders; none is a semantic encoder.",
    ),
    "fig6": (
        functools.partial(run_samples, data="mnist", which="frontier"),
        "Many architectures share the frontier, from autodecoding to syntactic encoding.",
    ),
    "fig7": (
        functools.partial(run_rate_distortion, data="omniglot"),
        "On Omniglot strong decoders dominate weak ones.",
    ),
    "fig8": (
        functools.partial(run_samples, data="omniglot", which="-+v"),
        "Beta moves one family smoothly from autodecoding to autoencoding.",
    ),
    "fig9": (
        functools.partial(run_samples, data="omniglot", which="frontier"),
        "The frontier of Omniglot, from generative models to those that encode much.",
    ),
}
