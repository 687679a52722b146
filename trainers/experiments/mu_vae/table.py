"""Table 1 of `mu_vae`, for each reading of its objective."""

import dataclasses
import functools

import numpy as np

from trainers.experiments.item import Outcome, row
from trainers.experiments.mu_vae import pictures, runs
from zoo import files

# Data -> family -> per cent.
PAPER = {
    "mnist": {"vae": 93.422, "beta_vae": 62.45, "mu_vae_1": 95.28, "mu_vae_2": 96.44},
    "fashion": {"vae": 78.01, "beta_vae": 62.35, "mu_vae_1": 82.71, "mu_vae_2": 84.26},
}
# Scale -> grids of mean terms and variance terms. Every mean term with the variance as Table 3 has
# it and as the text means it; every variance term with the mean as Table 3 has it.
READINGS = {
    "tiny": [(["batch"], ["printed", "towards_one"])],
    "reduced": [
        (["batch", "example", "dimension"], ["printed", "towards_one"]),
        (["batch"], ["kl", "excess", "none"]),
    ],
    "full": [(["batch"], ["printed", "towards_one"])],
}
FEWER = "readings of the objective: {} (nine at reduced scale)"


def run(context):
    """Table 1: the four models on both data sets; and mu-VAE by readings of its objective."""
    rows, drawn, cuts, every = [], {}, [], []
    measure = functools.cache(_measure)
    for data in runs.DATA:
        table, cut = runs.four(context, data)
        readings = []
        for grid in READINGS[context.scale]:
            found, also_cut = runs.with_reading(context, data, *grid)
            readings += found
            cuts.append(also_cut)
        cuts.append(cut)
        for model in table:
            rows += _rows(model, model.name, data, measure)
        for model in readings:
            rows += _rows(model, f"{model.name}, {reading(model)}", data, measure)
        drawn[data] = _points(table, readings, measure)
        every += [(data, model) for model in readings]
    rows += _distances(every, measure)
    if context.scale != "reduced":
        cuts.append(FEWER.format(", ".join(dict.fromkeys(map(reading, readings)))))
    return Outcome(rows, {"accuracy": draw(drawn)}, runs.joined(*cuts))


def reading(model):
    """Returns "batch / towards_one", say: the mean term and the variance term."""
    return f"{model.point[runs.MEAN]} / {model.point[runs.VARIANCE]}"


def _measure(folder):
    found = files.read_json(folder / "evaluation.json")
    return found["metrics"], found["epochs"], f"{found['data']['name']}, {found['split']}"


def _rows(model, name, data, measure):
    """Returns the rows of a model: accuracy in per cent, KL divergence, reconstruction loss."""
    model = dataclasses.replace(model, name=name)
    paper = PAPER[data][model.family]
    if model.error:
        return [model.row("accuracy_percent", data=runs.DATA[data], paper=paper)]
    metrics, epochs, where = measure(model.folder)
    accuracy = metrics["classified_accuracy"]
    note = f"{epochs} epochs; {100 * accuracy['at_mean']:.2f} at posterior means"
    numbers = (100 * accuracy["value"], 100 * accuracy["stderr"], where, note, paper)
    rows = [model.row("accuracy_percent", *numbers)]
    for metric in ("rate", "reconstruction_l2"):
        entry = metrics[metric]
        rows.append(model.row(metric, entry["value"], entry["stderr"], where, f"{epochs} epochs"))
    return rows


def _distances(every, measure):
    """Returns a row for each reading: how far its accuracies are from the paper's, on average."""
    distances = {}
    for data, model in every:
        found = distances.setdefault(reading(model), [])
        if not model.error:
            accuracy = 100 * measure(model.folder)[0]["classified_accuracy"]["value"]
            found.append(abs(accuracy - PAPER[data][model.family]))
    return [
        row(
            f"reading {name}",
            "distance_from_paper_percent",
            np.mean(found) if found else None,
            note=f"mean over {len(found)} accuracies of mu-VAE #1 and #2 on both data sets",
        )
        for name, found in distances.items()
    ]


def _points(table, readings, measure):
    """Returns line -> [(family, per cent)] of a panel: a line a reading, one for the ELBO."""
    lines = {}
    labelled = [("VAE, beta-VAE", model) for model in table if model.family in runs.OF_ELBO]
    for label, model in labelled + [(reading(model), model) for model in readings]:
        points = lines.setdefault(label, [])
        if not model.error:
            accuracy = measure(model.folder)[0]["classified_accuracy"]["value"]
            points.append((model.family, 100 * accuracy))
    return lines


def draw(drawn):
    """Draws accuracies by reading, a panel a data set, the paper's as vertical lines.

    Args:
        drawn: data -> label of a line -> [(family, per cent)].
    """
    count = max(map(len, drawn.values()))
    figure, axes = pictures.sheet(1, len(drawn), 4.6, 0.3 * max(count, 6) + 1.5, sharey=True)
    for panel, (data, lines) in zip(axes[0], drawn.items()):
        for family, value in PAPER[data].items():
            label = f"{runs.NAMES[family]}, paper's as a line"
            panel.axvline(value, color=runs.COLOURS[family], linewidth=1, alpha=0.5)
            panel.plot([], [], "o", color=runs.COLOURS[family], label=label)
        for height, points in enumerate(lines.values()):
            for family, value in points:
                panel.plot(value, height, "o", color=runs.COLOURS[family], markersize=5)
        panel.set_yticks(np.arange(len(lines)), list(lines), fontsize=8)
        panel.set_ylim(len(lines) - 0.5, -0.5)
        panel.set_title(runs.DATA[data])
        panel.set_xlabel("test accuracy of the classifier, %")
    axes[0, 0].set_ylabel("mean term / variance term")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure
