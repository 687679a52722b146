"""A run that was killed within an epoch goes on as if it had not been, bit for bit."""

import os
import signal
import time

import numpy as np
import pytest
import resumed_run

from trainers import callbacks, checkpoints, loop, runs, stopping
from trainers.config import check_numbers, differences
from zoo.backend import BACKEND


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Returns the folder and the trained model of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    return folder / "run", resumed_run.trained(resumed_run.config(folder), folder / "run")


@pytest.fixture
def default_handlers():
    """Sets Python's handlers: a process in the background may have been told to ignore Ctrl-C."""
    handlers = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    earlier = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    yield handlers
    for number, handler in earlier.items():
        signal.signal(number, handler)


class _Killed(BaseException):
    pass


def _kill_at(monkeypatch, step):
    class Kill(callbacks.Progress):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            if int(self.model.step) >= step:
                raise _Killed

    monkeypatch.setattr(callbacks, "Progress", Kill)


@pytest.mark.parametrize("step", [6, 12])
def test_a_run_killed_within_an_epoch_is_the_same_run(whole, tmp_path, monkeypatch, step):
    config, workdir = resumed_run.config(tmp_path), tmp_path / "run"
    _kill_at(monkeypatch, step)
    with pytest.raises(_Killed):
        resumed_run.trained(config, workdir)
    monkeypatch.undo()
    checkpoint = checkpoints.newest(workdir / "checkpoints")
    assert (checkpoint.step, len(checkpoint.history)) == (step, step // 9)
    assert checkpoint.folder.name == f"step-{step:08d}-temporary"
    assert checkpoint.seconds > 0
    if step < 9:  # what is evaluated and released is of whole epochs
        with pytest.raises(FileNotFoundError, match="train it for an epoch first"):
            runs.load_run(workdir)
    else:
        assert runs.load_run(workdir).step == 9

    resumed_run.same(resumed_run.trained(config, workdir), whole[1])
    assert resumed_run.rows(workdir) == resumed_run.rows(whole[0])
    assert resumed_run.scalars(workdir) == resumed_run.scalars(whole[0])
    kept = sorted(path.name for path in (workdir / "checkpoints").iterdir())
    assert kept == ["step-00000009", "step-00000018"]
    assert checkpoints.newest(workdir / "checkpoints").history[1]["seconds"] > 0


@pytest.mark.slow  # XLA compiles three runs
def test_a_run_of_one_program_an_execution_is_the_same_run(tmp_path, monkeypatch):
    def config(folder):
        folder.mkdir()
        run = resumed_run.config(folder)
        run.train.jit_compile = "on"
        run.train.steps_per_execution = 4  # nine steps: executions of 4, 4 and 1
        return run

    whole = resumed_run.trained(config(tmp_path / "a"), tmp_path / "a" / "run")
    killed = config(tmp_path / "b")
    killed.train.steps_per_execution = 3
    _kill_at(monkeypatch, 12)  # within an execution of the other run
    with pytest.raises(_Killed):
        resumed_run.trained(killed, tmp_path / "b" / "run")
    monkeypatch.undo()
    assert checkpoints.newest(tmp_path / "b" / "run" / "checkpoints").step == 12
    resumed_run.same(resumed_run.trained(killed, tmp_path / "b" / "run"), whole)
    assert resumed_run.rows(tmp_path / "b" / "run") == resumed_run.rows(tmp_path / "a" / "run")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_the_present_step(tmp_path, monkeypatch, number, default_handlers):
    config, workdir = resumed_run.config(tmp_path), tmp_path / "run"
    config.train.checkpoint_minutes = 0.0

    class Signal(callbacks.Clock):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 3:
                os.kill(os.getpid(), number)
                time.sleep(0.1)  # the watching thread's turn

    monkeypatch.setattr(callbacks, "Clock", Signal)
    step = 4 if BACKEND == "jax" else 6  # the end of the execution that begins at step 3
    message = f"Stopped by {number.name}. Step {step} is saved; the same command resumes."
    with pytest.raises(stopping.Stopped, match=message) as stopped:
        resumed_run.trained(config, workdir)
    assert stopped.value.exit_code == 128 + number
    (path,) = (workdir / "checkpoints").iterdir()
    assert path.name == f"step-{step:08d}-temporary"
    assert signal.getsignal(number) is default_handlers[number]


def test_a_signal_within_the_end_of_an_epoch_waits_for_its_checkpoint(
    tmp_path, monkeypatch, default_handlers
):
    config, workdir = resumed_run.config(tmp_path), tmp_path / "run"

    class Signal(callbacks.Validation):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.1)

    monkeypatch.setattr(callbacks, "Validation", Signal)
    with pytest.raises(stopping.Stopped, match="Step 9 is saved"):
        resumed_run.trained(config, workdir)
    assert checkpoints.newest(workdir / "checkpoints").folder.name == "step-00000009"


def test_no_temporary_checkpoint_without_minutes(tmp_path, monkeypatch):
    config, workdir = resumed_run.config(tmp_path), tmp_path / "run"
    config.train.checkpoint_minutes = 0.0
    _kill_at(monkeypatch, 12)
    with pytest.raises(_Killed):
        resumed_run.trained(config, workdir)
    (path,) = (workdir / "checkpoints").iterdir()
    assert path.name == "step-00000009"


def test_a_loss_that_is_not_finite_is_never_saved_within_an_epoch(tmp_path, monkeypatch):
    config, workdir = resumed_run.config(tmp_path), tmp_path / "run"
    stream = loop.data.training_batches

    def poisoned(*arguments):
        batches = stream(*arguments)
        if BACKEND == "jax":
            return (x * np.nan if i == 4 else x for i, x in enumerate(batches))
        return batches.enumerate().map(lambda i, x: x * np.nan if i == 4 else x)

    monkeypatch.setattr(loop.data, "training_batches", poisoned)
    with pytest.raises(callbacks.NonFiniteError, match="at step 4"):
        resumed_run.trained(config, workdir)
    last = 4 if BACKEND == "jax" else 3
    assert checkpoints.newest(workdir / "checkpoints").step == last


@pytest.mark.parametrize("minutes", [-1, float("nan"), float("inf"), True])
def test_minutes_out_of_range_are_refused(tmp_path, minutes):
    config = {**resumed_run.config(tmp_path).to_dict()}
    config["train"]["checkpoint_minutes"] = minutes
    with pytest.raises(ValueError, match=f"checkpoint_minutes` must be a.*minutes={minutes}"):
        check_numbers(config)


def test_other_minutes_are_the_same_run(tmp_path):
    ours, theirs = resumed_run.config(tmp_path), resumed_run.config(tmp_path)
    theirs.train.checkpoint_minutes = 60
    assert differences(ours, theirs) == []
