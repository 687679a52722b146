"""Real SIGKILLs of a training process, between and within its steps and its writes."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
import resumed_run

ROOT = pathlib.Path(__file__).parents[2]
MOMENTS = 60  # about as many as one process of the whole run has


def _killed(folder, moment):
    """Runs a process until the moment; returns whether it was killed there."""
    paths = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    command = [sys.executable, str(ROOT / "tests" / "killed_run.py"), str(folder), str(moment)]
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr[-2000:]
    return done.returncode != 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Returns the folder of a run that nothing killed."""
    folder = tmp_path_factory.mktemp("whole")
    resumed_run.trained(resumed_run.config(folder), folder / "run")
    return folder / "run"


def _check(folder, whole):
    """Finishes the run of `folder` here and compares it with the whole one."""
    resumed_run.trained(resumed_run.config(folder), folder / "run")
    resumed_run.same(resumed_run.saved(folder / "run"), resumed_run.saved(whole))
    assert resumed_run.rows(folder / "run") == resumed_run.rows(whole)
    assert resumed_run.scalars(folder / "run") == resumed_run.scalars(whole)
    kept = sorted(path.name for path in (folder / "run" / "checkpoints").glob("step-*"))
    assert kept == ["step-00000009", "step-00000018"]


def test_a_killed_process_is_resumed_bit_for_bit(tmp_path, whole, rng):
    assert _killed(tmp_path, int(rng.integers(20, 30)))
    assert not (tmp_path / "run" / "checkpoints" / "step-00000018").exists()
    _check(tmp_path, whole)


@pytest.mark.slow
def test_many_kills_of_one_run_are_resumed_bit_for_bit(tmp_path, whole, rng):
    """Counts its kills; more of them: KILLS=100 python -m pytest -m slow -s tests/trainers/..."""
    wanted, start, kills, runs = int(os.environ.get("KILLS", 12)), time.monotonic(), 0, 0
    while kills < wanted:
        folder = tmp_path / f"run{runs}"
        folder.mkdir()
        while kills < wanted and _killed(folder, int(rng.integers(1, MOMENTS))):
            kills += 1
        _check(folder, whole)
        runs += 1
    print(f"{kills} kills of {runs} runs, none different, {time.monotonic() - start:.0f} s")
