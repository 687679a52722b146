"""Runs jobs as tasks of a Ray cluster whose nodes share the folder of the runs."""

import dataclasses
import os
import time
import uuid
from pathlib import Path

from trainers import stopping
from trainers.executors import on_node
from trainers.executors.base import Ended, Executor

# Variables of this process that jobs have on every node.
SENT = ("KERAS_", "TF_", "TFDS_", "XLA_", "JAX_", "MLFLOW_", "WANDB_", "ELBO_ZOO_")
GIB = 2**30
TRIES = 4  # starts of a job whose nodes end


class OnRay(Executor):
    """Tasks on the nodes of a Ray cluster.

    A task starts the job as a process on its node and returns its exit code. The job writes its
    folder and its log itself: both are on storage that all nodes have at the same path (NFS, Lustre
    or a mounted bucket), which each task checks. So a run goes on from its last checkpoint on
    another node, and nothing of it passes through this process.

    A job whose node or Ray process ends is started again, `TRIES` times in all. A job that runs out
    of memory has failed.

    Args:
        address: The cluster's address: "auto", "HOST:PORT", or "" for Ray's own rule, which takes
            RAY_ADDRESS or starts a new cluster on this machine.
        cpus: Cores of a job, a positive float.
        gpus: GPUs of a job, a float of at least 0.
        memory: Memory that Ray reserves for a job, in GiB; 0 reserves none.
        jobs: The most jobs at the same time; 0 for as many as the cluster has room for.
        threads: Of each job; 0 for `cpus`.
        environment: Of the jobs; only its variables in `SENT` are used.
        reuse: Whether trainings are forked on their nodes; see `forking.Forker`.

    Raises:
        ValueError: If a number is out of range.
        ModuleNotFoundError: If Ray is not installed.
    """

    def __init__(
        self,
        address="",
        cpus=1.0,
        gpus=0.0,
        memory=0.0,
        jobs=0,
        threads=0,
        environment=None,
        reuse=True,
    ):
        if cpus <= 0 or min(gpus, memory, jobs, threads) < 0:
            raise ValueError(
                "Expected cpus > 0, and gpus, memory, jobs and threads of at least 0. "
                f"Received: {cpus=}, {gpus=}, {memory=}, {jobs=}, {threads=}"
            )
        import ray

        self.ray, self.jobs = ray, jobs
        self.demand = {"CPU": cpus, "GPU": gpus, "memory": memory * GIB}
        environment = os.environ if environment is None else environment
        sent = {key: value for key, value in environment.items() if key.startswith(SENT)}
        root = str(Path(__file__).parents[2])
        sent["PYTHONPATH"] = os.pathsep.join(filter(None, (root, environment.get("PYTHONPATH"))))
        self.place = on_node.Place(
            os.getcwd(), sent, threads or max(1, int(cpus)), bool(gpus), reuse
        )
        self.is_owner = not ray.is_initialized()
        if self.is_owner:
            ray.init(address=address or None, log_to_driver=False, include_dashboard=False)
        self.task = ray.remote(on_node.work).options(
            num_cpus=cpus,
            num_gpus=gpus,
            memory=int(memory * GIB) or None,
            max_retries=0,  # `wait` does it: Ray would also retry what runs out of memory
            runtime_env={"env_vars": {"PYTHONPATH": sent["PYTHONPATH"]}},
        )
        self.running, self.marks = {}, {}  # task -> _Task, folder -> text of its mark
        self._room, self._room_at = 1, float("-inf")

    @property
    def slots(self):
        """As many jobs as the nodes have room for now, or `jobs`."""
        if self.jobs:
            return self.jobs
        if time.monotonic() - self._room_at > 2:
            total = self.ray.cluster_resources()
            room = [total.get(name, 0) // need for name, need in self.demand.items() if need]
            self._room, self._room_at = max(1, int(min(room))), time.monotonic()
        return self._room

    def start(self, job):
        """Hands a job to Ray, which starts it where there is room; see `Executor.start`."""
        job = dataclasses.replace(job, log=Path(job.log).absolute())
        self._submit(job, 1)
        return True

    def _submit(self, job, tries):
        mark = self._mark(job.log.parent)
        self.running[self.task.remote(job, self.place, mark)] = _Task(job, tries)

    def _mark(self, folder):
        """Writes a file by which nodes see that the folder is the one that is meant."""
        if folder not in self.marks:
            self.marks[folder] = uuid.uuid4().hex
            (folder / on_node.MARK).write_text(self.marks[folder], encoding="utf-8")
        return self.marks[folder]

    def wait(self, seconds):
        """Returns the jobs that ended; see `Executor.wait`."""
        tasks = list(self.running)
        if not tasks:
            return []
        ready, rest = self.ray.wait(tasks, num_returns=1, timeout=seconds)
        if ready and rest:
            ready += self.ray.wait(rest, num_returns=len(rest), timeout=0)[0]
        ended = [self._end(task) for task in ready]
        return [end for end in ended if end is not None]

    def _end(self, ref):
        """Returns the `Ended` of a task, or None if it was started again."""
        errors, task = self.ray.exceptions, self.running.pop(ref)
        try:
            return Ended(task.job, *self.ray.get(ref))
        except errors.OutOfMemoryError:
            return Ended(task.job, -9, "ended by Ray, as the memory of its node ran out")
        except errors.TaskCancelledError:
            return Ended(task.job, stopping.EXIT_CODES[-1])
        except errors.RayTaskError as error:
            return Ended(task.job, 1, " ".join(str(error.cause).split()))
        except errors.RayError as error:  # of the node, of Ray's process, or of the network
            if task.is_cancelled:
                return Ended(task.job, stopping.EXIT_CODES[-1])
            if task.tries == TRIES:
                said = str(error).strip().splitlines()[0]
                return Ended(task.job, -9, f"its node ended {TRIES} times: {said}"[:300])
            self._submit(task.job, task.tries + 1)
            return None

    def cancel(self, name):
        """Asks a job to save and to end; see `Executor.cancel`."""
        for ref, task in self.running.items():
            if task.job.name == name:
                task.is_cancelled = True
                self.ray.cancel(ref, force=False)

    def stop(self, seconds):
        """Stops all jobs; see `Executor.stop`."""
        try:
            for task in list(self.running.values()):
                self.cancel(task.job.name)
            if self.running and seconds:
                self.ray.wait(list(self.running), num_returns=len(self.running), timeout=seconds)
        finally:
            for ref in self.running:
                self.ray.cancel(ref, force=True)
            self.running = {}
            for folder in self.marks:
                (folder / on_node.MARK).unlink(missing_ok=True)
            self.marks = {}

    def close(self):
        """Leaves the cluster; one that this executor started ends."""
        if self.is_owner:
            self.ray.shutdown()


@dataclasses.dataclass
class _Task:
    """A job as a task: how often it was started, and whether it was asked to end."""

    job: object
    tries: int
    is_cancelled: bool = False
