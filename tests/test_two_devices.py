"""Two devices do what one does, in a process of its own, which has two CPU devices.

TensorFlow's number of devices is fixed once it computes, and the other tests have one.
"""

import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
# Their slow parts take minutes.
SLOW = ("zoo/on_two_devices.py -m slow", "trainers/on_two_devices.py -m slow")
TESTS = ["zoo/on_two_devices.py", *(pytest.param(words, marks=pytest.mark.slow) for words in SLOW)]


@pytest.mark.parametrize("words", TESTS)
def test_passes_on_two_devices(words, request):
    path, *options = words.split()
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", str(HERE / path), *options]
    if request.config.getoption("--vary-seed"):
        command.append("--vary-seed")
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]
    assert " passed" in result.stdout
