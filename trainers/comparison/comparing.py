"""Trains the objectives of a comparison, and collects what their runs measured."""

import dataclasses
from pathlib import Path

from trainers.comparison import custom as custom_files
from trainers.comparison import objectives, ranking
from trainers.experiments import runs as study_runs
from trainers.experiments.study import Context
from trainers.sweeps import archive, grid
from zoo.arguments import positive_int

RUNS = "runs"  # in the folder of a comparison


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The runs of a comparison.

    Attributes:
        runs: `experiments.runs.Runs`, each labelled by its objective.
        custom: The label of the user's objective, or "".
        left_out: dict name -> reason, of objectives that are not compared.
        columns: dict name of a column -> dict label -> `ranking.Cell`.
    """

    runs: study_runs.Runs
    custom: str
    left_out: dict
    columns: dict


def compare(
    config: str,
    workdir: Path,
    overrides: list[str] = (),
    objective: str = "",
    seeds: int = 5,
    first_seed: int = 17,
    retry_failed: bool = False,
    executor=None,
    tables: Path | None = None,
) -> Comparison:
    """Trains a custom objective and those of the zoo; runs that are there are not trained again.

    Args:
        config: The config of networks, data and budget, `FILE` or `FILE:OPTIONS`.
        workdir: The folder of the comparison, made if absent.
        overrides: Flags `--config.key=value` that all runs have.
        objective: `FILE.py:NAME`, see `custom.load`; "" for the objectives of the zoo alone.
        seeds: Runs of each objective.
        first_seed: Int; the others follow.
        retry_failed: Whether to go on with runs that failed.
        executor: An `executors.Executor`; processes of this machine by default.
        tables: A folder with `runs.csv`, whose runs are not trained again; or None.

    Raises:
        ValueError: If the objective or a key is wrong.
    """
    workdir, seeds = Path(workdir), positive_int("seeds", seeds)
    compared, left_out = objectives.of_zoo(config)
    if objective:
        file, _ = grid.split_config(config)
        custom_objective = custom_files.load(objective, file, workdir)
        if custom_objective.label in [entry.label for entry in compared]:
            raise ValueError(
                f"Expected a name that is none of the zoo's. Received: --objective={objective}"
            )
        compared = [objectives.of_custom(custom_objective, config), *compared]
    plan, labels = [], {}
    for entry in compared:
        point = {key: [value] for key, value in objectives.point(entry, overrides).items()}
        point["seed"] = range(first_seed, first_seed + seeds)
        plan += grid.planned(entry.config, point, overrides)
        labels[entry.name] = entry.label
    context = Context(
        "full", workdir, seed=first_seed, retry_failed=retry_failed, executor=executor
    )
    stored = archive.read(tables) if tables and archive.is_archive(tables) else []
    entries = tuple(
        study_runs.Trained(labels[point["objective.name"]], point, run, complete)
        for point, complete, run in study_runs.find_or_train(context, plan, workdir / RUNS, stored)
    )
    runs = study_runs.Runs(entries, folder=workdir / RUNS)
    label = compared[0].label if objective else ""
    return Comparison(runs, label, left_out, table(runs))


def table(runs: study_runs.Runs) -> dict:
    """Returns dict name of a column -> dict label -> `ranking.Cell`, over the seeds of each."""
    by_label = runs.by(lambda run: run.label)
    columns = {}
    for column in ranking.COLUMNS:
        values = {
            label: [v for run in group.finished if (v := _value(run, column.name)) is not None]
            for label, group in by_label.items()
        }
        if any(values.values()):
            columns[column.name] = ranking.column(values, column.better)
    return columns


def _value(run, name):
    """Returns a metric of a run, or None where it was not measured."""
    if name == "seconds":
        return sum(row["seconds"] for row in run.history())
    return run.evaluation.get("metrics", {}).get(name, {}).get("value")
