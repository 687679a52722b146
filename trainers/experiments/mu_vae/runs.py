"""The models of `mu_vae`: trained once for all items, read back, and those that failed said."""

import dataclasses
import itertools
from pathlib import Path

from configs.mu_vae.families import READING
from trainers import data as datasets
from trainers import history as histories
from trainers import runs
from trainers.experiments import training
from trainers.experiments.item import row
from trainers.sweeps import grid, ledger
from zoo.storage import files

NAMES = {
    "vae": "VAE",
    "beta_vae": "beta-VAE",
    "mu_vae_1": "mu-VAE #1",
    "mu_vae_2": "mu-VAE #2",
}
OF_ELBO, OF_MU = ("vae", "beta_vae"), ("mu_vae_1", "mu_vae_2")
COLOURS = dict(zip(NAMES, ("#0072B2", "#777777", "#D55E00", "#117733")))
DATA = {"mnist": "MNIST", "fashion": "Fashion-MNIST"}
MEAN, VARIANCE = "objective.base.mean_term", "objective.base.variance_term"
DEFAULT = (READING["mean_term"], READING["variance_term"])


@dataclasses.dataclass(frozen=True)
class Model:
    """A run of a grid, finished or failed.

    Attributes:
        name: For a reader: "mu-VAE #1".
        point: Its values of the grid.
        folder: The run's.
        error: Why it did not finish; empty where it did.
        seed: Int.
    """

    name: str
    point: dict
    folder: Path
    error: str
    seed: int

    @property
    def family(self):
        return self.point["family"]

    def load(self):
        """Returns the `runs.Run`: model in float32, config, evaluation, history."""
        return runs.load_run(self.folder)

    def metric(self, name):
        """Returns the entry of a metric of the run's own evaluation."""
        return files.read_json(self.folder / "evaluation.json")["metrics"][name]

    def history(self):
        """Returns the rows of `metrics.csv`, one an epoch, numbers or None."""
        return histories.read(self.folder)

    def row(self, metric, value=None, stderr=None, data="", note="", paper=None):
        """Returns a row of the result; of a run that failed one without a number."""
        about = {"paper": paper, "seeds": [self.seed], "data": data}
        if self.error:
            return row(self.name, metric, None, note=f"failed: {self.error}", **about)
        return row(self.name, metric, value, stderr, note=note, **about)


def four(context, data):
    """Returns the four models on "mnist" or "fashion", in the paper's order, and what was cut."""
    of_mu, cut = with_reading(context, data, [DEFAULT[0]], [DEFAULT[1]])
    others, also_cut = of_elbo(context, data)
    return others + of_mu, training.joined(also_cut, cut)


def of_elbo(context, data):
    """Returns VAE and beta-VAE, and what was cut."""
    return models(context, data, {"family": OF_ELBO, "seed": [context.seed]})


def with_reading(context, data, mean_terms, variance_terms):
    """Returns both mu-VAEs for each pair of terms of their objective, and what was cut."""
    axes = {"family": OF_MU, MEAN: mean_terms, VARIANCE: variance_terms, "seed": [context.seed]}
    return models(context, data, axes)


def models(context, config, axes):
    """Trains the runs of a grid that are not there yet.

    Those of a config lie in a folder of its own, as their names do not tell data sets apart.

    Args:
        context: The item's `Context`.
        config: "mnist", "fashion" or "toy".
        axes: dict config key -> its values.

    Returns:
        A `Model` for each point of the grid, in its order, and what the runs cut.
    """
    folder = Path(context.runs or context.workdir / "runs") / config
    inside = dataclasses.replace(context, runs=folder)
    points = [dict(zip(axes, values)) for values in itertools.product(*axes.values())]
    try:
        cut = training.train(inside, f"mu_vae/{config}", axes).cut
    except ValueError:
        if any(line["status"] != "failed" for line in _lines(folder, points)):
            raise
        cut = training.unfinished(len(points))
    return [_model(folder, p, line) for p, line in zip(points, _lines(folder, points))], cut


def _lines(folder, points):
    """Returns the line of the ledger of each point; one that never began has no status."""
    lines = ledger.read(folder) if (folder / ledger.NAME).is_file() else []
    by_name = {line["run"]: line for line in lines}
    # By name, as runs of other axes with the same values may lie there too.
    names = [grid.run_name({key: str(value) for key, value in p.items()}) for p in points]
    return [by_name.get(name, {"status": "", "error": "", "run": ""}) for name in names]


def _model(folder, point, line):
    error = "" if line["status"] == "finished" else line["error"] or "not finished"
    name = NAMES.get(point["family"], point["family"])
    return Model(name, point, folder / line["run"], error, point["seed"])


def test_split(run):
    """Returns the test split of a run's data."""
    return datasets.load_splits(run.config["data"])["test"]


def about(run, split):
    """Returns what a row says of a run and its data, as `note` and `data`."""
    epochs = f"{run.config['train']['epochs']} epochs"
    return {"note": epochs, "data": f"{split.name}, {split.split}, {len(split)} images"}
