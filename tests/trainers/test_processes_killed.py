"""Two processes train one run on JAX; one is killed, the other says so, and the run goes on."""

import csv
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import small_run

from benchmarks.devices import free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's"),
]
EPOCHS = 12
OVERRIDES = [
    *("--config.train.batch_size=8", "--config.data.limit=0", f"--config.train.epochs={EPOCHS}"),
    *("--config.train.pictures_every=5", "--config.evaluation.nll_examples=5"),
    *("--config.train.checkpoint_minutes=0.001", "--config.evaluation.num_samples=2"),
]


def _start(folder, workdir, count, port, seconds=0.0):
    """Starts the processes of a run; each takes `seconds` longer for a step."""
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
    slower = (
        "import sys, time; from trainers import callbacks\n"
        "class Slow(callbacks.Progress):\n"
        "    def on_train_batch_begin(self, batch, logs=None):\n"
        f"        time.sleep({seconds})\n"
        "callbacks.Progress = Slow\n"
        "sys.argv[0] = 'trainers/train.py'\n"
        "from trainers import scripts, train\n"
        "scripts.run(train.main, required=('config', 'workdir'))\n"
    )
    config = [
        "--config=configs/quickstart.py:tiny",
        f"--config.data.name={small_run.images(folder)}",
    ]
    started = []
    for number in range(count):
        place = [f"--coordinator=localhost:{port}", f"--num_processes={count}"]
        place = [*place, f"--process_id={number}"] if count > 1 else []
        command = [
            sys.executable,
            "-c",
            slower,
            *config,
            *OVERRIDES,
            f"--workdir={workdir}",
            *place,
        ]
        started.append(
            subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=environment,
            )
        )
    return started


def _end(started, timeout=240):
    outputs = [process.communicate(timeout=timeout)[0] for process in started]
    return [process.returncode for process in started], outputs


def _rows(workdir):
    with open(workdir / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = {key: [float(row[key]) for row in rows if row[key]] for key in rows[0]}
    return {key: np.array(column) for key, column in numbers.items() if key != "seconds"}


def _wait_for_step(workdir, step, started):
    """Waits until a checkpoint of `step` or later is there."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        folders = list((workdir / "checkpoints").glob("step-*"))
        if any(int(folder.name.split("-")[1]) >= step for folder in folders):
            return
        assert all(process.poll() is None for process in started), started[0].communicate()
        time.sleep(0.05)
    raise AssertionError("no checkpoint in four minutes")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Returns the rows of the run of one process."""
    folder = tmp_path_factory.mktemp("alone")
    codes, outputs = _end(_start(folder, folder / "run", 1, None))
    assert codes == [0], outputs
    return _rows(folder / "run")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_of_two_processes_goes_on_after_one_was_ended(tmp_path, alone, number):
    workdir = tmp_path / "run"
    started = _start(tmp_path, workdir, 2, free_port(), seconds=0.1)
    _wait_for_step(workdir, 15, started)
    started[1].send_signal(number)
    begun = time.monotonic()
    codes, outputs = _end(started, timeout=130)
    assert time.monotonic() - begun < 120
    if number == signal.SIGKILL:
        assert codes == [1, -signal.SIGKILL], outputs
        assert "error: ProcessLost: Expected all processes of this training to go on" in outputs[0]
    else:
        assert codes == [143, 143], outputs
        assert all("is saved; the same command resumes" in output for output in outputs)
    assert not (workdir / "evaluation.json").exists()

    codes, outputs = _end(_start(tmp_path, workdir, 2, free_port()))
    assert codes == [0, 0], outputs
    assert "Resuming at step" in outputs[0]
    rows = _rows(workdir)
    assert rows.keys() == alone.keys() and len(rows["epoch"]) == EPOCHS
    for key, values in alone.items():
        np.testing.assert_allclose(rows[key], values, rtol=2e-3, atol=1e-4, err_msg=key)
    assert (workdir / "report.html").is_file()
    assert len(list((workdir / "tensorboard").iterdir())) == 2  # one of each start, of process 0
