"""Tracks runs in Weights & Biases: on its service, or in files with WANDB_MODE=offline."""

import os
import uuid
from pathlib import Path

from trainers.trackers import base

PROJECT = "elbo-zoo"


class Wandb(base.Tracker):
    """Keeps a run in Weights & Biases, project "elbo-zoo" or WANDB_PROJECT.

    With WANDB_MODE=offline the run's folder has it, and `wandb sync` sends it later.
    """

    name = "wandb"

    def __init__(self):
        import wandb

        self.wandb, self.run = wandb, None

    def begin(self, workdir, settings):
        """Opens the run; see `Tracker.begin`."""
        if self.run is not None:
            return
        number = base.identifier(workdir, self.name) or uuid.uuid4().hex[:8]
        base.note_identifier(workdir, self.name, number)
        self.run = self.wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            id=number,
            name=Path(workdir).name,
            dir=str(workdir),
            config=settings,
            resume="allow",
        )

    def scalars(self, values, step):
        """Keeps numbers; see `Tracker.scalars`."""
        self.run.log({tag: float(value) for tag, value in values.items()}, step=step)

    def picture(self, tag, image, step):
        """Keeps a picture; see `Tracker.picture`."""
        self.run.log({tag: self.wandb.Image(image)}, step=step)

    def finish(self, workdir, evaluation):
        """Keeps the evaluation as the run's summary, and the report; see `Tracker.finish`."""
        metrics = {f"test/{name}": value for name, value in base.values(evaluation).items()}
        self.run.summary.update(metrics)
        page = (Path(workdir) / "report.html").read_text(encoding="utf-8")
        self.run.log({"report": self.wandb.Html(page)}, step=evaluation["step"])

    def close(self, is_finished=True):
        """Closes the run; see `Tracker.close`."""
        if self.run is not None:
            self.run.finish(exit_code=0 if is_finished else 1)


TRACKERS = (Wandb,)
