"""One line instead of a traceback for each error that a command's user can mend.

Importing this loads the standard library alone.
"""

import contextlib
import functools
import linecache
import os
import select
import sys
import traceback

from trainers import stopping
from zoo import commands
from zoo.storage.escape import printable

PACKAGES = ("zoo", "trainers", "export", "configs", "benchmarks")
# Package -> the extra of `pip install` that brings it; "train" brings all others.
EXTRAS = {
    **{"huggingface_hub": "hub", "onnxslim": "onnx", "ai_edge_litert": "tflite"},
    **{"jax": "train,jax", "sklearn": "sklearn", "PIL": "images", "tqdm": "images"},
    **{"pyarrow": "parquet"},
    **{name: f"train,{name}" for name in ("ray", "optuna", "mlflow", "wandb")},
}


class UsageError(ValueError):
    """The flags of a command do not fit together; ends it with exit code 2."""


def reported(main):
    """Wraps `main`: an error that the user can mend becomes one line, `error: ...`.

    The wrapped function returns 2 for wrong flags, 1 for other such errors, 130 after Ctrl-C,
    143 after SIGTERM, and 141 without a line where the reader of its output has ended, as in
    `| head`. A bug keeps its traceback.
    """

    @functools.wraps(main)
    def call(*arguments):
        try:
            with stopping.raised():
                status = main(*arguments)
                sys.stdout.flush()
                return status
        except KeyboardInterrupt as error:
            print(str(error) or "Stopped.", file=sys.stderr)
            return getattr(error, "exit_code", 130)
        except Exception as error:
            if isinstance(error, BrokenPipeError) and _lost_reader():
                return 141
            line = explain(error)
            if line is None:
                raise
            print(f"error: {printable(commands.spelled(line))}", file=sys.stderr)
            return 2 if isinstance(error, UsageError) else 1

    return call


def _lost_reader():
    """Returns whether nobody reads standard output; what is left of it then goes nowhere."""
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # errors alone
    is_lost = bool(poll.poll(0))
    if is_lost:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return is_lost


def explain(error):
    """Returns one line about an error that the user can mend, or None for a bug.

    The user can mend what this project raises on purpose, by a `raise` of its own; what the
    operating system reports of files and connections; and a package that is not installed.
    """
    package = (getattr(error, "name", None) or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and package and package not in PACKAGES:
        return how_to_install(package)
    if isinstance(error, OSError) and error.errno and error.filename is not None:
        return f"{error.strerror}: {error.filename}"
    if isinstance(error, OSError) or is_deliberate(error):
        is_own = type(error).__module__.partition(".")[0] in PACKAGES
        is_named = is_own and not isinstance(error, UsageError)
        return f"{type(error).__name__}: {one_line(error)}" if is_named else one_line(error)
    return None


def how_to_install(package):
    """Returns the sentence that says that a package is needed, and pip's command for it."""
    extra = EXTRAS.get(package, "train")
    return f'{package} is needed and not installed: pip install "elbo-zoo[{extra}]"'


def one_line(error):
    """Returns the text of an error without line breaks, or its type where it has none."""
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    return " ".join(str(text).split()) or type(error).__name__


def is_deliberate(error):
    """Returns whether a `raise` of this project raised an error first, and no library."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames:
        return False
    frame, number = frames[-1]
    package = frame.f_globals.get("__name__", "").partition(".")[0]
    line = linecache.getline(frame.f_code.co_filename, number)
    return package in (*PACKAGES, "__main__") and line.lstrip().startswith("raise ")


@contextlib.contextmanager
def needs(name):
    """Wraps the imports of a script: a package that is not installed ends it in one line.

    Args:
        name: The importing module's `__name__`. Where it is not "__main__", the error is raised.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if name != "__main__" or explain(error) is None:
            raise
        print(f"error: {printable(explain(error))}", file=sys.stderr)
        sys.exit(1)
