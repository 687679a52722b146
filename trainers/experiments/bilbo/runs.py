"""The runs of `bilbo`: which models each figure needs, trained once for all figures together."""

import dataclasses
import itertools
import math
from pathlib import Path

from trainers import cuts as run_cuts
from trainers import history as histories
from trainers import runs
from trainers.experiments import training
from trainers.experiments.item import row
from trainers.sweeps import grid, ledger

CONFIG = "bilbo/mnist"
DATA = "MNIST, grey levels in [0, 1], test"
PIXELS = 28 * 28
SIGMA, LAMBDA, TAU = "encoder.scale", "data.pixel_scale", "decoder.likelihood.tau"
FACTORS = ("encoder.factor", "decoder.factor")
SCALED_SIGMA = "encoder.base.scale"
EPOCHS = "train.epochs"
# The axes of each family's runs, always all of them, so that figures agree on a run's name.
AXES = {
    "learned": {},
    "constant": {SIGMA: 1.0},
    "bilbo": {SIGMA: 1.0},
    "learned_t": {},
    "constant_t": {LAMBDA: 1.0},
    "baggins": {LAMBDA: 1.0, TAU: 0.2},
    "learned_scaled": dict.fromkeys(FACTORS, 1.0),
    "bilbo_scaled": {**dict.fromkeys(FACTORS, 1.0), SCALED_SIGMA: 1.0},
}
GAUSSIAN = ("learned_t", "constant_t", "baggins")
LONG = {100: 400}  # epochs of Gaussian likelihoods at full scale, by latents
METHODS = ("learned", "constant", "bilbo")
# Latents, runs of Figures 4 and 5, of 2 and 3, of 8; the paper gives 5, 3 and 3. The values of
# sigma, lambda, tau and the factor are in its pictures alone; these are this project's choice.
SCALES = {
    "tiny": {
        "latents": (2, 100),
        "runs": (2, 2, 1),
        "sigmas": (0.1, 1.0),
        "lambdas": (1.0, 16.0),
        "taus": (0.2, 1.0),
        "factors": (10.0,),
    },
    "full": {
        "latents": (2, 100),
        "runs": (5, 3, 3),
        "sigmas": (0.1, 1.0, 10.0),
        "lambdas": (1.0, 4.0, 16.0, 64.0),
        "taus": (0.05, 0.2, 1.0, 5.0),
        "factors": (0.1, 10.0),
    },
}
SCALES["reduced"] = {**SCALES["full"], "runs": (2, 2, 1)}


@dataclasses.dataclass(frozen=True)
class Request:
    """A grid: families of the same axes, with other values than the defaults of `AXES`."""

    families: tuple
    values: dict = dataclasses.field(default_factory=dict)
    latents: tuple = (2,)
    count: int = 1

    def axes(self, context):
        """Returns the grid's axes, `{key: [values]}`, as `training.train` takes them."""
        values = {key: [default] for key, default in AXES[self.families[0]].items()}
        values.update({key: list(given) for key, given in self.values.items()})
        found = {"family": list(self.families), "latent_dim": list(self.latents), **values}
        epochs = LONG.get(self.latents[0]) if self.families[0] in GAUSSIAN else None
        if context.scale == "full" and epochs:
            found[EPOCHS] = [epochs]
        return {**found, "seed": context.seeds(self.count)}


def plan(item, scale):
    """Returns the `Request`s of a figure of MNIST."""
    given = SCALES[scale]
    five, three, scaling = given["runs"]
    sigmas, lambdas, taus = given["sigmas"], given["lambdas"], given["taus"]
    learned, latents = ("learned",), given["latents"]
    constant_t, baggins = ("constant_t",), ("baggins",)
    methods = [Request(learned, count=1), Request(("constant", "bilbo"), count=1)]
    of_scale = [
        Request(learned, count=scaling),
        Request(("bilbo",), {SIGMA: sigmas}, count=scaling),
    ]
    for factor in given["factors"]:
        factors = {key: [factor] for key in FACTORS}
        of_scale.append(Request(("learned_scaled",), factors, count=scaling))
        scaled = {**factors, SCALED_SIGMA: sigmas}
        of_scale.append(Request(("bilbo_scaled",), scaled, count=scaling))
    many = [Request(learned, latents=latents, count=five)]
    many.append(Request(("constant", "bilbo"), latents=latents, count=five))
    return {
        "fig2": [Request(learned, count=three)],
        "fig3": [Request(learned, count=three)],
        "fig4": many,
        "fig5": methods,
        "fig6": [
            Request(("learned_t",), latents=latents[-1:]),
            Request(constant_t, {LAMBDA: lambdas}, latents[-1:]),
            Request(baggins, {LAMBDA: lambdas}, latents[-1:]),
            Request(baggins, {TAU: taus}, latents[-1:]),
        ],
        "fig8": of_scale,
        "fig9": [Request(("bilbo",), {SIGMA: sigmas})],
        "fig10": [Request(constant_t, {LAMBDA: lambdas})],
        "fig11": [Request(baggins, {TAU: taus})],
        "fig12": [Request(learned)],
        "fig13": [Request(("bilbo",))],
        "fig14": [Request(constant_t)],
        "fig15": [Request(baggins, {TAU: [1.0]})],
    }[item]


@dataclasses.dataclass(frozen=True)
class Models:
    """The runs of a figure, failed ones too: `rows` of the ledger, in the order of the plan."""

    folder: Path
    rows: list
    cut: str

    def select(self, **values):
        """Returns the rows with these values, `family="bilbo", **{SIGMA: 0.1}`."""
        return [row for row in self.rows if all(row.get(k) == v for k, v in values.items())]

    def load(self, row):
        """Returns the `runs.Run` of a row, or None where it never got as far as a checkpoint.

        Raises:
            FileNotFoundError: If it finished, and its weights are gone.
        """
        try:
            return runs.load_run(self.folder / row["run"])
        except FileNotFoundError:
            if row["status"] == "finished":
                raise
            return None

    def history(self, row):
        """Returns the history of a row's run, as far as it got: see `trainers.history.read`."""
        return histories.read(self.folder / row["run"])


def train(context, item, config=CONFIG, requests=None):
    """Trains what a figure needs and is not there yet.

    Args:
        context: The item's `Context`.
        item: The figure's name.
        config: The config's name.
        requests: The axes of grids; those of the item's `plan` by default.

    Returns:
        `Models`.
    """
    names, cuts, folder = [], [], Path(context.runs or context.workdir / "runs")
    if requests is None:
        planned = plan(item, context.scale)
        requests = [one.axes(context) for one in planned]
        cuts.append(context.cut_of_seeds(max(one.count for one in planned)))
        if planned != plan(item, "full"):
            cuts.append("fewer runs or values than at full scale")
    _train(context, config, requests, folder)
    for axes in requests:
        names += _names(axes)
        cuts += _differences(folder, axes)
    rows = {found["run"]: found for found in ledger.read(folder)}
    rows = [rows[name] for name in dict.fromkeys(names)]
    failed = sum(found["status"] != "finished" for found in rows)
    cuts.append(training.unfinished(failed))
    return Models(folder, rows, run_cuts.text(cuts))


def _names(axes):
    values = itertools.product(*axes.values())
    return [grid.run_name(dict(zip(axes, map(str, point)))) for point in values]


def _train(context, config, grids, folder):
    """Trains grids in one go, so that no process waits for another grid; all may fail."""
    try:
        training.train(context, config, grids)
    except ValueError:
        states = {found["run"]: found["status"] for found in _ledger(folder)}
        if any(states.get(name) != "failed" for axes in grids for name in _names(axes)):
            raise


def _differences(folder, axes):
    """Returns how the runs of a grid differ from the paper's."""
    paths = (folder / name / "config.json" for name in _names(axes))
    return next((training.differences(path.parent) for path in paths if path.is_file()), ())


def _ledger(folder):
    return ledger.read(folder) if (folder / ledger.NAME).is_file() else []


# Rows of a result.


def with_state(found, note):
    """Returns a row's note, behind a warning where it is of a run that did not finish."""
    warning = "" if found["status"] == "finished" else "failed run, as far as it got"
    return "; ".join(filter(None, [warning, note]))


def name_of(found):
    """Returns a reader's name of a run: `baggins z100 tau=0.2 lambda=4`."""
    family = found["family"]
    words = [family, f"z{found['latent_dim']:g}"]
    symbols = {SIGMA: "sigma", LAMBDA: "lambda", TAU: "tau", FACTORS[0]: "factor"}
    for key, symbol in {**symbols, SCALED_SIGMA: "sigma"}.items():
        if key in AXES[family]:
            words.append(f"{symbol}={found[key]:g}")
    return " ".join(words)


def run_rows(models, paper=None, metrics=("elbo", "rate", "distortion")):
    """Returns a row for each number of each run; a failed run has one row without a number.

    Bounds of scaled data also stand as bounds of the data unscaled, log p(x) = log p(lambda x) +
    m log lambda, which alone compare over lambda.

    Args:
        models: A `Models`.
        paper: dict run's name -> the paper's bound.
        metrics: Of the ledger.
    """
    rows = []
    for found in models.rows:
        seeds = [found["seed"]]
        if found["status"] != "finished":
            note = f"failed: {found['error']}"
            rows.append(row(name_of(found), "elbo", None, None, None, seeds, DATA, note))
            continue
        for metric in metrics:
            reported = (paper or {}).get(found["run"]) if metric == "elbo" else None
            numbers = (found[metric], found[f"{metric}_stderr"], reported)
            note = f"{found['epochs']:g} epochs"
            rows.append(row(name_of(found), metric, *numbers, seeds, DATA, note))
        factor = found.get(LAMBDA) or 1.0
        if factor != 1.0:
            bound = found["elbo"] + PIXELS * math.log(factor)
            note = "bound of the data unscaled: elbo + m log lambda"
            numbers = (bound, found["elbo_stderr"], None)
            rows.append(row(name_of(found), "elbo_unscaled", *numbers, seeds, DATA, note))
    return rows


def mean_row(models, paper=None, note="", **values):
    """Returns the row of the mean bound of runs, its error the standard error over runs."""
    every = models.select(**values)
    found = [one for one in every if one["status"] == "finished"]
    return row_of_mean("elbo", [(one, one["elbo"]) for one in found], every, paper, note)


def row_of_mean(metric, found, every, paper=None, note=""):
    """Returns the row of a mean over runs of one setting, its error the standard error over them.

    Args:
        metric: What the numbers are.
        found: (row of a `Models`, number) of the runs that have one.
        every: Rows of all runs of the setting.
        paper: The paper's number.
        note: What else a reader needs.
    """
    name, seeds = f"{name_of(every[0])}, mean of runs", [one["seed"] for one, _ in found]
    if not found:
        return row(name, metric, None, None, paper, [], DATA, "every run failed")
    mean, error = mean_and_error([value for _, value in found])
    of = f"{len(found)} of {len(every)} runs" if len(every) > 1 else "one run"
    words = [f"standard error over {of}" if error else of, note]
    return row(name, metric, mean, error, paper, seeds, DATA, "; ".join(filter(None, words)))


def mean_and_error(values):
    """Returns the mean of numbers and its standard error, None for a single one."""
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return mean, None
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, math.sqrt(variance / len(values))
