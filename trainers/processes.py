"""Several processes that train one model together: JAX, on one host or on many.

All take the same steps in the same order, each on its part of every batch. The first process
writes; the others write nothing. They meet in `keras.distribution.initialize`, by flags

    --coordinator=HOST:PORT --num_processes=N --process_id=I

or by Keras's environment: KERAS_DISTRIBUTION_JOB_ADDRESSES, KERAS_DISTRIBUTION_NUM_PROCESSES and
KERAS_DISTRIBUTION_PROCESS_ID.
"""

import contextlib
import os
import sys
from collections.abc import Iterator

ENVIRONMENT = "KERAS_DISTRIBUTION_JOB_ADDRESSES"
LOST_SECONDS = 100  # JAX gives a process up for lost after so long without a heartbeat


class ProcessLost(RuntimeError):
    """Another process of the training ended."""


def initialize(
    coordinator: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Joins the other processes, if the arguments or the environment name any.

    Call it before anything is computed.

    Args:
        coordinator: HOST:PORT of process 0, where it listens.
        num_processes: How many processes train together.
        process_id: The number of this process, from 0.

    Raises:
        ValueError: If some of the three are absent, a number is out of range, or Keras's backend
            is not JAX.
    """
    values = {
        "coordinator": coordinator or os.environ.get(ENVIRONMENT),
        "num_processes": _number(num_processes, "KERAS_DISTRIBUTION_NUM_PROCESSES"),
        "process_id": _number(process_id, "KERAS_DISTRIBUTION_PROCESS_ID"),
    }
    if all(value is None for value in values.values()):
        return
    received = ", ".join(f"{name}={value!r}" for name, value in values.items())
    if any(value is None for value in values.values()):
        raise ValueError(
            "Expected --coordinator, --num_processes and --process_id together. "
            f"Received: {received}"
        )
    if not 0 <= values["process_id"] < values["num_processes"]:
        raise ValueError(f"Expected 0 <= process_id < num_processes. Received: {received}")
    import keras

    if keras.backend.backend() != "jax":
        raise ValueError(
            "Several processes train together on JAX: set KERAS_BACKEND=jax. TensorFlow uses the "
            f"devices of one host, by train.devices. Received: {received}, "
            f"KERAS_BACKEND={keras.backend.backend()!r}"
        )
    import jax

    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    keras.utils.set_random_seed(0)  # otherwise Keras agrees on one, which a run sets itself
    keras.distribution.initialize(
        values["coordinator"], values["num_processes"], values["process_id"]
    )


def _number(value, name):
    text = os.environ.get(name)
    return value if value is not None or text is None else int(text)


def count() -> int:
    """Returns how many processes train together; 1 after `leave`."""
    return sys.modules["jax"].process_count() if _client() else 1


def index() -> int:
    """Returns the number of this process, from 0; the same after `leave`."""
    return sys.modules["jax"].process_index() if _client() else _left_as


def is_first() -> bool:
    """Returns whether this process writes files and logs."""
    return index() == 0


_left_as = 0


def _client():
    """Returns JAX's client of the service that processes meet at, or None.

    They may have met here, or in a launcher such as Ray Train.
    """
    if "jax" not in sys.modules:
        return None
    from jax._src import distributed

    return distributed.global_state.client


def check_same(name: str, value: int) -> None:
    """Raises ValueError unless all processes have the same value.

    Args:
        name: What it is, for the message.
        value: An int of this process.
    """
    if count() == 1:
        return
    import numpy as np
    from jax.experimental import multihost_utils

    values = multihost_utils.process_allgather(np.array([value])).reshape(-1)
    if len(set(values.tolist())) > 1:
        raise ValueError(
            f"Expected the same {name} in all processes; all must see one --workdir and one data "
            f"set. Received: {', '.join(map(str, values.tolist()))} in processes 0 to {count() - 1}"
        )


class Agreement:
    """Lets all processes end after the same step, once one of them was asked to.

    A process that is asked announces the step after the present one. No process can finish that
    step before all have begun it, so every process has read the announcement by then.
    """

    KEY = "elbo_zoo/last_step"

    def __init__(self):
        self._store = _client() if count() > 1 else None

    def is_due(self, step: int, is_asked: bool, steps: int = 1) -> bool:
        """Returns whether all processes end after this step.

        Args:
            step: The optimiser steps taken.
            is_asked: Whether this process was asked to end.
            steps: How many steps run in one execution.
        """
        if self._store is None:
            return is_asked
        last = self._last()
        if last is None and is_asked:
            with contextlib.suppress(Exception):  # another process was asked too, and was first
                self._store.key_value_set(self.KEY, str(step + steps))
            last = self._last()
        return last is not None and step >= last

    def _last(self):
        values = dict(self._store.key_value_dir_get(self.KEY.partition("/")[0]))
        return int(values[self.KEY]) if self.KEY in values else None


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Makes what is done inside this process's own: Keras then asks nothing of the others.

    Keras makes variables while it saves, on all devices of a distribution.
    """
    if count() == 1:
        yield
        return
    from keras import distribution

    earlier = distribution.distribution()
    distribution.set_distribution(None)
    try:
        yield
    finally:
        distribution.set_distribution(earlier)


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Turns the error of a step whose other processes are gone into a `ProcessLost`."""
    if count() == 1:
        yield
        return
    from jax.errors import JaxRuntimeError

    try:
        yield
    except JaxRuntimeError as error:
        raise ProcessLost(
            "Expected all processes of this training to go on. Start all of them again with the "
            "same commands: they resume from the last checkpoint. Received, from JAX: "
            f"{str(error).splitlines()[0]}"
        ) from error


def leave() -> None:
    """Waits until all processes have come here, and parts from them.

    What follows, evaluation for example, is the first process's alone.
    """
    global _left_as
    if count() > 1:
        _left_as = index()
        sys.modules["jax"].distributed.shutdown()
