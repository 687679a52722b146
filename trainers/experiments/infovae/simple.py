"""Figures 1 to 5 of `infovae`: the toy, and DCGAN networks by the ELBO and by InfoVAE."""

import numpy as np

from trainers.experiments import training
from trainers.experiments.infovae import pictures, posteriors, runs, toy
from trainers.experiments.item import Outcome, row
from zoo.evaluation import generated, latents

# Figure 1: steps, records of them, seeds.
TOY = {"tiny": (200, 2, 1), "reduced": (5000, 20, 1), "full": (40000, 20, 2)}
FIXED = "binarized_mnist"
TEST_METRICS = ("mmd", "rate", "distortion", "elbo")
PARZEN = {"tiny": 100, "reduced": 1000, "full": 10000}  # images of Figure 5


def run_toy(context):
    """Figure 1: the two-point toy, the ELBO beside InfoVAE."""
    steps, records, count = TOY[context.scale]
    seeds = context.seeds(count)
    models, histories, rows = {}, {}, []
    for name in toy.OBJECTIVES:
        for seed in seeds:
            if context.progress:
                print(f"{name}, seed {seed}: {steps} steps", flush=True)
            model = toy.build(name, steps, seed)
            history = toy.fit(model, steps, records)
            models.setdefault(name, model)
            histories.setdefault(name, history)
            rows += _toy_rows(name, history[-1], seed)
    found = {
        "two_points": toy.picture(models, context.seed),
        "training": toy.training_picture(histories),
    }
    cut = "" if context.scale == "full" else f"{steps} steps, {count} seed"
    cut = "; ".join(filter(None, [cut, context.cut_of_seeds(count)]))
    return Outcome(rows, found, cut)


def _toy_rows(name, last, seed):
    rows = []
    about = {"seeds": [seed], "data": "x in {-1, 1}", "note": f"step {last['step']}"}
    for metric in ("loc", "scale", "rate", "elbo", "log_evidence", "gap"):
        for x, value in zip(toy.POINTS, last[metric]):
            rows.append(row(f"{name}, x = {x:+.0f}", metric, value, **about))
    rows.append(row(f"{name}, q(z)", "variance", last["variance"], **about))
    return rows


def run_sizes(context):
    """Figure 2: log det Cov[q(z)] against the number of training images."""
    trained, rows, series = runs.by_size(context), [], {}
    for family in ("elbo", "mmd"):
        for size in runs.SIZES[context.scale]:
            found = runs.find(trained, family=family, **{"data.limit": size})
            name = f"{runs.NAMES[family]}, {size} images"
            if found is None:
                rows.append(row(name, "log_det_cov", None, note="the run did not finish"))
                continue
            entry = trained.metric(found, "log_det_cov")
            point = (size, entry["value"], entry["stderr"])
            series.setdefault(runs.NAMES[family], []).append(point)
            rows += runs.test_rows(trained, found, name, ("log_det_cov", *TEST_METRICS), FIXED)
            rows.append(_training_row(trained, found, name, context.seed))
    axis = ("training images", "log det Cov[q(z)], nats, test images")
    figure = pictures.lines(
        series, *axis, "Variance of q(z), 10 latents", (0.0, "prior N(0, I)"), log_x=True
    )
    return Outcome(rows, {"log_det_cov": figure}, trained.cut)


def _training_row(trained, found, name, seed):
    run = trained.load(found)
    split = runs.splits_of(run)["train"]
    entry = latents.log_det_cov(latents.aggregated_samples(run.model, split, seed))
    about = {"seeds": [found["seed"]], "data": f"{FIXED}, training images"}
    return row(name, "log_det_cov of training images", entry["value"], entry["stderr"], **about)


def run_contours(context):
    """Figure 3: q(z) in the plane after training on 500 examples."""
    trained = runs.smallest(context, latent_dim=2)
    rows, found_q, captions = [], {}, {"prior": "N(0, I)"}
    for found in sorted(trained.rows, key=lambda r: r["family"], reverse=True):
        name, run = runs.name_of(found), trained.load(found)
        q = posteriors.Aggregated.of(run.model, runs.splits_of(run)["test"])
        divergence, stderr = q.divergence(context.seed)
        found_q[name] = q
        captions[name] = f"KL(q(z) || p(z)) = {divergence:.2f} nats"
        rows += runs.test_rows(trained, found, name, ("log_det_cov", *TEST_METRICS), FIXED)
        about = {"seeds": [found["seed"]], "data": f"{FIXED}, test"}
        rows.append(row(name, "KL(q(z) || p(z))", divergence, stderr, **about))
    reach = posteriors.reach_of([q.loc for q in found_q.values()])
    densities = {name: q.density(reach) for name, q in found_q.items()}
    densities = {"prior": posteriors.prior_density(reach), **densities}
    figure = pictures.contours(densities, reach, captions)
    return Outcome(rows, {"contours": figure}, trained.cut)


def run_posteriors(context):
    """Figure 4: draws of q(z|x) beside draws of the true p(z|x), test images."""
    trained = runs.smallest(context, latent_dim=2)
    rows, columns = [], {}
    for found in sorted(trained.rows, key=lambda r: r["family"]):
        name, run = runs.name_of(found), trained.load(found)
        test = runs.splits_of(run)["test"]
        columns[name], measured = posteriors.compare(run.model, test, context.scale, context.seed)
        for metric, (value, stderr, note) in measured.items():
            about = {"seeds": [found["seed"]], "data": f"{FIXED}, test", "note": note}
            rows.append(row(name, metric, value, stderr, **about))
    reach = posteriors.reach_of(
        [z for column in columns.values() for _, *draws, _ in column for z in draws]
    )
    figure = pictures.posteriors(columns, reach)
    cut = trained.also(posteriors.cut(context.scale)).cut
    return Outcome(rows, {"posteriors": figure}, cut)


def run_samples(context):
    """Figure 5: reconstructions and samples after training on 500 examples, means of p(x|z)."""
    trained = runs.smallest(context)
    rows, drawn = [], {}
    for found in sorted(trained.rows, key=lambda r: r["family"]):
        name, run = runs.name_of(found), trained.load(found)
        splits = runs.splits_of(run)
        images = {role: splits[role].float_images(slice(0, 32)) for role in ("train", "test")}
        drawn[name] = {
            "training reconstructions": np.asarray(run.model.reconstruct(images["train"])),
            "test reconstructions": np.asarray(run.model.reconstruct(images["test"])),
            "samples, z from p(z)": np.asarray(run.model.sample(32, seed=context.seed)),
        }
        rows += runs.test_rows(trained, found, name, ("distortion", "rate", "elbo"), FIXED)
        about = {"seeds": [found["seed"]], "data": FIXED}
        last = run.history[-1]
        rows.append(row(name, "distortion, training images", last["distortion"], **about))
        entry = generated.measure(
            run.model,
            splits["test"],
            splits["train"],
            ["generated_nll"],
            PARZEN[context.scale],
            seed=context.seed,
        )["generated_nll"]
        note = f"{training.how(entry)}, under a Parzen density of the training images"
        rows.append(row(name, "generated_nll", entry["value"], entry["stderr"], note=note, **about))
    few = "" if context.scale == "full" else f"{PARZEN[context.scale]:,} generated images"
    return Outcome(rows, {"samples": pictures.samples(drawn)}, trained.also(few).cut)
