"""Images that do not fit a model, in every way that Keras is given data; and what is refused."""

import keras
import numpy as np
import pytest

import zoo
from zoo import inputs
from zoo.backend import BACKEND, to_numpy

SHAPE = (6, 5, 1)
tf = pytest.importorskip("tensorflow")


def _model(likelihood="bernoulli"):
    decoder = zoo.MLPDecoder(3, SHAPE, [8], likelihood=likelihood)
    model = zoo.VAE(zoo.MLPEncoder(3, [8]), decoder)
    model.compile("adam", run_eagerly=BACKEND == "tensorflow", jit_compile=BACKEND == "jax")
    return model


class Batches(keras.utils.PyDataset):
    """One batch, again and again."""

    def __init__(self, x, **kwargs):
        super().__init__(**kwargs)
        self.x = x

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return (self.x,)


def _without_shape(x):
    return tf.data.Dataset.from_generator(lambda: iter([x, x]), output_types=x.dtype.name)


FEEDS = {
    "array": lambda x: x,
    "tensor": keras.ops.convert_to_tensor,
    "list": list,
    "generator": lambda x: ((x,) for _ in range(2)),
    "dataset": lambda x: tf.data.Dataset.from_tensors(x),
    "dataset of pairs": lambda x: tf.data.Dataset.from_tensors((x, np.zeros(len(x)))),
    "dataset without a shape": _without_shape,
    "PyDataset": Batches,
}
GOOD = np.zeros((4, *SHAPE), "float32")
BAD = {
    "one image": (GOOD[0], r"Expected images of shape \(batch, 6, 5, 1\). Received: shape="),
    "channels": (np.zeros((4, 6, 5, 3), "f4"), r"shape \(batch, 6, 5, 1\). Received: shape="),
    "bytes": (np.zeros((4, *SHAPE), "uint8"), "divide uint8 images by 255. Received: dtype=uint8"),
    "levels": (GOOD + 255, r"Expected pixels in \[0, 1\]; divide .*: values from 255 to 255"),
    "signed": (2 * np.eye(6, 5, dtype="f4")[None, ..., None] - 1, "Received: values from -1 to 1"),
}


@pytest.fixture(scope="module")
def fitted():
    """A model whose functions Keras has traced, which then accept any rank."""
    model = _model()
    model.fit(GOOD, verbose=0)
    model.predict(GOOD, verbose=0)
    model.evaluate(GOOD, verbose=0)
    return model


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("kind", BAD)
def test_what_is_not_the_model_s_is_named_before_a_step(fitted, kind, feed):
    images, message = BAD[kind]
    weights = [to_numpy(weight) for weight in fitted.weights]
    for use in (fitted.predict, fitted.evaluate, fitted.fit):
        with pytest.raises(ValueError, match=message):
            use(FEEDS[feed](images), verbose=0)
    for weight, before in zip(fitted.weights, weights, strict=True):
        np.testing.assert_array_equal(to_numpy(weight), before)


@pytest.mark.parametrize("feed", FEEDS)
def test_what_is_the_model_s_is_taken(fitted, feed):
    assert fitted.predict(FEEDS[feed](GOOD), verbose=0).shape[1:] == SHAPE
    fitted.fit(FEEDS[feed](GOOD), verbose=0)
    assert np.isfinite(fitted.evaluate(FEEDS[feed](GOOD), verbose=0, return_dict=True)["loss"])


@pytest.mark.parametrize("kind", BAD)
def test_methods_of_arrays_name_it_too(fitted, kind):
    images, message = BAD[kind]
    for use in ("encode", "reconstruct", "predict_codes", "log_prob", "elbo"):
        with pytest.raises(ValueError, match=message):
            getattr(fitted, use)(images)
    for use in ("train_on_batch", "test_on_batch", "predict_on_batch"):
        with pytest.raises(ValueError, match=message):
            getattr(fitted, use)(images)
    with pytest.raises(ValueError, match=message):
        fitted.fit(GOOD, validation_data=(images, None), verbose=0)
    with pytest.raises(ValueError, match=message):
        fitted(images)


def test_a_compiled_fit_names_pixels_before_they_cost_the_weights():
    model = _model()
    model.compile("adam")
    before = [to_numpy(weight) for weight in model.trainable_weights]
    bad = tf.data.Dataset.from_tensors(GOOD - 1)
    with pytest.raises(ValueError, match="^Expected pixels.*Received: values from -1 to -1$"):
        model.fit(bad, verbose=0)
    for weight, first in zip(model.trainable_weights, before, strict=True):
        np.testing.assert_array_equal(to_numpy(weight), first)


def test_the_range_of_pixels_is_the_likelihood_s():
    wide = 10 * GOOD - 3
    model = _model(zoo.Gaussian())
    model.fit(wide, verbose=0)
    assert np.isfinite(model.log_prob(wide)).all()
    for likelihood in (zoo.Gaussian(mean_activation="sigmoid"), "bernoulli"):
        with pytest.raises(ValueError, match=r"Expected pixels in \[0, 1\]"):
            _model(likelihood).log_prob(wide)
    # Rounding, an image that is not a number (training reports its step), and no image at all.
    model = _model()
    model.encode(GOOD - 5e-5)
    model.encode(np.full_like(GOOD, np.nan))
    assert model.encode(GOOD[:0])["loc"].shape == (0, 3)


def test_a_released_model_knows_the_range_of_its_images():
    model = zoo.load("bilbo-mnist-z2-baggins")
    assert model.decoder.likelihood.pixel_range is None
    with pytest.raises(ValueError, match=r"Expected pixels in \[0, 1\].*from 255 to 255"):
        model.encode(np.full((2, 28, 28, 1), 255, "float32"))


def test_latents_of_another_size_are_named(fitted):
    with pytest.raises(ValueError, match=r"latents of shape \(..., 3\). Received: shape=\(2, 4\)"):
        fitted.decode(np.zeros((2, 4)))


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "mse"},
        {"metrics": ["mae"]},
        {"weighted_metrics": ["mae"]},
        {"loss_weights": [1.0]},
    ],
)
def test_another_loss_or_metric_is_refused_when_compiled(options):
    with pytest.raises(ValueError, match=f"model's objective.* Received: {next(iter(options))}="):
        _model().compile("adam", **options)


@pytest.mark.parametrize("use", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_weights_of_examples_are_refused_with_or_without_labels(fitted, use):
    for labels in ({}, {"y": np.zeros(4)}):
        with pytest.raises(ValueError, match="Expected no weights.*Received: sample_weight=ndarr"):
            getattr(fitted, use)(GOOD, sample_weight=np.ones(4), **labels)


def test_weights_of_classes_and_of_validation_are_refused(fitted):
    with pytest.raises(ValueError, match="Received: class_weight=dict"):
        fitted.fit(GOOD, class_weight={0: 1.0}, verbose=0)
    with pytest.raises(ValueError, match=r"Received: validation_data\[2\]=ndarray"):
        fitted.fit(GOOD, validation_data=(GOOD, None, np.ones(4)), verbose=0)


def test_what_compile_takes_beside_the_optimizer_works():
    model = _model()
    model.compile("sgd", None, auto_scale_loss=False, steps_per_execution=2, run_eagerly=False)
    assert model.steps_per_execution == 2
    model.fit(GOOD, batch_size=2, verbose=0)


def test_a_trusted_stream_is_left_as_it_is():
    for feed in ("generator", "dataset"):
        stream = inputs.trusted(FEEDS[feed](GOOD))
        assert inputs.checked_arguments(_model(), keras.Model().fit, (stream,), {})["x"] is stream


def test_another_error_stays_as_it_is():
    assert inputs.named_error(ValueError("assertion failed: [Expected a loss]")) is None


@pytest.mark.parametrize("labels", [[1, 2, 3, 4], [-1, 0, 1, 2], [0.5, 0, 1, 2]])
def test_labels_that_are_no_classes_are_refused_before_the_first_step(labels):
    objective = {"name": "classified", "base": "beta", "num_classes": 4}
    model = zoo.VAE(zoo.MLPEncoder(3, [8]), zoo.MLPDecoder(3, SHAPE, [8]), objective=objective)
    model.compile("adam")
    x, y = np.zeros((4, *SHAPE), "float32"), np.array(labels)
    before = [to_numpy(weight).copy() for weight in model.weights]
    for call in (
        lambda: model.fit(x, y, verbose=0),
        lambda: model.evaluate(x, y, verbose=0),
        lambda: model.fit(x, np.arange(4), validation_data=(x, y), verbose=0),
    ):
        with pytest.raises(ValueError, match="Expected .*labels"):
            call()
    for weight, value in zip(model.weights, before):
        np.testing.assert_array_equal(to_numpy(weight), value)
