"""Forks runs from a process that has imported all packages: their start takes no imports.

A forked run is a process of its own: global seeds, Keras's state, threads and memory are as in a
new process of Python, and a crash ends no other run.
"""

import contextlib
import json
import os
import select
import socket
import subprocess
import sys

from trainers.executors import processes

SUPPORTED = sys.platform == "linux"  # elsewhere frameworks do not survive a fork
FORKED = ("trainers.train",)
IMPORTS = ("trainers.executors.imports",)
TRIES = 3
LONGEST = 1 << 16  # bytes of a message


def can_fork(command):
    """Returns whether the arguments of Python are those of a run that is forked."""
    return SUPPORTED and command[0] == "-m" and command[1] in FORKED


class Forked:
    """A forked run, as `subprocess.Popen` shows a process.

    Args:
        command: The arguments of Python.
        log: Descriptor of its output, which this object owns.
        changes: dict of variables that its environment has in addition.
    """

    def __init__(self, command, log, changes):
        self.command, self.log, self.changes = command, log, changes
        self.pid = self.returncode = self.process = None
        self.tries, self.forker, self.is_abandoned = 0, None, False

    def poll(self):
        """Returns the exit code, `-N` after signal N, or None while it runs."""
        if self.process is not None:
            self.returncode = self.process.poll()
        elif self.returncode is None:
            self.forker.read()
        return self.returncode

    def send(self, number):
        """Sends a signal; a run that waits for its fork is not begun."""
        if self.process is not None:
            processes.send(self.process.pid, number)
        elif self.pid is not None:
            processes.send(self.pid, number)
        else:
            self.is_abandoned = True
            self.end(128 + number)

    def end(self, code):
        """Notes the exit code and closes the log, and with it the lock."""
        if self.returncode is None:
            self.returncode = code
            os.close(self.log)


class Forker:
    """The process that runs are forked from; it starts with the first of them.

    Should it end, its runs begin again from a new one. Where it cannot start, each run is a new
    process of Python.

    Args:
        environment: Environment variables of the runs.
        orphans: "finish" or "end": what the runs do when this process ends without `close`.
        imports: Modules that all runs need.
    """

    def __init__(self, environment, orphans="finish", imports=IMPORTS):
        self.environment, self.orphans, self.imports = environment, orphans, imports
        self.socket = self.process = None
        self.is_ready, self.is_broken = False, False
        self.waiting, self.number = {}, 0  # number -> Forked

    def start(self, command, log, changes=None):
        """Starts a run and returns its `Forked`.

        Args:
            command: The arguments of Python, of which `can_fork` is true.
            log: The file of its output.
            changes: dict of variables that its environment has in addition.
        """
        forked = Forked(tuple(command), os.dup(log.fileno()), changes or {})
        forked.forker = self
        self._send(forked)
        return forked

    def _send(self, forked):
        if self.is_broken or forked.tries == TRIES:
            forked.process = subprocess.Popen(
                [sys.executable, *forked.command],
                stdin=subprocess.DEVNULL,
                stdout=forked.log,
                stderr=subprocess.STDOUT,
                env={**self.environment, **forked.changes},
                start_new_session=True,
            )
            os.close(forked.log)
            return
        if self.process is None:
            self._open()
        forked.tries += 1
        self.number += 1
        self.waiting[self.number] = forked
        message = {"number": self.number, "command": forked.command, "changes": forked.changes}
        with contextlib.suppress(OSError):  # it has ended, which `read` sees
            socket.send_fds(self.socket, [json.dumps(message).encode()], [forked.log])

    def _open(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "trainers.executors.forked", str(theirs.fileno())]
                + [self.orphans, *self.imports],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=self.environment,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self.socket, self.is_ready = ours, False

    def read(self):
        """Reads what the process says of its runs, without waiting."""
        while self.socket is not None and select.select([self.socket], [], [], 0)[0]:
            try:
                content = self.socket.recv(LONGEST)
            except OSError:
                content = b""
            if not content:
                self._lost()
                return
            self._heed(json.loads(content))

    def _heed(self, message):
        if "number" not in message:
            self.is_ready = True
            return
        forked = self.waiting[message["number"]]
        if "pid" in message:
            forked.pid = message["pid"]
            if forked.is_abandoned:
                processes.send(forked.pid, 9)
        else:
            del self.waiting[message["number"]]
            forked.end(message["code"])

    def _lost(self):
        """Begins again what ran when the process ended."""
        self.is_broken = self.is_broken or not self.is_ready
        lost = list(self.waiting.values())
        self._shut()
        for forked in lost:
            forked.pid = None
            if forked.returncode is None:
                self._send(forked)

    def _shut(self):
        self.waiting = {}
        self.socket.close()
        self.process.kill()  # the system ends its runs with it
        self.process.wait()
        self.socket = self.process = None

    def close(self):
        """Ends the process, and runs that it still has."""
        if self.process is not None:
            self._shut()
