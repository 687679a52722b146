"""Keeps the metrics of a sweep's finished runs, without weights and paths of this machine."""

import shlex
from pathlib import Path

from trainers import config as configs
from trainers import run_files
from trainers.sweeps import archive, identity, records
from trainers.sweeps.archive import Stored

# Flags of `trainers.evaluate` and `export.release` that say where something is.
PLACES = ("--workdir", "--data_dir", "--classifier", "--runs", "--out")


def copy(workdir, out):
    """Adds the finished runs of a sweep to the tables `runs.csv` and `history.csv` of a folder.

    The tables have each run's config, evaluation and history; see `archive`. `trainers.reproduce`
    reads them with `--runs`. A run is named by its identity, so that runs of several sweeps fit.

    Args:
        workdir: The sweep's folder.
        out: A new folder, or one that was written so before.

    Returns:
        The `archive.Stored` of every run in the tables.

    Raises:
        ValueError: If no run has finished, or if `out` is `workdir`.
    """
    workdir, out = Path(workdir), Path(out)
    if workdir.resolve() == out.resolve():
        raise ValueError(f"Expected another folder than the sweep's. Received: {str(out)!r}")
    finished = [record for record in records.read_all(workdir) if record.status == "finished"]
    if not finished:
        raise ValueError(f"Expected a sweep with a finished run. Received: {str(workdir)!r}")
    return archive.write(out, [_stored(workdir / r.spec.name, r.spec) for r in finished])


def _stored(folder, spec):
    """Returns the `Stored` of a run's folder, without any place of this machine."""
    run, evaluation = run_files.read_config(folder), run_files.read_evaluation(folder)
    for key in configs.NOT_IDENTITY:
        room, _, name = key.partition(".")
        run["config"].get(room, {}).pop(name, None)
    run["command"] = spec.shown()
    evaluation.pop("unfinished", None)
    evaluation["command"] = _shown(evaluation.get("command", ""), spec)
    spec = records.without_places(spec)
    name = identity.name(spec.point, spec.arguments, identity.computed(run["config"]))
    return Stored(name, config=run, evaluation=evaluation, folder=folder)


def _shown(command, spec):
    """Returns the command of an evaluation as `RunSpec.shown` writes that of a training."""
    if " trainers.train " in command:
        return spec.shown()
    portable, arguments = [], iter(shlex.split(command))
    for word in arguments:
        flag, equals, _ = word.partition("=")
        if flag in PLACES and not equals:
            next(arguments, None)  # `--data_dir FOLDER`
        if flag == "--workdir":
            portable.append(f"--workdir=DIR/{spec.name}")
        elif flag not in PLACES:
            portable.append(word)
    return shlex.join(portable)
