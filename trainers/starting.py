"""Starts TensorFlow with the project's settings and without the lines that it writes meanwhile."""

import contextlib
import json
import os
import platform
import re
import signal
import sys
from pathlib import Path

# TensorFlow writes these however TF_CPP_MIN_LOG_LEVEL is set: it reads the level later.
_NOISE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|[IW]\d{4} [\d:.]+ +\d+ [\w./]+:\d+\] "  # an information or a warning of C++
    rb"|\d{4}-\d\d-\d\d [\d:.]+: [IW] [\w./]+:\d+\] "  # the same in earlier versions
    rb"|To enable the following instructions: "
    rb"|.*Unable to register cu\w+ factory"
)
_NO_GPU = re.compile(rb"(E|\d{4}-\d\d-\d\d [\d:.]+: E ).*failed call to cuInit")
# What TensorFlow or Keras imports where it is installed, and no command uses through them. They
# take a third of the start; a module that needs one of them imports it later, as always.
UNUSED = ("jax", "matplotlib", "pandas", "sklearn")
# Linux has one of them where there is an NVIDIA GPU. A driver that fails there is no noise.
GPU_PATHS = ("/dev/nvidiactl", "/proc/driver/nvidia", "/dev/dxg")


def prepare_tensorflow():
    """Sets what TensorFlow reads when it is first imported; what the user has set stands.

    oneDNN is in TensorFlow and off on x86 processors without AVX-512, where convolutions train
    1.4 times faster with it (docs/speed.md).
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if platform.machine() in ("x86_64", "AMD64"):
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


_state = {"is_without_devices": False}


def start_tensorflow(find_devices=True):
    """Imports TensorFlow and finds the devices, without the lines that it writes meanwhile.

    TF_CPP_MIN_LOG_LEVEL=0 or 1 shows them. Errors are never left out, and what a crash writes is
    shown too. Where TensorFlow is imported already, nothing is done.

    Args:
        find_devices: False leaves the devices to a later call, for a process that forks others: a
            GPU that one process has opened does not work in its forks.
    """
    prepare_tensorflow()
    if "tensorflow" in sys.modules and not (_state["is_without_devices"] and find_devices):
        return
    _state["is_without_devices"] = not find_devices
    with _without_noise():
        # TensorFlow imports Keras, and Keras its backend, which may be JAX.
        with _without(set(UNUSED) - {_backend()}):
            import tensorflow as tf
        with _without(set(UNUSED) - {"jax"}):
            import keras

        if not find_devices:
            return
        if keras.backend.backend() == "tensorflow":
            tf.config.list_physical_devices()
        else:  # reads data alone, and leaves the GPU's memory to the other framework
            with contextlib.suppress(RuntimeError):
                tf.config.set_visible_devices([], "GPU")


def _backend():
    """Returns the backend that Keras will take, without importing it, or None for its default."""
    if "KERAS_BACKEND" in os.environ:
        return os.environ["KERAS_BACKEND"]
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return json.loads((Path(home) / "keras.json").read_text()).get("backend")
    return None


@contextlib.contextmanager
def _without(packages):
    """Makes imports of packages that are not imported yet fail, as if they were not installed."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # None there is an ImportError
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


def is_noise(line):
    """Returns whether TensorFlow writes `line` (bytes) on every start, and it tells a user nothing.

    An error is noise only if it says that there is no GPU where there is none.
    """
    if _NO_GPU.match(line):
        return not any(Path(path).exists() for path in GPU_PATHS)
    return bool(_NOISE.match(line))


@contextlib.contextmanager
def _without_noise():
    """Leaves `is_noise` lines out of standard error, those of C++ included.

    Another process filters them, so that a crash of this one loses no line.
    """
    wants_all = os.environ.get("TF_CPP_MIN_LOG_LEVEL") in ("0", "1")
    if wants_all or not hasattr(os, "fork"):
        yield
        return
    sys.stderr.flush()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        _filter(read)
    os.close(read)
    standard_error = os.dup(2)
    os.dup2(write, 2)
    os.close(write)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(standard_error, 2)
        os.close(standard_error)
        os.waitpid(child, 0)


def _filter(read):
    """Copies lines from `read` to standard error until all its writers are gone, and exits."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the process that is filtered too
    try:
        with os.fdopen(read, "rb") as lines:
            for line in lines:
                if not is_noise(line):
                    os.write(2, line)
    finally:
        os._exit(0)
