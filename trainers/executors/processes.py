"""Shared by executors: the environment, the signals and the end of processes."""

import contextlib
import os
import signal
import time
from pathlib import Path


def environment(base=None, threads=1):
    """Returns the environment of a run's process: its threads limited, a GPU's memory shared.

    Args:
        base: dict, of this process by default.
        threads: Threads of the process, a positive int.
    """
    result = dict(os.environ if base is None else base)
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        result[name] = str(threads)
    # Otherwise the first process would take all memory of a GPU, and the second none.
    result.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    result.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    paths = (str(Path(__file__).parents[2]), result.get("PYTHONPATH"))
    result["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return result


def cores():
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def send(pid, number):
    """Sends a signal to a process and to those that it started; one that is gone is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def end(started, seconds):
    """Asks processes to save and to end; kills them after `seconds`, or on a second signal.

    Args:
        started: List of `subprocess.Popen` or of `forking.Forked`.
        seconds: Float.
    """
    try:
        for process in started:
            ask(process, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while any(process.poll() is None for process in started) and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        for process in started:
            if process.poll() is None:
                ask(process, signal.SIGKILL)
        while any(process.poll() is None for process in started):
            time.sleep(0.02)


def ask(process, number):
    """Sends a signal to a `subprocess.Popen` or a `forking.Forked` and to its own processes."""
    if hasattr(process, "send"):
        process.send(number)
    else:
        send(process.pid, number)
