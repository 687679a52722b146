"""Runs Python with some arguments, and asks it to end when the process that started it ends.

python -m trainers.executors.tethered PARENT ARGUMENTS OF PYTHON
"""

import ctypes
import os
import signal
import sys

ON_PARENTS_END = 1  # PR_SET_PDEATHSIG


def main(parent, *arguments):
    """Becomes the process to run.

    Args:
        parent: The number of the process that started this one, text.
        *arguments: Of Python.
    """
    ctypes.CDLL(None).prctl(ON_PARENTS_END, signal.SIGTERM)
    if os.getppid() != int(parent):  # it ended before
        sys.exit(128 + signal.SIGTERM)
    os.execv(sys.executable, [sys.executable, *arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
