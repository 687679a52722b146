"""Two processes never work in one run's folder; a killed one leaves it free."""

import os
import pathlib
import subprocess
import sys

import pytest
import small_run

from trainers import loop, reevaluate, run_lock
from zoo.storage.locks import SUPPORTED

pytestmark = pytest.mark.skipif(not SUPPORTED, reason="the system has no locks of files")
ROOT = pathlib.Path(__file__).parents[2]
HOLD = """
import sys, time
from trainers import run_lock
with run_lock.hold(sys.argv[1], make=True):
    print("holds", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other():
    """Returns a function that starts another process which holds a folder."""
    processes = []

    def start(folder):
        command = [sys.executable, "-c", HOLD, str(folder)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        processes.append(process)
        assert process.stdout.readline() == b"holds\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_second_process_is_refused_until_the_first_is_killed(other, tmp_path):
    folder = tmp_path / "run"
    process = other(folder)
    message = f"use another --workdir. Received: '{folder}'"
    with pytest.raises(run_lock.FolderInUse, match=message), run_lock.hold(folder):
        pass
    process.kill()
    process.wait()
    with run_lock.hold(folder), run_lock.hold(tmp_path / "." / "run"):  # and by itself again
        assert os.listdir(folder) == []  # it leaves no file
    with run_lock.hold(folder):
        pass


def test_training_evaluation_and_publishing_are_refused(other, run):
    from export import publish

    folder, config, _ = run
    process = other(folder / "run")
    for work in (
        lambda: loop.train_and_evaluate(config, folder / "run", progress=False),
        lambda: reevaluate.reevaluate(folder / "run", progress=False),
        lambda: publish.publish(folder / "run", "small"),
    ):
        with pytest.raises(run_lock.FolderInUse):
            work()
    process.kill()
    process.wait()
    loop.train_and_evaluate(config, folder / "run", progress=False)


def test_a_new_folder_goes_again_if_it_stays_empty(tmp_path):
    with run_lock.hold(tmp_path / "absent"):
        assert not (tmp_path / "absent").exists()
    with run_lock.hold(tmp_path / "new", make=True):
        assert (tmp_path / "new").is_dir()
    assert not (tmp_path / "new").exists()
    with run_lock.hold(tmp_path / "new", make=True):
        (tmp_path / "new" / "file").touch()
    assert (tmp_path / "new").exists()


def test_a_config_that_is_refused_leaves_no_folder(tmp_path):
    config = small_run.config(tmp_path, train__dtype_policy="float32")
    config.data.name = f"npz:{tmp_path / 'absent.npz'}"
    with pytest.raises(FileNotFoundError):
        loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
