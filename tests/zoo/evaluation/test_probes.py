import numpy as np
import pytest

from zoo.evaluation.probes import linear_probe


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
    np.testing.assert_allclose(
        probe["stderr"], np.sqrt(probe["accuracy"] * (1 - probe["accuracy"]) / 4000)
    )
    assert (probe["num_examples"], probe["num_train"], probe["num_classes"]) == (4000, 4000, 2)
    assert probe["converged"]


def test_codes_without_information_give_chance(rng):
    train, test = blobs(rng, 1000, 0.0), blobs(rng, 1000, 0.0)
    probe = linear_probe(*train, *test)
    assert abs(probe["accuracy"] - 0.5) < 5 * np.sqrt(0.25 / 1000)


def test_separable_classes_and_a_constant_latent(rng):
    codes, labels = blobs(rng, 200, 50.0)
    codes[:, 0] = 3.0
    probe = linear_probe(codes, labels, codes, labels)
    assert (probe["accuracy"], probe["stderr"]) == (1.0, 0.0)


def test_classes_of_the_test_split_alone_count_as_errors():
    codes = np.array([[0.0], [1.0], [0.0], [1.0]])
    probe = linear_probe(codes, [0, 1, 0, 1], codes, [0, 1, 2, 2])
    assert probe["accuracy"] == 0.5


def test_unfit_input_is_refused(rng):
    codes, labels = blobs(rng, 10, 1.0)
    with pytest.raises(ValueError, match="at least two classes"):
        linear_probe(codes, np.zeros(10), codes, labels)
    with pytest.raises(ValueError, match=r"test codes \[N, Z\] and labels \[N\].*\(9,\)"):
        linear_probe(codes, labels, codes, labels[:9])
    codes[7, 1] = np.nan
    with pytest.raises(ValueError, match=r"train codes\. Received: 1 of 10 .* first at example 7"):
        linear_probe(codes, labels, codes, labels)
