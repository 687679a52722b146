"""Inverse autoregressive flow around any Gaussian encoder: `broken_elbo`, F.1."""

from collections.abc import Sequence
from typing import Any

from zoo.encoders.encoder import Encoder
from zoo.layers import MeanFlow
from zoo.registry import ENCODERS
from zoo.typing import Array, PartLike, Shape


@ENCODERS.register("iaf")
class IAFEncoder(Encoder):
    """The encoder `+` of `broken_elbo`, F.1: z = f(u), u ~ N(base_loc(x), base_scale(x)^2).

    f is a volume-preserving flow of `num_flows` mean-only autoregressive steps, one parallel pass,
    the same for all x. log e(z|x) of a z that it made itself needs no inverse; of any other z it is
    exact, by the sequential inverse. KL(e||m) has no closed form, and is sampled.

    `call` gives `base_loc`, `base_scale` and `loc` = f(base_loc), the code, which is not E[z|x].

    Args:
        latent_dim: Positive int, Z; 64 in the paper.
        base: A Gaussian `zoo.Encoder`, its name, or a mapping `{"name": ..., **arguments}`, which
            gets the same `latent_dim`.
        num_flows: Positive int, steps of the flow; 4 in the paper.
        hidden_units: Hidden widths of each step's MADE. The paper's "3 layer MADE with 640 units"
            is read as two hidden layers and an output layer.

    Raises:
        ValueError: If `base` is not a Gaussian encoder of `latent_dim` latents.

    Reference:
        Kingma et al., 2016.
    """

    gaussian_names = ("base_loc", "base_scale")

    def __init__(
        self,
        latent_dim: int = 64,
        base: PartLike = "gated_conv",
        num_flows: int = 4,
        hidden_units: Sequence[int] = (640, 640),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        self.base = base if isinstance(base, Encoder) else _create(base, latent_dim)
        is_gaussian = self.base.flow is None and not self.base.has_own_posterior
        if self.base.latent_dim != latent_dim or not is_gaussian:
            raise ValueError(
                f"`base` must be a Gaussian encoder of {latent_dim} latents. Received: "
                f"base={type(self.base).__name__} of latent_dim={self.base.latent_dim}"
            )
        self.num_flows = num_flows
        self.hidden_units = tuple(hidden_units)
        self.flow = MeanFlow(latent_dim, num_flows, hidden_units)

    def build(self, image_shape: Shape) -> None:
        if not self.base.built:
            self.base.build(image_shape)
        self.flow.build((None, self.latent_dim))

    def call(self, x: Array, training: bool = False) -> dict[str, Array]:
        loc, scale = self.base.gaussian(self.base(x, training=training))
        return {"loc": self.flow(loc), "base_loc": loc, "base_scale": scale}


def _create(base, latent_dim):
    spec = {"name": base} if isinstance(base, str) else dict(base)
    return ENCODERS.create({"latent_dim": latent_dim, **spec})
