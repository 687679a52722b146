import keras
import numpy as np
import pytest
import scipy.linalg

from zoo.evaluation import frechet


def test_closed_forms(rng):
    # Diagonal covariances: |mu_1 - mu_2|^2 + sum (s_1 - s_2)^2.
    loc, other = rng.normal(size=(2, 4))
    scale, other_scale = rng.uniform(0.1, 2.0, (2, 4))
    found = frechet.frechet_distance(loc, np.diag(scale**2), other, np.diag(other_scale**2))
    expected = np.sum((loc - other) ** 2) + np.sum((scale - other_scale) ** 2)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("rank", [6, 2])
def test_matrix_roots_agree_with_scipy(rng, rank):
    loc, other = rng.normal(size=(2, 6))
    a, b = rng.normal(size=(2, 6, 6))
    a, b = a @ a.T, b[:, :rank] @ b[:, :rank].T  # the second may be singular
    root = scipy.linalg.sqrtm(a)
    cross = scipy.linalg.sqrtm(root @ b @ root + 1e-15 * np.eye(6)).real
    expected = np.sum((loc - other) ** 2) + np.trace(a + b - 2 * cross)
    np.testing.assert_allclose(frechet.frechet_distance(loc, a, other, b), expected, rtol=1e-5)
    np.testing.assert_allclose(frechet.frechet_distance(other, b, loc, a), expected, rtol=1e-5)
    assert abs(frechet.frechet_distance(loc, b, loc, b)) < 1e-6 * np.trace(b)


def test_of_features_it_is_that_of_their_moments(rng):
    features, others = rng.normal(size=(50, 3)), 2.0 + rng.normal(size=(40, 3))
    found = frechet.distance_of_features(features, others)
    moments = [m for f in (features, others) for m in (f.mean(axis=0), np.cov(f.T))]
    np.testing.assert_allclose(found, frechet.frechet_distance(*moments), rtol=1e-12)
    # A shift alone: every covariance cancels.
    shifted = frechet.distance_of_features(features, features + [3.0, 0.0, 4.0])
    np.testing.assert_allclose(shifted, 25.0, rtol=1e-10)
    with pytest.raises(ValueError, match=r"at least two images.*\(1, 3\)"):
        frechet.distance_of_features(features[:1], others)


def test_inception_takes_grey_images_at_its_own_size_and_range(monkeypatch):
    class Network:
        def __call__(self, x, training):
            assert x.shape[1:] == (299, 299, 3)
            return keras.ops.mean(x, axis=(1, 2))

    monkeypatch.setattr(keras.applications, "InceptionV3", lambda **options: Network())
    images = np.full((3, 4, 4, 1), 0.75, "float32")
    found = frechet.inception_features()(images, batch_size=2)
    np.testing.assert_allclose(found, np.full((3, 3), 0.5), rtol=1e-5)


def test_inception_without_its_weights_says_so(monkeypatch):
    def absent(**options):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "InceptionV3", absent)
    with pytest.raises(OSError, match="weights could not be loaded: URL fetch failure"):
        frechet.inception_features()
