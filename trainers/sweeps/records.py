"""Records of a sweep's runs: a small file each, and the content of their folders."""

import dataclasses
import re
from pathlib import Path

from trainers.sweeps.grid import RunSpec, is_place
from zoo.releases.card_keys import METRICS
from zoo.storage import files, schema
from zoo.storage.schema import Keys

LOGS = "logs"
# What a sweep reads of a run; `trainers.run_files` has the whole.
_CONFIG = Keys({"config": Keys({"train": Keys({"epochs": int})}, {"evaluation": dict})})
_EVALUATION = Keys({"epochs": float}, {"metrics": METRICS})


@dataclasses.dataclass(frozen=True)
class Record:
    """A run of a sweep and how it stands.

    Args:
        spec: The run.
        status: "waiting", "running", "stopped", "pruned", "failed" or "finished". A stopped run was
            asked to end and resumes; a search ended a pruned one early; a failed one waits for
            --retry_failed.
        error: The last line of a failed run's log.
    """

    spec: RunSpec
    status: str = "waiting"
    error: str = ""


def path(workdir, name):
    """Returns where the record of a run is."""
    return Path(workdir) / LOGS / f"{name}.json"


def log_path(workdir, name):
    """Returns where the output of a run goes."""
    return Path(workdir) / LOGS / f"{name}.log"


def write(workdir, record):
    """Writes a run's record, atomically."""
    files.write_json(path(workdir, record.spec.name), dataclasses.asdict(record))


def read(workdir, name):
    """Returns the record of a run, or None. What its folder holds counts more than the record.

    One that was finished, and whose folder is gone, waits to be trained again.
    """
    if not path(workdir, name).is_file():
        return None
    saved = files.read_json(path(workdir, name))
    spec = saved["spec"]
    spec = RunSpec(spec["name"], spec["point"], tuple(spec["arguments"]))
    status, folder = saved["status"], Path(workdir) / name
    if is_finished(folder):
        status = "finished"
    elif status == "finished" and not has_numbers(folder):
        status = "waiting"
    return Record(spec, status, "" if status == "finished" else saved["error"])


def read_all(workdir):
    """Returns the records of every run that any sweep began in `workdir`, by name."""
    names = sorted(file.stem for file in (Path(workdir) / LOGS).glob("*.json"))
    return [read(workdir, name) for name in names]


def is_finished(folder):
    """Returns whether a run's folder has all its epochs, its evaluation and its page."""
    return has_numbers(folder) and (Path(folder) / "report.html").is_file()


def has_numbers(folder):
    """Returns whether a run's folder has the whole evaluation of its last epoch."""
    needed = [Path(folder) / name for name in ("config.json", "evaluation.json")]
    if not all(file.is_file() for file in needed):
        return False
    config, evaluation = map(files.read_json, needed)
    schema.check(config, _CONFIG, needed[0])
    schema.check(evaluation, _EVALUATION, needed[1])
    config = config["config"]
    is_last = evaluation["epochs"] == config["train"]["epochs"]
    metrics = config.get("evaluation", {}).get("metrics", ())
    return is_last and set(metrics) <= set(evaluation.get("metrics", ()))


def check_same(workdir, specs):
    """Raises `ValueError` if a run of that name was begun with other flags."""
    for spec in specs:
        record = read(workdir, spec.name)
        before = record and without_places(record.spec).arguments
        now = without_places(spec).arguments
        if before and _meaning(before) != _meaning(now):
            raise ValueError(
                f"{spec.name} was begun in this folder with other flags; use another --workdir. "
                f"Received: {' '.join(now)}, there {' '.join(before)}"
            )


def _meaning(arguments):
    """Returns the flags as what they mean: after the config's file their order says nothing."""
    return arguments[0], sorted(arguments[1:])


def without_places(spec):
    """Removes machine-specific paths from the flags of a `RunSpec`."""
    arguments = [argument for argument in spec.arguments if not is_place(argument)]
    return dataclasses.replace(spec, arguments=tuple(map(_without_checkout, arguments)))


def _without_checkout(argument):
    """Returns `--config=FILE` with FILE from `configs/` on; elsewhere its name for a whole path."""
    argument = re.sub(r"^--config=.*/(?=configs/)", "--config=", argument)
    return re.sub(r"^--config=/[^:]*/", "--config=", argument)
