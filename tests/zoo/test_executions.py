"""The steps of an execution as one XLA program: the same training as step by step."""

import itertools

import keras
import numpy as np
import pytest

import zoo
from zoo import backend, executions
from zoo.backend import BACKEND, to_numpy
from zoo.optimizers import Adam

SHAPE, CLASSES = (4, 4, 1), 3


def _data(count, seed=17):
    rng = np.random.default_rng(seed)
    return (rng.random((count, *SHAPE)) < 0.4).astype("f4"), rng.integers(0, CLASSES, count)


def _model(steps, objective="beta", policy="float32", **options):
    keras.utils.set_random_seed(17)
    encoder = zoo.MLPEncoder(2, [5], dtype=policy)
    model = zoo.VAE(encoder, zoo.MLPDecoder(2, SHAPE, [5], dtype=policy), objective=objective)
    options = {"jit_compile": True, **options}
    model.compile(Adam(1e-2), steps_per_execution=steps, **options)
    return model


def _variables(model):
    return [*model.variables, *model.optimizer.variables]


def _state(model):
    return [to_numpy(variable).copy() for variable in _variables(model)]


def _stream(x, first_step=0, batch_size=4):
    batches = itertools.islice(itertools.cycle(range(0, len(x), batch_size)), first_step, None)
    return ((x[i : i + batch_size],) for i in batches)


@pytest.mark.parametrize(
    ("objective", "policy", "count"),
    [
        ({"name": "classified", "num_classes": CLASSES, "hidden_units": [3]}, "float32", 24),
        pytest.param("beta", "float32", 22, marks=pytest.mark.slow),  # a last, smaller batch
        pytest.param("beta", "mixed_bfloat16", 22, marks=pytest.mark.slow),
    ],
)
def test_the_numbers_are_those_of_single_steps(objective, policy, count):
    x, labels = _data(count)
    y = {"y": labels} if objective != "beta" else {}
    models = [_model(steps, objective, policy) for steps in (1, 4)]
    histories = [
        model.fit(x, **y, batch_size=4, epochs=3, shuffle=False, verbose=0).history
        for model in models
    ]
    assert int(models[1].step) == 18
    tolerance = 1e-5 if policy == "float32" else 2e-2
    for ours, expected in zip(_state(models[1]), _state(models[0]), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=tolerance, atol=tolerance)
    assert histories[0].keys() == histories[1].keys()
    for name, expected in histories[0].items():
        np.testing.assert_allclose(histories[1][name], expected, rtol=tolerance, err_msg=name)


def test_an_execution_is_one_call_and_compiled_once_for_each_shape(monkeypatch):
    counts, traced, loop_program = [], [], backend.loop_program

    def counted(step):
        program, place = loop_program(step), 1 if BACKEND == "jax" else 0
        return lambda *arguments: counts.append(arguments[place]) or program(*arguments)

    monkeypatch.setattr(backend, "loop_program", counted)
    model = _model(4)
    call = model.objective.call
    monkeypatch.setattr(
        model.objective, "call", lambda *a, **kw: traced.append(a[0].shape[0]) or call(*a, **kw)
    )
    model.fit(_data(22)[0], batch_size=4, epochs=2, verbose=0)
    assert counts == 2 * [4, 1, 1]  # the last batch has another shape
    model.fit(_data(10)[0], batch_size=4, epochs=1, verbose=0)
    assert counts[6:] == [2, 1]
    assert traced == [4, 2]


def test_an_epoch_ends_within_an_execution():
    x = _data(40)[0]
    model = _model(3)
    model.optimizer.build(model.trainable_variables)
    start = _state(model)
    model.fit(_stream(x), steps_per_epoch=7, epochs=2, verbose=0)
    assert int(model.step) == 14
    whole = _state(model)
    # The same batches by other executions: every step gives the same numbers, bit for bit.
    for variable, value in zip(_variables(model), start, strict=True):
        variable.assign(value)
    for first_step, steps in ((0, 2), (2, 7), (9, 5)):
        model.fit(_stream(x, first_step), steps_per_epoch=steps, epochs=1, verbose=0)
    for ours, expected in zip(_state(model), whole, strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_a_step_that_breaks_within_an_execution_is_named():
    x = _data(40)[0]
    x[13] = np.nan
    model = _model(8)
    model.fit(x, batch_size=4, shuffle=False, verbose=0)
    first = {name: int(metric.result()) for name, metric in model.first_non_finite.items()}
    assert first["loss"] == first["distortion"] == 3


def _spread():
    """Returns a model whose steps could be spread over devices."""
    if BACKEND == "jax":
        return _model(1)  # what spreads steps there is set for the whole process
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        return _model(4)


def test_where_steps_stay_apart():
    def function(*arguments):
        raise AssertionError

    conv = zoo.VAE(zoo.SmallConvEncoder(2, 4), zoo.MLPDecoder(2, hidden_units=[4]))
    conv.compile("adam", jit_compile=True, steps_per_execution=4)
    apart = [conv] if not backend.accelerator() else []
    apart += [_model(1), _model(4, jit_compile=False), _spread()]
    for model in apart:
        assert executions.train_function(model, function) is function
    assert executions.train_function(_model(4), function) is not function


def test_an_execution_holds_as_many_batches_as_fit(monkeypatch):
    monkeypatch.setattr(executions, "BATCHES_BYTES", 1000)
    model = _model(1)  # images of 64 bytes
    assert [executions.most_steps(model, size) for size in (1, 5, 100)] == [15, 3, 1]
