"""The interface of trackers, and several writers as one."""

from pathlib import Path

from zoo.storage import files

NAME = "tracker.json"  # in a run's folder: its identifiers in trackers


class Tracker:
    """Keeps the config, scalars, pictures, evaluation and report of a run; this one keeps nothing.

    The methods are called in their order here. A resumed run goes on under its identifier. As a
    context manager a tracker is closed at the end.

    Attributes:
        name: What `--tracker` calls it.
    """

    name = ""

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close(is_finished=kind is None)

    def begin(self, workdir, settings) -> None:
        """Opens the run, or opens it again if it was begun; a second call does nothing.

        Args:
            workdir: The run's folder.
            settings: Its config as `{"objective.name": "beta", ...}`.
        """

    def scalars(self, values, step) -> None:
        """Keeps `{tag: number}` at a step."""

    def picture(self, tag, image, step) -> None:
        """Keeps an image, uint8 [H, W, 3], at a step."""

    def finish(self, workdir, evaluation) -> None:
        """Keeps the metrics of the evaluation and the page `report.html`.

        Args:
            workdir: The run's folder.
            evaluation: The content of `evaluation.json`.
        """

    def close(self, is_finished=True) -> None:
        """Closes the run.

        Args:
            is_finished: Whether the run ended well.
        """


class Writers:
    """Several writers of scalars and pictures as one.

    Args:
        *writers: Objects with `scalars` and `picture`; the first is closed with this one.
    """

    def __init__(self, *writers):
        self.writers = writers

    def scalars(self, values, step):
        """Writes each of `{tag: number}` at `step`."""
        for writer in self.writers:
            writer.scalars(values, step)

    def picture(self, tag, image, step):
        """Writes an image, uint8 [H, W, 3], at `step`."""
        for writer in self.writers:
            writer.picture(tag, image, step)

    def close(self):
        """Closes the first writer; the others go on to the report."""
        self.writers[0].close()


def identifier(workdir, tracker):
    """Returns the identifier that a tracker gave a run, or None."""
    path = Path(workdir) / NAME
    return files.read_json(path).get(tracker) if path.is_file() else None


def note_identifier(workdir, tracker, value):
    """Writes the identifier that a tracker gave a run."""
    path = Path(workdir) / NAME
    identifiers = files.read_json(path) if path.is_file() else {}
    files.write_json(path, {**identifiers, tracker: value})


def values(evaluation):
    """Returns dict name -> number of an evaluation's metrics, with `_stderr` where there is one."""
    result = {}
    for name, entry in evaluation["metrics"].items():
        for suffix, key in (("", "value"), ("_stderr", "stderr")):
            if entry.get(key) is not None:
                result[f"{name}{suffix}"] = entry[key]
    return result
