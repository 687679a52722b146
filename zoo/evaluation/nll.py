"""Lower bounds of log p(x) by sampling: the ELBO and the importance-weighted bound, in nats.

Noise is a function of (seed, tile of `TILE` examples, number of the sample) alone. So a result is
the same, up to the rounding of float32, for every size of batches. Every example and every sample
counts once. `batch_size` and `max_rows` change only speed and memory.
"""

import math

import numpy as np
from keras import ops

from zoo.arguments import positive_int
from zoo.backend import accelerator, fold_in, prefer_xla, tfd, tfp_seed, to_numpy
from zoo.distributions import Deterministic
from zoo.divergences import kl
from zoo.tiles import (
    MAX_ROWS,
    TILE,
    compile_step,
    marginal_parameters,
    pad,
    power_of_two_near,
    tiles,
)

# Samples of each image drawn in one step, which has a fixed cost of many small ops.
DRAWS = 64


def elbo(model, x, num_samples=1, seed=17, batch_size=None, max_rows=MAX_ROWS):
    """Returns the evidence lower bound of each image, estimated with K posterior samples.

        elbo[b] = (1/K) sum_k log d(x|z_k) - R[b],   z_k ~ e(z|x)

    R is in closed form where there is one, otherwise the mean over the same samples.

    Args:
        model: A `zoo.VAE`.
        x: Images [B, H, W, C], or a data set with `float_images`.
        num_samples: K.
        seed: Int.
        batch_size: Images encoded in one step, at most 128, the default.
        max_rows: Images decoded in one step.

    Returns:
        NumPy array [B], nats.
    """
    rate, distortion = expected_terms(model, x, num_samples, seed, batch_size, max_rows)
    return -(distortion + rate)


def importance_weighted_bound(
    model, x, num_samples=100, seed=17, batch_size=None, max_rows=MAX_ROWS, progress=False
):
    """Returns the importance-weighted lower bound of log p(x) of each image.

        bound[b] = log (1/K) sum_k d(x|z_k) m(z_k) / e(z_k|x),   z_k ~ e(z|x)

    Its expectation rises to log p(x) with K. The sum is streamed in float64, so memory is that of
    one decoder pass over `max_rows` images and one encoder pass over `batch_size`, whatever K.

    Args:
        model: A `zoo.VAE`.
        x: Images [B, H, W, C], or a data set with `float_images`.
        num_samples: K.
        seed: Int.
        batch_size: Images encoded in one step, at most 128, the default.
        max_rows: Images decoded in one step.
        progress: Whether to show a bar.

    Returns:
        NumPy array [B], nats.

    Reference:
        Burda et al., 2016, eq. 8.
    """
    total = None
    chunks = log_terms(model, x, num_samples, seed, batch_size, max_rows, progress)
    for count, rows, _, terms in chunks:
        total = np.full(count, -np.inf) if total is None else total
        log_weights = terms["likelihood"] + terms["marginal"] - terms["posterior"]
        with np.errstate(invalid="ignore"):  # a NaN stays one, for the caller to see
            total[rows] = np.logaddexp(total[rows], np.logaddexp.reduce(log_weights, axis=0))
    return total - np.log(num_samples)


def expected_terms(
    model, x, num_samples=1, seed=17, batch_size=None, max_rows=MAX_ROWS, progress=False
):
    """Returns the rate and the distortion of each image, NumPy arrays [B] in nats.

    Args: as `elbo`.
    """
    rate = distortion = None
    next_row = 0
    for count, rows, parameters, terms in log_terms(
        model, x, num_samples, seed, batch_size, max_rows, progress
    ):
        if rate is None:
            rate, distortion = np.zeros(count), np.zeros(count)
            has_closed_form = has_analytic_rate(model, parameters)
        distortion[rows] -= terms["likelihood"].sum(axis=0) / num_samples
        if not has_closed_form:
            rate[rows] += (terms["posterior"] - terms["marginal"]).sum(axis=0) / num_samples
        elif rows.start == next_row:  # the first chunk of these rows; one rate serves them all
            first, next_row = rows.start % TILE, rows.stop
            whole_tile = to_numpy(compile_step(model, _closed_form_rate)(parameters))
            rate[rows] = whole_tile[first : first + rows.stop - rows.start]
    return rate, distortion


def log_terms(model, x, num_samples, seed, batch_size=None, max_rows=MAX_ROWS, progress=False):
    """Yields log d(x|z), log m(z) and log e(z|x) of every example and sample, chunk by chunk.

    Args: as `importance_weighted_bound`.

    Yields:
        `(count, rows, parameters, terms)`: the number of all images; the slice of them that this
        chunk is of; their tile's posterior parameters, [TILE, ...] each; and a dict of float64
        arrays [samples of the chunk, images of the chunk], `likelihood`, `marginal`, `posterior`.

    Raises:
        ValueError: If `num_samples` or `max_rows` is not a positive int.
    """
    positive_int("num_samples", num_samples)
    positive_int("max_rows", max_rows)
    model.check_adapted()
    seed = tfp_seed(seed)
    prior = to_numpy(compile_step(model, marginal_parameters)())
    for count, tile, x_tile, parameters in tiles(model, x, batch_size, progress):
        width = power_of_two_near(min(TILE, count), max_rows)
        chunks = -(-num_samples // max(1, max_rows // width))
        draws = -(-num_samples // chunks)
        group = draws * max(1, min(chunks, DRAWS // draws))
        draw = compile_step(model, _draw, group, width)
        likelihood = compile_step(model, _likelihood, jit_compile=prefer_xla(model))
        tile_seed = fold_in(seed, tile)
        for offset in range(0, len(x_tile), width):
            images = x_tile[offset : offset + width]
            rows = slice(tile * TILE + offset, tile * TILE + offset + len(images))
            padded = pad(images, width)
            for first in range(0, num_samples, draws):
                position = first % group
                if position == 0:
                    drawn = dict(draw(parameters, prior, tile_seed, _int(first), _int(offset)))
                    z, drawn = drawn.pop("z"), to_numpy(drawn)
                part = slice(position, position + draws)
                terms = {name: value[part] for name, value in drawn.items()}
                terms["likelihood"] = to_numpy(likelihood(z[part], padded))
                values = {
                    name: value[: num_samples - first, : len(images)].astype("float64")
                    for name, value in terms.items()
                }
                yield count, rows, parameters, values


def has_analytic_rate(model, parameters):
    """Returns whether KL(e(z|x) || m(z)) of `model` has a closed form."""
    posterior = model.encoder.posterior(parameters)
    return kl.has_analytic_rate(posterior, model.marginal.distribution())


# Compiled steps. Each is a function of the parts that returns the function to compile.


def _closed_form_rate(encoder, decoder, marginal):
    return lambda parameters: kl.rate(encoder.posterior(parameters), marginal.distribution())


def _draw(encoder, decoder, marginal, draws, width):
    def draw_all(parameters, prior, seed, first, offset):
        posterior, prior = encoder.posterior(parameters), marginal.from_parameters(prior)

        def draw(i):
            z, log_posterior = _sample_and_log_prob(posterior, fold_in(seed, i))
            # Here, at the very z: a prior over the posterior's flow then need not invert it.
            return z, prior.log_prob(z), log_posterior

        drawn = ops.map(draw, first + ops.arange(draws, dtype="int32"))
        rows = offset + ops.arange(width)
        values = (ops.take(value, rows, axis=1) for value in drawn)
        return dict(zip(("z", "marginal", "posterior"), values))

    return draw_all


def _likelihood(encoder, decoder, marginal):
    """By itself, as XLA would draw other numbers from the same seed."""
    return lambda z, x: _log_prob(decoder.distribution(z, training=False), x)


def _log_prob(distribution, x):
    """Returns `distribution.log_prob(x)`; on a CPU, the sum over pixels as a product with ones.

    XLA on a CPU sums one number at a time, and computes what it sums in the same loop. Before a
    product of matrices it computes sixteen numbers at a time. An accelerator may round the factors
    of a product (TensorFloat-32), so the sum stays one there.
    """
    if accelerator() or not isinstance(distribution, tfd.Independent):
        return distribution.log_prob(x)
    pixels = distribution.distribution.log_prob(x)
    shape = ops.shape(pixels)
    batch = len(shape) - len(distribution.event_shape)
    count = math.prod(shape[batch:])
    ones = ops.ones((count, 1), pixels.dtype)
    return ops.reshape(ops.matmul(ops.reshape(pixels, (-1, count)), ones), shape[:batch])


def _sample_and_log_prob(posterior, seed):
    """Returns z and log e(z|x): in one pass where a flow would have to invert itself.

    A deterministic posterior's is infinite, and so is every bound with it; the distortion is not.
    """
    if isinstance(posterior, Deterministic):
        z = posterior.sample(seed=seed)
        return z, ops.full(ops.shape(z)[:-1], np.inf)
    if hasattr(posterior, "experimental_sample_and_log_prob"):
        return posterior.experimental_sample_and_log_prob(seed=seed)
    z = posterior.sample(seed=seed)
    return z, posterior.log_prob(z)


def _int(value):
    return np.asarray(value, "int32")  # an array: a Python int would be compiled in
