"""The interface of executors: start a job, wait for the next end of one, stop one."""

import abc
import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Job:
    """A Python process to run.

    Args:
        name: Unique among the jobs that an executor runs at the same time.
        command: The arguments of Python: `("-m", "trainers.train", "--config=...", ...)`.
        log: The file that its output is appended to. It is locked while the job runs, so that two
            sweeps never compute the same run.
    """

    name: str
    command: tuple
    log: Path


@dataclasses.dataclass(frozen=True)
class Ended:
    """The end of a job.

    Args:
        job: The job.
        code: The exit code of the process, `-N` after signal N, or None where another process
            holds the job's log, so that the job was left out.
        error: What the executor knows of the failure; "" where the log says it.
    """

    job: Job
    code: int | None
    error: str = ""


class Executor(abc.ABC):
    """Runs jobs; each is a process of its own, so that a crash ends no other job.

    Use it as a context manager: the end of the context stops what still runs.

    Attributes:
        slots: The most jobs at the same time, an int. Start no more than these.
    """

    slots: int = 1

    @abc.abstractmethod
    def start(self, job: Job) -> bool:
        """Starts a job and returns at once.

        Returns:
            False if the job is left out, because another process runs it.
        """

    @abc.abstractmethod
    def wait(self, seconds: float) -> list[Ended]:
        """Returns the jobs that ended since the last call; waits at most `seconds` for the first.

        Each job that was started is returned once.
        """

    @abc.abstractmethod
    def cancel(self, name: str) -> None:
        """Asks a job to save and to end; `wait` returns it then. An unknown name does nothing."""

    @abc.abstractmethod
    def stop(self, seconds: float) -> None:
        """Asks all jobs to save and to end, and kills those that still run after `seconds`.

        A second signal to this process kills them at once. `wait` returns none of them.
        """

    def close(self) -> None:
        """Releases what the executor holds; no job runs any more."""
        return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.stop(0)
        finally:
            self.close()
