"""The scripts set TensorFlow up before it is loaded, and leave alone what the user has set."""

import json
import os
import pathlib
import platform
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
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


# The scripts run as users run them, with what they call replaced by something that says what it
# was given: flags, not work.
RUN = """
import json, runpy, sys, types
import trainers, trainers.sweeps

def said(name, result):
    def call(*arguments, **given):
        given.pop("environment", None), given.pop("say", None)
        executor = given.pop("executor", None)
        if executor is not None:
            threads = executor.environment["OMP_NUM_THREADS"]
            given["executor"] = [type(executor).__name__, executor.slots, threads]
        print(json.dumps([name, arguments, given]))
        return result
    return call

failed = sys.argv.pop(1)
record = types.SimpleNamespace(status=failed)
reevaluate = types.ModuleType("trainers.reevaluate")
empty = {"split": "test", "num_examples": 1, "metrics": {}}
reevaluate.reevaluate = said("reevaluate", empty)
running = types.ModuleType("trainers.sweeps.running")
running.sweep = said("sweep", [record])
pictures = types.ModuleType("trainers.sweeps.rate_distortion")
pictures.write = said("write", ["picture.png"])
numbers = types.ModuleType("trainers.sweeps.numbers")
numbers.copy = said("copy", [1, 2])
for module in (reevaluate, running, pictures, numbers, types.ModuleType("tensorflow")):
    sys.modules[module.__name__] = module
    package, _, name = module.__name__.rpartition(".")
    if package:
        setattr(sys.modules[package], name, module)
script = sys.argv[1]
sys.argv = ["-m", *sys.argv[2:]]
runpy.run_module("trainers." + script, run_name="__main__", alter_sys=True)
"""


def _run(script, *arguments, status="finished"):
    """Returns the exit code, the calls [name, arguments, keywords], and what was printed."""
    command = [sys.executable, "-c", RUN, status, script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    calls = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    return done.returncode, calls, done.stdout + done.stderr


def test_every_flag_of_evaluate_is_its_own_argument():
    words = {
        **{"workdir": "W", "metrics": "nll,mmd", "num_samples": 3, "nll_examples": 4},
        **{"num_chains": 5, "num_temperatures": 6, "num_generated": 7, "classifier": "C"},
        **{"data_dir": "D", "data": "mnist", "out": "O"},
    }
    code, calls, _ = _run("evaluate", *(f"--{name}={value}" for name, value in words.items()))
    expected = {**words, "metrics": ["nll", "mmd"], "model": None, "progress": False}
    assert code == 0 and calls == [["reevaluate", [], expected]]
    for wrong in (["--workdir=W", "--model=M"], [], ["--workdir=W", "more"]):
        code, calls, _ = _run("evaluate", *wrong)
        assert code != 0 and not calls


def test_parts_of_a_user_s_own_are_imported_first(tmp_path, monkeypatch):
    code = "from __future__ import annotations\nimport dataclasses\n"
    code += "@dataclasses.dataclass\nclass A:\n    x: int\nprint('mine is imported')\n"
    (tmp_path / "mine.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    for name in ("mine", "mine.py", str(tmp_path / "mine.py")):
        code, calls, printed = _run("evaluate", "--workdir=W", f"--parts={name}")
        assert code == 0 and len(calls) == 1, printed
        assert printed.index("mine is imported") < printed.index('["reevaluate"')
    code, calls, printed = _run("evaluate", "--workdir=W", "--parts=absent.py")
    assert code != 0 and not calls and "Expected a Python file" in printed


def test_a_path_begins_at_home():
    code, calls, _ = _run("evaluate", "--workdir=~/runs/1", "--metrics=nll")
    assert code == 0 and calls[0][2]["workdir"] == os.path.expanduser("~/runs/1")


def test_every_flag_of_sweep_is_its_own_argument(tmp_path):
    config = tmp_path / "small.py"
    config.write_text(
        "from ml_collections import ConfigDict\n"
        "def get_config(mode=''):\n    return ConfigDict({'seed': 1, 'a': {'b': 2}})\n"
    )
    flags = [f"--config={config}:tiny", "--workdir=W", "--grid=seed=0,1", "--config.a.b=3"]
    flags += ["--jobs=4", "--threads=5", "--retry_failed"]
    overrides = {"overrides": ["--config.a.b=3"], "executor": ["Local", 4, "5"]}
    overrides["retry_failed"] = True
    for status, expected in (("finished", 0), ("failed", 1)):
        code, calls, printed = _run("sweep", *flags, status=status)
        assert code == expected, printed
        arguments = [f"{config}:tiny", "W", "seed=0,1"]
        assert calls == [["sweep", arguments, overrides], ["write", ["W"], {}]]
        assert f"1 {status}" in printed and "Wrote picture.png" in printed
    code, calls, _ = _run("sweep", "--workdir=W", "--plot_only")
    assert code == 0 and calls == [["write", ["W"], {}]]
    code, calls, printed = _run("sweep", "--workdir=W", "--numbers=N")
    assert code == 0 and calls == [["copy", ["W", "N"], {}]]
    assert "N has the numbers of 2 runs" in printed
    code, calls, printed = _run("sweep", "--workdir=W", "--grid=seed=0")
    assert code != 0 and not calls and "Expected --config and --grid" in printed
    code, calls, printed = _run("sweep", *flags, "--gpus=1")
    assert code != 0 and not calls and "Expected --executor=ray with --gpus" in printed
