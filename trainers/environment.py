"""What a result ran on: versions and hardware, for cards and reports."""

import importlib.metadata
import os
import platform
import shlex
import sys

PACKAGES = [
    "elbo-zoo",
    "keras",
    "tensorflow",
    "tensorflow-probability",
    "jax",
    "numpy",
    "onnx",
    "onnxruntime",
    "tf2onnx",
]


def versions():
    """Returns `{"python": ..., package: version}` of what is installed and matters."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def hardware():
    """Returns one line: processor, number of cores usable, and the backend's accelerators."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next(line.split(":")[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores{_accelerators()}"


def _accelerators():
    if "jax" in sys.modules and os.environ.get("KERAS_BACKEND") == "jax":
        devices = [d.device_kind for d in sys.modules["jax"].devices() if d.platform != "cpu"]
    elif "tensorflow" in sys.modules:
        devices = [d.name for d in sys.modules["tensorflow"].config.list_physical_devices("GPU")]
    else:
        devices = []
    return "".join(f", {device}" for device in devices)


def command():
    """Returns the command of this process, as a user would type it, or "" outside a script."""
    main = sys.modules.get("__main__")
    module = getattr(getattr(main, "__spec__", None), "name", None)
    if not module or not module.startswith(("trainers.", "export.")):
        return ""
    return " ".join(["python -m", module, *map(shlex.quote, sys.argv[1:])])
