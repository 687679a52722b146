"""A user's global settings of Keras change no number of the zoo, or are named."""

import keras
import numpy as np
import pytest
import test_conformance as conformance

import zoo
from zoo.backend import BACKEND, to_numpy


def _channels_first():
    keras.config.set_image_data_format("channels_first")


def _large_epsilon():
    keras.config.set_epsilon(0.5)


def _eager_functions():
    if BACKEND == "tensorflow":
        import tensorflow as tf

        tf.config.run_functions_eagerly(True)


@pytest.fixture
def restored():
    earlier = keras.config.image_data_format(), keras.config.epsilon(), keras.config.floatx()
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_image_data_format(earlier[0])
    keras.config.set_epsilon(earlier[1])
    keras.config.set_floatx(earlier[2])
    keras.config.set_dtype_policy(policy)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        tf.config.run_functions_eagerly(False)


def _numbers(composition):
    """Returns what a model gives after a step."""
    keras.utils.set_random_seed(17)
    model = conformance._compose(*composition)
    model.compile(keras.optimizers.SGD(0.01), **conformance.QUICK)
    x, labels = conformance._images(4), np.arange(4) % 3
    model.train_on_batch(x, labels)
    model.adapt(x)
    # A sampler of pixels has the layers of the step, and is slow in functions that run eagerly.
    images = [] if model.decoder.is_autoregressive else [model.sample(3)]
    return [*model.encode(x).values(), *images, *map(to_numpy, model.weights)]


# Every part of every room at least once.
@pytest.mark.parametrize("composition", conformance._covering(1), ids="-".join)
def test_no_part_depends_on_a_global_setting(restored, composition):
    expected = _numbers(composition)
    for change in (_channels_first, _large_epsilon, _eager_functions):
        change()
    for received, usual in zip(_numbers(composition), expected, strict=True):
        np.testing.assert_allclose(received, usual, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["float64", "float16", "bfloat16"])
def test_another_floatx_is_named(restored, kind):
    model = conformance._compose()
    keras.config.set_floatx(kind)
    x = conformance._images(2)
    for use in (conformance._compose, lambda: model.encode(x), lambda: model.predict(x, verbose=0)):
        with pytest.raises(ValueError, match=f"floatx.. 'float32'.*Received: floatx='{kind}'"):
            use()


def test_a_released_model_is_the_same_under_every_setting(restored):
    x = np.random.default_rng(17).integers(0, 2, (3, 28, 28, 1)).astype("float32")
    name = "vimae-mnist-z8-vae"
    usual = zoo.load(name).reconstruct(x)
    _channels_first()
    keras.config.set_dtype_policy("mixed_float16")
    model = zoo.load(name)
    assert model.encoder.compute_dtype == "float32"
    np.testing.assert_allclose(model.reconstruct(x), usual, rtol=1e-5, atol=1e-6)
    assert keras.config.dtype_policy().name == "mixed_float16"


def test_the_classifier_of_evaluation_reads_channels_last(restored):
    from zoo.evaluation.classifier import ImageClassifier

    x = np.random.default_rng(17).random((2, 8, 6, 1)).astype("float32")
    usual = to_numpy(ImageClassifier((8, 6, 1), [0, 1])(x))
    _channels_first()
    np.testing.assert_allclose(to_numpy(ImageClassifier((8, 6, 1), [0, 1])(x)), usual, rtol=1e-5)
