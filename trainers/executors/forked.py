"""The process that `forking.Forker` starts: imports all packages once and forks each run.

It starts no device and runs no operation: frameworks that compute do not survive a fork.
"""

import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import time
import traceback

import numpy as np

from trainers.executors import forking, processes

ENDS_WITH_PARENT = 1  # PR_SET_PDEATHSIG
GRACE_SECONDS = 30


def main(descriptor, orphans, *modules):
    """Forks the runs that come over a socket until it is closed.

    Args:
        descriptor: File descriptor of the socket, text.
        orphans: "finish" or "end": what runs do once the socket is closed.
        *modules: What to import first.
    """
    connection = socket.socket(fileno=int(descriptor))
    for module in modules:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # the pages of what is imported stay shared
    reader, writer = os.pipe()
    for end in (reader, writer):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    _say(connection, {"ready": True})
    children = {}  # pid -> number
    while True:
        ready, _, _ = select.select([connection, reader], [], [])
        if reader in ready:
            os.read(reader, 4096)
        for number, code in _ended(children):
            _say(connection, {"number": number, "code": code})
        if connection in ready and not _start(connection, children):
            break
    _leave(children, orphans)


def _say(connection, message):
    try:
        connection.send(json.dumps(message).encode())
    except OSError:  # nobody waits for it
        return


def _ended(children):
    """Yields (number, exit code) of the children that have ended."""
    for pid in list(children):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            yield children.pop(pid), os.waitstatus_to_exitcode(status)


def _start(connection, children):
    """Forks the run of the next message; returns False once the socket is closed."""
    content, logs, _, _ = socket.recv_fds(connection, forking.LONGEST, 1)
    if not content:
        return False
    request = json.loads(content)
    pid = os.fork()
    if pid == 0:
        connection.close()
        _run(request["command"], request["changes"], logs[0])
    os.close(logs[0])
    os.setpgid(pid, pid)  # a signal may come before the child has done so
    children[pid] = request["number"]
    _say(connection, {"number": request["number"], "pid": pid})
    return True


def _run(command, changes, log):
    """Runs a module as a process of its own would, and ends this process."""
    code = 1
    try:
        os.setpgid(0, 0)
        ctypes.CDLL(None).prctl(ENDS_WITH_PARENT, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (1, 2):
            os.dup2(log, descriptor)
        os.environ.update(changes)
        np.random.seed()  # a fork has its parent's state
        sys.argv = list(command[1:])
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def _leave(children, orphans):
    """Waits for the runs that are left, or ends them."""
    deadline = time.monotonic() + GRACE_SECONDS
    if orphans == "end":
        for pid in children:
            processes.send(pid, signal.SIGTERM)
    while children:
        list(_ended(children))
        if orphans == "end" and time.monotonic() > deadline:
            return  # the system ends them with this process
        time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
