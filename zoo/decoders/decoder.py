"""The base class of decoders: d(x|z), a stochastic map from latents to images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from zoo.blocks import BLOCK, in_blocks
from zoo.graph_spec import GraphSpec
from zoo.part import Part, kind
from zoo.registry import LIKELIHOODS
from zoo.typing import Array, Distribution, PartLike, Seed


class Decoder(Part):
    """d(x|z). A subclass writes `network(z, training)` from [B, Z] to raw maps for the likelihood.

    Args:
        latent_dim: Positive int, Z.
        image_shape: (H, W, C) of the images.
        likelihood: A `zoo.decoders.Likelihood`, its name, or a mapping with `name`.

    Raises:
        ValueError: If `image_shape` is not three positive ints.
    """

    is_autoregressive = False

    def __init__(
        self,
        latent_dim: int,
        image_shape: Sequence[int] = (28, 28, 1),
        likelihood: PartLike = "bernoulli",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if len(image_shape) != 3 or not all(isinstance(n, int) and n > 0 for n in image_shape):
            raise ValueError(
                "`image_shape` must be (height, width, channels), three positive ints. "
                f"Received: image_shape={image_shape!r}"
            )
        self.latent_dim = latent_dim
        self.image_shape = tuple(image_shape)
        self.likelihood = LIKELIHOODS.create(likelihood)
        if not self.likelihood.built:
            self.likelihood.build()

    def graphs(self, model: Any) -> list[GraphSpec]:
        """Returns the graph "decoder".

        That of an autoregressive decoder is given the image too: each of its outputs is of a pixel
        given those before it.
        """

        def golden(example):
            z, image = example.z, example.image
            if not self.is_autoregressive:
                return {"z": z}, None
            return {"z": z, "image": image[np.arange(len(z)) % len(image)]}, None

        image = {"image": tuple(self.image_shape)} if self.is_autoregressive else {}
        return [
            GraphSpec(
                "decoder",
                {"z": (self.latent_dim,), **image},
                lambda z, *image: model.decode(z, *image),
                golden,
                "decode",
                ("decoder",),
            )
        ]

    @property
    def raw_channels(self) -> int:
        """Number of maps that `network` must give."""
        return self.likelihood.raw_channels(self.image_shape[-1])

    def network(self, z: Array, training: bool = False) -> Array:
        """Returns raw maps [B, H, W, raw_channels] from latents [B, Z]."""
        raise NotImplementedError

    def call(self, z: Array, training: bool = False) -> dict[str, Array]:
        """Returns the likelihood's parameters, each [..., H, W, C], for latents [..., Z].

        Raises:
            ValueError: If `network` gives maps of another shape.
        """
        if len(z.shape) == 2:
            return self.likelihood(self._maps(z, training))
        # Several samples an example, z [K, B, Z]: one pass over K * B rows, then the shape back.
        leading = ops.shape(z)[:-1]
        raw = self._maps(ops.reshape(z, (-1, self.latent_dim)), training)
        return self.likelihood(ops.reshape(raw, (*leading, *raw.shape[1:])))

    def _maps(self, z, training):
        raw = self.network(z, training=training)
        expected = (*self.image_shape[:2], self.raw_channels)
        # Pixels would be broadcast against other pixels.
        if len(raw.shape) != 4 or any(n not in (None, m) for n, m in zip(raw.shape[1:], expected)):
            raise ValueError(
                f"Expected raw maps of shape (batch, {', '.join(map(str, expected))}) from "
                f"`network` of {type(self).__name__}, for images {self.image_shape} and the "
                f"likelihood {kind(self.likelihood)!r}. Received: shape={tuple(raw.shape)}"
            )
        return raw

    def distribution(self, z: Array, training: bool = False) -> Distribution:
        """Returns d(x|z), batch shape `z.shape[:-1]`, event shape [H, W, C]."""
        return self.likelihood.distribution(self(z, training=training))

    def mean(self, parameters: Mapping[str, Array]) -> Array:
        """Returns the mean image that `parameters`, the dict of `call`, stand for."""
        return self.likelihood.mean(parameters)

    def images(self, z: Array, seed: Seed = 17) -> Array:
        """Returns images [..., H, W, C] to look at: the mean of d(x|z).

        A decoder without one (an autoregressive decoder) draws them; `seed` is for that.
        """
        return self.mean(self(z))

    def images_in_blocks(self, z: Array, seed: Seed = 17, batch_size: int = BLOCK) -> np.ndarray:
        """Returns `images(z, seed)` of latents [N, Z] as NumPy, `batch_size` at a time."""
        return in_blocks(lambda z: self.images(z, seed), (z,), batch_size)

    def draws(self, z: Array, seed: Seed, batch_size: int = BLOCK, progress: bool = False) -> Array:
        """Returns x ~ d(x|z), [N, H, W, C], of latents [N, Z].

        The draws are those of `distribution(z).sample(seed=seed)`: blocks share one noise.

        Args:
            z: Latents [N, Z].
            seed: A seed of `zoo.backend`.
            batch_size: Positive int, latents decoded in one step.
            progress: Whether an autoregressive decoder shows a bar.
        """
        if type(self).distribution is not Decoder.distribution:
            return self.distribution(z).sample(seed=seed)
        parameters = in_blocks(self, (z,), batch_size)
        return self.likelihood.distribution(parameters).sample(seed=seed)
