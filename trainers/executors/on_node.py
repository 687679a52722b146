"""The part of `on_ray` that runs on a node: a job's process, from its start to its exit code."""

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import time

from trainers.executors import processes
from trainers.executors.forking import SUPPORTED, Forker, can_fork
from zoo.storage.locks import try_lock

MARK = ".shared"
GRACE_SECONDS = 30  # for a job to save the present step, before it is killed
LOCK_SECONDS = 120  # for a job of a node or a driver that ended, to save and end
MARK_SECONDS = 10  # for a network file system to show a new file
POLL_SECONDS = 0.1
GPUS = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")

_forkers = {}  # of this process, which Ray reuses


@dataclasses.dataclass(frozen=True)
class Place:
    """Where and how a node runs jobs.

    Args:
        folder: The present folder of the jobs.
        environment: dict of variables that the driver sends.
        threads: Threads of each job.
        has_gpu: Whether Ray gives the job GPUs; without them it sees none.
        reuse: Whether trainings are forked.
    """

    folder: str
    environment: dict
    threads: int
    has_gpu: bool
    reuse: bool


def work(job, place, mark):
    """Runs a job on this node; a Ray task.

    Args:
        job: An `executors.Job`.
        place: A `Place`.
        mark: The content of the file `MARK` next to the job's log.

    Returns:
        (exit code, or None where another process keeps the job's log; an error, or "").

    Raises:
        FileNotFoundError: If this node does not see the folder of the runs.
    """
    _check_shared(job.log.parent, mark)
    with open(job.log, "ab") as log:
        if not _locked(log):
            return None, ""
        process = _start(job, place, log)
    try:
        while process.poll() is None:
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:  # Ray cancels the task
        processes.end([process], GRACE_SECONDS)
        return 128 + signal.SIGTERM, ""
    return process.returncode, ""


def _check_shared(folder, mark):
    deadline = time.monotonic() + MARK_SECONDS
    while True:
        path = folder / MARK
        if path.is_file() and path.read_text(encoding="utf-8") == mark:
            return
        if time.monotonic() > deadline:
            raise FileNotFoundError(
                "Expected the folder of the runs on storage that all nodes share. "
                f"Received: workdir={str(folder.parent)!r}, not seen on {socket.gethostname()}"
            )
        time.sleep(POLL_SECONDS)


def _locked(log):
    deadline = time.monotonic() + LOCK_SECONDS
    while not try_lock(log):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _start(job, place, log):
    os.chdir(place.folder)
    environment = processes.environment({**os.environ, **place.environment}, place.threads)
    changes = {name: environment.pop(name) for name in GPUS if name in environment}
    if not place.has_gpu:
        changes = {"CUDA_VISIBLE_DEVICES": "-1"}
    if place.reuse and can_fork(job.command):
        key = tuple(sorted(place.environment.items()))
        if key not in _forkers:
            _forkers[key] = Forker(environment, orphans="end")
        return _forkers[key].start(job.command, log, changes)
    # A job ends with the process of Ray that waits for it: another node begins it again.
    tether = ("-m", "trainers.executors.tethered", str(os.getpid())) if SUPPORTED else ()
    return subprocess.Popen(
        [sys.executable, *tether, *job.command],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**environment, **changes},
        start_new_session=True,
    )
