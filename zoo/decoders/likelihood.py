"""Likelihoods p(x|z) over pixels, for a decoder's last layer, in nats with all constants."""

from collections.abc import Mapping
from typing import Any

from keras import ops

from zoo.backend import tfd
from zoo.distributions import Normal
from zoo.inputs import PIXEL_SLACK
from zoo.part import Part
from zoo.registry import LIKELIHOODS, nearest
from zoo.typing import Array, Distribution, Shape

# Smallest standard deviation of a Gaussian pixel, about a quarter of a grey level of 255.
PIXEL_SCALE_FLOOR = 1e-3


class Likelihood(Part):
    """Turns raw maps [..., H, W, raw_channels(C)] into p(x|z) with event shape [H, W, C].

    A subclass writes `call(raw)`, the dict of parameters that a decoder publishes, and
    `distribution(parameters)`, which reads it. `mean(parameters)` is that distribution's, unless a
    subclass knows a shorter way. All of it is float32, under mixed precision too.
    """

    maps_per_channel = 1
    # Whether `log_prob` is of discrete pixels, so that it can be read in bits per dimension.
    bits_per_dimension = False
    # The least and the largest pixel of its images, or None where any number is a pixel.
    pixel_range = None
    # The map in the dict of `call` whose metric `precision` gives; None where it is not known.
    location = None
    # Whether a loss takes another number for an example than its distortion.
    has_cost = False

    def __init__(self, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})

    def build(self, input_shape: Shape | None = None) -> None:
        pass

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "distribution" in vars(cls) and "location" not in vars(cls):
            cls.location = None  # that of a class above is of another distribution

    def raw_channels(self, channels: int) -> int:
        """Returns the number of raw maps for images of `channels` channels."""
        return channels * self.maps_per_channel

    def distribution(self, parameters: Mapping[str, Array]) -> Distribution:
        """Returns p(x|z), event shape [H, W, C], of `parameters`, the dict of `call`."""
        raise NotImplementedError

    def mean(self, parameters: Mapping[str, Array]) -> Array:
        """Returns the mean image [..., H, W, C]."""
        return self.distribution(parameters).mean()

    def precision(self, parameters: Mapping[str, Array]) -> Array:
        """Returns T^-1 [..., H, W, C], the metric of p(x|z) on the map `location`, per pixel."""
        raise NotImplementedError

    def distortion_and_cost(
        self, decoder: Any, z: Array, x: Array, posterior: Distribution, training: bool
    ) -> tuple[Array, Array]:
        """Returns D = -log d(x|z), and what a loss takes for it: each [B], in nats.

        The two are the same, except for a likelihood that the batch bounds (`has_cost`).

        Args:
            decoder: The `zoo.Decoder` of this likelihood.
            z: Latents [B, Z], drawn from `posterior`.
            x: Images [B, H, W, C].
            posterior: e(z|x) of the batch.
            training: Whether layers run as in training.
        """
        distortion = -decoder.distribution(z, training=training).log_prob(x)
        return distortion, distortion


class _Pixels(tfd.Bernoulli):
    """A Bernoulli whose log-probability is one softplus: x l - softplus(l), finite for all l.

    TensorFlow Probability's own takes two softplus and guards their products with zero. Of pixels
    outside [0, 1] it is NaN: there x l - softplus(l) grows without bound, and is no probability.
    """

    def _log_prob(self, event):
        logits = self.logits_parameter()
        event = ops.cast(event, logits.dtype)
        is_pixel = ops.logical_and(event >= -PIXEL_SLACK, event <= 1.0 + PIXEL_SLACK)
        event = ops.where(is_pixel, event, float("nan"))
        return event * logits - ops.softplus(logits)


@LIKELIHOODS.register("bernoulli")
class Bernoulli(Likelihood):
    """Independent pixels, log p(x|z) = sum x l - softplus(l), with logits l.

    For pixels in {0, 1} this is a probability. Grey levels in [0, 1] are accepted as the
    literature does: the value is then the expectation of log p over pixels drawn with those
    probabilities. Pixels outside [0, 1], as of images that were not divided by 255, have none:
    the log-probability is NaN.
    """

    pixel_range = (0.0, 1.0)
    location = "logits"

    def call(self, raw: Array) -> dict[str, Array]:
        """Returns `{"logits": [..., H, W, C]}`."""
        return {"logits": raw}

    def distribution(self, parameters: Mapping[str, Array]) -> Distribution:
        return tfd.Independent(_Pixels(logits=parameters["logits"], dtype="float32"), 3)

    def mean(self, parameters: Mapping[str, Array]) -> Array:
        """Returns the probability of a one, in [0, 1]."""
        return ops.sigmoid(parameters["logits"])

    def precision(self, parameters: Mapping[str, Array]) -> Array:
        """Returns p (1 - p), the variance of a pixel, which is its metric on logits."""
        probability = ops.sigmoid(parameters["logits"])
        return probability * (1.0 - probability)


@LIKELIHOODS.register("gaussian")
class Gaussian(Likelihood):
    """Independent pixels, p(x|z) = N(mean(z), scale^2), the constant -log(2 pi)/2 included.

    Args:
        scale: A positive number (fixed), "scalar" (one learned scale for all pixels and images),
            or "learned" (one for each pixel of each image, from the decoder).
        mean_activation: "linear" or "sigmoid".

    Raises:
        ValueError: If either is none of these.
    """

    location = "mean"

    def __init__(self, scale: float | str = 1.0, mean_activation: str = "linear", **kwargs: Any):
        super().__init__(**kwargs)
        is_number = isinstance(scale, (int, float)) and not isinstance(scale, bool)
        if not ((is_number and scale > 0) or scale in ("scalar", "learned")):
            raise ValueError(
                "`scale` must be a positive number, 'scalar' or 'learned'. "
                f"Received: scale={scale!r}"
            )
        if mean_activation not in ("linear", "sigmoid"):
            raise ValueError(
                "`mean_activation` must be 'linear' or 'sigmoid'. "
                f"Received: mean_activation={mean_activation!r}."
                + nearest(mean_activation, ("linear", "sigmoid"))
            )
        self.scale = scale
        self.mean_activation = mean_activation
        self.maps_per_channel = 2 if scale == "learned" else 1
        # No sigmoid reaches a pixel beyond 1.
        self.pixel_range = (0.0, 1.0) if mean_activation == "sigmoid" else None

    def build(self, input_shape: Shape | None = None) -> None:
        if self.scale == "scalar":
            # softplus(0.5413) = 1: training starts at unit scale.
            self.raw_scale = self.add_weight(
                name="raw_scale", shape=(), initializer=lambda shape, dtype: ops.full(shape, 0.5413)
            )

    def call(self, raw: Array) -> dict[str, Array]:
        """Returns `{"mean": [..., H, W, C], "scale": the same shape}`."""
        if self.scale == "learned":
            raw, raw_scale = ops.split(raw, 2, axis=-1)
            scale = ops.softplus(raw_scale) + PIXEL_SCALE_FLOOR
        elif self.scale == "scalar":
            scale = ops.ones_like(raw) * (ops.softplus(self.raw_scale) + PIXEL_SCALE_FLOOR)
        else:
            scale = ops.ones_like(raw) * self.scale
        mean = ops.sigmoid(raw) if self.mean_activation == "sigmoid" else raw
        return {"mean": mean, "scale": scale}

    def distribution(self, parameters: Mapping[str, Array]) -> Distribution:
        return tfd.Independent(Normal(parameters["mean"], parameters["scale"]), 3)

    def mean(self, parameters: Mapping[str, Array]) -> Array:
        """Returns the mean of each pixel."""
        return parameters["mean"]

    def precision(self, parameters: Mapping[str, Array]) -> Array:
        """Returns 1 / scale^2."""
        return ops.square(1.0 / parameters["scale"])
