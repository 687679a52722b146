"""Executors: the contract that sweeps rely on, and forked runs as processes of their own."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from trainers import executors
from trainers.executors import Ended, Executor, forking, local, processes
from trainers.sweeps import ledger, running
from trainers.sweeps.grid import RunSpec

ROOT = pathlib.Path(__file__).parents[2]
linux = pytest.mark.skipif(not forking.SUPPORTED, reason="Runs are forked on Linux alone.")


class Fake(Executor):
    """Computes nothing: each job ends in the order of `codes`, and notes what was asked of it."""

    def __init__(self, codes, slots=2):
        self.codes, self.slots = dict(codes), slots
        self.started, self.running, self.most = [], [], 0
        self.is_stopped = self.is_closed = False

    def start(self, job):
        assert job.command[:2] == ("-m", "trainers.train")
        self.started.append(job.name)
        if self.codes[job.name] == "left out":
            return False
        self.running.append(job)
        self.most = max(self.most, len(self.running))
        return True

    def wait(self, seconds):
        job = self.running.pop(0)
        code, error = self.codes[job.name]
        return [Ended(job, code, error)]

    def cancel(self, name):
        raise AssertionError("nothing is cancelled")

    def stop(self, seconds):
        self.is_stopped, self.running = True, []

    def close(self):
        self.is_closed = True


def _specs(count):
    return [
        RunSpec(f"seed={i}", {"seed": str(i)}, ("--config=configs/quickstart.py",))
        for i in range(count)
    ]


def test_a_sweep_asks_of_an_executor_what_the_interface_says(tmp_path):
    codes = {
        "seed=0": (0, ""),
        "seed=1": (1, "the node ended three times"),
        "seed=2": "left out",
        "seed=3": (143, ""),
        "seed=4": (None, ""),
        "seed=5": (0, ""),
    }
    lines, fake = [], Fake(codes)
    found = running.train(_specs(6), tmp_path, say=lines.append, executor=fake)
    assert fake.started == list(codes) and fake.most == 2
    assert fake.is_stopped and not fake.is_closed, "its owner closes it"
    status = {row["run"]: row["status"] for row in ledger.read(tmp_path)}
    assert (status["seed=1"], status["seed=3"]) == ("failed", "stopped")
    assert found[1].error == "the node ended three times"
    left_out = [line for line in lines if "left out, another sweep" in line]
    assert [line[:6] for line in left_out] == ["seed=2", "seed=4"]
    again = Fake(codes)
    running.train(_specs(6), tmp_path, say=lines.append, executor=again)
    assert "seed=1" not in again.started, "a failed run waits for --retry_failed"


def test_an_executor_is_found_by_name_and_checks_its_options():
    with pytest.raises(ValueError, match="executor.*'rey'"):
        executors.make("rey")
    with pytest.raises(ValueError, match="jobs >= 1 and threads >= 0. Received: jobs=0"):
        executors.make("local", jobs=0)


WORK = """
import os, pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
kind = sys.argv[2]
(folder / f"{kind}-{os.getpid()}").touch()
print(kind, os.environ.get("EXTRA"), flush=True)
if kind == "raise":
    raise ValueError("Expected another number.")
if kind == "crash":
    os.kill(os.getpid(), 9)
if kind == "exit":
    sys.exit(5)
if kind == "once" and len(list(folder.glob("once-*"))) == 1:
    os.kill(os.getppid(), 9)
if kind in ("once", "sleep"):
    time.sleep(0.3 if kind == "once" else 60)
"""


@pytest.fixture
def forker(tmp_path, monkeypatch):
    """A `Forker` of a module that stands for a training, without TensorFlow."""
    (tmp_path / "stand_in.py").write_text(WORK)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    made = forking.Forker(processes.environment(), imports=())
    yield made
    made.close()


def _start(forker, folder, kind, changes=None):
    with open(folder / f"{kind}.log", "ab") as log:
        return forker.start(("-m", "stand_in", str(folder), kind), log, changes)


def _wait(started):
    deadline = time.monotonic() + 20
    while any(process.poll() is None for process in started):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return [process.returncode for process in started]


@linux
def test_a_forked_run_ends_as_a_process_of_its_own_and_takes_none_with_it(forker, tmp_path):
    kinds = ("well", "raise", "crash", "exit")
    assert _wait([_start(forker, tmp_path, kind, {"EXTRA": "7"}) for kind in kinds]) == [
        0,
        1,
        -9,
        5,
    ]
    assert (tmp_path / "well.log").read_text() == "well 7\n"
    error = (tmp_path / "raise.log").read_text().splitlines()[-1]
    assert error == "ValueError: Expected another number."
    assert forker.process.poll() is None and not forker.waiting


@linux
def test_runs_begin_again_when_the_process_that_forks_them_is_killed(forker, tmp_path):
    first = _start(forker, tmp_path, "once")
    assert _wait([first]) == [0]
    assert first.tries == 2 and len(list(tmp_path.glob("once-*"))) == 2


@linux
def test_a_run_is_asked_to_end_before_and_after_its_fork(forker, tmp_path):
    early = _start(forker, tmp_path, "sleep")
    early.send(signal.SIGTERM)
    assert early.poll() == 143
    late = _start(forker, tmp_path, "sleep")
    while late.pid is None:
        late.poll()
    late.send(signal.SIGTERM)
    assert _wait([late]) == [-15]
    for path in tmp_path.glob("sleep-*"):
        with pytest.raises(ProcessLookupError):
            while True:  # the abandoned one is killed as soon as its number is known
                os.kill(int(path.name.partition("-")[2]), 0)


@linux
def test_without_a_process_that_forks_each_run_is_a_new_one(tmp_path, forker):
    forker.imports = ("no_such_module",)
    started = _start(forker, tmp_path, "well")
    assert _wait([started]) == [0] and started.process is not None
    assert (tmp_path / "well.log").read_text() == "well None\n"


@linux
@pytest.mark.slow  # Imports TensorFlow, or JAX, three times.
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_a_forked_training_is_bit_for_bit_that_of_a_new_process(backend, tmp_path):
    arguments = ("--config=configs/quickstart.py:tiny", "--config.train.epochs=3")
    specs = [RunSpec(f"seed={i}", {"seed": i}, (*arguments, f"--config.seed={i}")) for i in (1, 2)]
    environment = {**os.environ, "KERAS_BACKEND": backend}
    rows = {}
    for reuse in (False, True):
        folder = tmp_path / str(reuse)
        with local.Local(2, environment=environment, reuse=reuse) as executor:
            found = running.train(specs, folder, executor=executor)
            assert [record.status for record in found] == ["finished"] * 2, found
            assert reuse == bool(executor.forker and executor.forker.is_ready)
        rows[reuse] = [(row["run"], row["nll"], row["elbo"]) for row in ledger.read(folder)]
    assert rows[True] == rows[False]
    for spec in specs:
        name = f"{spec.name}/checkpoints/step-00000009/state.weights.h5"
        ours, theirs = (_arrays(tmp_path / reuse / name) for reuse in ("True", "False"))
        assert ours.keys() == theirs.keys() and len(ours) > 8
        for key in ours:
            np.testing.assert_array_equal(ours[key], theirs[key], err_msg=key)


def _arrays(path):
    import h5py

    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, node: found.update({name: node[()]}) if hasattr(node, "shape") else None
        )
    return found


PARENT = """
import os, subprocess, sys
child = [sys.executable, "-m", "trainers.executors.tethered", str(os.getpid()), "-c", sys.argv[1]]
subprocess.Popen(child, start_new_session=True)
sys.stdin.read()
"""
CHILD = """
import os, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(pathlib.Path("asked").touch()))
pathlib.Path("begun").touch()
time.sleep(60)
"""


@linux
def test_a_job_on_a_node_is_asked_to_end_when_what_waits_for_it_is_killed(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PARENT, CHILD]
    parent = subprocess.Popen(command, cwd=tmp_path, env=environment, stdin=subprocess.PIPE)
    _until((tmp_path / "begun").exists)
    parent.kill()
    parent.wait()
    _until((tmp_path / "asked").exists)


def _until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
