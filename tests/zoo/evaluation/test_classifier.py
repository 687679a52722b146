import numpy as np
import pytest
from bars import TINY, bars

from zoo.evaluation.adapters import Arrays
from zoo.evaluation.classifier import accuracy, fit_classifier, load_or_fit
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


@pytest.mark.faults("hostile files")
def test_a_damaged_description_is_refused(rng, tmp_path):
    train, test = bars(rng, 200), bars(rng, 50)
    load_or_fit(tmp_path, train, test, **{**TINY, "epochs": 0})
    path = tmp_path / "classifier.json"
    description = files.read_json(path)
    changes = {
        "'trained_on' .str. in .*Received: trained_on=None": {"trained_on": None},
        "'classes' .list. in .*Received: classes=3": {"classes": 3},
        "'image_shape' .*Received: image_shape=\\[8, 8\\]": {"image_shape": [8, 8]},
        "that its weights file holds. Received: .*'num_features': 1000000000": {
            "num_features": 10**9
        },
    }
    for text, change in changes.items():
        files.write_json(path, {**description, **change})
        with pytest.raises(ValueError, match=text) as raised:
            load_or_fit(tmp_path, train, test)
        assert "classifier.json" in str(raised.value)


def test_data_without_classes_are_refused(rng):
    images = np.zeros((4, 8, 8, 1), "float32")
    with pytest.raises(ValueError, match="at least two classes"):
        fit_classifier(Arrays(images))
    with pytest.raises(ValueError, match="at least two classes"):
        fit_classifier(Arrays(images, np.ones(4)))
