"""Table 1 of `infovae`: negative log likelihood by importance sampling and by annealing."""

import numpy as np

from trainers.experiments.infovae import runs
from trainers.experiments.item import Outcome, row
from zoo.evaluation import ais, nll

PAPER = {"elbo": 82.75, "mmd": 80.76, "stein": 81.47, "adversarial": 82.21}
# Images and samples of the importance-weighted bound.
IMPORTANCE = {"tiny": (20, 5), "reduced": (500, 64), "full": (10000, 1000)}
# Images, chains, temperatures and leapfrog steps of the annealed one, which starts at the prior.
ANNEALED = {"tiny": (4, 2, 2, 1), "reduced": (128, 2, 25, 5), "full": (1024, 16, 1000, 10)}


def run(context):
    """Table 1, by runs that Figure 6 has as well.

    Both estimates are upper bounds of -log p(x) in expectation, so that the lower is the nearer
    one. Importance samples come from q(z|x), which with alpha = 1 nothing keeps wide.
    """
    trained = runs.by_latents(context, (runs.TABLE_LATENTS,), tuple(PAPER))
    rows = []
    for family, paper in PAPER.items():
        if family not in runs.compared(context.scale):
            continue
        name = runs.NAMES[family]
        found = runs.find(trained, family=family + runs.PIXELCNN)
        if found is None:
            rows.append(row(name, "nll", None, paper=paper, note="the run did not finish"))
            continue
        rows += _rows(context, trained, found, name, paper)
    # The paper's own estimator first, as the scoreboard shows the first few.
    rows.sort(key=lambda entry: entry["metric"] != "nll")
    return Outcome(rows, {}, trained.also(_cut(context.scale)).cut)


def _cut(scale):
    """Returns what the estimates of a scale cut."""
    if scale == "full":
        return ""
    (count, samples), (few, _, temperatures, _) = IMPORTANCE[scale], ANNEALED[scale]
    return (
        f"nll of {count} images, {samples} samples; "
        f"nll_ais of {few} images, {temperatures} temperatures"
    )


def _rows(context, trained, found, name, paper):
    run = trained.load(found)
    test = runs.splits_of(run)["test"]
    about = {"seeds": [found["seed"]], "data": "MNIST, binarised dynamically, test"}
    count, samples = IMPORTANCE[context.scale]
    bound = nll.importance_weighted_bound(
        run.model, _spread(test, count), samples, seed=context.seed, progress=context.progress
    )
    note = f"{len(bound)} images, {samples} importance samples of q(z|x)"
    rows = [row(name, "nll", *_mean(-bound), paper, note=note, **about)]
    count, chains, temperatures, leapfrog = ANNEALED[context.scale]
    settings = (chains, temperatures, leapfrog)
    bound = ais.annealed_bound(
        run.model, _spread(test, count), *settings, seed=context.seed, progress=context.progress
    )
    note = f"{len(bound)} images, {chains} chains of {temperatures} temperatures from the prior"
    rows.append(row(name, "nll_ais", *_mean(-bound), paper, note=note, **about))
    for metric in ("elbo", "rate", "distortion", "mmd"):
        entry = trained.metric(found, metric)
        rows.append(row(name, metric, entry["value"], entry["stderr"], **about))
    return rows


def _spread(split, count):
    """Returns `count` images, evenly spaced through a split."""
    count = min(count, len(split))
    return split.float_images(np.arange(count) * len(split) // count)


def _mean(values):
    return float(np.mean(values)), float(np.std(values, ddof=1) / len(values) ** 0.5)
