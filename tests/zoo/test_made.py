"""`zoo.MADE`: what each output sees, the density it makes, saving."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo.backend import BACKEND, to_numpy


def strong(layer, rng):
    """Draws all weights anew, far from the small initial ones, so that no connection is hidden."""
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape) * 0.7)
    return layer


def made(event_size, hidden_units=(9, 7), **kwargs):
    layer = zoo.MADE(event_size, hidden_units, **kwargs)
    layer.build()
    return layer


def sees(layer, rng):
    """Returns [outputs, inputs]: whether an output changed, bit for bit, when an input did.

    With positive weights, where every unit is active and nothing cancels.
    """
    for weight in layer.weights:
        weight.assign(0.1 + rng.random(weight.shape))
    x = rng.random((8, layer.event_size)).astype("float32")
    before, changed = to_numpy(layer(x)), []
    for j in range(layer.event_size):
        other = x.copy()
        other[:, j] += 1.0
        changed.append((to_numpy(layer(other)) != before).any(axis=0))
    return np.stack(changed, axis=1)


@pytest.mark.parametrize("hidden_units", [(9, 7), (40,), (), (3, 20, 11)])
@pytest.mark.parametrize("order", ["left_to_right", "right_to_left"])
def test_an_output_sees_all_inputs_before_it_and_no_other(order, hidden_units, rng):
    size = 4
    layer = made(size, hidden_units, order=order)
    before = np.tril(np.ones((size, size), bool), -1)
    expected = before if order == "left_to_right" else before.T
    np.testing.assert_array_equal(sees(layer, rng), expected)


def test_several_outputs_an_input_see_the_same(rng):
    layer = made(4, (20, 20), outputs_per_input=3)
    assert layer(np.zeros((5, 4), "float32")).shape == (5, 4, 3)
    seen = sees(layer, rng)
    assert seen.shape == (4, 4, 3)
    for k in range(3):  # [output, input, k]
        np.testing.assert_array_equal(seen[:, :, k], np.tril(np.ones((4, 4), bool), -1))


def paths(layer):
    """Returns [outputs, inputs]: the number of paths through the masks."""
    return np.linalg.multi_dot([mask.astype("float64") for mask in layer.masks]).T


@pytest.mark.parametrize("order", ["left_to_right", "right_to_left"])
@pytest.mark.parametrize("hidden_units", [(783,), (784, 783), (1000, 790)])
def test_as_many_units_as_degrees_connect_each_output_with_all_before_it(order, hidden_units):
    layer = zoo.MADE(784, hidden_units, order=order)
    before = np.tril(np.ones((784, 784), bool), -1)
    before = before if order == "left_to_right" else before.T
    np.testing.assert_array_equal(paths(layer) > 0, before)
    assert layer.sees_all


@pytest.mark.parametrize("hidden_units", [(500,), (64, 32), (783, 782)])
def test_a_narrower_layer_hides_near_inputs_and_says_so(hidden_units):
    message = rf"at least 783 units.*event_size=784, hidden_units=\({hidden_units[0]},"
    with pytest.warns(UserWarning, match=message):
        layer = zoo.MADE(784, hidden_units)
    seen, narrowest = paths(layer) > 0, min(hidden_units)
    assert not layer.sees_all and not np.triu(seen).any()  # still autoregressive
    assert np.diagonal(seen, -1).sum() == narrowest  # outputs that see the input just before
    assert seen.any(axis=0).sum() >= 784 - 784 // narrowest - 1  # few inputs are left out


@pytest.mark.parametrize("flow", ["IAFEncoder", "MAFMarginal"])
def test_every_step_of_a_flow_of_64_latents_sees_all(flow):
    arguments = ({"name": "mlp"},) if flow == "IAFEncoder" else ()
    mades = getattr(zoo, flow)(64, *arguments).flow.mades
    assert len(mades) == 4 and all(made.sees_all for made in mades)


def test_bernoulli_made_is_a_distribution_over_all_images(rng):
    layer = strong(made(9, (30,)), rng)
    images = np.array(list(itertools.product([0, 1], repeat=9)), "float32")
    logits = to_numpy(layer(images)).astype("float64")
    log_prob = np.sum(images * logits - np.logaddexp(0, logits), axis=1)
    np.testing.assert_allclose(np.exp(log_prob).sum(), 1.0, rtol=1e-5)


def test_starts_near_zero(rng):
    layer = made(64, (640, 640))
    y = to_numpy(layer(rng.normal(size=(200, 64)).astype("float32")))
    assert 0 < np.std(y) < 0.1


def test_leading_dimensions(rng):
    layer = strong(made(3), rng)
    x = rng.normal(size=(2, 5, 3)).astype("float32")
    np.testing.assert_allclose(to_numpy(layer(x))[1], to_numpy(layer(x[1])), rtol=1e-6)


def test_float32_out_of_a_mixed_policy():
    layer = zoo.MADE(3, [8], dtype="mixed_bfloat16")
    layer.build()
    assert keras.backend.standardize_dtype(layer(np.zeros((2, 3), "float32")).dtype) == "float32"
    assert layer.compute_dtype == "bfloat16"


def test_save_and_load_in_a_keras_model(tmp_path, rng):
    model = keras.Sequential([keras.Input((5,)), zoo.MADE(5, [8], order="right_to_left")])
    strong(model.layers[0], rng)
    model.save(tmp_path / "made.keras")
    again = keras.saving.load_model(tmp_path / "made.keras")
    for weight, expected in zip(again.weights, model.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(weight), to_numpy(expected))
    x = rng.normal(size=(4, 5)).astype("float32")
    np.testing.assert_array_equal(to_numpy(again(x)), to_numpy(model(x)))


def test_density_estimator_trains(rng):
    """Two binary pixels that always agree: the second comes to be read off the first."""
    keras.utils.set_random_seed(17)
    layer = zoo.MADE(2, [16])
    model = keras.Sequential([keras.Input((2,)), layer])
    model.compile(
        keras.optimizers.Adam(0.05),
        loss=lambda x, logits: ops.sum(ops.softplus(logits) - x * logits, axis=-1),
        jit_compile=BACKEND == "jax",
    )
    x = np.repeat(rng.integers(0, 2, (64, 1)), 2, axis=1).astype("float32")
    history = model.fit(x, x, batch_size=64, epochs=60, verbose=0).history["loss"]
    assert history[0] > 1.3 and history[-1] < np.log(2) + 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"event_size": 0}, "`event_size` must be a positive int. Received: event_size=0"),
        ({"event_size": 3, "hidden_units": [4, -1]}, r"Received: hidden_units\[1\]=-1"),
        ({"event_size": 3, "order": "random"}, "`order` must be one of .*Received: order='random'"),
        ({"event_size": 3, "outputs_per_input": 1.5}, "Received: outputs_per_input=1.5"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        zoo.MADE(**arguments)
