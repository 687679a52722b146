"""Parts as a user writes them, which end in a plain layer: the README's encoder, and a decoder."""

import keras
import numpy as np

import zoo


class MyEncoder(zoo.Encoder):
    """The README's; unless it `builds`, its layer is built by the first batch."""

    def __init__(self, latent_dim, builds=True, **kwargs):
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        self.builds = builds
        self.flatten = keras.layers.Flatten()
        self.dense = keras.layers.Dense(2 * latent_dim)

    def build(self, image_shape):
        if self.builds:
            self.dense.build((None, int(np.prod(image_shape[1:]))))

    def call(self, x, training=False):
        loc, raw = keras.ops.split(self.dense(self.flatten(x)), 2, axis=-1)
        return {"loc": loc, "scale": keras.ops.softplus(raw) + 1e-5}


class MyDecoder(zoo.Decoder):
    """A dense layer."""

    def __init__(self, latent_dim, image_shape, likelihood="bernoulli", **kwargs):
        super().__init__(latent_dim, image_shape, likelihood, **kwargs)
        height, width, _ = image_shape
        self.dense = keras.layers.Dense(height * width * self.raw_channels)

    def build(self, latent_shape):
        self.dense.build(latent_shape)

    def network(self, z, training=False):
        shape = (-1, *self.image_shape[:2], self.raw_channels)
        return keras.ops.reshape(self.dense(z), shape)
