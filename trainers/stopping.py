"""SIGTERM and Ctrl-C: training saves first, and a script ends in one line."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)
EXIT_CODES = tuple(128 + number for number in SIGNALS)  # 130 and 143


class Stopped(KeyboardInterrupt):
    """A process was asked to end by SIGTERM or Ctrl-C.

    Args:
        number: The signal.
        detail: What was done about it, for the last line of a script.
    """

    def __init__(self, number: int, detail: str = ""):
        self.number, self.detail = number, detail
        super().__init__(f"Stopped by {signal.Signals(number).name}. {detail}".strip())

    @property
    def exit_code(self) -> int:
        """130 for Ctrl-C and 143 for SIGTERM, as a shell reports them."""
        return 128 + self.number


class Request:
    """Whether the process was asked to end: `number` is the signal, or None."""

    def __init__(self):
        self.number = None


@contextlib.contextmanager
def resumable() -> Iterator[None]:
    """Adds to a `Stopped` that the same command resumes; also for use as a decorator."""
    try:
        yield
    except Stopped as stopped:
        if stopped.detail:
            raise
        raise Stopped(stopped.number, "The same command resumes.") from stopped


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Makes SIGTERM and Ctrl-C raise `Stopped` in the main thread."""

    def stop(number, frame):
        raise Stopped(number)

    with _handled(stop):
        yield


@contextlib.contextmanager
def deferred() -> Iterator[Request]:
    """Notes SIGTERM and Ctrl-C, so that the work can save before it ends.

    A second Ctrl-C ends the process at once, also in the middle of a long step. Outside the main
    thread, to which signals do not come, nothing changes.

    Yields:
        A `Request`, to be looked at after each step.
    """
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    earlier = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    # A thread, as a handler in Python waits until the main thread is back from a step.
    watcher = threading.Thread(target=_watch, args=(reader, earlier, request), daemon=True)
    watcher.start()
    try:
        with _handled(lambda number, frame: None):
            yield request
    finally:
        signal.set_wakeup_fd(earlier)
        os.close(writer)
        watcher.join()
        os.close(reader)


def _watch(reader, earlier, request):
    """Reads the numbers of signals until the pipe is closed."""
    while content := os.read(reader, 1):
        number = content[0]
        if number not in SIGNALS:
            if earlier != -1:
                os.write(earlier, content)
        elif request.number is None:
            request.number = number
            _say(f"{signal.Signals(number).name}: saves after this step; Ctrl-C ends at once.")
        elif number == signal.SIGINT:
            _say("Stopped at once; the same command resumes from the last checkpoint.")
            os._exit(128 + number)


def _say(line):
    with contextlib.suppress(OSError):  # a terminal that is closed
        print(f"\n{line}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _handled(handler):
    """Sets the handler of both signals where they are not ignored, and restores the earlier."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    earlier = {number: signal.signal(number, handler) for number in heeded}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
