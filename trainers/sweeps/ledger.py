"""The ledger: one line a run, `ledger.csv`, made from the runs' folders alone."""

import statistics
from pathlib import Path

from trainers import history as histories
from trainers.sweeps import records
from zoo.storage import files

NAME = "ledger.csv"
NATS = ("rate", "distortion", "elbo", "nll")
AXES = {"family": "family", "beta": "objective.beta", "seed": "seed"}
# Columns that are no key of a config.
MEASURED = (
    *("run", "epochs", "nll_samples", "nll_examples", "active_units", "train_seconds"),
    *("examples_per_second", "status", "error", "command"),
    *(column for name in NATS for column in (name, f"{name}_stderr")),
)


def write(workdir):
    """Writes `ledger.csv` from the folders of all runs of a sweep, and returns its rows.

    Raises:
        FileNotFoundError: If there are none: a ledger kept without its runs stays as it is.
    """
    return Table(workdir).write()


class Table:
    """The rows of a ledger. When a run ends, only its own folder is read again.

    Args:
        workdir: The sweep's folder.

    Raises:
        FileNotFoundError: If it has no runs.
    """

    def __init__(self, workdir):
        self.workdir = Path(workdir)
        run_records = records.read_all(workdir)
        if not run_records:
            raise FileNotFoundError(
                f"Expected a sweep's folder, with runs. Received: workdir={str(workdir)!r}"
            )
        keys = dict.fromkeys(key for record in run_records for key in record.spec.point)
        self.extra = [key for key in keys if key not in AXES.values()]
        self.rows = {r.spec.name: row(workdir, r, self.extra) for r in run_records}

    def read(self, name):
        """Reads one run again."""
        record = records.read(self.workdir, name)
        if set(record.spec.point) - {*AXES.values(), *self.extra}:  # a key that no run had
            self.__init__(self.workdir)
        else:
            self.rows[name] = row(self.workdir, record, self.extra)

    def update(self, name):
        """Reads one run again, writes `ledger.csv`, and returns the run's row."""
        self.read(name)
        self.write()
        return self.rows[name]

    def write(self):
        """Writes `ledger.csv` and returns its rows, by the runs' names."""
        rows = [self.rows[name] for name in sorted(self.rows)]
        files.atomic_write(self.workdir / NAME, histories.as_csv(rows))
        return rows


def read(workdir):
    """Returns the rows of `ledger.csv`: numbers as floats, empty cells as None.

    Raises:
        FileNotFoundError: If there is none.
    """
    path = Path(workdir) / NAME
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected a sweep's folder, with {NAME}. Received: workdir={str(workdir)!r}"
        )
    return [
        {key: _value(key, text) for key, text in row.items()} for row in histories.from_csv(path)
    ]


def swept(rows):
    """Returns the keys in which rows of a ledger differ: `["beta", "latent_dim", "seed"]`."""
    keys = dict.fromkeys(key for row in rows for key in row if key not in MEASURED)
    return [key for key in keys if len({row.get(key) for row in rows}) > 1]


def _value(key, text):
    if text == "":
        return None
    try:
        return text if key in ("run", "family", "command", "error") else float(text)
    except ValueError:
        return text


def row(workdir, record, extra=()):
    """Returns a run's line: its point, its metrics with their standard errors, its speed.

    Args:
        workdir: The sweep's folder.
        record: The run's `Record`.
        extra: Keys of the grid besides family, beta and seed.
    """
    folder = Path(workdir) / record.spec.name
    config = _json(folder / "config.json").get("config", {})
    evaluation = _json(folder / "evaluation.json") if record.status == "finished" else {}
    history = histories.read(folder)
    values = {"run": record.spec.name}
    for name, key in AXES.items():
        values[name] = _get(config, key, record.spec.point.get(key, ""))
    values.update({key: _get(config, key, record.spec.point.get(key, "")) for key in extra})
    values["epochs"] = int(history[-1]["epoch"]) if history else 0
    metrics = evaluation.get("metrics", {})
    for name in NATS:
        entry = metrics.get(name, {})
        values[name], values[f"{name}_stderr"] = entry.get("value"), entry.get("stderr")
    nll = metrics.get("nll", {})
    values["nll_samples"], values["nll_examples"] = nll.get("num_samples"), nll.get("num_examples")
    values["active_units"] = metrics.get("active_units", {}).get("value")
    values["train_seconds"] = round(sum(r["seconds"] for r in history), 1)
    values["examples_per_second"] = _speed(history, _get(config, "train.batch_size", 0))
    values.update(status=record.status, error=record.error, command=record.spec.shown())
    return values


def summary(row):
    """Returns `R 12.30, D 80.10, -ELBO 92.40, NLL 90.10 nats` of a row, what it has of them."""
    names = {"rate": "R", "distortion": "D", "elbo": "-ELBO", "nll": "NLL"}
    values = {short: row[name] for name, short in names.items() if row[name] is not None}
    if not values:
        return "without a bound"
    values.update({"-ELBO": -values["-ELBO"]} if "-ELBO" in values else {})
    return ", ".join(f"{short} {value:.2f}" for short, value in values.items()) + " nats"


def _speed(history, batch_size):
    """Returns training examples a second: the median over epochs, without the first, in which the
    graph was compiled, where there are more."""
    steps = [0, *(r["step"] for r in history)]
    rates = [
        (after - before) * batch_size / r["seconds"]
        for before, after, r in zip(steps, steps[1:], history)
    ]
    return round(statistics.median(rates[1:] or rates), 1) if rates else None


def _json(path):
    return files.read_json(path) if path.is_file() else {}


def _get(config, key, default):
    for word in key.split("."):
        if not isinstance(config, dict) or word not in config:
            return default
        config = config[word]
    return config
