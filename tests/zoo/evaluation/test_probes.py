import numpy as np
import pytest

from zoo.evaluation import entries
from zoo.evaluation.probes import (
    few_classes,
    knn_probe,
    labelled_subset,
    linear_probe,
    svm_probe,
    why_no_accuracy,
)


def blobs(rng, number, distance):
    """Two unit Gaussians whose centres are `distance` apart, in units that differ by latent."""
    labels = rng.integers(0, 2, number)
    codes = rng.normal(size=(number, 3))
    codes[:, 1] += distance * labels
    return codes * [1e3, 1.0, 1e-3], labels


def test_accuracy_is_that_of_the_best_linear_classifier(rng, seed):
    # Bayes: Phi(distance / 2), here Phi(1) = 0.8413; the fit on 4000 costs under 0.002 of it.
    train, test = blobs(rng, 4000, 2.0), blobs(rng, 4000, 2.0)
    probe = linear_probe(*train, *test, seed=seed)
    assert abs(probe["accuracy"] - 0.8413) < 5 * probe["stderr"] + 0.002
    # By the Wilson interval, 1 / 2N more than the binomial error at most.
    binomial = np.sqrt(probe["accuracy"] * (1 - probe["accuracy"]) / 4000)
    assert probe["stderr"] == entries.share_stderr(probe["accuracy"], 4000)
    assert 0 < probe["stderr"] - binomial < 0.5 / 4000
    assert (probe["num_examples"], probe["num_train"], probe["num_classes"]) == (4000, 4000, 2)
    assert probe["converged"]


def test_it_is_logistic_regression_with_a_penalty_of_one_on_standardised_codes(rng):
    from sklearn.linear_model import LogisticRegression

    labels = np.arange(2040) % 2
    codes = rng.normal(size=(2040, 20)) + 0.3 * labels[:, None]
    loc, scale = codes[:40].mean(axis=0), codes[:40].std(axis=0)
    accuracy = {}
    for weight in (1.0, 10.0):  # of the loss: few codes tell the two apart
        reference = LogisticRegression(C=weight, max_iter=1000)
        reference.fit((codes[:40] - loc) / scale, labels[:40])
        accuracy[weight] = reference.score((codes[40:] - loc) / scale, labels[40:])
    found = linear_probe(1e3 * codes[:40], labels[:40], 1e3 * codes[40:], labels[40:])
    assert found["accuracy"] == accuracy[1.0] != accuracy[10.0]


def test_codes_without_information_give_chance(rng):
    train, test = blobs(rng, 1000, 0.0), blobs(rng, 1000, 0.0)
    probe = linear_probe(*train, *test)
    assert abs(probe["accuracy"] - 0.5) < 5 * np.sqrt(0.25 / 1000)


def test_separable_classes_and_a_constant_latent(rng):
    codes, labels = blobs(rng, 200, 50.0)
    codes[:, 0] = 3.0
    probe = linear_probe(codes, labels, codes, labels)
    # The Wilson interval of 200 right of 200 is [200 / 201, 1] at one standard error.
    assert (probe["accuracy"], probe["stderr"]) == (1.0, pytest.approx(1 / 201))


@pytest.mark.parametrize("probe", [linear_probe, knn_probe, svm_probe])
@pytest.mark.parametrize(("right", "stderr"), [(3, 0.25), (0, 0.25)])
def test_accuracy_on_three_examples_has_an_error(probe, right, stderr):
    codes, labels = np.array([[0.0], [0.1], [0.2], [9.0], [9.1], [9.2]]), [0, 0, 0, 1, 1, 1]
    test, wanted = np.array([[0.05], [9.05], [9.15]]), [0, 1, 1]
    found = probe(codes, labels, test, wanted if right else [1, 0, 0])
    assert found["accuracy"] == right / 3
    assert found["stderr"] == pytest.approx(stderr)


def test_classes_of_the_test_split_alone_count_as_errors():
    codes = np.array([[0.0], [1.0], [0.0], [1.0]])
    probe = linear_probe(codes, [0, 1, 0, 1], codes, [0, 1, 2, 2])
    assert probe["accuracy"] == 0.5
    assert probe["num_unseen"] == 2
    assert probe["note"] == "2 of 4 test examples have a class without training examples"
    assert "note" not in linear_probe(codes, [0, 1, 0, 1], codes, [0, 1, 1, 1])


@pytest.mark.parametrize("probe", [linear_probe, knn_probe, svm_probe])
def test_no_accuracy_without_a_common_class(probe):
    codes = np.array([[0.0], [1.0], [0.0], [1.0]])
    message = r"none of the test examples' classes \(3\) .* those of the training examples \(2\)"
    with pytest.raises(ValueError, match=f"Expected at least two classes .* Received: {message}"):
        probe(codes, [0, 1, 0, 1], codes, [2, 3, 4, 4])


def test_labels_say_why_there_is_no_accuracy():
    assert why_no_accuracy([0, 1], [1, 1]) is None  # a single test class is a test
    assert why_no_accuracy([0], [0, 1]) == "left out: the training examples have a single class"
    assert why_no_accuracy(["a", "b"], ["c"]).startswith("left out: none of the test examples'")


def test_unfit_input_is_refused(rng):
    codes, labels = blobs(rng, 10, 1.0)
    with pytest.raises(ValueError, match="at least two classes"):
        linear_probe(codes, np.zeros(10), codes, labels)
    with pytest.raises(ValueError, match=r"test codes \[N, Z\] and labels \[N\].*\(9,\)"):
        linear_probe(codes, labels, codes, labels[:9])
    codes[7, 1] = np.nan
    with pytest.raises(ValueError, match=r"train codes\. Received: 1 of 10 .* first at example 7"):
        linear_probe(codes, labels, codes, labels)


def test_nearest_neighbours_vote_in_standardised_codes(rng):
    # Three latents of units far apart; the one that tells the classes is not the widest.
    wide, kinds = blobs(rng, 400, 6.0)
    split = wide[:200], kinds[:200], wide[200:], kinds[200:]
    assert knn_probe(*split)["accuracy"] > 0.95
    from sklearn.neighbors import KNeighborsClassifier

    assert KNeighborsClassifier(5).fit(*split[:2]).score(*split[2:]) < 0.8
    codes = np.array([[0.0, 0.0], [9e3, 0.1], [1e3, 0.9], [8e3, 1.0]])
    test = np.array([[8e3, 0.05], [1e3, 0.95], [0.0, 1.0]])
    found = knn_probe(codes / [1e6, 1.0], [0, 0, 1, 1], test / [1e6, 1.0], [0, 1, 0], 1)
    standard = codes / codes.std(axis=0)
    nearest = [np.argmin(np.sum((standard - t / codes.std(axis=0)) ** 2, axis=1)) for t in test]
    expected = np.mean(np.array([0, 0, 1, 1])[nearest] == [0, 1, 0])
    assert found["accuracy"] == expected
    assert found["num_neighbours"] == 1
    assert knn_probe(codes, [0, 0, 1, 1], test, [0, 1, 0], 9)["num_neighbours"] == 4


def test_a_support_vector_machine_bends_where_a_line_cannot(rng):
    codes = rng.normal(size=(600, 2)) * [1e3, 1e-3]
    labels = (codes[:, 0] * codes[:, 1] > 0).astype(int)
    split = codes[:300], labels[:300], codes[300:], labels[300:]
    found = svm_probe(*split)
    assert found["accuracy"] > 0.9 > 0.7 > linear_probe(*split)["accuracy"]
    assert (found["num_train"], found["transductive"]) == (300, False)
    assert found["stderr"] == entries.share_stderr(found["accuracy"], 300)
    assert svm_probe(*split) == found


def test_transductive_standardises_by_all_inputs(rng):
    from sklearn.svm import SVC

    codes, labels = blobs(rng, 400, 2.0)
    few = codes[:12], labels[:12]
    found = svm_probe(*few, codes[12:], labels[12:], codes)
    standard = (codes - codes.mean(axis=0)) / codes.std(axis=0)
    reference = SVC().fit(standard[:12], labels[:12]).score(standard[12:], labels[12:])
    assert found["accuracy"] == pytest.approx(reference)
    assert found["transductive"]
    with pytest.raises(ValueError, match="finite unlabelled codes"):
        svm_probe(*few, codes, labels, codes * np.nan)


def test_the_labelled_subset_is_fixed_and_even():
    labels = np.repeat([0, 1, 2], [500, 300, 2])
    rows = labelled_subset(labels, 20)
    np.testing.assert_array_equal(rows, labelled_subset(labels, 20))
    assert np.any(rows != labelled_subset(labels, 20, seed=18))
    assert len(np.unique(rows)) == 20
    assert list(np.bincount(labels[rows])) == [9, 9, 2]  # the third has no more
    assert list(np.bincount(labels[labelled_subset(labels, 5)])) == [2, 2, 1]
    # As it was when results were made with it.
    assert list(labelled_subset(np.arange(40) % 4, 8)) == [2, 13, 16, 27, 28, 37, 38, 39]
    np.testing.assert_array_equal(labelled_subset(labels, 802), np.arange(802))
    with pytest.raises(ValueError, match="between 1 and 802 .* number=803"):
        labelled_subset(labels, 803)


def test_a_task_of_few_classes():
    labels = np.repeat(np.arange(6), [80, 80, 79, 80, 80, 80])
    train, test = few_classes(labels)
    assert (len(train), len(test)) == (300, 100)
    assert not set(train) & set(test)
    assert 2 not in labels[train]  # it has too few
    assert set(np.bincount(labels[train])) == {0, 60}
    assert set(np.bincount(labels[test])) == {0, 20}
    np.testing.assert_array_equal(train, few_classes(labels)[0])
    rows = np.sort(np.concatenate(few_classes(np.zeros(1000), 1)))
    assert len(set(rows)) == 80 and rows[-1] > 500  # from all of a class, not its first
    with pytest.raises(ValueError, match="Expected 6 classes .* Received: 5 such classes of 6"):
        few_classes(labels, 6)
