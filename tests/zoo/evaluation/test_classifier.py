import numpy as np
import pytest
from bars import TINY, bars

from zoo.evaluation.classifier import accuracy, fit_classifier, load_or_fit
from zoo.evaluation.views import Arrays
from zoo.storage import files


def test_it_learns_and_reproduces(rng, seed):
    train, test = bars(rng, 600), bars(rng, 200)
    classifier = fit_classifier(train, seed=seed, **TINY)
    assert accuracy(classifier, test) > 0.95
    again = fit_classifier(train, seed=seed, **TINY)
    for value, other in zip(classifier.get_weights(), again.get_weights()):
        np.testing.assert_allclose(value, other, atol=1e-5)
    assert accuracy(classifier, Arrays(test.images, test.labels + 1)) is None
    assert accuracy(classifier, Arrays(test.images)) is None
    features, probabilities = classifier.measure(test, batch_size=64)
    assert (features.shape, probabilities.shape) == ((200, 4), (200, 2))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(classifier.measure(test)[0], features, rtol=1e-4, atol=1e-6)


def test_it_is_kept_and_read_back(rng, tmp_path):
    train, test = bars(rng, 200), bars(rng, 50)
    options = {**TINY, "epochs": 1}
    first = load_or_fit(tmp_path / "c", train, test, **options)
    assert first.accuracy == accuracy(first, test)
    again = load_or_fit(tmp_path / "c", train, test, epochs=0, width=1)  # neither is looked at
    assert (again.accuracy, again.classes, again.width) == (first.accuracy, [3, 7], 2)
    np.testing.assert_array_equal(again.measure(test)[1], first.measure(test)[1])

    with pytest.raises(ValueError, match="trained on this training split"):
        load_or_fit(tmp_path / "c", bars(rng, 200), test)
    description = files.read_json(tmp_path / "c" / "classifier.json")
    files.write_json(tmp_path / "c" / "classifier.json", {**description, "sha256": "0"})
    with pytest.raises(ValueError, match="undamaged weights"):
        load_or_fit(tmp_path / "c", train, test)


def test_data_without_classes_are_refused(rng):
    images = np.zeros((4, 8, 8, 1), "float32")
    with pytest.raises(ValueError, match="at least two classes"):
        fit_classifier(Arrays(images))
    with pytest.raises(ValueError, match="at least two classes"):
        fit_classifier(Arrays(images, np.ones(4)))
