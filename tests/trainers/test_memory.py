"""A batch that does not fit into memory: the message names the flag."""

import numpy as np
import pytest
import small_run

from trainers import errors, loop, memory


def test_a_step_that_does_not_fit_names_the_flag(tmp_path, monkeypatch):
    def step(*arguments, **options):
        return np.ones((2**40, 2**17))  # 2^60 bytes

    monkeypatch.setattr(loop.zoo.VAE, "fit", step)
    with pytest.raises(MemoryError) as caught:
        loop.train_and_evaluate(small_run.config(tmp_path), tmp_path / "run", progress=False)
    line = errors.explain(caught.value)
    assert line.startswith("Expected a training step that fits into memory")
    assert "--config.train.batch_size" in line and line.endswith("train.batch_size=8")


def test_errors_of_both_frameworks_are_known():
    tf = pytest.importorskip("tensorflow")
    text = "OOM when allocating tensor with shape[64,64]"
    assert memory.is_exhausted(tf.errors.ResourceExhaustedError(None, None, text))
    # Of jaxlib.XlaRuntimeError, which is a RuntimeError.
    assert memory.is_exhausted(RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 bytes"))
    with pytest.raises(ValueError, match="other"), memory.explained(4):
        raise ValueError("other")
