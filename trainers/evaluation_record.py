"""Content of `evaluation.json`, during an evaluation and after it."""

import hashlib
import json
import time
from pathlib import Path

from trainers import config as configs
from trainers import environment, run_files
from zoo.storage import files


class EvaluationRecord:
    """An evaluation under way: `evaluation.json` holds each metric as soon as it is measured.

    Until all are measured, `unfinished` in that file says what the evaluation was asked for. The
    same evaluation again takes from there what was measured, and measures the rest.

    Args:
        workdir: The folder of `evaluation.json`.
        run: A `trainers.runs.Run`.
        role: "test", "validation" or "train".
        split: The split's `Dataset`.
        asked: Names of metrics.
    """

    def __init__(self, workdir, run, role, split, names):
        self.workdir, self.run, self.names, self.start = workdir, run, names, time.perf_counter()
        earlier = _earlier(workdir, run) or {"metrics": {}}
        self.earlier = earlier["metrics"]
        self.settings, begun = _hash_of_settings(run), _unfinished(workdir)
        is_same = begun is not None and begun["settings"] == self.settings
        measured = begun["measured"] if is_same else []
        self.entries = {name: self.earlier[name] for name in measured if name in self.earlier}
        self.missing = [name for name in names if name not in self.entries]
        self.seconds = earlier.get("seconds", 0.0) if is_same else 0.0
        self.about = {
            "split": role,
            "num_examples": len(split),
            "data": split.describe(),
            "seed": run.config["seed"],
            "step": run.step,
            "epochs": run.history[-1]["epoch"] if run.history else run.training.get("epochs", 0),
        }
        self.origin = {
            "command": environment.command(),
            "hardware": environment.hardware(),
            "versions": environment.versions(),
        }

    def keep(self, name, entry):
        """Saves one metric."""
        self.entries[name] = entry
        measured = list(self.entries)
        if not set(self.names) <= set(measured):
            self.write(unfinished={"settings": self.settings, "measured": measured})

    def write(self, **unfinished):
        """Writes `evaluation.json` and returns its content."""
        stored = _earlier(self.workdir, self.run) or {"metrics": {}}
        ordered = [name for name in self.names if name in self.entries]
        added = {k: v for k, v in stored["metrics"].items() if k not in self.entries}
        result = {
            **self.about,
            "metrics": {**self.earlier, **added, **{n: self.entries[n] for n in ordered}},
            "seconds": round(self.seconds + time.perf_counter() - self.start, 2),
            **self.origin,
            **unfinished,
        }
        files.write_json(Path(self.workdir) / "evaluation.json", result)
        return result


def _hash_of_settings(run):
    """Returns a hash of what an evaluation depends on, the names of its metrics left out."""
    config = configs.plain(run.config)
    config["evaluation"] = {k: v for k, v in config["evaluation"].items() if k != "metrics"}
    text = json.dumps({"config": config, "step": run.step}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _unfinished(workdir):
    """Returns what `evaluation.json` says of an evaluation that did not end, or None."""
    return (run_files.read_evaluation(workdir) or {}).get("unfinished")


def is_unfinished(workdir, run):
    """Returns whether the same evaluation of `run` was begun in `workdir` and did not end."""
    try:
        begun = _unfinished(workdir)
    except ValueError:  # something else lies there
        return False
    return begun is not None and begun["settings"] == _hash_of_settings(run)


def _earlier(workdir, run):
    """Returns the evaluation of the run's step that a new one is added to, or None.

    What lies in the folder now, as another process may have measured something meanwhile.

    Raises:
        ValueError: If that is of a later step, and would be lost.
    """
    path = Path(workdir) / "evaluation.json"
    stored = run_files.read_evaluation(workdir)
    if stored and stored["step"] > run.step:
        raise ValueError(
            "The run was trained on and evaluated while this evaluation of an earlier step went "
            f"on; nothing is written. Received: step {stored['step']} in {path}, {run.step} here"
        )
    return stored if stored and stored["step"] == run.step else run.last_evaluation
