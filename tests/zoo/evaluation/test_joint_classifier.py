"""The classifier beside a model: its accuracy on other images, with its error."""

import numpy as np
import pytest

import zoo
from zoo.backend import to_numpy
from zoo.evaluation import classified_accuracy, evaluate, latents
from zoo.evaluation.entries import share_stderr

SHAPE = (4, 4, 1)


def _model(objective, scale=0.5):
    encoder = zoo.MLPEncoder(2, [6], scale=scale)
    return zoo.VAE(encoder, zoo.MLPDecoder(2, SHAPE, [6]), objective=objective)


@pytest.fixture
def model():
    return _model({"name": "classified", "num_classes": 3, "hidden_units": [8]})


@pytest.fixture
def x(rng):
    return rng.random((200, *SHAPE)).astype("float32")


def test_accuracy_at_samples_and_at_means(model, x, rng, seed):
    labels = rng.integers(0, 3, len(x))
    found = classified_accuracy(model, x, labels, seed)
    z = latents.aggregated_samples(model, x, seed)
    assert np.std(z - model.predict_codes(x)) == pytest.approx(0.5, rel=0.2)
    for codes, key in ((z, "value"), (model.predict_codes(x), "at_mean")):
        right = np.argmax(to_numpy(model.objective.classify(codes)), axis=1) == labels
        assert found[key] == pytest.approx(right.mean())
    assert found["stderr"] == share_stderr(found["value"], 200)
    assert found["num_examples"] == 200


def test_labels_that_the_classifier_gives_are_all_right(model, x):
    codes = model.predict_codes(x)
    labels = np.argmax(to_numpy(model.objective.classify(codes)), axis=1)
    assert classified_accuracy(model, x, labels)["at_mean"] == 1.0


def test_labels_are_one_for_each_image(model, x, rng):
    labels = rng.integers(0, 3, len(x))
    expected = classified_accuracy(model, x, labels)
    assert classified_accuracy(model, x, labels[:, None]) == expected
    with pytest.raises(ValueError, match=r"200 images, labels of shape \(1,\)"):
        classified_accuracy(model, x, [2])
    with pytest.raises(ValueError, match="Expected integer labels. Received: dtype=<U"):
        classified_accuracy(model, x, labels.astype(str))


def test_as_a_metric_of_the_suite(model, x):
    options = {"metrics": ("classified_accuracy",), "progress": False}
    found = evaluate(model, (x, np.zeros(200, int)), **options)["classified_accuracy"]
    assert found["unit"] == "fraction" and 0 <= found["value"] <= 1
    for other, data, note in (
        (_model("beta"), (x, np.zeros(200, int)), "no classifier trained beside"),
        (model, x, "no labels"),
        (model, (x, np.full(200, 7)), "no label is among the 3 classes of the classifier"),
    ):
        found = evaluate(other, data, **options)["classified_accuracy"]
        assert found["value"] is None and note in found["note"]


def test_no_accuracy_on_classes_that_were_not_trained_on(model, x):
    train, test = (x, np.arange(200) % 2), (x, np.full(200, 2))
    options = {"metrics": ("classified_accuracy",), "progress": False}
    found = evaluate(model, test, train, **options)["classified_accuracy"]
    assert found["value"] is None and "none of the test examples' classes" in found["note"]
    found = evaluate(model, train, train, **options)["classified_accuracy"]
    assert 0 <= found["value"] <= 1
