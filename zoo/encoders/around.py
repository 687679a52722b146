"""Encoders around an encoder, which change its mean: clipped (`mu_vae`), scaled (`bilbo`)."""

import math
from typing import Any

from zoo.encoders.encoder import Encoder
from zoo.layers import NormClipping
from zoo.registry import ENCODERS
from zoo.typing import Array, PartLike, Shape


class Around(Encoder):
    """e(z|x) of `base`, with another mean: a subclass writes `move(loc)`.

    Args:
        latent_dim: Positive int, Z.
        base: An encoder with a Gaussian posterior, its name, or a mapping `{"name": ...,
            **arguments}`, which gets the same `latent_dim`.

    Raises:
        ValueError: If `base` has a flow, or another number of latents.
    """

    def __init__(self, latent_dim, base, **kwargs):
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        if not isinstance(base, Encoder):
            spec = {"name": base} if isinstance(base, str) else dict(base)
            base = ENCODERS.create({"latent_dim": latent_dim, **spec})
        if base.flow is not None or base.has_own_posterior:
            raise ValueError(
                "`base` must have a Gaussian posterior; a flow goes around this encoder, as its "
                f"own base, and not inside. Received: base={type(base).__name__}"
            )
        if base.latent_dim != latent_dim:
            raise ValueError(
                f"`base` must have {latent_dim} latents. Received: base.latent_dim="
                f"{base.latent_dim}"
            )
        self.base = base

    @property
    def gaussian_names(self):
        """Those of the encoder inside."""
        return self.base.gaussian_names

    def move(self, loc):
        """Returns the mean [B, Z] in place of `loc` [B, Z]."""
        raise NotImplementedError

    def build(self, image_shape):
        if not self.base.built:
            self.base.build(image_shape)

    def call(self, x, training=False):
        parameters = self.base(x, training=training)
        means = {"loc", self.gaussian_names[0]} & set(parameters)
        return {**parameters, **{name: self.move(parameters[name]) for name in means}}


@ENCODERS.register("clipped")
class ClippedEncoder(Around):
    """Latent clipping: the mean is kept inside a ball, |mu| <= c sqrt(Z).

    Args:
        latent_dim: Positive int, Z.
        base: An encoder with a Gaussian posterior, its name, or a mapping with `name`.
        radius: Positive number, c: 3 for the paper's mu-VAE #1, 6 for #2.

    Raises:
        ValueError: If `radius` is not positive, or `base` does not fit.

    Reference:
        `mu_vae`, eq. 5.
    """

    def __init__(
        self,
        latent_dim: int = 10,
        base: PartLike = "small_conv",
        radius: float = 3.0,
        **kwargs: Any,
    ):
        super().__init__(latent_dim, base, **kwargs)
        self.radius = radius
        self.move = NormClipping(radius * math.sqrt(latent_dim))

    def build(self, image_shape: Shape) -> None:
        super().build(image_shape)
        self.move.build((None, self.latent_dim))


@ENCODERS.register("scaled")
class ScaledEncoder(Around):
    """A hard-coded latent scale: the mean of `base` times `factor`; its variance stays.

    With the decoder "scaled", which divides, the model is the same one under another
    parameterisation: what changes is where training starts.

    Args:
        latent_dim: Positive int, Z.
        base: An encoder with a Gaussian posterior, its name, or a mapping with `name`.
        factor: Positive number.

    Raises:
        ValueError: If `factor` is not positive, or `base` does not fit.

    Reference:
        `bilbo`, Figure 8.
    """

    def __init__(self, latent_dim: int, base: PartLike = "mlp", factor: float = 1.0, **kwargs: Any):
        if not factor > 0:
            raise ValueError(f"`factor` must be a positive number. Received: factor={factor!r}")
        super().__init__(latent_dim, base, **kwargs)
        self.factor = factor

    def move(self, loc: Array) -> Array:
        return loc * self.factor
