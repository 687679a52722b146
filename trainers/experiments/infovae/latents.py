"""Figure 6 of `infovae`: models with a PixelCNN, compared over latent sizes and over training."""

import numpy as np

from trainers import data
from trainers.experiments.infovae import pictures, runs
from trainers.experiments.item import Outcome, row
from zoo.evaluation import generated, latents, probes
from zoo.evaluation.classifier import load_or_fit

DYNAMIC = "MNIST, binarised dynamically"
GENERATED = {"tiny": 128, "reduced": 512, "full": 5000}  # images of (C)
LABELS = 1000  # of (E)
LATENT_AXIS = "latent size, dim(z)"


def run_latents(context, measure, ylabel, title, metric, reference=None, log_y=False):
    """Figures 6 (A), (B), (C) and (E): a number of each PixelCNN model over latent sizes.

    Args:
        context: The item's `Context`.
        measure: A name of `MEASURES`.
        ylabel: Of the picture.
        title: Of the picture.
        metric: Its name in the rows.
        reference: Of `pictures.lines`.
        log_y: Of `pictures.lines`.
    """
    trained, rows, series = runs.by_latents(context), [], {}
    for family in runs.compared(context.scale):
        for size in runs.LATENTS[context.scale]:
            found = runs.find(trained, family=family + runs.PIXELCNN, latent_dim=size)
            name = f"{runs.NAMES[family]}, {size} latents"
            if found is None:
                rows.append(row(name, metric, None, note="the run did not finish"))
                continue
            value, stderr, note = MEASURES[measure](context, trained, found)
            about = {"seeds": [found["seed"]], "data": f"{DYNAMIC}, test", "note": note}
            rows.append(row(name, metric, value, stderr, **about))
            if value is not None:
                series.setdefault(runs.NAMES[family], []).append((size, value, stderr))
            rows += runs.test_rows(trained, found, name, ("rate", "distortion"), DYNAMIC)
    axes = (LATENT_AXIS, ylabel, title)
    figure = pictures.lines(series, *axes, reference, log_x=True, log_y=log_y)
    is_cut = measure == "class_cross_entropy" and context.scale != "full"
    few = f"{GENERATED[context.scale]} generated images" if is_cut else ""
    return Outcome(rows, {metric.replace(" ", "_"): figure}, trained.also(few).cut)


def mmd(context, trained, found):
    entry = trained.metric(found, "mmd")
    return entry["value"], entry["stderr"], f"RBF kernel, h = {entry['bandwidth']:g}, U-statistic"


def log_det_per_dimension(context, trained, found):
    entry = trained.metric(found, "log_det_cov")
    size = found["latent_dim"]
    return entry["per_dimension"], entry["stderr"] and entry["stderr"] / size, ""


def class_cross_entropy(context, trained, found):
    run = trained.load(found)
    splits = runs.splits_of(run)
    limit = run.config["data"]["limit"] if context.scale == "tiny" else 0  # 0 is all images
    whole = data.load_splits({**run.config["data"], "limit": limit})["train"]
    classifier = load_or_fit(trained.folder / "classifier", whole, splits["test"])
    number = GENERATED[context.scale]
    entry = generated.measure(
        run.model, splits["test"], None, ["class_cross_entropy"], number, classifier, context.seed
    )["class_cross_entropy"]
    note = f"{number} images; classifier's test accuracy {entry['classifier_accuracy']:.4f}"
    return entry["value"], entry["stderr"], note


def svm_error(context, trained, found):
    """Returns the test error on draws z ~ q(z|x), which are what the decoder is given.

    Posterior means that differ by a thousandth of the posterior's scale still tell the classes
    apart once they are standardised, as the run's own metric `svm_1000` does: it is in the note.
    """
    run = trained.load(found)
    splits = runs.splits_of(run)
    train, test = splits["train"], splits["test"]
    rows = probes.labelled_subset(train.labels, min(LABELS, len(train)))
    z = latents.aggregated_samples(run.model, train.float_images(rows), context.seed)
    # Another seed, so that no test image shares its noise with a training image.
    test_z = latents.aggregated_samples(run.model, test, context.seed + 1)
    found_svm = probes.svm_probe(z, train.labels[rows], test_z, test.labels)
    on_means = trained.metric(found, "svm_1000")["value"]
    note = f"{len(rows)} labels"
    if on_means is not None:
        note += f"; on posterior means {1 - on_means:.4f}"
    return 1.0 - found_svm["accuracy"], found_svm["stderr"], note


# Each (context, trained, row) -> (value, standard error, note).
MEASURES = {
    "mmd": mmd,
    "log_det_per_dimension": log_det_per_dimension,
    "class_cross_entropy": class_cross_entropy,
    "svm_error": svm_error,
}


def run_stability(context):
    """Figure 6 (D): MMD of the whole validation split at checkpoints, three seeds."""
    trained, rows, groups = runs.of_stability(context), [], {}
    number = runs.STABILITY_CODES[context.scale]
    codes = f"{DYNAMIC}, {number} validation images"
    for found in sorted(trained.rows, key=lambda r: (r["family"], r["seed"])):
        name, run = runs.name_of(found), trained.load(found)
        split = runs.splits_of(run)["validation"].take(number)
        steps, values = runs.mmd_by_step(trained.folder / found["run"], run, split, context.seed)
        curve = (int(found["seed"]), steps, [entry["value"] for entry in values])
        groups.setdefault(name, []).append(curve)
        for step, entry in zip(steps, values):
            about = {"seeds": [found["seed"]], "data": codes}
            metric = f"mmd at step {step}"
            rows.append(row(name, metric, entry["value"], entry["stderr"], **about))
    for name, curves in groups.items():
        last = np.array([values[-1] for _, _, values in curves])
        spread = last.std(ddof=1) / len(last) ** 0.5 if len(last) > 1 else None
        seeds = [seed for seed, _, _ in curves]
        note = f"mean of the seeds, from {last.min():.4g} to {last.max():.4g}"
        about = {"seeds": seeds, "data": codes, "note": note}
        rows.insert(0, row(name, "mmd at the end", last.mean(), spread, **about))
    size = runs.STABILITY[context.scale][0]
    figure = pictures.curves(groups, f"Stability of training, {size} latents", "validation")
    return Outcome(rows, {"stability": figure}, trained.cut)
