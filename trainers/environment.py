"""Versions and hardware of a result, for cards and reports."""

import importlib.metadata
import os
import platform
import shlex
import sys
from pathlib import Path

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
    installed = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed


CPUINFO = Path("/proc/cpuinfo")
# Flags of x86 processors whose float32 sums differ in order, widest first; and those of bfloat16.
VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2"}
BFLOAT16 = ("amx_bf16", "avx512_bf16")


def hardware():
    """Returns one line: processor, what it computes with, cores, and the backend's accelerators.

    `AMD EPYC with AVX-512 and bfloat16, 2 cores`: a name alone does not say how sums are rounded.
    """
    name = platform.processor() or platform.machine()
    try:
        lines = CPUINFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    pairs = [line.split(":", 1) for line in lines if ":" in line]
    entries = {key.strip(): value.strip() for key, value in reversed(pairs)}  # of the first core
    name, flags = entries.get("model name", name), entries.get("flags", "").split()
    units = [text for flag, text in VECTORS.items() if flag in flags][:1]
    units += ["bfloat16"] if any(flag in flags for flag in BFLOAT16) else []
    name += f" with {' and '.join(units)}" if units else ""
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
