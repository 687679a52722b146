"""Searches a space of configs with Optuna, and ends poor runs early by successive halving."""

import warnings
from pathlib import Path

from trainers import history as histories
from trainers import stopping
from trainers.sweeps import grid, ledger, records, running, space
from zoo.arguments import check_names, positive_int
from zoo.storage import files

METHODS = ("random", "optuna")
DIRECTIONS = {
    **dict.fromkeys(("rate", "distortion", "nll"), "minimize"),
    **dict.fromkeys(("elbo", "linear_probe", "active_units"), "maximize"),
}
PRUNED_BY_ELBO = ("nll", "elbo")  # metrics that the validation ELBO predicts
JOURNAL = "search.journal"
REPLACED = "replaced"  # numbers of trials that another with the same values stands for


@stopping.resumable()
def search(
    config,
    workdir,
    space_text,
    overrides=(),
    method="optuna",
    trials=20,
    metric="nll",
    direction="",
    prune=True,
    seed=17,
    executor=None,
    say=print,
):
    """Trains runs whose values Optuna chooses, and writes `ledger.csv` after each.

    The same command again goes on: trials are in `search.journal`, runs resume in their folders.
    A run is pruned after an epoch in which its validation ELBO is not among the best quarter of
    those that came so far (`optuna.pruners.SuccessiveHalvingPruner`, which is ASHA); it keeps its
    checkpoint.

    Args:
        config: A config's file, with its argument if any.
        workdir: The sweep's folder.
        space_text: `objective.beta=log(0.1..10);latent_dim=2..32`; see `space.parse`.
        overrides: Flags `--config.key=value` that all runs have.
        method: "random", or "optuna" for its tree-structured Parzen estimator.
        trials: How many, a positive int; those of earlier calls count.
        metric: Metric of the evaluation.
        direction: "minimize" or "maximize"; that of the metric by default, see `DIRECTIONS`.
        prune: Whether to end poor runs early. Only searches by `PRUNED_BY_ELBO` do.
        seed: Seed of the sampler.
        executor: An `executors.Executor`; its `slots` trials run at the same time.
        say: Called with each line of status.

    Returns:
        (`Record` of the best run, its value), or (None, None) if no run finished.

    Raises:
        ValueError: If an argument is out of range, or the space does not fit the config.
        ModuleNotFoundError: If Optuna is not installed.
    """
    import optuna

    check_names([method], METHODS, "search")
    direction = direction or DIRECTIONS.get(metric, "")
    if not direction:
        raise ValueError(
            f"Expected --direction=minimize or maximize for this metric. Received: {metric=}"
        )
    check_names([direction], ("minimize", "maximize"), "direction")
    axes = space.parse(space_text)
    for point in space.ends(axes):
        (checked,) = grid.planned(config, {k: [v] for k, v in point.items()}, overrides)
        check_names([metric], checked[2].evaluation.metrics, "metric")
    workdir = Path(workdir)
    (workdir / records.LOGS).mkdir(parents=True, exist_ok=True)
    study = _study(optuna, workdir, method, direction, prune and metric in PRUNED_BY_ELBO, seed)
    count = positive_int("trials", trials)

    def make(point):
        return grid.runs(config, {key: [value] for key, value in point.items()}, overrides)[0]

    _replace_stale(optuna, study)
    pool = _Search(workdir, executor, say, study, axes, metric, count, make)
    with stopping.raised():
        pool.run()
    if records.read_all(workdir):
        ledger.write(workdir)
    return _best(optuna, workdir, study)


def _study(optuna, workdir, method, direction, is_pruned, seed):
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(workdir / JOURNAL)))
        pruner = optuna.pruners.SuccessiveHalvingPruner() if is_pruned else None
        study = optuna.create_study(
            study_name="search",
            storage=storage,
            direction=direction,
            pruner=pruner or optuna.pruners.NopPruner(),
            load_if_exists=True,
        )
        # A sampler that begins again draws other numbers than it drew for the first trials.
        seed += len(study.trials)
        study.sampler = (
            optuna.samplers.RandomSampler(seed=seed)
            if method == "random"
            # Trials that still run count as poor, so that those at the same time differ.
            else optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        )
    return study


def _replace_stale(optuna, study):
    """Puts trials of a call that was ended in the queue again, with the same values."""
    replaced = list(study.user_attrs.get(REPLACED, []))
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        study.enqueue_trial(trial.params)
        replaced.append(trial.number)
    study.set_user_attr(REPLACED, replaced)


def _counted(study):
    """Returns how many trials are begun and not replaced."""
    replaced = study.user_attrs.get(REPLACED, [])
    return sum(t.number not in replaced and t.state.name != "WAITING" for t in study.trials)


def _best(optuna, workdir, study):
    done = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    if not done:
        return None, None
    return records.read(workdir, study.best_trial.user_attrs["run"]), study.best_value


class _Search(running.Pool):
    """The runs of a search: as many at the same time as the executor has room for."""

    def __init__(self, workdir, executor, say, study, axes, metric, count, make):
        super().__init__(workdir, [], executor, say)
        self.study, self.axes, self.metric, self.total = study, axes, metric, count
        self.make = make  # from a point to its `RunSpec`
        self.trials, self.pruned, self.epochs = {}, set(), {}  # by the run's name

    def refill(self):
        """Looks at the curves of runs, ends poor ones, and begins new trials."""
        for name in list(self.running):
            self._watch(name)
        while len(self.running) < self.executor.slots and _counted(self.study) < self.total:
            self._begin(self.study.ask())

    def _begin(self, trial):
        import optuna

        try:
            spec = self.make(space.suggest(trial, self.axes))
        except ValueError as error:  # the values do not fit together
            self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
            self.say(f"trial {trial.number}: {error}")
            return
        trial.set_user_attr("run", spec.name)
        self.trials.setdefault(spec.name, []).append(trial)
        record = records.read(self.workdir, spec.name)
        if spec.name in self.running:
            return  # another trial has the same values
        if record is not None and record.status in ("finished", "failed", "pruned"):
            self.say(f"{spec.name}: {record.status} before")
            self.ended(record)
            return
        self.start(spec)

    def _watch(self, name):
        """Reports new epochs of a run, and asks it to end if Optuna says that it is poor."""
        rows = histories.read(self.workdir / name)[self.epochs.get(name, 0) :]
        self.epochs[name] = self.epochs.get(name, 0) + len(rows)
        sign = 1 if self.study.direction.name == "MAXIMIZE" else -1
        for row in rows:
            if row.get("val_elbo") is None or name in self.pruned:
                continue
            for trial in self.trials[name]:
                trial.report(sign * row["val_elbo"], int(row["epoch"]))
            if self.trials[name][0].should_prune():
                self.pruned.add(name)
                self.executor.cancel(name)

    def status_of(self, spec, end):
        """Returns (status, error) of a run; one that was asked to end as a poor one is pruned."""
        status, error = super().status_of(spec, end)
        is_pruned = spec.name in self.pruned and status == "stopped"
        return ("pruned", "") if is_pruned else (status, error)

    def ended(self, record):
        """Tells Optuna how the trials of a run ended."""
        from optuna.trial import TrialState

        states = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED}
        for trial in self.trials.pop(record.spec.name, []):
            value, state = None, states.get(record.status, TrialState.FAIL)
            if record.status == "stopped":  # the next call goes on with it
                continue
            if state is TrialState.COMPLETE:
                path = self.workdir / record.spec.name / "evaluation.json"
                value = files.read_json(path)["metrics"][self.metric]["value"]
                state = TrialState.FAIL if value is None else state
            self.study.tell(trial, value, state=state)
