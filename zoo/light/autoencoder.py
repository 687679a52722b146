"""A published encoder and decoder together: reconstructions, paths between images, traversals."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.arguments import positive_int
from zoo.light import runtime
from zoo.typing import Array, ModelName


def load_autoencoder(
    model: ModelName, providers: Sequence[str] | None = None, num_threads: int | None = None
) -> "Autoencoder":
    """Returns the `Autoencoder` of a published model; arguments and errors as `load_encoder`."""
    encoder = runtime.load_encoder(model, providers, num_threads)
    return Autoencoder(encoder, runtime.load_decoder(model, providers, num_threads))


class Autoencoder:
    """The encoder and the decoder of a published model, through ONNX Runtime and NumPy alone.

    Images are those of `Encoder.features`; `options` are its `resize`, `bits` and `batch_size`.
    Codes are posterior means, so the same images give the same results. An autoregressive decoder
    has no mean image: its images are drawn, by the decoder's seed.

    Attributes:
        encoder: An `Encoder`.
        decoder: A `Decoder`.
    """

    def __init__(self, encoder: Any, decoder: Any):
        self.encoder, self.decoder = encoder, decoder

    def __repr__(self) -> str:
        return f"Autoencoder({self.encoder.card['name']!r})"

    def decode(self, z: Array) -> np.ndarray:
        """Returns images [N, H, W, C] of latents [N, Z]: means, or autoregressive draws."""
        if "sampler" in self.decoder.card["graphs"]:
            return self.decoder.draw(z)
        return self.decoder.decode(z)

    def reconstruct(self, images: Any, **options: Any) -> np.ndarray:
        """Returns the images of the codes of images, float32 [N, H, W, C]."""
        return self.decode(self.encoder.features(images, **options))

    def interpolate(
        self, first: Any, second: Any, steps: int = 8, path: str = "straight", **options: Any
    ) -> np.ndarray:
        """Returns the images on a path between the codes of two images.

            straight:   z(t) = (1 - t) a + t b
            spherical:  z(t) = (sin((1 - t) w) a + sin(t w) b) / sin(w),  cos(w) = <a, b> / |a| |b|

        A spherical path keeps the length of codes that are as long as each other, as draws of a
        Gaussian in many dimensions nearly are.

        Args:
            first: One image, or N of them.
            second: As many images.
            steps: At least 2, both ends included.
            path: "straight" or "spherical".
            **options: Of `Encoder.features`.

        Returns:
            float32 [steps, H, W, C] for one pair of images, [N, steps, H, W, C] for N > 1.

        Raises:
            ValueError: If the numbers of images differ, or an argument is wrong.

        Reference:
            White, 2016, "Sampling Generative Networks", for the spherical path.
        """
        if path not in ("straight", "spherical"):
            raise ValueError(f"Expected path 'straight' or 'spherical'. Received: path={path!r}")
        if positive_int("steps", steps) < 2:
            raise ValueError(f"Expected at least 2 steps, the two ends. Received: steps={steps}")
        a, b = (self.encoder.features(images, **options) for images in (first, second))
        if len(a) != len(b):
            raise ValueError(
                f"Expected as many second images as first. Received: {len(a)}, {len(b)}"
            )
        t = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
        walk = spherical if path == "spherical" else straight
        z = np.stack([walk(start, end, t) for start, end in zip(a, b)])
        images = self.decode(z.reshape(-1, z.shape[-1]))
        images = images.reshape(len(a), steps, *images.shape[1:])
        return images[0] if len(a) == 1 else images

    def traverse(
        self, image: Any, dimension: int, values: Sequence[float] | None = None, **options: Any
    ) -> np.ndarray:
        """Returns the images of one image's code with one latent set to each of some values.

        Args:
            image: One image.
            dimension: The latent, from 0 to Z - 1.
            values: What it is set to; nine values from -3 to 3 by default.
            **options: Of `Encoder.features`.

        Returns:
            float32 [values, H, W, C].

        Raises:
            ValueError: If there are several images, or no such latent.
        """
        code = self.encoder.features(image, **options)
        if len(code) != 1:
            raise ValueError(f"Expected one image. Received: {len(code)} images")
        size = self.encoder.latent_dim
        if not (isinstance(dimension, (int, np.integer)) and 0 <= dimension < size):
            raise ValueError(
                f"Expected a latent from 0 to {size - 1}. Received: dimension={dimension!r}"
            )
        values = np.linspace(-3, 3, 9) if values is None else np.asarray(values, np.float32)
        z = np.repeat(code, len(values), axis=0)
        z[:, dimension] = values
        return self.decode(z)


def straight(a: Array, b: Array, t: Array) -> np.ndarray:
    """Returns (1 - t) a + t b, [steps, Z], for codes [Z] and t [steps, 1]."""
    return (1 - t) * a + t * b


def spherical(a: Array, b: Array, t: Array) -> np.ndarray:
    """Returns the great circle from a to b, [steps, Z]; `straight` where they point one way."""
    cosine = np.dot(a, b) / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-12)
    angle = np.arccos(np.clip(cosine, -1, 1))
    if np.sin(angle) < 1e-4:
        return straight(a, b, t)
    return (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
