"""The study of `infovae`, and helpers that its figures and its table share."""

import numpy as np

from trainers.experiments.study import Study

# Family -> the name in the paper.
NAMES = {
    "elbo": "ELBO",
    "mmd": "MMD-VAE",
    "stein": "Stein-VAE",
    "adversarial": "Adversarial VAE",
    "wgan_gp": "WGAN-GP VAE",
    "none": "Unregularised",
}
PIXELCNN = "_pixelcnn"  # behind a family of Figure 6 and Table 1
# Colours of Okabe and Ito, and a marker each.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#5b6773")
LOOKS = dict(zip(NAMES.values(), zip(COLOURS, "os^Dvx")))
study = Study(
    "infovae",
    "infovae/mnist",
    label={f + decoder: name for f, name in NAMES.items() for decoder in ("", PIXELCNN)},
)


def rows_of(runs, metric, measure, label=None):
    """Returns the rows of all runs: `measure(run)` of a finished one, `metric` of a failed one.

    Args:
        runs: `runs.Runs`.
        metric: Metric of the row without a number, for a run that failed.
        measure: Function of a `runs.Trained` that returns rows.
        label: Function of a run that returns its name in rows.
    """
    runs = [run.labelled(label(run)) if label else run for run in runs]
    return [r for run in runs for r in ([run.row(metric)] if run.failure else measure(run))]


def own_rows(run, *metrics):
    """Returns a row for each metric of a finished run's own evaluation."""
    entries = {metric: run.metric(metric) for metric in metrics}
    return [
        run.row(metric, entry["value"], entry["stderr"], note=entry.get("note", ""))
        for metric, entry in entries.items()
    ]


def mean(values):
    """Returns the mean of numbers and its standard error."""
    values = np.asarray(values, "float64")
    return float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5)
