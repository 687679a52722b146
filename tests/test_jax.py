"""The same code on JAX: conformance, likelihoods and a killed run, in a separate process."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
# They share one process, which imports JAX and TensorFlow once.
QUICK_TESTS = [
    "test_conformance.py",
    "zoo/test_likelihood.py",
    "trainers/test_resume.py::test_a_run_killed_within_an_epoch_is_the_same_run[12]",
]
# Each about a minute, most of it compilation; every part takes its step in the conformance tests.
SLOW_TESTS = [
    "trainers/test_loop.py",
    "trainers/test_resume.py",
    "zoo/test_bilbo.py",
    "zoo/test_divergences.py",
    "zoo/test_executions.py",
    "zoo/test_flows.py",
    "zoo/test_infovae.py",
    "zoo/test_made.py",
    "zoo/test_mmd.py",
    "zoo/test_mu.py",
    "zoo/test_objectives.py",
    "zoo/test_pixelcnn.py",
    "zoo/on_two_devices.py",
    "zoo/test_terms.py",
    "zoo/test_vae.py",
    "zoo/test_vamp.py",
    "zoo/evaluation/test_jacobian.py",
    "zoo/evaluation/test_posterior.py",
]
# Their slow parts, of minutes each.
SLOW_TESTS += [f"{path} -m slow" for path in ("zoo/test_cuda.py", "zoo/on_two_devices.py")]
CASES = [pytest.param(" ".join(QUICK_TESTS), id="quick")]
CASES += [pytest.param(words, marks=pytest.mark.slow, id=words) for words in SLOW_TESTS]


@pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="needs jax: pip install jax")
@pytest.mark.parametrize("words", CASES)
def test_passes_on_jax(words, request):
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0"]
    command += [str(HERE / word) if ".py" in word else word for word in words.split()]
    if request.config.getoption("--vary-seed"):
        command.append("--vary-seed")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    environment["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"  # compiles in two thirds of the time
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]
    assert " passed" in result.stdout
