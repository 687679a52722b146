"""Tracks runs in MLflow: on a server, or in a local store."""

import os
from pathlib import Path

from trainers.trackers import base

EXPERIMENT = "elbo-zoo"
LONGEST = 6000  # characters of a parameter


class MLflow(base.Tracker):
    """Keeps a run in MLflow.

    MLFLOW_TRACKING_URI names the server or the store, MLFLOW_EXPERIMENT_NAME the experiment
    ("elbo-zoo" by default). Without an address, MLflow's own default store is used.
    """

    name = "mlflow"

    def __init__(self):
        from mlflow.tracking import MlflowClient

        self.client, self.run = MlflowClient(), None

    def begin(self, workdir, settings):
        """Opens the run; see `Tracker.begin`."""
        if self.run is not None:
            return
        self.run = base.identifier(workdir, self.name)
        if self.run is not None:
            self.client.update_run(self.run, status="RUNNING")
            return
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
        experiment = self.client.get_experiment_by_name(name)
        number = experiment.experiment_id if experiment else self.client.create_experiment(name)
        run = self.client.create_run(number, run_name=Path(workdir).name)
        self.run = run.info.run_id
        base.note_identifier(workdir, self.name, self.run)
        for key, value in settings.items():
            self.client.log_param(self.run, key, str(value)[:LONGEST])

    def scalars(self, values, step):
        """Keeps numbers; see `Tracker.scalars`."""
        for tag, value in values.items():
            self.client.log_metric(self.run, tag, float(value), step=step)

    def picture(self, tag, image, step):
        """Keeps a picture as the artifact `pictures/TAG-STEP.png`; see `Tracker.picture`."""
        file = f"pictures/{tag.replace('/', '-')}-{step:08d}.png"
        self.client.log_image(self.run, image, file)

    def finish(self, workdir, evaluation):
        """Keeps the evaluation and the report; see `Tracker.finish`."""
        self.scalars(
            {f"test/{name}": value for name, value in base.values(evaluation).items()},
            evaluation["step"],
        )
        for name in ("report.html", "evaluation.json", "config.json"):
            self.client.log_artifact(self.run, str(Path(workdir) / name))

    def close(self, is_finished=True):
        """Closes the run; see `Tracker.close`."""
        if self.run is not None:
            self.client.set_terminated(self.run, "FINISHED" if is_finished else "FAILED")


TRACKERS = (MLflow,)
