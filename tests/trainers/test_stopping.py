"""SIGTERM and Ctrl-C: noted while work is saved, and a second Ctrl-C ends at once."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from trainers import stopping
from zoo.storage import files

ROOT = pathlib.Path(__file__).parents[2]
NUMBERS = [signal.SIGTERM, signal.SIGINT]


@pytest.fixture(autouse=True)
def default_handlers():
    """Sets Python's handlers: a process in the background may have been told to ignore Ctrl-C."""
    handlers = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    earlier = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    yield handlers
    for number, handler in earlier.items():
        signal.signal(number, handler)


def _wait(request):
    deadline = time.monotonic() + 10
    while request.number is None and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_is_noted_and_handlers_come_back(number, default_handlers, capsys):
    with stopping.deferred() as request:
        assert request.number is None
        os.kill(os.getpid(), number)
        _wait(request)
        assert request.number == number
    assert signal.getsignal(number) is default_handlers[number]
    assert signal.set_wakeup_fd(-1) == -1
    shown = f"{number.name}: saves after this step; Ctrl-C ends at once."
    assert capsys.readouterr().err.strip() == shown


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_is_raised(number):
    with pytest.raises(stopping.Stopped) as stopped, stopping.raised():
        os.kill(os.getpid(), number)
        time.sleep(5)
    assert stopped.value.exit_code == 128 + number
    assert str(stopped.value) == f"Stopped by {number.name}."


def test_ignored_signals_stay_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stopping.raised():
        os.kill(os.getpid(), signal.SIGINT)
    with stopping.deferred() as request:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)
        assert request.number is None


def test_a_resumable_command_says_so():
    for detail, shown in (("", "The same command resumes."), ("Saved.", "Saved.")):
        with (
            pytest.raises(stopping.Stopped, match=f"^Stopped by SIGTERM. {shown}$"),
            stopping.resumable(),
        ):
            raise stopping.Stopped(signal.SIGTERM, detail)


def test_other_threads_change_nothing(default_handlers):
    seen = []

    def work():
        with stopping.deferred() as request, stopping.raised():
            seen.extend([request.number, signal.getsignal(signal.SIGTERM)])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [None, signal.SIG_DFL]


# A step of C code that Python's own handlers cannot interrupt: here it blocks the main thread.
LONG_STEP = """
import hashlib, os, signal, threading, time
from trainers import stopping

def press():
    for _ in range(2):
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
with stopping.deferred():
    threading.Thread(target=press, daemon=True).start()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
"""


def test_a_second_ctrl_c_ends_at_once_also_within_a_step():
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", LONG_STEP]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 130
    lines = done.stderr.split("\n")
    assert [line for line in lines if line] == [
        "SIGINT: saves after this step; Ctrl-C ends at once.",
        "Stopped at once; the same command resumes from the last checkpoint.",
    ]


# Runs a command as a shell in the foreground does, where Ctrl-C is not ignored.
COMMAND = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
CONFIG = """
import pathlib
import small_run

def get_config():
    config = small_run.config(pathlib.Path(__file__).parent, epochs=10**6)
    config.train.checkpoint_every = 10**6
    return config
"""


def _stop_command(arguments, number, is_ready):
    """Starts a command, sends the signal once it is ready; returns exit code and last lines."""
    paths = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    environment = {**os.environ, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", COMMAND, *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        while not is_ready() and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(number)
        return process.wait(60), process.stderr.read()
    finally:
        process.kill()
        process.stderr.close()


def test_training_by_command_saves_and_ends_in_one_line(tmp_path):
    (tmp_path / "config.py").write_text(CONFIG)
    workdir = tmp_path / "run"
    arguments = ["trainers.train", f"--config={tmp_path / 'config.py'}", f"--workdir={workdir}"]
    ready = (workdir / "metrics.csv").is_file
    code, shown = _stop_command(arguments, signal.SIGTERM, ready)
    assert code == 143, shown
    assert "Traceback" not in shown
    (path,) = (workdir / "checkpoints").glob("step-*")
    step = int(path.name.removeprefix("step-").removesuffix("-temporary"))
    last = shown.strip().splitlines()[-1]
    assert last == f"Stopped by SIGTERM. Step {step} is saved; the same command resumes."


# What it keeps is proved in one process by test_reevaluate.py, how it ends by the tests above.
@pytest.mark.slow
def test_evaluation_by_command_keeps_its_metrics_and_ends_in_one_line(run, tmp_path):
    workdir = shutil.copytree(run[0] / "run", tmp_path / "run")
    path = workdir / "evaluation.json"
    arguments = ["trainers.evaluate", f"--workdir={workdir}", "--metrics=rate,nll"]
    arguments.append("--num_samples=1000000000")
    ready = lambda: "unfinished" in files.read_json(path)  # noqa: E731
    code, shown = _stop_command(arguments, signal.SIGINT, ready)
    assert code == 130, shown
    assert "Traceback" not in shown
    assert shown.strip().splitlines()[-1] == "Stopped by SIGINT. The same command resumes."
    assert files.read_json(path)["unfinished"]["measured"] == ["rate"]
