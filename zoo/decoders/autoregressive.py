"""Decoders whose pixels depend on one another: d(x|z) = prod_i d(x_i | x_1 .. x_{i-1}, z)."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.backend import compiled, fold_in, tfd, tfp, tfp_seed, to_numpy
from zoo.blocks import BLOCK, in_blocks
from zoo.decoders.decoder import Decoder
from zoo.decoders.likelihood import Bernoulli
from zoo.part import kind
from zoo.typing import Array, Distribution, PartLike, Seed


class AutoregressiveDecoder(Decoder):
    """d(x|z) pixel by pixel in raster order. A subclass writes `network(z, x, training)`.

    `network` gives the logits [B, H, W, 1] of binary pixels. The logit of a pixel may depend on
    z [B, Z] and on the pixels of x [B, H, W, 1] before it, and on no other pixel. It need not
    depend on all of them: see `PixelCNNDecoder` for its first pixel. `draw(z, noise)` samples by as
    many passes as there are pixels; a subclass with a faster way to the same pixels overrides it.

    Raises:
        ValueError: If the images have more than one channel, or the likelihood is not Bernoulli.
    """

    is_autoregressive = True

    def __init__(
        self,
        latent_dim: int,
        image_shape: Sequence[int] = (28, 28, 1),
        likelihood: PartLike = "bernoulli",
        **kwargs: Any,
    ):
        super().__init__(latent_dim, image_shape, likelihood, **kwargs)
        if self.image_shape[-1] != 1 or not isinstance(self.likelihood, Bernoulli):
            raise ValueError(
                "An autoregressive decoder needs one channel and the likelihood 'bernoulli'. "
                f"Received: image_shape={self.image_shape!r}, "
                f"likelihood={kind(self.likelihood)!r}"
            )

    def network(self, z: Array, x: Array, training: bool = False) -> Array:
        """Returns logits [B, H, W, 1] of each pixel given z [B, Z] and the pixels before it."""
        raise NotImplementedError

    def call(self, z: Array, x: Array = None, training: bool = False) -> dict[str, Array]:
        """Returns `{"logits": [..., H, W, 1]}` of every pixel of x given z and those before it.

        Args:
            z: Latents [..., Z].
            x: Images [..., H, W, 1], with the leading dimensions of z or some of them left out.
            training: Whether in a training step.

        Raises:
            ValueError: If `x` is absent: there are no logits of a pixel without those before it.
        """
        if x is None:
            raise ValueError(
                "The pixels of an autoregressive decoder depend on one another: give x too, or "
                "draw images with `images(z)` or `distribution(z).sample(seed=...)`. "
                "Received: x=None"
            )
        if len(z.shape) == 2 and len(x.shape) == 4:
            return self.likelihood(self.network(z, x, training=training))
        leading = ops.shape(z)[:-1]
        x = ops.broadcast_to(x, (*leading, *self.image_shape))
        z, x = ops.reshape(z, (-1, self.latent_dim)), ops.reshape(x, (-1, *self.image_shape))
        raw = self.network(z, x, training=training)
        return self.likelihood(ops.reshape(raw, (*leading, *self.image_shape)))

    def distribution(self, z: Array, training: bool = False) -> Distribution:
        """Returns d(x|z): an object with `log_prob`, `sample`, `batch_shape`, `event_shape`."""
        return Autoregressive(self, z, training)

    def mean(self, parameters: Mapping[str, Array]) -> Array:
        """Returns the probability of a one for each pixel given those before it."""
        return self.likelihood.mean(parameters)

    def images(self, z: Array, seed: Seed = 17) -> Array:
        """Returns an ancestral draw of d(x|z), [..., H, W, 1], the same on every call."""
        return self.distribution(z).sample(seed=tfp_seed(seed))

    def images_in_blocks(self, z: Array, seed: Seed = 17, batch_size: int = BLOCK) -> np.ndarray:
        return to_numpy(self.draws(z, tfp_seed(seed), batch_size))

    def draws(self, z: Array, seed: Seed, batch_size: int = BLOCK, progress: bool = False) -> Array:
        return self.distribution(z).sample(seed=seed, progress=progress, batch_size=batch_size)

    def draw(self, z: Array, noise: Array, progress: bool = False) -> Array:
        """Returns images of d(x|z): pixel i is a one where noise_i < d(x_i = 1 | x_<i, z).

        Args:
            z: Latents [B, Z].
            noise: Uniform numbers in [0, 1), [B, H, W, 1].
            progress: Whether to show a bar.

        Returns:
            [B, H, W, 1] of zeros and ones.
        """
        return draw_slowly(self, z, noise, progress)


class Autoregressive:
    """The distribution d(x|z) of an autoregressive decoder at given latents.

    Args:
        decoder: An `AutoregressiveDecoder`.
        z: Latents [..., Z].
        training: Whether in a training step.
    """

    def __init__(self, decoder, z, training=False):
        self.decoder, self.z, self.training = decoder, z, training

    @property
    def batch_shape(self):
        """The shape of z without its last dimension."""
        return tuple(self.z.shape[:-1])

    @property
    def event_shape(self):
        """(H, W, 1)."""
        return self.decoder.image_shape

    def log_prob(self, x):
        """Returns log d(x|z) = sum_i log d(x_i | x_<i, z) in nats, one pass for all pixels."""
        parameters = self.decoder(self.z, x, training=self.training)
        return self.decoder.likelihood.distribution(parameters).log_prob(x)

    def sample(self, sample_shape=(), seed=None, progress=False, batch_size=BLOCK):
        """Returns images [*sample_shape, ..., H, W, 1], pixel by pixel.

        Args:
            sample_shape: An int or a tuple of them.
            seed: A seed of `zoo.backend`, or an int.
            progress: Whether to show a bar, one for each block.
            batch_size: Positive int, images drawn in one block.
        """
        seed = tfp_seed(seed) if isinstance(seed, int) else tfp.random.sanitize_seed(seed)
        sample_shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        leading = (*sample_shape, *ops.shape(self.z)[:-1])
        z = ops.broadcast_to(self.z, (*leading, self.decoder.latent_dim))
        z = ops.reshape(z, (-1, self.decoder.latent_dim))
        shape = (ops.shape(z)[0], *self.event_shape)
        noise = tfd.Uniform(0.0, 1.0).sample(shape, seed=fold_in(seed, 0))
        images = in_blocks(
            lambda z, noise: self.decoder.draw(z, noise, progress), (z, noise), batch_size
        )
        return ops.reshape(images, (*leading, *self.event_shape))


def draw_slowly(decoder, z, noise, progress=False):
    """Draws as `AutoregressiveDecoder.draw` by one pass of the whole network for each pixel.

    The reference that faster samplers are checked against.
    """
    height, width, _ = decoder.image_shape
    bar = keras.utils.Progbar(height, unit_name="row") if progress else None
    logits = compiled(lambda z, x: decoder(z, x)["logits"], decoder.variables)
    x = ops.zeros_like(noise)
    for row in range(height):
        for column in range(width):
            probabilities = ops.sigmoid(logits(z, x)[:, row, column])
            pixel = ops.cast(noise[:, row, column] < probabilities, "float32")
            x = ops.slice_update(x, (0, row, column, 0), pixel[:, None, None])
        if bar is not None:
            bar.update(row + 1)
    return x
