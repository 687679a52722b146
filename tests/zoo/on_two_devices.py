"""Two devices take the steps of one: terms, gradients, weights and noise, for every objective.

The process of these tests has two CPU devices: `tests/test_two_devices.py` starts it.
"""

import os

import keras
import numpy as np
import pytest

import zoo
from benchmarks import devices as cases
from trainers import devices
from zoo import backend, optimizers
from zoo.term import Term

# Before either framework computes anything.
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
if backend.BACKEND == "tensorflow":
    cases.two_logical_devices()

zoo.load_parts()
on_tensorflow = pytest.mark.skipif(
    backend.BACKEND != "tensorflow", reason="replicas are TensorFlow's; JAX computes on the whole"
)


def _step(count, images):
    """Returns the terms and weights of a step that is not compiled, on a number of devices."""
    with devices.scope(count):
        model = cases.build("infovae")
        model.compile("sgd", run_eagerly=True)
    logs = model.fit(images, batch_size=len(images), shuffle=False, verbose=0).history
    return logs, model.get_weights()


@on_tensorflow
def test_a_step_of_two_replicas_is_that_of_one(rng):
    images = rng.random((5, *cases.SHAPE), "float32")  # parts of 3 and 2
    (terms_one, weights_one), (terms_two, weights_two) = (_step(n, images) for n in (1, 2))
    for key, value in terms_one.items():
        np.testing.assert_allclose(terms_two[key], value, rtol=1e-4, err_msg=key)
    for ours, theirs in zip(weights_two, weights_one, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", cases.cases())
def test_two_devices_train_as_one(name):
    results = cases.compared({name: cases.train(name, 1)}, {name: cases.train(name, 2)})[name]
    assert {"loss", "gradient", "weights"} <= set(results)
    assert max(results.values()) < 2e-4, results


class Own(zoo.Objective):
    """A custom objective: draws, a statistic of the batch, an image of its own, two prior draws."""

    def declared_terms(self, decoder):
        return {
            "spread": Term("", "Largest mean code of the batch.", per="batch"),
            "error": Term("", "Squared error.", weight=1.0),
        }

    def call(self, x, encoder=None, decoder=None, marginal=None, training=False, step=None):
        z = encoder.distribution(x, training=training).sample(
            seed=backend.next_seed(self.seed_generator)
        )
        error = keras.ops.sum(keras.ops.square(decoder.mean(decoder(z)) - x), axis=(1, 2, 3))
        few = decoder(z[:3])["logits"]  # another number of rows than the batch has
        several = decoder.distribution(keras.ops.stack([z, -z])).log_prob(x)
        spread = keras.ops.max(keras.ops.abs(keras.ops.mean(z, axis=0)))
        loss = keras.ops.mean(error) + spread + keras.ops.mean(few) - keras.ops.mean(several)
        return {"loss": loss, "spread": spread, "error": error}


def _fitted(count, images, batch_size=7):
    """Returns terms and weights of a plain `fit` in a scope of a strategy, as a user writes it."""
    keras.utils.set_random_seed(17)
    with devices.scope(count):
        model = zoo.VAE(
            zoo.MLPEncoder(2, hidden_units=[5]),
            zoo.MLPDecoder(2, hidden_units=[5], image_shape=cases.SHAPE),
            objective=Own(),
        )
        model.encoder.hidden[0].kernel.regularizer = keras.regularizers.L2(0.1)
        # Large epsilon: a step is a smooth function of the gradient.
        model.compile(optimizers.Adam(0.01, epsilon=1.0), jit_compile=False)
    history = model.fit(images, batch_size=batch_size, epochs=2, shuffle=False, verbose=0)
    evaluated = model.evaluate(images, batch_size=batch_size, verbose=0, return_dict=True)
    return history.history, evaluated, model.get_weights()


@pytest.mark.slow
@on_tensorflow
def test_a_custom_objective_sees_the_whole_batch_in_a_plain_fit(rng):
    images = rng.random((15, *cases.SHAPE), "float32")  # batches of 7, 7 and 1: a replica has none
    (one, evaluated_one, weights_one), (two, evaluated_two, weights_two) = (
        _fitted(count, images) for count in (1, 2)
    )
    for key, values in one.items():
        np.testing.assert_allclose(two[key], values, rtol=1e-4, err_msg=key)
        np.testing.assert_allclose(evaluated_two[key], evaluated_one[key], rtol=1e-4)
    for ours, theirs in zip(weights_two, weights_one):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@on_tensorflow
def test_a_custom_step_under_replicas_is_an_error():
    import tensorflow as tf

    class Custom(zoo.VAE):
        def test_step(self, data):
            terms = self({"images": data})
            return {"loss": self.compute_loss(x=data, y_pred=terms, training=False)}

    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        model = Custom(zoo.MLPEncoder(2, [3]), zoo.MLPDecoder(2, cases.SHAPE, hidden_units=[3]))
        model.compile("sgd", run_eagerly=True)
    with pytest.raises(ValueError, match="Received: a custom train_step or test_step under 2"):
        model.evaluate(np.zeros((4, *cases.SHAPE), "float32"), verbose=0)


@pytest.mark.slow
@on_tensorflow
def test_losses_of_outputs_under_replicas_are_an_error():
    with devices.scope(2):
        model = cases.build("beta")
        model.encoder.hidden[0].activity_regularizer = keras.regularizers.L2(0.1)
        model.compile("sgd", run_eagerly=True)
    with pytest.raises(ValueError, match="Received: . such losses"):
        model.evaluate(np.zeros((4, *cases.SHAPE), "float32"), verbose=0)


def test_as_many_devices_as_there_are():
    expected = "among 'all' and 1 to 2.*Received: train.devices='3'"
    with pytest.raises(ValueError, match=expected), devices.scope("3"):
        pass
    with devices.scope("all") as spread:
        assert spread.count == 2
