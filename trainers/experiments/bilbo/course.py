"""How the bound of a run of `bilbo` went during training: its curve, and numbers of it.

The last epoch of a bound that jumps is a draw; means over many validations are not.
"""

import numpy as np

from trainers.experiments.bilbo import runs
from trainers.experiments.item import row

FALL = 2.0  # nats that the bound of training images loses from one epoch to the next


def curve(history):
    """Returns (epochs, bounds of the test set) during a run's training.

    The prior of these bounds floats with the test batch; those of the rows are evaluated with the
    S^2 of the training set.
    """
    points = [(h["epoch"], h["val_elbo"]) for h in history if h.get("val_elbo") is not None]
    return [epoch for epoch, _ in points], [value for _, value in points]


def curves(chosen, histories):
    """Returns the `curve`s of the runs that finished, which alone can be averaged.

    Args: as `rows_of`.
    """
    pairs = zip(chosen, histories)
    return [curve(history) for one, history in pairs if one["status"] == "finished"]


def rows_of(chosen, histories):
    """Returns the rows of the course of a setting's runs, and of their means.

    Each run has the mean of its validations in the first quarter and in the later half of
    training (nats), and the count of its `falls` in the later half. Means over runs are of those
    that finished: half of another's epochs are not the same epochs.

    Args:
        chosen: Rows of a `runs.Models`, of one setting.
        histories: Of each, what `runs.Models.history` gives.
    """
    rows, bounds = [], [curve(history)[1] for history in histories]
    for metric, part in (("elbo_first_quarter", first_quarter), ("elbo_later_half", later_half)):
        found = [(one, part(values)) for one, values in zip(chosen, bounds)]
        rows += [_part_row(metric, one, values) for one, values in found]
        whole = [pair for pair in found if pair[0]["status"] == "finished" and len(pair[1])]
        means = [(one, float(np.mean(values))) for one, values in whole]
        if len(means) > 1:
            rows.append(runs.row_of_mean(metric, means, chosen))
    return rows + [_falls_row(one, history) for one, history in zip(chosen, histories)]


def first_quarter(values):
    """Returns the first quarter of the bounds of a `curve`."""
    return np.array(values[: len(values) // 4], np.float64)


def later_half(values):
    """Returns the later half of the bounds of a `curve`."""
    return np.array(values[len(values) // 2 :], np.float64)


def falls(history):
    """Returns how often a run's bound of training images fell, in the later half of training.

    A fall is a loss of more than `FALL` nats from one epoch to the next. None where the history
    has less than two epochs there.
    """
    bounds = [h["elbo"] for h in history if h.get("elbo") is not None]
    bounds = bounds[len(bounds) // 2 :]
    return int(np.sum(np.diff(bounds) < -FALL)) if len(bounds) > 1 else None


def fluctuation_row(found, history):
    """Returns the row of how far a run's bound goes up and down, nats.

    That is the standard deviation of its changes between validations in the later half.
    """
    changes = np.diff(later_half(curve(history)[1]))
    number = float(np.std(changes)) if len(changes) > 1 else None
    note = "sd of the changes between validations in the later half of training"
    if number is None:
        note += ": too few validations"
    return _row("elbo_change", found, number, note)


def _part_row(metric, found, values):
    part = metric.removeprefix("elbo_").replace("_", " ")
    note = f"mean of {len(values)} validations in the {part} of training"
    note += f", sd {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return _row(metric, found, np.mean(values) if len(values) else None, note)


def _falls_row(found, history):
    note = f"losses of more than {FALL:g} nats of training images from one epoch to the next, "
    return _row("elbo_falls", found, falls(history), note + "in the later half of training")


def _row(metric, found, number, note):
    name, note = runs.name_of(found), runs.with_state(found, note)
    return row(name, metric, number, None, None, [found["seed"]], runs.DATA, note)
