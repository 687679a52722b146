"""Masked autoregressive flow as a marginal: `broken_elbo`, F.3."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from zoo.backend import to_numpy
from zoo.distributions import VolumePreserving, diagonal_normal
from zoo.layers.flow import Inverted, MeanFlow
from zoo.layers.made import ORDERS
from zoo.marginals.marginal import Marginal
from zoo.registry import MARGINALS
from zoo.typing import Array, Distribution, Shape


@MARGINALS.register("maf")
class MAFMarginal(Marginal):
    """The marginal `+` of `broken_elbo`, F.3: log m(z) = log N(f(z); 0, I).

    f is a volume-preserving flow of `num_flows` mean-only autoregressive steps, so log m(z) is one
    parallel pass; sampling z = f^-1(u) is sequential.

    Args:
        latent_dim: Positive int, Z; 64 in the paper.
        num_flows: Positive int, steps of the flow; 4 in the paper.
        hidden_units: Hidden widths of each step's MADE. The paper's "3 layer MADE with 640 units"
            is read as two hidden layers and an output layer.

    Reference:
        Papamakarios et al., 2017.
    """

    def __init__(
        self,
        latent_dim: int = 64,
        num_flows: int = 4,
        hidden_units: Sequence[int] = (640, 640),
        **kwargs: Any,
    ):
        super().__init__(latent_dim, **kwargs)
        self.num_flows = num_flows
        self.hidden_units = tuple(hidden_units)
        self.flow = MeanFlow(latent_dim, num_flows, hidden_units)

    def build(self, input_shape: Shape | None = None) -> None:
        self.flow.build((None, self.latent_dim))

    @property
    def noise_shape(self) -> tuple[int, ...] | None:
        """(Z,), of the noise that `sample_from_noise` takes."""
        return (self.latent_dim,)

    def sample_from_noise(self, parameters: Mapping[str, Array], noise: Array) -> Array:
        """Returns f^-1(noise), draws of m(z) [B, Z]; `parameters()` of this part is empty."""
        return self.flow.inverse(noise)

    def compose_draws(self, graph: Any, noise: Array) -> dict[str, Any]:
        """Writes f^-1 into a graph: a loop over the coordinates for each step of the flow.

        Args:
            graph: An `export.compose.Graph`.
            noise: The symbol of u, [B, Z].

        Returns:
            `{"z": symbol}`, of shape [B, Z].
        """
        y = noise
        for made in reversed(self.flow.mades):
            y = _solve(graph, made, y)
        return {"z": y}

    def distribution(self) -> Distribution:
        base = diagonal_normal(ops.zeros(self.latent_dim), ops.ones(self.latent_dim))
        return VolumePreserving(base, Inverted(self.flow), self.name)


def _solve(graph, made, y):
    """Returns v with v + made(v) = y, coordinate by coordinate in the order of the MADE.

    As `zoo.layers.flow` does, except that it does not end where a pass changes nothing. A pass
    sets the coordinate whose turn it is, v_i = y_i - made_i(v), which the coordinates before it
    decide.
    """
    kernels = [to_numpy(kernel) for kernel in made.masked_kernels()]
    turns = np.eye(made.event_size, dtype=np.float32)
    turns = turns if made.order == ORDERS[0] else turns[::-1]

    def step(v, y, turn):
        return v + turn * (y - made.apply(v, kernels) - v)

    def advance(body, carry, turn):
        v, y = carry
        return (body.call(step, v, y, turn), y), ()

    start = graph.call(lambda y: 0.0 * y, y)
    (v, _), _ = graph.scan(advance, (start, y), graph.constant(turns))
    return v
