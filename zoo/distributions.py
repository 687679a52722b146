"""Distributions over latents that TensorFlow Probability lacks, with its interface.

Each has `sample`, `log_prob`, `mean`, `batch_shape`, `event_shape` and `name`. They are made anew
in every step, and keep what they sampled for as long as they live.
"""

import math

from keras import ops

from zoo import backend
from zoo.backend import HAS_FLOAT64, fold_in, tfd, tfp

# float32's least normal number: a uniform draw above it has a finite logarithm.
SMALLEST = 2.0**-126

# Keeps the logarithm of a residual of exactly zero finite; no float32 image comes this near.
SMALLEST_SQUARE = 1e-30


class Normal(tfd.Normal):
    """`tfd.Normal`, drawn by `zoo.backend.normal`, which is fast under XLA too."""

    def _sample_n(self, n, seed=None):
        shape = (n, *ops.shape(ops.add(self.loc, self.scale)))
        return self.loc + self.scale * backend.normal(shape, seed, self.dtype)


class Logistic(tfd.Logistic):
    """`tfd.Logistic`, drawn by `zoo.backend.uniform`: z = loc + scale log(u / (1 - u))."""

    def _sample_n(self, n, seed=None):
        shape = (n, *ops.shape(ops.add(self.loc, self.scale)))
        u = backend.uniform(shape, seed, minval=SMALLEST, dtype=self.dtype)
        return self.loc + self.scale * (ops.log(u) - ops.log1p(-u))


def diagonal_normal(loc, scale):
    """Returns N(loc, diag(scale)^2) over the last axis."""
    return tfd.Independent(Normal(loc, scale), 1)


def aggregate_variance(posterior, z):
    """Returns S^2 = E_B[Sigma + mu^2], the second moment of a batch of posteriors, [Z].

    The variance of the Gaussian around 0 that is nearest to them all: `bilbo`, eq. 4, diagonal.

    Args:
        posterior: e(z|x), batch shape [B].
        z: A sample of each, [B, Z], whose squares are taken where there is no closed form.
    """
    return ops.mean(second_moments(posterior, z), axis=0)


def second_moments(posterior, z):
    """Returns E[z^2] of each posterior, [B, Z]; arguments as `aggregate_variance`."""
    try:
        return ops.square(posterior.mean()) + posterior.variance()
    except NotImplementedError:
        return ops.square(z)


def gaussian_of(posterior):
    """Returns loc and scale of a diagonal Gaussian, or of the one that a flow starts from.

    Raises:
        ValueError: If `posterior` has no density.
    """
    base = getattr(posterior, "base", posterior)
    if not hasattr(base, "stddev"):
        raise ValueError(f"Expected a Gaussian posterior. Received: posterior={posterior.name!r}")
    return base.mean(), base.stddev()


class VolumePreserving:
    """z = f(u), u ~ base, |det df/du| = 1, so that log p(z) = log base(f^-1(z)).

    Args:
        base: A distribution over u with event shape [Z].
        transform: Has `transform(u)`, `inverse(z)` and `remember(u, z)`: a `zoo.layers.MeanFlow`,
            or one `Inverted`.
        name: For messages.
    """

    def __init__(self, base, transform, name="VolumePreserving"):
        self.base = base
        self.transform = transform
        self.name = name
        self.batch_shape = base.batch_shape
        self.event_shape = base.event_shape
        self._made = []

    def sample(self, sample_shape=(), seed=None):
        """Returns z, [*sample_shape, *batch_shape, Z]; its log_prob needs no inverse of f."""
        return self._push(self.base.sample(sample_shape, seed=seed))

    def log_prob(self, z):
        """Returns log p(z), shape `z.shape[:-1]` broadcast with the batch shape."""
        return self.base.log_prob(self.transform.inverse(z))

    def experimental_sample_and_log_prob(self, sample_shape=(), seed=None):
        """Returns z and log p(z) in one pass."""
        u = self.base.sample(sample_shape, seed=seed)
        return self._push(u), self.base.log_prob(u)

    def mean(self):
        raise NotImplementedError(f"{self.name} has no mean in closed form; sample it.")

    def _push(self, u):
        z = self.transform(u)
        self._made.append(self.transform.remember(u, z))
        return z


class Deterministic:
    """All the mass at one z: what a deterministic encoder gives. It has samples and no density.

    Args:
        loc: [B, Z].
        name: For messages.
    """

    def __init__(self, loc, name="Deterministic"):
        self.loc = loc
        self.name = name
        self.batch_shape = tuple(loc.shape[:-1])
        self.event_shape = tuple(loc.shape[-1:])

    def sample(self, sample_shape=(), seed=None):
        """Returns loc, [*sample_shape, B, Z]."""
        leading = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        return ops.broadcast_to(self.loc, (*leading, *ops.shape(self.loc)))

    def mean(self):
        return self.loc

    def variance(self):
        return ops.zeros_like(self.loc)

    def log_prob(self, z):
        """Raises ValueError: there is no density."""
        raise ValueError(
            "A deterministic encoder has no density log e(z|x), so no rate and no bound of log "
            'p(x): use an objective without the rate ("infomax"), or another `scale` of the '
            f"encoder. Received: posterior={self.name!r}"
        )


class DiagonalNormalMixture:
    """sum_i w_i N(u; loc_i, diag(scale_i)^2), batch shape [].

    Args:
        logits: [N]; w = softmax(logits).
        loc: [N, Z].
        scale: [N, Z].
        name: For messages.
    """

    def __init__(self, logits, loc, scale, name="DiagonalNormalMixture"):
        self.log_weights = ops.log_softmax(logits)
        self.loc = loc
        self.scale = scale
        self.name = name
        self.batch_shape = ()
        self.event_shape = tuple(loc.shape[-1:])

    def sample(self, sample_shape=(), seed=None):
        """Returns u, [*sample_shape, Z]: a component by its weight, then a draw of that component.

        The gradient reaches loc and scale of the component drawn, not the weights.
        """
        seed = tfp.random.sanitize_seed(seed)
        which = tfd.Categorical(logits=self.log_weights).sample(sample_shape, seed=fold_in(seed, 0))
        loc, scale = ops.take(self.loc, which, axis=0), ops.take(self.scale, which, axis=0)
        return diagonal_normal(loc, scale).sample(seed=fold_in(seed, 1))

    def sample_from_noise(self, noise):
        """Returns u [B, Z] from standard normal noise [B, 1 + Z].

        i = the least with Phi(noise_0) < w_1 + .. + w_i;   u = loc_i + scale_i noise_1..Z
        """
        quantile = 0.5 + 0.5 * ops.erf(noise[:, :1] / math.sqrt(2))
        ends = ops.cumsum(ops.exp(self.log_weights))[:-1]
        which = ops.sum(ops.cast(quantile >= ends, "int32"), axis=-1)
        loc, scale = ops.take(self.loc, which, axis=0), ops.take(self.scale, which, axis=0)
        return loc + scale * noise[:, 1:]

    def log_prob(self, u):
        """Returns log sum_i w_i N(u; loc_i, scale_i), shape `u.shape[:-1]`."""
        leading, size = ops.shape(u)[:-1], self.event_shape[0]
        u = ops.reshape(u, (-1, size))
        log_norm = ops.sum(ops.log(self.scale), axis=-1) + 0.5 * size * math.log(2 * math.pi)
        terms = self.log_weights - log_norm - 0.5 * _squared_distances(u, self.loc, self.scale)
        return ops.reshape(ops.logsumexp(terms, axis=-1), leading)

    def mean(self):
        """Returns sum_i w_i loc_i, [Z]."""
        return ops.matmul(ops.exp(self.log_weights)[None], self.loc)[0]


class DirectMixture(DiagonalNormalMixture):
    """The same density by differences [B, N, Z] in float32, as not all runtimes have float64."""

    def log_prob(self, u):
        # All inside one sum: OpenVINO 2026.4 adds a vector [N] wrongly to a sum over the last axis.
        size = self.event_shape[0]
        constant = self.log_weights[:, None] / size - 0.5 * math.log(2 * math.pi)
        squared = ops.square((u[..., None, :] - self.loc) / self.scale)
        terms = ops.sum(constant - ops.log(self.scale) - 0.5 * squared, axis=-1)
        return ops.logsumexp(terms, axis=-1)


def _squared_distances(u, loc, scale):
    """Returns sum_z ((u_bz - loc_nz) / scale_nz)^2, [B, N], exact to float32.

    It is computed as products of matrices, u^2 s^-2 - 2 u (loc s^-2) + loc^2 s^-2. The terms
    cancel: with scales of 0.05 float32 would lose 1e-2 nats. So the products are in float64, still
    many times faster than differences [B, N, Z] in memory. JAX fuses the differences to one loop
    that keeps nothing.
    """
    if not HAS_FLOAT64:
        return ops.sum(ops.square((u[:, None] - loc) / scale), axis=-1)
    u, loc, scale = (ops.cast(value, "float64") for value in (u, loc, scale))
    precision = 1.0 / ops.square(scale)
    weighted = loc * precision
    joined = ops.concatenate([precision, -2.0 * weighted], axis=-1)
    squared = ops.matmul(ops.concatenate([ops.square(u), u], axis=-1), ops.transpose(joined))
    return ops.cast(squared + ops.sum(loc * weighted, axis=-1), "float32")


def squared_residual(parameters, x):
    """Returns |x - mean|^2 of each image, [B], at least `SMALLEST_SQUARE`.

    Args:
        parameters: The dict of a Gaussian likelihood, with `mean` [B, H, W, C].
        x: Images [B, H, W, C].
    """
    squared = ops.sum(ops.square(x - parameters["mean"]), axis=(1, 2, 3))
    return ops.maximum(squared, SMALLEST_SQUARE)
