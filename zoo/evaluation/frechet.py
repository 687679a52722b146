"""The Frechet distance between Gaussians fitted to features of two sets of images."""

import keras
import numpy as np
from keras import ops

from zoo.backend import to_numpy
from zoo.layers.channels import CHANNELS_LAST

INCEPTION_SIZE = (299, 299)


def frechet_distance(loc, covariance, other_loc, other_covariance):
    """Returns the squared Frechet (2-Wasserstein) distance of two Gaussians.

        |mu_1 - mu_2|^2 + tr(C_1 + C_2 - 2 (C_1^(1/2) C_2 C_1^(1/2))^(1/2))

    Roots are by eigenvalues, in float64, those below zero by rounding taken as zero.

    Args:
        loc, other_loc: [F].
        covariance, other_covariance: [F, F], symmetric, not negative.

    Returns:
        Float, at least zero but for rounding.

    Reference:
        Dowson and Landau, 1982; Heusel et al., 2017, eq. 6.
    """
    loc, covariance, other_loc, other_covariance = (
        np.asarray(value, "float64") for value in (loc, covariance, other_loc, other_covariance)
    )
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    product = np.linalg.eigvalsh(root @ other_covariance @ root)
    cross = np.sum(np.sqrt(np.maximum(product, 0.0)))
    offset = np.sum((loc - other_loc) ** 2)
    return float(offset + np.trace(covariance) + np.trace(other_covariance) - 2.0 * cross)


def distance_of_features(features, others):
    """Returns `frechet_distance` of the Gaussians with the moments of two sets, [N, F] and [M, F].

    Covariances are divided by N - 1. The estimate is biased upwards, less with more examples, so
    compare values of equal numbers alone.

    Raises:
        ValueError: If there are fewer than two of either.
    """
    moments = []
    for values in (features, others):
        values = np.asarray(values, "float64")
        if values.ndim != 2 or len(values) < 2:
            raise ValueError(
                f"Expected features [N, F] of at least two images. Received: shape={values.shape}"
            )
        moments += [values.mean(axis=0), np.atleast_2d(np.cov(values, rowvar=False))]
    return frechet_distance(*moments)


def inception_features():
    """Returns a function from images [N, H, W, C] in [0, 1] to features [N, 2048].

    The network is Keras's InceptionV3 with ImageNet's weights, pooled, on images resized
    bilinearly to 299 x 299, grey ones in three equal channels. Published distances take other
    weights of the same network, so theirs differ a little.

    Raises:
        OSError: If the weights are neither on disk nor can be fetched.
    """
    network = _inception()

    def features(images, batch_size=32):
        batches = []
        for start in range(0, len(images), batch_size):
            x = np.asarray(images[start : start + batch_size], "float32")
            x = np.repeat(x, 3, axis=-1) if x.shape[-1] == 1 else x
            x = ops.image.resize(2.0 * x - 1.0, INCEPTION_SIZE, **CHANNELS_LAST)
            batches.append(to_numpy(network(x, training=False)))
        return np.concatenate(batches)

    return features


def _inception():
    """Returns Keras's network of images [N, H, W, C], whatever the user's `image_data_format`."""
    earlier = keras.config.image_data_format()
    keras.config.set_image_data_format(CHANNELS_LAST["data_format"])  # it takes no argument
    try:
        return keras.applications.InceptionV3(include_top=False, weights="imagenet", pooling="avg")
    except Exception as error:  # Keras gives fetching's errors no type of their own.
        raise OSError(f"InceptionV3's weights could not be loaded: {error}") from error
    finally:
        keras.config.set_image_data_format(earlier)
