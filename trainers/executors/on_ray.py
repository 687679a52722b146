"""Runs jobs as tasks of a Ray cluster whose nodes share the folder of the runs."""

import dataclasses
import os
import uuid
from pathlib import Path

from trainers import stopping
from trainers.executors import on_node
from trainers.executors.base import Ended, Executor
from trainers.executors.cluster import Cluster

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
        address, cpus, gpus, memory, jobs, environment: As of `cluster.Cluster`, for each job.
        threads: Threads of each job; 0 for `cpus`.
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
        if threads < 0:
            raise ValueError(f"Expected threads of at least 0. Received: {threads=}")
        self.cluster = Cluster(address, cpus, gpus, memory, jobs, environment)
        self.ray, sent = self.cluster.ray, self.cluster.sent
        threads = threads or max(1, int(cpus))
        self.place = on_node.Place(os.getcwd(), sent, threads, bool(gpus), reuse)
        self.task = self.ray.remote(on_node.work).options(
            num_cpus=cpus,
            num_gpus=gpus,
            memory=self.cluster.memory or None,
            max_retries=0,  # `wait` does it: Ray would also retry what runs out of memory
            runtime_env={"env_vars": {"PYTHONPATH": sent["PYTHONPATH"]}},
        )
        self.running, self.marks = {}, {}  # task -> _Task, folder -> text of its mark

    @property
    def slots(self):
        """As many jobs as the nodes have room for now, or `jobs`."""
        return self.cluster.slots

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
                message = str(error).strip().splitlines()[0]
                return Ended(task.job, -9, f"its node ended {TRIES} times: {message}"[:300])
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
        self.cluster.close()


@dataclasses.dataclass
class _Task:
    """A job as a task: how often it was started, and whether it was asked to end."""

    job: object
    tries: int
    is_cancelled: bool = False
