"""Contender: the dense network with the step of Keras's own example of a VAE.

The step, its losses and its three metrics are those of keras.io/examples/generative/vae; the
layers are those of `benchmarks.torch_training`.
"""

import os

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops


class Sampling(layers.Layer):
    """A sample of the posterior."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, inputs):
        mean, log_variance = inputs
        noise = keras.random.normal(shape=ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_variance) * noise


class VAE(keras.Model):
    """The example's model."""

    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.decoder = encoder, decoder
        names = ("total_loss", "reconstruction_loss", "kl_loss")
        self.trackers = [keras.metrics.Mean(name=name) for name in names]

    @property
    def metrics(self):
        return self.trackers

    def train_step(self, data):
        with tf.GradientTape() as tape:
            mean, log_variance, z = self.encoder(data)
            reconstruction = self.decoder(z)
            cross_entropy = keras.losses.binary_crossentropy(data, reconstruction)
            reconstruction_loss = ops.mean(ops.sum(cross_entropy, axis=(1, 2)))
            kl = -0.5 * (1 + log_variance - ops.square(mean) - ops.exp(log_variance))
            kl_loss = ops.mean(ops.sum(kl, axis=1))
            total_loss = reconstruction_loss + kl_loss
        gradients = tape.gradient(total_loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights))
        for tracker, value in zip(self.trackers, (total_loss, reconstruction_loss, kl_loss)):
            tracker.update_state(value)
        return {tracker.name: tracker.result() for tracker in self.trackers}


def build(latents=2, width=200, steps=20):
    """Returns the compiled model.

    Args:
        latents: Latents.
        width: Units of a hidden layer.
        steps: Steps an execution; the example leaves it at 1.
    """
    keras.utils.set_random_seed(17)
    images = keras.Input((28, 28, 1))
    h = layers.Flatten()(images)
    for _ in range(4):
        h = layers.Dense(width, "relu")(h)
    mean, log_variance = layers.Dense(latents)(h), layers.Dense(latents)(h)
    encoder = keras.Model(images, [mean, log_variance, Sampling()([mean, log_variance])])
    z = keras.Input((latents,))
    h = z
    for _ in range(4):
        h = layers.Dense(width, "relu")(h)
    h = layers.Dense(784, "sigmoid")(h)
    model = VAE(encoder, keras.Model(z, layers.Reshape((28, 28, 1))(h)))
    model.compile(optimizer=keras.optimizers.Adam(), steps_per_execution=steps)
    return model


def make(batch_size, images, steps=20):
    """Returns `run(steps)`, whole epochs of `fit`.

    Args:
        batch_size: Images a step.
        images: How many random ones to make, a multiple of `batch_size`.
        steps: Steps an execution.
    """
    model = build(steps=steps)
    pixels = (np.random.default_rng(17).random((images, 28, 28, 1)) < 0.5).astype("f4")

    def run(count):
        epochs = count * batch_size // images
        model.fit(pixels, epochs=epochs, batch_size=batch_size, verbose=0)

    run.multiple = images // batch_size
    return run
