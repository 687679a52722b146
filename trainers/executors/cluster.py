"""A connection to a Ray cluster: what a process needs there, for how many there is room."""

import logging
import os
import time
from pathlib import Path

# Variables of this process that processes have on every node.
SENT = ("KERAS_", "TF_", "TFDS_", "XLA_", "JAX_", "MLFLOW_", "WANDB_", "ELBO_ZOO_")
GIB = 2**30


class Cluster:
    """A Ray cluster that this process is connected to.

    Args:
        address: The cluster's address: "auto", "HOST:PORT", or "" for Ray's own rule, which takes
            RAY_ADDRESS or starts a new cluster on this machine.
        cpus: Cores of a process, a positive float.
        gpus: GPUs of a process, a float of at least 0.
        memory: Memory that Ray reserves for a process, in GiB; 0 reserves none.
        jobs: The most processes at the same time; 0 for as many as the cluster has room for.
        environment: dict of variables, of which those in `SENT` are sent; this process's by
            default.

    Attributes:
        ray: The package.
        sent: dict of variables that processes have on every node.

    Raises:
        ValueError: If a number is out of range.
        ModuleNotFoundError: If Ray is not installed.
    """

    def __init__(self, address="", cpus=1.0, gpus=0.0, memory=0.0, jobs=0, environment=None):
        if cpus <= 0 or min(gpus, memory, jobs) < 0:
            raise ValueError(
                "Expected cpus > 0, and gpus, memory and jobs of at least 0. "
                f"Received: {cpus=}, {gpus=}, {memory=}, {jobs=}"
            )
        import ray

        self.ray, self.jobs = ray, jobs
        self.cpus, self.gpus, self.memory = cpus, gpus, int(memory * GIB)
        environment = os.environ if environment is None else environment
        self.sent = {key: value for key, value in environment.items() if key.startswith(SENT)}
        root = str(Path(__file__).parents[2])
        paths = (root, environment.get("PYTHONPATH"))
        self.sent["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        self._is_owner = not ray.is_initialized()
        if self._is_owner:
            options = {"log_to_driver": False, "logging_level": logging.WARNING}
            ray.init(address=address or None, include_dashboard=False, **options)
        self._room, self._room_at = 1, float("-inf")

    @property
    def slots(self):
        """How many processes the nodes have room for now, or `jobs`."""
        if self.jobs:
            return self.jobs
        if time.monotonic() - self._room_at > 2:
            demand = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory}
            total = self.ray.cluster_resources()
            room = [total.get(name, 0) // need for name, need in demand.items() if need]
            self._room, self._room_at = max(1, int(min(room))), time.monotonic()
        return self._room

    def close(self):
        """Leaves the cluster; one that this object started ends."""
        if self._is_owner:
            self.ray.shutdown()
