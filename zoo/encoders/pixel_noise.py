"""An encoder made random by noise on its pixels: `vimae`, appendix."""

from typing import Any

import keras

from zoo.backend import fold_in, next_seed, truncated_normal
from zoo.encoders.encoder import Encoder
from zoo.registry import ENCODERS
from zoo.typing import Array, PartLike, Shape


@ENCODERS.register("pixel_noise")
class PixelNoiseEncoder(Encoder):
    """e(z|x) of another encoder at x + n while training, and at x itself afterwards.

        n ~ N(0, (limit / 2)^2), truncated to |n| <= limit, for each pixel

    The paper makes a deterministic encoder random so, "adding a pixel-wise Gaussian noise truncated
    at 0.01". It gives no standard deviation; this is the usual truncation at two of them. The
    decoder is scored on x without noise.

    Args:
        latent_dim: Positive int, Z.
        base: A `zoo.Encoder`, its name, or a mapping `{"name": ..., **arguments}`, which gets the
            same `latent_dim`; with the argument `scale="deterministic"` it is the paper's.
        limit: Positive number, in units of the full range of a pixel; 0.01 in the paper.
        seed: Int, seeds the noise.

    Raises:
        ValueError: If `limit` is none of these, or `base` has other latents or a `posterior` of its
            own.

    Reference:
        `vimae`, Further details on experiments.
    """

    def __init__(
        self,
        latent_dim: int = 8,
        base: PartLike = "mlp",
        limit: float = 0.01,
        seed: int = 17,
        **kwargs: Any,
    ):
        if not limit > 0:
            raise ValueError(f"`limit` must be a positive number. Received: limit={limit!r}")
        # Noise is added in float32; the encoder inside has its own policy.
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.latent_dim = latent_dim
        if not isinstance(base, Encoder):
            spec = {"name": base} if isinstance(base, str) else dict(base)
            base = ENCODERS.create({"latent_dim": latent_dim, **spec})
        if base.latent_dim != latent_dim or base.has_own_posterior:
            raise ValueError(
                f"`base` must be an encoder of {latent_dim} latents without a `posterior` of its "
                f"own. Received: base={type(base).__name__} of latent_dim={base.latent_dim}"
            )
        self.base = base
        self.limit = limit
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    @property
    def gaussian_names(self) -> tuple[str, str]:
        """Those of the encoder inside."""
        return self.base.gaussian_names

    @property
    def flow(self) -> Any:
        """That of the encoder inside, or None."""
        return self.base.flow

    def build(self, image_shape: Shape) -> None:
        if not self.base.built:
            self.base.build(image_shape)

    def call(self, x: Array, training: bool = False) -> dict[str, Array]:
        if training:
            # Not the stream of an objective that has the same seed.
            seed = fold_in(next_seed(self.seed_generator), 1)
            x = x + self.limit / 2 * truncated_normal(keras.ops.shape(x), seed)
        return self.base(x, training=training)
