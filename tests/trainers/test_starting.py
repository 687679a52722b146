"""TensorFlow starts without its lines; no error and no crash is left out."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

from trainers import starting

ROOT = pathlib.Path(__file__).parents[2]
NOISE = [
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n",
    b"I0000 00:00:1796008878.457975    7368 port.cc:153] oneDNN custom operations are on.\n",
    b"I1130 03:21:39.386143    1400 cudart_stub.cc:31] Could not find cuda drivers\n",
    b"2024-11-30 03:21:39.386143: I tensorflow/core/util/port.cc:153] oneDNN custom operations\n",
    b"To enable the following instructions: AVX2 FMA, in other operations, rebuild.\n",
    b"E0000 00:00:1796008889.501783    7368 cuda_dnn.cc:8579] Unable to register cuDNN factory:\n",
]
ERRORS = [
    b"E0000 00:00:1796008889.501783    7368 cuda_blas.cc:1407] failed to create cublas handle\n",
    b"F0000 00:00:1796008889.501783    7368 tensor.cc:10] Check failed: a == b\n",
    b"Traceback (most recent call last):\n",
    b"error: Expected --config and --workdir.\n",
]
NO_GPU = [
    b"E0000 00:00:1796008889.501783 7368 cuda_platform.cc:52] failed call to cuInit: INTERNAL\n",
    b"2026-11-30 07:07:29.094934: E xla/cuda_platform.cc:51] failed call to cuInit: INTERNAL\n",
]


def _run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )
    return done.returncode, done.stderr


def test_noise_is_what_tells_a_user_nothing(monkeypatch, tmp_path):
    assert all(map(starting.is_noise, NOISE))
    assert not any(map(starting.is_noise, ERRORS))
    monkeypatch.setattr(starting, "GPU_PATHS", ())
    assert all(map(starting.is_noise, NO_GPU))
    monkeypatch.setattr(starting, "GPU_PATHS", (str(tmp_path),))  # a GPU whose driver fails
    assert not any(map(starting.is_noise, NO_GPU))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a second process as a filter")
def test_a_crash_loses_no_line():
    lines = b"".join([*NOISE, *ERRORS])
    code = "import os\nfrom trainers import starting\nwith starting._without_noise():\n"
    code += f"    os.write(2, {lines!r})\n    {{end}}\nos.write(2, b'after')"
    level = {"TF_CPP_MIN_LOG_LEVEL": "2"}
    assert _run(code.format(end="pass"), **level) == (0, b"".join(ERRORS) + b"after")
    status, written = _run(code.format(end="os.abort()"), **level)
    assert status != 0 and written == b"".join(ERRORS)
    assert _run(code.format(end="pass"), TF_CPP_MIN_LOG_LEVEL="0") == (0, lines + b"after")


def test_tensorflow_starts_in_silence_without_packages_that_commands_do_not_use():
    code = (
        "import sys\nfrom trainers.starting import UNUSED, start_tensorflow\nstart_tensorflow()\n"
    )
    code += "assert 'keras' in sys.modules and not set(UNUSED) & set(sys.modules)\n"
    code += "import tensorflow as tf\ntf.constant(1) + 1\n"
    code += "import matplotlib, sklearn  # later, as always\n"
    assert _run(code, TF_CPP_MIN_LOG_LEVEL="2", KERAS_BACKEND="tensorflow") == (0, b"")


@pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="needs jax: pip install jax")
def test_commands_start_where_jax_is_the_backend_of_keras(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    code = "from trainers import starting\nstarting.start_tensorflow()\nimport keras\n"
    code += "keras.random.SeedGenerator(17)\nassert keras.backend.backend() == 'jax'\n"
    status, written = _run(code, KERAS_HOME=str(tmp_path))
    assert status == 0, written
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert starting._backend() == "jax"
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert starting._backend() == "tensorflow"
    monkeypatch.delenv("KERAS_BACKEND")
    (tmp_path / "keras.json").write_text("[")
    assert starting._backend() is None
