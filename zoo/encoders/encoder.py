"""What every encoder is: e(z|x), a stochastic map from images to latents."""

import keras
from keras import ops

from zoo.distributions import Deterministic, VolumePreserving, diagonal_normal
from zoo.part import Part


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

    def distribution(self, x, training=False):
        """Returns e(z|x), batch shape [B], event shape [Z]."""
        return self.posterior(self(x, training=training))

    @property
    def has_own_posterior(self):
        """Whether the class writes a `posterior` of its own: neither a Gaussian nor its flow."""
        return type(self).posterior is not Encoder.posterior

    @property
    def is_gaussian(self):
        """Whether e(z|x) is a diagonal Gaussian, or all its mass at one z."""
        return self.flow is None and not self.has_own_posterior

    def check_gaussian(self, needed_by):
        """Raises ValueError unless `is_gaussian`.

        Args:
            needed_by: What needs a Gaussian posterior, for the message.
        """
        if not self.is_gaussian:
            raise ValueError(
                f"{needed_by} needs diagonal Gaussian posteriors. "
                f"Received: encoder={type(self).__name__}"
            )

    def gaussian(self, parameters):
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

    def posterior(self, parameters):
        """Returns the distribution that `parameters`, the dict of `call`, stand for."""
        if self.gaussian_names[1] not in parameters:
            return Deterministic(_whole(parameters["loc"]))
        base = diagonal_normal(*self.gaussian(parameters))
        return base if self.flow is None else VolumePreserving(base, self.flow, self.name)

    @property
    def noise_shape(self):
        """Shape of the noise that a published graph must be given to sample e(z|x), or None.

        None where `loc + scale * noise` says all: a diagonal Gaussian needs no graph.
        """
        return None if self.flow is None else (self.latent_dim,)

    def sample_from_noise(self, parameters, noise):
        """Returns z ~ e(z|x), [B, Z], as a function of standard normal `noise` [B, Z]."""
        loc, scale = self.gaussian(parameters)
        z = loc + scale * noise
        return z if self.flow is None else self.flow(z)


def _whole(tensor):
    """Returns half-precision values, a layer's under a mixed policy, as float32: see `zoo.VAE`."""
    kind = keras.backend.standardize_dtype(tensor.dtype)
    return ops.cast(tensor, "float32") if kind in ("bfloat16", "float16") else tensor
