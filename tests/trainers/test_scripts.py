"""The scripts set TensorFlow up before it is loaded, and leave alone what the user has set."""

import os
import platform
import subprocess
import sys

import pytest

NAMES = ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS")
SHOW = """
import importlib, os, sys
importlib.import_module("trainers." + sys.argv[1])
loaded = [name for name in ("tensorflow", "keras") if name in sys.modules]
print(loaded, *(os.environ.get(name) for name in {names}))
"""


@pytest.mark.parametrize("script", ["train", "sweep", "evaluate", "reproduce"])
def test_tensorflow_is_set_up_before_it_is_loaded(script):
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    expected = "1" if platform.machine() in ("x86_64", "AMD64") else None
    for given, shown in (({}, f"[] 2 {expected}"), (dict.fromkeys(NAMES, "0"), "[] 0 0")):
        done = subprocess.run(
            [sys.executable, "-c", SHOW.format(names=NAMES), script],
            env={**environment, **given},
            capture_output=True,
            text=True,
        )
        assert done.stdout.strip() == shown, done.stderr
