"""p_data(x) as a mixture of one Gaussian for each training image."""

import dataclasses

import numpy as np

# Training images that become centres, and others that the bandwidth is chosen by.
NUM_CENTRES, NUM_TUNE = 10000, 1000
# Bandwidths tried, in units of the pixels' range.
BANDWIDTHS = tuple(np.geomspace(0.02, 1.0, 25))
# Images scored at once: the distances to 10000 centres are then 10 MB.
CHUNK = 128


@dataclasses.dataclass(frozen=True, eq=False)
class Parzen:
    """p(x) = (1/N) sum_n N(x; c_n, h^2 I_D).

    Attributes:
        centres: c, [N, D] float64.
        bandwidth: h.
    """

    centres: np.ndarray
    bandwidth: float

    def log_prob(self, images):
        """Returns log p(x), nats, float64 [M], of images [M, ...] with D elements each."""
        size, log_probs = self.centres.shape[1], []
        for start in range(0, len(images), CHUNK):
            distances = _distances(images[start : start + CHUNK], self.centres)
            log_probs.append(_log_prob(distances, self.bandwidth, size))
        return np.concatenate(log_probs)


def fit_parzen(dataset, num_centres=NUM_CENTRES, num_tune=NUM_TUNE):
    """Returns a `Parzen` of images evenly spaced through `dataset`.

    The bandwidth is the best of `BANDWIDTHS` (times the data's `pixel_scale`) by the likelihood of
    images that are not centres. No chance is in it: the same data give the same density.

    Args:
        dataset: Has `float_images(rows)` and a length, at least two.
        num_centres: The most centres.
        num_tune: The most images that choose the bandwidth; at most a quarter of all do.
    """
    count = len(dataset)
    tune = min(num_tune, max(1, count // 4))
    rows = np.unique(np.linspace(0, count - 1, min(count, num_centres + tune)).astype(int))
    held = np.unique(np.linspace(0, len(rows) - 1, tune).astype(int))
    centres = _flat(dataset.float_images(np.delete(rows, held)))
    distances = _distances(dataset.float_images(rows[held]), centres)
    bandwidths = [h * getattr(dataset, "pixel_scale", 1.0) for h in BANDWIDTHS]
    scores = [_log_prob(distances, h, centres.shape[1]).mean() for h in bandwidths]
    return Parzen(centres, float(bandwidths[int(np.argmax(scores))]))


def _log_prob(distances, bandwidth, size):
    terms = -0.5 * distances / bandwidth**2
    top = terms.max(axis=1)
    total = top + np.log(np.mean(np.exp(terms - top[:, None]), axis=1))
    return total - 0.5 * size * np.log(2 * np.pi * bandwidth**2)


def _distances(images, centres):
    """Returns squared distances, [M, N]."""
    x = _flat(images)
    squared = np.sum(x**2, axis=1)[:, None] + np.sum(centres**2, axis=1) - 2.0 * x @ centres.T
    return np.maximum(squared, 0.0)


def _flat(images):
    return np.asarray(images, "float64").reshape(len(images), -1)
