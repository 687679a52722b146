"""A run on two devices is that of one, and resumes with another number of them.

The process of these tests has two CPU devices: `tests/test_two_devices.py` starts it.
"""

import os

import numpy as np
import pytest
import resumed_run

from benchmarks import devices as cases
from trainers import callbacks, loop
from zoo import backend

pytestmark = pytest.mark.slow
# Before either framework computes anything.
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
if backend.BACKEND == "tensorflow":
    cases.two_logical_devices()


class _Killed(BaseException):
    pass


def test_a_run_resumes_with_another_number_of_devices(tmp_path, monkeypatch):
    config = resumed_run.config(tmp_path)
    whole = resumed_run.trained(config, tmp_path / "whole")

    class Kill(callbacks.Progress):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            if int(backend.to_numpy(self.model.step)) >= 6:
                raise _Killed

    workdir = tmp_path / "run"
    monkeypatch.setattr(callbacks, "Progress", Kill)
    config.train.devices = "2"
    with pytest.raises(_Killed):
        resumed_run.trained(config, workdir)
    monkeypatch.undo()
    config.train.devices = "1"
    resumed = resumed_run.trained(config, workdir)
    for (_, ours), (_, theirs) in zip(sorted(resumed.items()), sorted(whole.items())):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
    for ours, theirs in zip(resumed_run.rows(workdir), resumed_run.rows(tmp_path / "whole")):
        for key, text in theirs.items():
            if text == "":  # an epoch without validation
                assert ours[key] == "", key
            else:
                np.testing.assert_allclose(float(ours[key]), float(text), rtol=1e-4, err_msg=key)


def test_a_run_of_all_devices_is_evaluated_and_reported(tmp_path):
    config = resumed_run.config(tmp_path)
    config.train.devices = "all"
    config.train.pictures_every = 1
    run = loop.train_and_evaluate(config, tmp_path / "run", progress=False)
    assert (tmp_path / "run" / "report.html").is_file()
    assert set(run.evaluation["metrics"]) == {"rate"}
    config.train.devices = "1"
    one = loop.train_and_evaluate(config, tmp_path / "one", progress=False)
    rates = [r.evaluation["metrics"]["rate"]["value"] for r in (run, one)]
    np.testing.assert_allclose(*rates, rtol=1e-3)


@pytest.mark.skipif(backend.BACKEND != "tensorflow", reason="JAX compiles with XLA always")
def test_xla_is_not_for_several_devices_of_tensorflow(tmp_path):
    config = resumed_run.config(tmp_path)
    config.train.devices, config.train.jit_compile = "2", "on"
    with pytest.raises(ValueError, match="'on' with 2 devices"):
        loop.train(config, tmp_path / "run", loop.data.load_splits(config.data), progress=False)
