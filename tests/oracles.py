"""A linear-Gaussian VAE, whose evidence, posterior, rate and distortion are known exactly.

    z ~ N(0, I_Z),   x = W z + b + sigma eps,   eps ~ N(0, I_D)

so log p(x) = log N(x; b, W W^T + sigma^2 I). The columns of W are orthogonal, so the posterior is
diagonal, with precision 1 + |w_j|^2 / sigma^2 and mean Sigma W^T (x - b) / sigma^2: a diagonal
encoder can be exact, and then every bound is tight.
"""

import functools

import keras
import numpy as np
from keras import ops

import zoo

IMAGE_SHAPE = (2, 2, 1)
WEIGHTS = np.array([[0.4, 0.1], [0.4, -0.1], [0.4, 0.1], [0.4, -0.1]])  # [D, Z], orthogonal columns
OFFSET = np.array([0.5, 0.4, 0.6, 0.5])
SIGMA = 0.2


@keras.saving.register_keras_serializable(package="oracles")
class LinearEncoder(zoo.Encoder):
    """e(z|x) = N(A x + a, diag(scale)^2): everything a weight, the scale alike for all x."""

    def __init__(self, latent_dim=2, **kwargs):
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        self.linear = keras.layers.Dense(latent_dim)

    def build(self, image_shape):
        self.linear.build((None, int(np.prod(image_shape[1:]))))
        self.scale = self.add_weight(name="scale", shape=(self.latent_dim,), initializer="ones")

    def call(self, x, training=False):
        loc = self.linear(ops.reshape(x, (-1, int(np.prod(x.shape[1:])))))
        return {"loc": loc, "scale": ops.ones_like(loc) * self.scale}


@keras.saving.register_keras_serializable(package="oracles")
class LinearDecoder(zoo.Decoder):
    """d(x|z) = N(W z + b, sigma^2 I)."""

    def __init__(self, latent_dim=2, image_shape=IMAGE_SHAPE, likelihood=None, **kwargs):
        likelihood = likelihood or {"name": "gaussian", "scale": SIGMA}
        super().__init__(latent_dim, image_shape, likelihood, **kwargs)
        self.linear = keras.layers.Dense(int(np.prod(self.image_shape)))

    def build(self, latent_shape):
        self.linear.build(latent_shape)

    def network(self, z, training=False):
        return ops.reshape(self.linear(z), (-1, *self.image_shape))


class LinearGaussian:
    """The model in float64 NumPy, and the same model as a `zoo.VAE`.

    Args:
        stretch: The encoder's scale over that of the exact posterior; 1 is exact.
        shift: Added to the encoder's mean, in units of the exact posterior's scale; 0 is exact.
    """

    def __init__(self, stretch=1.0, shift=0.0):
        variance = 1.0 / (1.0 + np.sum(WEIGHTS**2, axis=0) / SIGMA**2)
        self.exact_scale = np.sqrt(variance)
        self.kernel = WEIGHTS * variance / SIGMA**2  # [D, Z]
        self.shift = shift * self.exact_scale
        self.scale = stretch * self.exact_scale

    def vae(self, marginal=None):
        """Returns the `zoo.VAE` with these weights."""
        encoder, decoder = LinearEncoder(2), LinearDecoder(2)
        model = zoo.VAE(encoder, decoder, marginal)
        encoder.linear.set_weights([self.kernel, self.shift - OFFSET @ self.kernel])
        encoder.scale.assign(self.scale)
        decoder.linear.set_weights([WEIGHTS.T, OFFSET])
        return model

    def images(self, rng, count):
        """Returns draws x ~ p(x), float32 [N, 2, 2, 1]."""
        z = rng.normal(size=(count, 2))
        x = z @ WEIGHTS.T + OFFSET + SIGMA * rng.normal(size=(count, 4))
        return x.reshape(-1, *IMAGE_SHAPE).astype("float32")

    def log_evidence(self, x):
        """Returns log p(x), [N]."""
        centred = _flat(x) - OFFSET
        covariance = WEIGHTS @ WEIGHTS.T + SIGMA**2 * np.eye(4)
        quadratic = np.einsum("nd,nd->n", centred, np.linalg.solve(covariance, centred.T).T)
        return -0.5 * (quadratic + np.linalg.slogdet(2 * np.pi * covariance)[1])

    def loc(self, x):
        """Returns the encoder's means, [N, Z]."""
        return (_flat(x) - OFFSET) @ self.kernel + self.shift

    def rate(self, x):
        """Returns KL(e(z|x) || m(z)), [N]."""
        variance = self.scale**2
        return 0.5 * np.sum(self.loc(x) ** 2 + variance - 1.0 - np.log(variance), axis=1)

    def distortion(self, x):
        """Returns E[-log d(x|z)] under the encoder, [N]."""
        residual = _flat(x) - OFFSET - self.loc(x) @ WEIGHTS.T
        spread = np.sum(WEIGHTS**2 * self.scale**2)  # tr(W Sigma W^T)
        squared = np.sum(residual**2, axis=1) + spread
        return 0.5 * squared / SIGMA**2 + 4 * np.log(SIGMA * np.sqrt(2 * np.pi))

    def gap(self):
        """Returns KL(e(z|x) || p(z|x)) = log p(x) - ELBO, the same for every x."""
        ratio = (self.scale / self.exact_scale) ** 2
        offset = (self.shift / self.exact_scale) ** 2
        return 0.5 * np.sum(ratio + offset - 1.0 - np.log(ratio))


@functools.cache
def exact():
    """Returns `(oracle, model)` with the exact posterior; shared by all tests, so read only."""
    oracle = LinearGaussian()
    return oracle, oracle.vae()


@functools.cache
def loose():
    """Returns the same with an encoder 1.5 times too wide and half a scale off: gap 0.69 nats."""
    oracle = LinearGaussian(stretch=1.5, shift=0.5)
    return oracle, oracle.vae()


def _flat(x):
    return np.asarray(x, "float64").reshape(len(x), -1)
