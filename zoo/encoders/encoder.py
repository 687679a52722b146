"""The base class of encoders: e(z|x), a stochastic map from images to latents."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.backend import tfd
from zoo.distributions import Deterministic, VolumePreserving, diagonal_normal
from zoo.graph_spec import GraphSpec
from zoo.part import Part, kind
from zoo.typing import Array, Distribution


class Encoder(Part):
    """e(z|x). A subclass sets `latent_dim` and writes `build` and `call`.

    `call(x, training=False)` takes float images [B, H, W, C] in [0, 1] and returns a dict of
    tensors [B, ...]: what export publishes. Its `loc` [B, Z] is the code that a decoder can be
    given. `posterior(parameters)` turns that dict, or rows of it, into a distribution over z
    with event shape [Z]; `distribution` is the two in a row: what objectives read. A subclass with
    a posterior of its own writes `posterior`, and never `distribution`.

    e(z|x) is a diagonal Gaussian, whose loc and scale, both [B, Z], are called `gaussian_names` in
    the dict; or z = f(u) with u from that Gaussian, where a subclass sets `flow`. Where the dict
    has no scale, the encoder is deterministic: z = loc.
    """

    # What the dict of `call` calls loc and scale of the Gaussian.
    gaussian_names = ("loc", "scale")
    # A layer with `inverse` that preserves volume, the same for all x; see `zoo.layers.MeanFlow`.
    flow = None

    def distribution(self, x: Array, training: bool = False) -> Distribution:
        """Returns e(z|x), batch shape [B], event shape [Z]."""
        return self.posterior(self(x, training=training))

    @property
    def has_own_posterior(self) -> bool:
        """Whether the class writes a `posterior` of its own: neither a Gaussian nor its flow."""
        return type(self).posterior is not Encoder.posterior

    @property
    def is_gaussian(self) -> bool:
        """Whether e(z|x) is a diagonal Gaussian, or all its mass at one z."""
        return self.flow is None and not self.has_own_posterior

    def check_gaussian(self, needed_by: str) -> None:
        """Raises ValueError unless `is_gaussian`.

        Args:
            needed_by: What needs a Gaussian posterior, for the message.
        """
        if not self.is_gaussian:
            raise ValueError(
                f"{needed_by} needs diagonal Gaussian posteriors. "
                f"Received: encoder={type(self).__name__}"
            )

    def gaussian(self, parameters: Mapping[str, Array]) -> tuple[Array, Array]:
        """Returns loc and scale of the diagonal Gaussian, before the flow if there is one.

        Raises:
            ValueError: If there is none, as the encoder is deterministic.
        """
        if self.gaussian_names[1] not in parameters:
            raise ValueError(
                "Expected an encoder with a Gaussian posterior. Received: a deterministic "
                f"{type(self).__name__}, with {list(parameters)} alone"
            )
        return tuple(_whole(parameters[name]) for name in self.gaussian_names)

    def posterior(self, parameters: Mapping[str, Array]) -> Distribution:
        """Returns the distribution that `parameters`, the dict of `call`, stand for."""
        if self.gaussian_names[1] not in parameters:
            return Deterministic(_whole(parameters["loc"]))
        base = diagonal_normal(*self.gaussian(parameters))
        return base if self.flow is None else VolumePreserving(base, self.flow, self.name)

    def family(self, x: Array) -> dict[str, Any]:
        """Returns what a card says of e(z|x): `{"family": ...}` and what describes it.

        "diagonal_normal", with the names of `loc` and `scale`; "deterministic", with that of
        `loc`; or the registered name of the encoder, with `sampler`, the graph that draws from it,
        if there is one.

        Args:
            x: Images [B, H, W, C].
        """
        parameters = self(x)
        distribution = self.posterior(parameters)
        if isinstance(distribution, Deterministic):
            return {"family": "deterministic", "loc": "loc"}
        base = getattr(distribution, "distribution", None)
        is_diagonal = isinstance(distribution, tfd.MultivariateNormalDiag) or (
            isinstance(distribution, tfd.Independent) and isinstance(base, tfd.Normal)
        )
        if is_diagonal and set(parameters) == {"loc", "scale"}:
            return {"family": "diagonal_normal", "loc": "loc", "scale": "scale"}
        sampler = {} if self.noise_shape is None else {"sampler": "posterior"}
        return {"family": kind(self), **sampler}

    def graphs(self, model: Any) -> list[GraphSpec]:
        """Returns the graph "encoder", and "posterior", which draws z, where z needs one."""
        image = {"image": tuple(model.image_shape)}
        encoder = GraphSpec(
            "encoder",
            image,
            lambda image: model.encode(image),
            lambda example: ({"image": example.image}, None),
            "encode",
            ("encoder",),
        )
        return [encoder] if self.noise_shape is None else [encoder, self._posterior_graph(model)]

    def _posterior_graph(self, model):
        """Returns the graph of loc and scale of the Gaussian and noise to z: `loc` needs none."""

        def sample(*arguments):
            *gaussian, noise = arguments
            parameters = dict(zip(self.gaussian_names, gaussian))
            return {"sample": self.sample_from_noise(parameters, noise)}

        def golden(example):
            parameters = model.encode(example.image)
            gaussian = {name: np.asarray(parameters[name]) for name in self.gaussian_names}
            shape = (len(example.image), *self.noise_shape)
            noise = np.random.default_rng(example.seed).standard_normal(shape, np.float32)
            return {**gaussian, "noise": noise}, None

        inputs = dict.fromkeys(self.gaussian_names, (self.latent_dim,))
        inputs["noise"] = tuple(self.noise_shape)
        return GraphSpec("posterior", inputs, sample, golden, "sample", ("encoder",))

    @property
    def noise_shape(self) -> tuple[int, ...] | None:
        """Shape of the noise that a published graph must be given to sample e(z|x), or None.

        None where `loc + scale * noise` says all: a diagonal Gaussian needs no graph.
        """
        return None if self.flow is None else (self.latent_dim,)

    def sample_from_noise(self, parameters: Mapping[str, Array], noise: Array) -> Array:
        """Returns z ~ e(z|x), [B, Z], as a function of standard normal `noise` [B, Z]."""
        loc, scale = self.gaussian(parameters)
        z = loc + scale * noise
        return z if self.flow is None else self.flow(z)


def _whole(tensor):
    """Returns half-precision values, a layer's under a mixed policy, as float32: see `zoo.VAE`."""
    kind = keras.backend.standardize_dtype(tensor.dtype)
    return ops.cast(tensor, "float32") if kind in ("bfloat16", "float16") else tensor
