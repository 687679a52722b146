"""Normalised gradients and the schedule, by hand."""

import functools

import keras
import numpy as np
import pytest

import zoo
from zoo.backend import BACKEND, compiled, to_numpy


def test_each_tensor_is_divided_by_its_own_norm(rng):
    shapes = [(3, 3, 2, 4), (7,)]
    gradients = [rng.normal(size=s).astype("float32") * 100 for s in shapes]
    units = [g / np.linalg.norm(g) for g in gradients]
    results = []
    for optimizer, used in (
        (zoo.NormalizedAdam(0.1, epsilon=1.0), gradients),
        (keras.optimizers.Adam(0.1, epsilon=1.0), units),
    ):
        variables = [keras.Variable(np.zeros(s, "float32")) for s in shapes]
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in used], variables)
        results.append([to_numpy(v) for v in variables])
    for ours, expected in zip(*results):
        assert np.abs(expected).max() > 1e-4
        np.testing.assert_allclose(ours, expected, rtol=1e-4)


def test_a_zero_gradient_moves_nothing():
    variable = keras.Variable(np.ones(3, "float32"))
    zoo.NormalizedAdam(0.1).apply([keras.ops.zeros(3)], [variable])
    np.testing.assert_array_equal(to_numpy(variable), np.ones(3))


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 3e-4), (100, 3e-4), (150, 1.5e-4), (200, 0.0), (300, 0.0)]
)
def test_constant_then_linear(step, expected):
    schedule = zoo.ConstantThenLinear(3e-4, 100, 200)
    assert float(schedule(step)) == pytest.approx(expected, abs=1e-10)
    assert zoo.ConstantThenLinear.from_config(schedule.get_config()).get_config() == (
        schedule.get_config()
    )


def test_schedule_needs_room_to_fall():
    with pytest.raises(ValueError, match="constant_steps=10, total_steps=10"):
        zoo.ConstantThenLinear(1e-3, 10, 10)


def _apply(optimizer, variable, gradient):
    optimizer.apply([gradient], [variable])


@pytest.mark.skipif(BACKEND != "tensorflow", reason="under JAX it is Keras's own")
@pytest.mark.parametrize("jit_compile", [False, True])
def test_adam_gives_keras_s_numbers(rng, jit_compile):
    start = rng.normal(size=(3, 4)).astype("float32")
    gradients = rng.normal(size=(20, 3, 4)).astype("float32")
    results = []
    for optimizer_class in (zoo.Adam, keras.optimizers.Adam):
        schedule = zoo.ConstantThenLinear(0.1, 5, 30)
        optimizer = optimizer_class(schedule, beta_1=0.5, clipnorm=2.0)
        variable = keras.Variable(start)
        optimizer.build([variable])
        apply = compiled(functools.partial(_apply, optimizer, variable), [], jit_compile)
        for gradient in gradients:
            apply(keras.ops.convert_to_tensor(gradient))
        results.append(to_numpy(variable))
        assert int(optimizer.iterations) == 20
    assert np.abs(results[1] - start).max() > 0.1
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="under JAX it is Keras's own")
def test_amsgrad_is_keras_s(rng):
    gradients = rng.normal(size=(10, 4)).astype("float32") * np.linspace(3, 0.1, 10)[:, None]
    results = []
    options = {"beta_2": 0.5, "amsgrad": True}
    for optimizer in (zoo.Adam(0.1, **options), keras.optimizers.Adam(0.1, **options)):
        variable = keras.Variable(np.zeros(4, "float32"))
        for gradient in gradients.astype("float32"):
            optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        results.append(to_numpy(variable))
    np.testing.assert_allclose(*results, rtol=1e-5)
    plain, variable = zoo.Adam(0.1, beta_2=0.5), keras.Variable(np.zeros(4, "float32"))
    for gradient in gradients.astype("float32"):
        plain.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    assert np.abs(to_numpy(variable) - results[0]).max() > 1e-2


def test_adam_of_a_configuration_round_trip():
    optimizer = zoo.Adam(0.1, beta_1=0.5, epsilon=1e-3)
    assert zoo.Adam.from_config(optimizer.get_config()).get_config() == optimizer.get_config()
