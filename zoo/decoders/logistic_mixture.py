"""A mixture of discretised logistics: exact probabilities of pixels of 256 levels."""

import math
from collections.abc import Mapping
from typing import Any

from keras import ops

from zoo import backend
from zoo.arguments import positive_int
from zoo.backend import fold_in, tfd, tfp
from zoo.decoders.likelihood import Likelihood
from zoo.distributions import SMALLEST
from zoo.inputs import PIXEL_SLACK
from zoo.registry import LIKELIHOODS
from zoo.typing import Array, Distribution

# Smallest scale of a logistic for pixels in [-1, 1], a ninth of a level of 256: exp(-7).
SCALE_FLOOR = math.exp(-7)


@LIKELIHOODS.register("logistic_mixture")
class LogisticMixture(Likelihood):
    """p(x|z) = prod over places of sum_k pi_k prod_c p(x_c | x_1 .. x_(c-1), k).

    Pixels are levels v of L, y = 2 v / (L - 1) - 1 in [-1, 1], of a logistic that is cut into
    cells around the levels, the outer two cells without an end:

        p(v_c | k) = sigmoid((y_c + h - m_ck) / s_ck) - sigmoid((y_c - h - m_ck) / s_ck)
        h = 1 / (L - 1),   m_ck = loc_ck + sum over d < c of a_cdk y_d,   a = tanh(raw)

    So the probabilities of all images sum to 1, and `log_prob` is in nats of discrete pixels: over
    H W C log 2 it is in bits per dimension. Pixels of a grey image are one channel, without a.

    Args:
        num_components: Positive int, K; 10 in both papers.
        levels: Int of at least 2, L. Pixels are rounded to the nearest level.

    Raises:
        ValueError: If an argument is none of these.

    Reference:
        Salimans et al., 2017, section 2.1 and 2.2; Vahdat and Kautz, 2020.
    """

    pixel_range = (0.0, 1.0)
    bits_per_dimension = True

    def __init__(self, num_components: int = 10, levels: int = 256, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_components = positive_int("num_components", num_components)
        self.levels = positive_int("levels", levels)
        if levels < 2:
            raise ValueError(f"`levels` must be an int of at least 2. Received: levels={levels!r}")

    def raw_channels(self, channels: int) -> int:
        return self.num_components * (1 + 2 * channels + channels * (channels - 1) // 2)

    def call(self, raw: Array) -> dict[str, Array]:
        """Returns `{"logits", "loc", "scale"}`, and `"coefficients"` of more than one channel.

        Shapes: logits [..., H, W, K]; loc and scale [..., H, W, C K], channel after channel;
        coefficients [..., H, W, C (C - 1) / 2 K], of (c, d) = (1, 0), (2, 0), (2, 1), ...
        """
        count = self.num_components
        channels = self._channels(raw.shape[-1])
        ends = [count, count * (1 + channels), count * (1 + 2 * channels)]
        logits, loc, scale = raw[..., : ends[0]], raw[..., ends[0] : ends[1]], raw[..., ends[1] :]
        parameters = {"logits": logits, "loc": loc}
        parameters["scale"] = ops.softplus(scale[..., : count * channels]) + SCALE_FLOOR
        if channels > 1:
            parameters["coefficients"] = ops.tanh(raw[..., ends[2] :])
        return parameters

    def _channels(self, maps):
        return next(c for c in range(1, 5) if self.raw_channels(c) == maps)

    def distribution(self, parameters: Mapping[str, Array]) -> Distribution:
        return DiscretizedLogistics(parameters, self.num_components, self.levels)

    def mean(self, parameters: Mapping[str, Array]) -> Array:
        """Returns the mean of each pixel, in [0, 1]; see `DiscretizedLogistics.mean`."""
        return self.distribution(parameters).mean()


class DiscretizedLogistics:
    """The distribution of `LogisticMixture`, event shape [H, W, C].

    Args:
        parameters: The dict of `LogisticMixture.call`.
        num_components: K.
        levels: L.
    """

    name = "DiscretizedLogistics"

    def __init__(self, parameters, num_components, levels):
        self.parameters, self.count, self.levels = parameters, num_components, levels
        shape = parameters["loc"].shape
        self.channels = shape[-1] // num_components
        self.batch_shape = tuple(shape[:-3])
        self.event_shape = (*shape[-3:-1], self.channels)

    def _of(self, name, index):
        """Returns the maps [..., H, W, K] of one channel, or of one pair of channels."""
        return self.parameters[name][..., index * self.count : (index + 1) * self.count]

    def _centre(self, channel, before):
        """Returns m_ck [..., H, W, K]; `before` are the y of the channels before it."""
        centre = self._of("loc", channel)
        first = channel * (channel - 1) // 2
        for index, y in enumerate(before):
            centre = centre + self._of("coefficients", first + index) * y
        return centre

    def log_prob(self, x):
        """Returns log p(x) in nats, shape `x.shape[:-3]`, of pixels in [0, 1]; others give NaN."""
        is_pixel = ops.logical_and(x >= -PIXEL_SLACK, x <= 1.0 + PIXEL_SLACK)
        last = self.levels - 1
        level = ops.round(ops.where(is_pixel, x, 0.0) * last)
        y = 2.0 * level / last - 1.0
        channels = [y[..., c : c + 1] for c in range(self.channels)]
        total = ops.log_softmax(self.parameters["logits"], axis=-1)
        for c, value in enumerate(channels):
            centre, scale = self._centre(c, channels[:c]), self._of("scale", c)
            total = total + self._log_cell(value, level[..., c : c + 1], centre, scale)
        pixels = ops.logsumexp(total, axis=-1)
        pixels = ops.where(ops.all(is_pixel, axis=-1), pixels, float("nan"))
        return ops.sum(pixels, axis=(-2, -1))

    def _log_cell(self, y, level, centre, scale):
        """Returns log(sigmoid(b) - sigmoid(a)), which is exact for all a < b.

        sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)), and
        1 - exp(-d) = tanh(d / 2) (1 + exp(-d)).
        """
        half = 1.0 / (self.levels - 1)
        below = -ops.softplus(-(y + half - centre) / scale)  # log sigmoid(b)
        above = -ops.softplus((y - half - centre) / scale)  # log sigmoid(-a)
        width = 2.0 * half / scale
        inside = below + above + ops.log(ops.tanh(0.5 * width)) + ops.softplus(-width)
        inside = ops.where(level < 0.5, below, inside)
        return ops.where(level > self.levels - 1.5, above, inside)

    def mean(self):
        """Returns E[x] [..., H, W, C] in [0, 1].

        That of a logistic that is clipped to [-1, 1], in closed form; rounding to levels moves it
        by less than half a level. In m_ck the channels before are at their means given k.
        """
        weights = ops.softmax(self.parameters["logits"], axis=-1)
        before, means = [], []
        for c in range(self.channels):
            centre, scale = self._centre(c, before), self._of("scale", c)
            rise = ops.softplus((centre + 1.0) / scale) - ops.softplus((centre - 1.0) / scale)
            before.append(ops.clip(scale * rise - 1.0, -1.0, 1.0))
            means.append(ops.sum(weights * before[-1], axis=-1))
        return 0.5 * (ops.stack(means, axis=-1) + 1.0)

    def sample(self, sample_shape=(), seed=None):
        """Returns images [*sample_shape, ..., H, W, C] of the levels."""
        seed = tfp.random.sanitize_seed(seed)
        sample_shape = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        logits = self.parameters["logits"]
        which = tfd.Categorical(logits=logits).sample(sample_shape, seed=fold_in(seed, 0))
        chosen = ops.one_hot(which, self.count, dtype="float32")
        last, values = self.levels - 1, []
        for c in range(self.channels):
            centre = ops.sum(chosen * self._centre(c, values), axis=-1)
            scale = ops.sum(chosen * self._of("scale", c), axis=-1)
            u = backend.uniform(ops.shape(centre), fold_in(seed, c + 1), minval=SMALLEST)
            y = centre + scale * (ops.log(u) - ops.log1p(-u))
            level = ops.clip(ops.round(0.5 * (y + 1.0) * last), 0.0, last)
            values.append((2.0 * level / last - 1.0)[..., None])
        return 0.5 * (ops.concatenate(values, axis=-1) + 1.0)
