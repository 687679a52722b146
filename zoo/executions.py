"""Runs the steps of an execution as one XLA program, for Keras's `steps_per_execution`.

Keras runs the steps of an execution one after another: under TensorFlow as one program a step,
under JAX from a loop in Python. Here the program holds the loop, so that nothing lies between two
steps. The steps are Keras's own `train_step`, its metrics included: the numbers are the same.

A program is compiled once for each shape of a batch, whatever the number of steps. So the compiled
code of the first epoch serves an epoch of any length, its last and smaller batch, and a resumed
execution. A step gives the same numbers in every grouping.
"""

import itertools
import math

import keras

from zoo import backend

BATCHES_BYTES = 2**28  # the most that the batches of an execution may take on the device


class Epoch:
    """Where `fit` is in an epoch, to draw no batch of the next one.

    Args:
        steps: Steps an epoch, or None where the end of the data ends it.
    """

    def __init__(self, steps=None):
        self.steps, self.position = steps, 0

    def draw(self, iterator, count):
        """Returns the next `count` batches, or those that the data or the epoch still has."""
        if self.steps is None:
            return list(itertools.islice(iterator, count))
        batches = list(itertools.islice(iterator, min(count, self.steps - self.position)))
        self.position += count
        if self.position >= self.steps:
            self.position = 0
        return batches


def suits(model, jit_compile):
    """Returns whether the steps of an execution of `model` can be one program and gain by it.

    Args:
        model: A `zoo.VAE`.
        jit_compile: Whether it is compiled with XLA.
    """
    return bool(jit_compile) and backend.on_one_device(model) and backend.loops_well(model)


def most_steps(model, batch_size):
    """Returns how many batches of images fit in one program, at least one."""
    return max(1, BATCHES_BYTES // (4 * batch_size * math.prod(model.image_shape)))


def train_function(model, function):
    """Returns the train function of a compiled model, for `keras.Model.make_train_function`.

    Args:
        model: A compiled `zoo.VAE`.
        function: Keras's own train function, which comes back where it is the better one.
    """
    if model.steps_per_execution == 1 or model.run_eagerly:
        return function
    if not suits(model, model.jit_compile):
        return function
    make = {"jax": _of_jax, "tensorflow": _of_tensorflow}[backend.BACKEND]
    return make(model, function)


def _of_tensorflow(model, function):
    program = backend.loop_program(model.train_step)

    def run(iterator):
        if not backend.is_dataset_iterator(iterator):
            return function(iterator)
        batches = model.epoch.draw(iterator, model.steps_per_execution)
        if not batches:
            raise StopIteration
        for group in _of_one_shape(batches):
            if all(backend.is_tensor(leaf) for leaf in keras.tree.flatten(group)):
                logs = program(len(group), _filled(group, model.steps_per_execution))
            else:
                logs = function(iter(group))
        return logs

    return run


def _of_jax(model, function):
    del function  # the program takes whatever Keras's own does
    program = backend.loop_program(model.train_step)

    def run(state, iterator):
        batches = model.epoch.draw(iterator, model.steps_per_execution)
        if not batches:
            raise StopIteration
        for group in _of_one_shape(batches):
            logs, state = program(state, len(group), _filled(group, model.steps_per_execution))
        return logs, state

    return run


def _of_one_shape(batches):
    """Returns the batches as lists of consecutive ones of the same shapes."""

    def shapes(batch):
        leaves = keras.tree.flatten(batch)
        return [
            (tuple(getattr(leaf, "shape", ())), str(getattr(leaf, "dtype", ""))) for leaf in leaves
        ]

    return [list(group) for _, group in itertools.groupby(batches, shapes)]


def _filled(batches, count):
    """Returns a tuple of `count` batches: the last one stands for those that are not there."""
    return tuple(batches) + (batches[-1],) * (count - len(batches))
