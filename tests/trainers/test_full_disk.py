"""A full disk ends training with one error, and nothing that was saved before is lost."""

import os
import pathlib
import subprocess
import sys

import pytest
import small_run

from trainers import checkpoints, loop

pytestmark = pytest.mark.faults("full disks")

ROOT = pathlib.Path(__file__).parents[2]
# Trains a run; once its second epoch begins, no file may become larger than a few bytes.
TRAIN = """
import pathlib, resource, sys
import small_run
from trainers import callbacks, loop, scripts

folder, limit, full = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

class Full(callbacks.Clock):
    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        if epoch == 1:
            if full:
                fill(pathlib.Path(full))
            else:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

def fill(path):
    with open(path, "wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass

callbacks.Clock = Full
config = small_run.config(folder)
try:
    loop.train_and_evaluate(config, folder / "run", progress=False)
except OSError as error:
    print("error:", error)
    sys.exit(1)
"""


def _train(folder, limit=0, full=""):
    paths = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    environment = {**os.environ, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", TRAIN, str(folder), str(limit), full]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def _check(result, folder):
    """Checks that the error stands alone, and that the run goes on once there is room."""
    assert result.returncode == 1, result.stderr[-2000:]
    assert result.stdout.startswith("error: ")
    assert "Traceback" not in result.stderr and "Exception" not in result.stderr
    workdir = folder / "run"
    assert checkpoints.newest(workdir / "checkpoints").step == 5
    assert "1,5," in (workdir / "metrics.csv").read_text()
    return workdir


# The weights of a checkpoint have about 40 kB, the files that are written before it less than 5.
@pytest.mark.slow
@pytest.mark.parametrize("limit", [20_000, 0])
def test_files_that_cannot_grow_cost_nothing_that_was_saved(tmp_path, limit):
    pytest.importorskip("resource")
    result = _train(tmp_path, limit)
    workdir = _check(result, tmp_path)
    if limit:
        config = small_run.config(tmp_path)
        assert loop.train_and_evaluate(config, workdir, progress=False).step == 15


@pytest.mark.slow
def test_a_full_disk_costs_nothing_that_was_saved(small_disk):
    small_disk = small_disk(2_000_000)
    full = small_disk / "full"
    workdir = _check(_train(small_disk, full=str(full)), small_disk)
    full.unlink()
    config = small_run.config(small_disk)
    assert loop.train_and_evaluate(config, workdir, progress=False).step == 15
