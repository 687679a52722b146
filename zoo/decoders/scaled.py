"""A decoder of latents that were scaled: `bilbo`, Figure 8."""

from collections.abc import Sequence
from typing import Any

from zoo.decoders.decoder import Decoder
from zoo.registry import DECODERS
from zoo.typing import Array, PartLike, Shape


@DECODERS.register("scaled")
class ScaledDecoder(Decoder):
    """d(x|z) of `base` at z / factor: the inverse of the encoder "scaled".

    Args:
        latent_dim: Positive int, Z.
        image_shape: (H, W, C).
        base: A decoder that is not autoregressive, its name, or a mapping `{"name": ...,
            **arguments}`, which gets the same `latent_dim` and `image_shape`.
        factor: Positive number.

    Raises:
        ValueError: If `factor` is not positive, or `base` is autoregressive or of other sizes.

    Reference:
        `bilbo`, Figure 8.
    """

    def __init__(
        self,
        latent_dim: int,
        image_shape: Sequence[int] = (28, 28, 1),
        base: PartLike = "mlp",
        factor: float = 1.0,
        **kwargs: Any,
    ):
        if not factor > 0:
            raise ValueError(f"`factor` must be a positive number. Received: factor={factor!r}")
        if not isinstance(base, Decoder):
            spec = {"name": base} if isinstance(base, str) else dict(base)
            sizes = {"latent_dim": latent_dim, "image_shape": list(image_shape)}
            base = DECODERS.create({**sizes, **spec})
        sizes = (base.latent_dim, tuple(base.image_shape))
        if base.is_autoregressive or sizes != (latent_dim, tuple(image_shape)):
            raise ValueError(
                f"`base` must decode {latent_dim} latents to {tuple(image_shape)}, all pixels at "
                f"once. Received: base={type(base).__name__} of latent_dim, image_shape={sizes}"
            )
        super().__init__(latent_dim, image_shape, base.likelihood, **kwargs)
        self.base = base
        self.factor = factor

    def build(self, latent_shape: Shape) -> None:
        if not self.base.built:
            self.base.build(latent_shape)

    def network(self, z: Array, training: bool = False) -> Array:
        return self.base.network(z / self.factor, training=training)
