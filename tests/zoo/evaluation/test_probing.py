import numpy as np
import oracles
import pytest

import zoo
from zoo.evaluation import evaluate, information, metric, probes, probing
from zoo.evaluation.adapters import Arrays, Subset, are_classes
from zoo.evaluation.corruption import Corrupted
from zoo.evaluation.families import accuracies

PROBES = metric.names_of(accuracies.measure)


@pytest.fixture
def setting(rng):
    oracle, model = oracles.exact()
    x = oracle.images(rng, 260)
    labels = (oracle.loc(x)[:, 0] > 0).astype("int64")
    return model, Arrays(x[:60], labels[:60]), Arrays(x[60:], labels[60:])


def test_noise_and_masks_have_their_strength_and_are_the_same_on_every_reading(rng, seed):
    x = rng.uniform(0.2, 0.8, (400, 4, 5, 3)).astype("float32")
    data = Arrays(x, np.zeros(400))
    noisy = Corrupted(data, "noise", 0.3, seed)
    added = noisy.float_images() - x
    assert abs(added.std() - 0.3) < 5 * 0.3 / np.sqrt(2 * added.size)
    assert abs(added.mean()) < 5 * 0.3 / np.sqrt(added.size)
    np.testing.assert_array_equal(noisy.float_images(slice(7, 9)), noisy.float_images()[7:9])
    np.testing.assert_array_equal(noisy.float_images(np.array([3])), noisy.float_images()[3:4])

    masked = Corrupted(data, "mask", 0.2, seed).float_images()
    zero = masked == 0
    assert np.all(zero.all(axis=-1) == zero.any(axis=-1))  # a pixel with all its channels
    assert abs(zero.mean() - 0.2) < 5 * np.sqrt(0.16 / 8000)
    np.testing.assert_array_equal(masked[~zero], x[~zero])
    assert np.all(Corrupted(data, "mask", 1.0).float_images(slice(2)) == 0)
    np.testing.assert_array_equal(x[:1], Corrupted(data, "noise", 0.0).float_images(slice(1)))


def test_noise_is_in_units_of_the_pixels_range(rng):
    class Scaled(Arrays):
        pixel_scale = 10.0

    x = rng.uniform(size=(5, 2, 2, 1)).astype("float32")
    plain = Corrupted(Arrays(x), "noise", 0.2).float_images() - x
    scaled = Corrupted(Scaled(x), "noise", 0.2).float_images() - x
    np.testing.assert_allclose(scaled, 10 * plain, atol=1e-5)


def test_bad_corruptions():
    with pytest.raises(ValueError, match="kind='blur'"):
        Corrupted(Arrays([]), "blur", 0.1)
    with pytest.raises(ValueError, match="strength=1.5"):
        Corrupted(Arrays([]), "mask", 1.5)


def test_names_say_what_is_measured():
    assert probing.parse("svm_1000") == ("svm", 1000, False, None)
    assert probing.parse("svm_100_transductive_noise_0.2") == ("svm", 100, True, ("noise", 0.2))
    assert probing.parse("knn_probe_mask_0.5") == ("knn_probe", None, False, ("mask", 0.5))
    assert len(set(PROBES)) == len(PROBES)
    assert all(probing.parse(name) for name in PROBES)


def test_the_test_images_alone_are_corrupted(setting, seed):
    model, test, train = setting
    names = ["svm_100", "svm_100_transductive", "svm_100_noise_0.3", "knn_probe", "svm_1000"]
    found = probing.measure(model, test, train, names, seed=seed)
    assert found["svm_1000"] == "left out: there are only 200 training examples"
    rows = probes.labelled_subset(train.labels, 100)
    labelled = information.codes(model, Subset(train, rows)), train.labels[rows]
    clean = information.codes(model, test)
    noisy = information.codes(model, Corrupted(test, "noise", 0.3, seed))
    everything = np.concatenate([information.codes(model, train), clean])
    assert found["svm_100"] == probes.svm_probe(*labelled, clean, test.labels)
    assert found["svm_100_transductive"] == probes.svm_probe(
        *labelled, clean, test.labels, everything
    )
    noise = {"corruption": "noise", "strength": 0.3}
    assert found["svm_100_noise_0.3"] == {
        **probes.svm_probe(*labelled, noisy, test.labels),
        **noise,
    }
    assert found["svm_100"]["accuracy"] > 0.85  # the label is the sign of one latent
    assert found["knn_probe"]["num_train"] == 200
    assert probing.measure(model, test, train, names, seed=seed) == found


def test_probes_of_classes_that_training_never_saw_are_left_out(setting, monkeypatch):
    model, test, train = setting
    monkeypatch.setattr(information, "codes", lambda *_, **__: pytest.fail("encoded in vain"))
    others = Arrays(test.images, test.labels + 2)
    names = ["linear_probe", "knn_probe", "svm_100", "svm_100_transductive_mask_0.2"]
    found = evaluate(model, others, train, metrics=names, progress=False)
    for entry in found.values():
        assert entry["value"] is None and entry["stderr"] is None
        assert "classes (2) is among those of the training examples (2)" in entry["note"]


def test_labelled_examples_without_a_test_class_leave_out_their_svm_alone(rng):
    _, model = oracles.exact()
    labels = np.arange(300) % 150
    train = Arrays(rng.normal(size=(300, *model.image_shape)).astype("float32"), labels)
    test = Arrays(train.images[100:150], labels[100:150])  # of classes that get no label of 100
    found = evaluate(model, test, train, metrics=["svm_100", "knn_probe"], progress=False)
    assert found["svm_100"]["value"] is None
    assert "(50) is among those of the training examples (100)" in found["svm_100"]["note"]
    assert found["knn_probe"]["value"] is not None and "note" not in found["knn_probe"]


def test_test_examples_of_unseen_classes_are_counted_in_a_note(setting):
    model, test, train = setting
    labels = np.where(np.arange(len(test)) < 15, 9, test.labels)
    entry = evaluate(model, (test.images, labels), train, ["linear_probe"], progress=False)
    entry = entry["linear_probe"]
    assert 0 < entry["value"] <= 0.75 and entry["num_unseen"] == 15
    assert entry["note"].startswith("15 of 60 test examples have a class without")


@pytest.mark.parametrize(
    ("labels", "note"),
    [
        (np.array([0.0, np.nan] * 100), "not all labels of train_dataset are classes"),
        (np.linspace(0, 1, 200), "not all labels of train_dataset are classes"),
        (np.array([None, 1] * 100, object), "not all labels of train_dataset are classes"),
        (np.array([], int), "train_dataset has no examples"),
        (np.array([0.0, 1.0] * 100), None),
        (np.array([0, 1] * 100, object), None),
    ],
)
def test_labels_that_are_no_classes_leave_out_the_probes_alone(setting, labels, note):
    model, test, train = setting
    train = Arrays(train.images[: len(labels)], labels)
    names = ["reconstruction_l2", "knn_probe"]
    found = evaluate(model, test, train, metrics=names, progress=False)
    assert found["reconstruction_l2"]["value"] > 0
    assert (found["knn_probe"]["value"] is None) == (note is not None)
    assert note is None or note in found["knn_probe"]["note"]


def test_classes_are_integers_or_text():
    assert are_classes(["a", "b"]) and are_classes(np.array(["a"], object))
    assert are_classes([True, False]) and are_classes(np.array([3], "uint8"))
    assert not are_classes(np.array(["a", 1], object)) and not are_classes([1.5])


def test_noise_beyond_the_pixels_of_a_bernoulli_model_is_encoded(rng):
    model = zoo.VAE(zoo.MLPEncoder(2, (8,)), zoo.MLPDecoder(2, (4, 4, 1), (8,)))
    test = Arrays(rng.integers(0, 2, (30, 4, 4, 1)).astype("float32"), np.arange(30) % 2)
    noisy = Corrupted(test, "noise", 0.5)
    assert noisy.float_images().max() > 1.1
    assert information.codes(model, noisy).shape == (30, 2)
    found = probing.measure(model, test, test, ["knn_probe_noise_0.2"])
    assert 0 <= found["knn_probe_noise_0.2"]["accuracy"] <= 1
    with pytest.raises(ValueError, match=r"pixels in \[0, 1\]"):
        information.codes(model, Arrays(noisy.float_images()))
