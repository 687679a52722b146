"""q(x): a density of binary images, fitted to images alone."""

import keras
import numpy as np
from keras import ops

from zoo.backend import to_numpy

# Units of the hidden layer of a small image; a larger one has as many as its pixels need.
MIN_HIDDEN_UNITS = 500
LEARNING_RATE = 1e-3
BATCH_SIZE = 128
MAX_EPOCHS = 100
# Epochs without a better log-likelihood of the images held out, after which the fit ends.
PATIENCE = 3


class BernoulliMADE(keras.Model):
    """log q(x) = sum_i x_i l_i - softplus(l_i), the logits l_i = f_i(x_1..x_{i-1}) of a MADE.

    Pixels are in raster order, channels innermost. Every pixel sees all pixels before it. The
    density sums to one over all binary images.

    Args:
        image_shape: (H, W, C).
        hidden_units: Widths of the MADE's hidden layers, each at least D - 1 for the D = H W C
            pixels; one layer of max(500, D - 1) by default.

    Raises:
        ValueError: If a hidden layer is too narrow for a pixel to see all pixels before it.

    Reference:
        Germain et al., 2015.
    """

    def __init__(self, image_shape, hidden_units=None, **kwargs):
        from zoo.layers.made import MADE

        super().__init__(**{**kwargs, "dtype": "float32"})
        self.image_shape = tuple(image_shape)
        num_pixels = int(np.prod(image_shape))
        if hidden_units is None:
            hidden_units = (max(MIN_HIDDEN_UNITS, num_pixels - 1),)
        elif min(hidden_units, default=num_pixels) < num_pixels - 1:
            raise ValueError(
                f"Expected hidden layers of at least {num_pixels - 1} units, for every pixel to "
                f"see all pixels before it. Received: hidden_units={tuple(hidden_units)}"
            )
        self.made = MADE(num_pixels, hidden_units, dtype="float32")
        self.made.build((None, self.made.event_size))
        self.built = True

    def call(self, x):
        """Returns log q(x), [B], of images [B, H, W, C]."""
        x = ops.reshape(x, (-1, self.made.event_size))
        logits = self.made(x)
        return ops.sum(x * logits - ops.softplus(logits), axis=-1)

    def log_prob(self, x):
        """Returns log q(x) of all images [N, H, W, C], batch by batch, NumPy float64 [N]."""
        check_binary(x)
        starts = range(0, len(x), 1024)
        return np.concatenate([to_numpy(self(x[i : i + 1024])) for i in starts]).astype("float64")


def fit_density(images, held_out, hidden_units=None, seed=17):
    """Returns a `BernoulliMADE` fitted to `images` by maximum likelihood with Adam.

    It ends with the weights that were best on `held_out`. Judge it on other images.

    Args:
        images: Binary images [N, H, W, C].
        held_out: Binary images [M, H, W, C] that end the fit.
        hidden_units: As of `BernoulliMADE`.
        seed: Int, of the first weights and of the order of the images.

    Raises:
        ValueError: If a pixel is neither 0 nor 1, or a hidden layer is too narrow.
    """
    check_binary(images)
    check_binary(held_out)
    rng = np.random.default_rng(seed)
    density = BernoulliMADE(images.shape[1:], hidden_units)
    _start(density.made, images, rng)
    density.compile(keras.optimizers.Adam(LEARNING_RATE), loss=lambda _, log_q: -ops.mean(log_q))
    size = min(BATCH_SIZE, len(images))
    keeper = _KeepBest(held_out)
    density.fit(
        _batches(images, size, rng),
        steps_per_epoch=len(images) // size,
        epochs=MAX_EPOCHS,
        shuffle=False,
        verbose=0,
        callbacks=[keeper],
    )
    density.set_weights(keeper.weights)
    return density


class _KeepBest(keras.callbacks.Callback):
    """Keeps the weights that were best on `held_out`, and stops when they have been for a while."""

    def __init__(self, held_out):
        super().__init__()
        self.held_out, self.best, self.since = held_out, -np.inf, 0

    def on_epoch_end(self, epoch, logs=None):
        score = self.model.log_prob(self.held_out).mean()
        self.since += 1
        if score > self.best:
            self.best, self.weights, self.since = score, self.model.get_weights(), 0
        self.model.stop_training = self.since >= PATIENCE


def _batches(images, size, rng):
    """Yields batches for ever, each epoch in a new order; what does not fill one is left out."""
    targets = np.zeros(size, "float32")  # of no use, but Keras asks for them
    while True:
        order = rng.permutation(len(images))
        for start in range(0, len(images) - size + 1, size):
            yield images[order[start : start + size]], targets


def _start(made, images, rng):
    """Draws the first weights from `rng` alone, and begins at each pixel's own frequency."""
    for kernel, mask in zip(made.kernels[:-1], made.masks[:-1]):
        limit = np.sqrt(6.0 / np.maximum(mask.sum(axis=0), 1))
        kernel.assign(rng.uniform(-limit, limit, mask.shape))
    made.kernels[-1].assign(np.zeros(made.masks[-1].shape))
    ones, count = images.reshape(len(images), -1).sum(axis=0), len(images)
    made.biases[-1].assign(np.log((ones + 1.0) / (count - ones + 1.0)))


def is_binary(x):
    """Returns whether every pixel is 0 or 1."""
    x = np.asarray(x)
    return bool(np.all((x == 0) | (x == 1)))


def check_binary(x):
    """Raises `ValueError` unless every pixel is 0 or 1."""
    if not is_binary(x):
        raise ValueError(
            "Expected pixels of 0 or 1, which the density q(x) is of. "
            f"Received: values in [{np.min(x):.4g}, {np.max(x):.4g}]"
        )
