"""The base class of marginals: m(z), the density over latents."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.backend import to_numpy
from zoo.graph_spec import GraphSpec
from zoo.part import Part, kind
from zoo.typing import Array, Distribution, Shape


class Marginal(Part):
    """m(z). A subclass sets `latent_dim` and writes `distribution()`.

    `distribution()` is called anew in every step, inside `call`: a distribution made once from a
    variable would freeze its value. `connect(encoder, image_shape)` is called when a model is
    composed, before anything is built; a marginal that reads the encoder (VampPrior) keeps it
    there, and is not its owner. Where making the distribution costs much, `parameters()` does it
    once, and `from_parameters` returns the distribution as often as evaluation asks for it.

    A marginal that `family` does not describe has a `noise_shape` and writes
    `sample_from_noise(parameters, noise)`. That gives draws [B, Z] as a function of standard normal
    noise [B, *noise_shape], so the draws have a graph in every runtime. Draws that need a loop
    write it in `compose_draws`.
    """

    noise_shape = None

    # Takes an `export.compose.Graph` and the symbol of noise, and returns {"z": symbol}; None
    # where `sample_from_noise` is converted as it is.
    compose_draws = None

    # Whether log m(z) of a z that the encoder did not make needs the inverse of a flow.
    needs_inverse = False

    # Whether `batch_distribution` follows the posteriors of each batch.
    is_floating = False

    # Whether the trainers call `adapt` with the training set before the first step.
    starts_from_images = False

    def __init__(self, latent_dim: int, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.latent_dim = latent_dim

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "distribution" in vars(cls) and "family" not in vars(cls):
            cls.family = Marginal.family  # that of a class above describes another distribution

    def connect(self, encoder: Any, image_shape: Shape) -> None:
        """Called with the encoder of the model before anything is built."""

    def family(self) -> dict[str, Any]:
        """Returns what a card says of m(z): `{"family": ...}`, and its `scale` where it has one.

        "standard_normal"; "diagonal_normal", N(0, diag(scale)^2), or "logistic",
        Logistic(0, scale), with `scale` [Z], floats; or the registered name of the marginal, whose
        draws the graph "prior" makes of noise.
        """
        return {"family": kind(self)}

    def graphs(self, model: Any) -> list[GraphSpec]:
        """Returns the graph "prior", which draws latents, where `family` does not say all."""
        if self.noise_shape is None:
            return []
        parameters = to_numpy(self.parameters())  # what does not depend on noise is computed now

        def golden(example):
            shape = (example.num_draws, *self.noise_shape)
            rng = np.random.default_rng(example.seed)
            return {"noise": rng.standard_normal(shape, np.float32)}, None

        return [
            GraphSpec(
                "prior",
                {"noise": tuple(self.noise_shape)},
                lambda noise: {"z": self.sample_from_noise(parameters, noise)},
                golden,
                "prior",
                ("marginal",),
                compose=self.compose_draws,
            )
        ]

    def batch_distribution(self, posterior: Distribution, z: Array) -> Distribution:
        """Returns m(z) as an objective sees it, batch shape [], event shape [Z].

        `distribution()` for most marginals; one that floats (`bilbo`, section 4.3) is made anew
        from each batch.

        Args:
            posterior: e(z|x) of a batch.
            z: A sample of each, [B, Z].
        """
        return self.distribution()

    def distribution(self) -> Distribution:
        """Returns m(z), batch shape [], event shape [Z]."""
        raise NotImplementedError

    def parameters(self) -> dict[str, Array]:
        """Returns a dict of tensors for `from_parameters`; empty for most marginals."""
        return {}

    def from_parameters(self, parameters: Mapping[str, Array]) -> Distribution:
        """Returns `distribution()` from what `parameters` gave, while weights stay as they are."""
        return self.distribution()

    def portable(self, parameters: Mapping[str, Array]) -> Distribution:
        """Returns `from_parameters(parameters)` in ops that every runtime has."""
        return self.from_parameters(parameters)
