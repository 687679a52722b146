"""Table 1 of `mu_vae`, and each reading of its objective."""

import dataclasses

import numpy as np

from trainers.experiments import training
from trainers.experiments.item import Outcome, row
from trainers.experiments.mu_vae import codes, pictures, runs
from zoo.storage import files

# Data -> family -> per cent.
PAPER = {
    "mnist": {"vae": 93.422, "beta_vae": 62.45, "mu_vae_1": 95.28, "mu_vae_2": 96.44},
    "fashion": {"vae": 78.01, "beta_vae": 62.35, "mu_vae_1": 82.71, "mu_vae_2": 84.26},
}
# Scale -> grids of mean terms and variance terms. Every mean term with the variance as Table 3 has
# it, as the text means it, and kept from the KL divergence; the second subset of its terms that
# the text names, and none, with the mean over batches.
READINGS = {
    "tiny": [(["dimension"], ["printed", "kl"])],
    "full": [
        (["batch", "example", "dimension"], ["printed", "towards_one", "kl"]),
        (["batch", "dimension"], ["excess"]),
        (["batch"], ["none"]),
    ],
}
READINGS["reduced"] = READINGS["full"]


def run(context):
    """Table 1: the four models on both data sets."""
    rows, lines, cuts = [], {}, []
    for data, title in runs.DATA.items():
        table, cut = runs.four(context, data)
        cuts.append(cut)
        for model in table:
            rows += _rows(model, model.name, data)
        lines[title] = _points(table)
        lines[f"{title}, paper"] = list(PAPER[data].items())
    return Outcome(rows, {"accuracy": draw(lines)}, training.joined(*cuts))


def run_readings(context):
    """mu-VAE on MNIST by readings of its objective, beside the two models without one.

    Beside Table 1's numbers, how far the codes' means lie from 0 and how wide they are spread: the
    text says of both what they should be.
    """
    others, cut = runs.of_elbo(context, "mnist")
    readings, cuts = [], [cut]
    for grid in READINGS[context.scale]:
        found, also_cut = runs.with_reading(context, "mnist", *grid)
        readings += found
        cuts.append(also_cut)
    rows = []
    for model in others + readings:
        name = f"{model.name}, {reading(model)}" if model in readings else model.name
        rows += _rows(model, name, "mnist")
        if not model.error:
            rows += _spread(dataclasses.replace(model, name=name), context.seed)
    rows += _distances(readings, others)
    lines = {"paper": list(PAPER["mnist"].items()), "VAE, beta-VAE": _points(others)}
    for name in dict.fromkeys(map(reading, readings)):
        lines[name] = _points([model for model in readings if reading(model) == name])
    return Outcome(rows, {"accuracy": draw(lines)}, training.joined(*cuts))


def _spread(model, seed):
    """Returns the rows of a finished model's codes, or one without a number for no weights."""
    try:
        samples, _, about = codes.codes_of(model, seed)
    except FileNotFoundError:  # a copy of a sweep's numbers
        return [model.row("spread", data=runs.DATA["mnist"], note="left out: no weights")]
    return codes.spread_rows(model, samples, about)


def reading(model):
    """Returns "batch / towards_one", say: the mean term and the variance term."""
    return f"{model.point[runs.MEAN]} / {model.point[runs.VARIANCE]}"


def _accuracy(model):
    """Returns the test accuracy of a finished model's classifier, per cent."""
    return 100 * model.metric("classified_accuracy")["value"]


def _rows(model, name, data):
    """Returns the rows of a model: accuracy in per cent, KL divergence, reconstruction loss."""
    model = dataclasses.replace(model, name=name)
    paper = PAPER[data][model.family]
    if model.error:
        return [model.row("accuracy_percent", data=runs.DATA[data], paper=paper)]
    found = files.read_json(model.folder / "evaluation.json")
    epochs, where = found["epochs"], f"{found['data']['name']}, {found['split']}"
    accuracy = found["metrics"]["classified_accuracy"]
    note = f"{epochs} epochs; {100 * accuracy['at_mean']:.2f} at posterior means"
    numbers = (100 * accuracy["value"], 100 * accuracy["stderr"], where, note, paper)
    rows = [model.row("accuracy_percent", *numbers)]
    for metric in ("rate", "reconstruction_l2"):
        entry = found["metrics"][metric]
        rows.append(model.row(metric, entry["value"], entry["stderr"], where, f"{epochs} epochs"))
    return rows


def _distances(readings, others):
    """Returns two rows for each reading: how far from the paper its accuracies are, on average.

    And how far its gains over the VAE are, which depend less on how long all were trained.
    """
    off = [
        (reading(model), _accuracy(model) - PAPER["mnist"][model.family])
        for model in readings
        if not model.error
    ]
    baseline = [
        _accuracy(model) - PAPER["mnist"]["vae"]
        for model in others
        if model.family == "vae" and not model.error
    ]
    rows = []
    for name in dict.fromkeys(map(reading, readings)):
        own = [value for of, value in off if of == name]
        distances = {
            "distance_from_paper_percent": [abs(value) for value in own],
            "distance_of_gain_over_vae_percent": [abs(x - y) for x in own for y in baseline],
        }
        note = f"mean over {len(own)} accuracies of mu-VAE #1 and #2"
        for metric, values in distances.items():
            value = np.mean(values) if values else None
            rows.append(row(f"reading {name}", metric, value, note=note))
    return rows


def _points(models):
    """Returns [(family, per cent)] of the models that have finished."""
    return [(model.family, _accuracy(model)) for model in models if not model.error]


def draw(lines):
    """Draws accuracies, a row a line.

    Args:
        lines: Label -> [(family, per cent)].
    """
    figure, axes = pictures.sheet(1, 1, 7.2, 0.3 * len(lines) + 1.5)
    panel = axes[0, 0]
    for family, name in runs.NAMES.items():
        panel.plot([], [], "o", color=runs.COLOURS[family], label=name)
    for height, points in enumerate(lines.values()):
        panel.axhline(height, color=pictures.GREY, linewidth=0.4, alpha=0.5)
        for family, value in points:
            panel.plot(value, height, "o", color=runs.COLOURS[family], markersize=6)
    panel.set_yticks(np.arange(len(lines)), list(lines), fontsize=8)
    panel.set_ylim(len(lines) - 0.5, -0.5)
    panel.set_xlabel("test accuracy of the classifier, %")
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure
