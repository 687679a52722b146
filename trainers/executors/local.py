"""Runs jobs as processes of this machine."""

import signal
import subprocess
import sys
import time

from trainers.executors import processes
from trainers.executors.base import Ended, Executor
from trainers.executors.forking import Forker, can_fork
from zoo.storage.locks import try_lock

POLL_SECONDS = 0.05


class Local(Executor):
    """Processes side by side on this machine.

    A job that trains is forked from a process that has imported all packages, see `Forker`; any
    other job is a new process of Python.

    Args:
        jobs: Processes at the same time.
        threads: Threads of each process; 0 shares the cores.
        environment: Environment variables of the processes, in addition to those of their
            threads; this process's by default.
        reuse: Whether trainings are forked; False starts a new Python for each.

    Raises:
        ValueError: If `jobs` or `threads` is out of range.
    """

    def __init__(self, jobs=2, threads=0, environment=None, reuse=True):
        if jobs < 1 or threads < 0:
            raise ValueError(f"Expected jobs >= 1 and threads >= 0. Received: {jobs=}, {threads=}")
        self.slots = jobs
        share = threads or max(1, processes.cores() // jobs)
        self.environment = processes.environment(environment, share)
        self.forker = Forker(self.environment) if reuse else None
        self.running = {}  # name -> (job, process)

    def start(self, job):
        """Starts a job; see `Executor.start`."""
        with open(job.log, "ab") as log:
            if not try_lock(log):  # the process holds it with its output, until it ends
                return False
            self.running[job.name] = job, self._process(job.command, log)
        return True

    def _process(self, command, log):
        if self.forker and can_fork(command):
            return self.forker.start(command, log)
        return subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=self.environment,
            start_new_session=True,  # Ctrl-C reaches this process alone, which stops the rest
        )

    def wait(self, seconds):
        """Returns the jobs that ended; see `Executor.wait`."""
        deadline = time.monotonic() + seconds
        while True:
            ended = [
                Ended(job, process.returncode)
                for job, process in self.running.values()
                if process.poll() is not None
            ]
            if ended or time.monotonic() >= deadline:
                break
            time.sleep(POLL_SECONDS)
        for end in ended:
            del self.running[end.job.name]
        return ended

    def cancel(self, name):
        """Asks a job to save and to end; see `Executor.cancel`."""
        if name in self.running:
            processes.ask(self.running[name][1], signal.SIGTERM)

    def stop(self, seconds):
        """Stops all jobs; see `Executor.stop`."""
        try:
            processes.end([process for _, process in self.running.values()], seconds)
        finally:
            self.running = {}

    def close(self):
        """Ends the process that jobs are forked from."""
        if self.forker:
            self.forker.close()
