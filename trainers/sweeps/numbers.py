"""The numbers of a sweep without its weights: small enough to keep with a result."""

import shlex
from pathlib import Path

from trainers import config as configs
from trainers import history as histories
from trainers import run_files
from trainers.sweeps import ledger, records
from trainers.sweeps.records import Record
from zoo.storage import files

# Flags of `trainers.evaluate` and `export.release` that say where something is.
PLACES = ("--workdir", "--data_dir", "--classifier", "--runs", "--out")


def copy(workdir, out):
    """Copies what the finished runs of a sweep measured, and nothing that their models are made of.

    `out` becomes a sweep's folder, or gains runs if it is one: its ledger, and of each run its
    record, `config.json`, `evaluation.json` and `metrics.csv`, without any place of this machine.
    A sweep in `out`, or in a copy of it, leaves these runs alone and trains the others.

    Args:
        workdir: The sweep's folder.
        out: A new folder, or one that was written so before.

    Returns:
        The rows of the ledger in `out`.

    Raises:
        ValueError: If no run has finished, if `out` is `workdir`, or if `out` has a run of the same
            name with other flags.
    """
    workdir, out = Path(workdir), Path(out)
    if workdir.resolve() == out.resolve():
        raise ValueError(f"Expected another folder than the sweep's. Received: {str(out)!r}")
    found = [record for record in records.read_all(workdir) if record.status == "finished"]
    if not found:
        raise ValueError(f"Expected a sweep with a finished run. Received: {str(workdir)!r}")
    records.check_same(out, [record.spec for record in found])
    for record in found:
        _copy_run(workdir / record.spec.name, out / record.spec.name, record.spec)
        # Last: what has a record is whole.
        records.write(out, Record(records.without_places(record.spec), "finished"))
    return ledger.write(out)


def _copy_run(folder, out, spec):
    run = run_files.read_config(folder)
    run["command"] = spec.shown()
    for key in configs.NOT_IDENTITY:
        room, _, name = key.partition(".")
        run["config"].get(room, {}).pop(name, None)
    evaluation = run_files.read_evaluation(folder)
    evaluation.pop("unfinished", None)
    evaluation["command"] = _shown(evaluation.get("command", ""), spec)
    files.write_json(out / "config.json", run)
    files.write_json(out / "evaluation.json", evaluation)
    histories.write(out, histories.from_csv(folder / histories.NAME))


def _shown(command, spec):
    """Returns the command of an evaluation as `RunSpec.shown` writes that of a training."""
    if " trainers.train " in command:
        return spec.shown()
    kept, words = [], iter(shlex.split(command))
    for word in words:
        flag, equals, _ = word.partition("=")
        if flag in PLACES and not equals:
            next(words, None)  # `--data_dir FOLDER`
        if flag == "--workdir":
            kept.append(f"--workdir=DIR/{spec.name}")
        elif flag not in PLACES:
            kept.append(word)
    return shlex.join(kept)
