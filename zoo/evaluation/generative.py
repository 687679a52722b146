"""Bounds on the information in m(z) d(x|z), the joint that a model generates: `broken_elbo`, C.

    E = E_{m(z) d(x|z)}[log e(z|x) - log m(z)]   <= I_d
    G = E_{m(z) d(x|z)}[log d(x|z) - log q(x)]   >= I_d
    U = E_{p*(x) e(z|x)}[log d(x|z) - log q(x)],   S = -E_{p*}[log q(x)] - H
    U - S = H - D <= I <= R

q(x) is a density fitted to generated images; G - I_d = KL(d(x) || q(x)), so a better fit is
tighter. S needs the entropy H of the data, which is known for toys alone; what can be measured is
the cross entropy C = -E_{p*}[log q(x)], and S = C - H.
"""

import dataclasses
import itertools

import numpy as np
from keras import ops

from zoo import tiles
from zoo.backend import fold_in, tfp_seed, to_numpy
from zoo.distributions import Deterministic
from zoo.evaluation import density, information

# The metrics that need the density q(x), and all of them.
WITH_DENSITY = ("generative_upper", "u", "cross_entropy")
BOUNDS = ("generative_lower", *WITH_DENSITY)
# Generated images that q(x) is fitted to, that end the fit, and that the bounds are taken on.
NUM_FIT, NUM_TUNE, NUM_TEST = 8192, 1024, 2048
# The same where images come pixel by pixel, which is slower by orders of magnitude.
FEW = (2048, 256, 512)


@dataclasses.dataclass(frozen=True)
class Generated:
    """Draws z ~ m(z), x ~ d(x|z): `images` [N, H, W, C] and log densities in nats, [N] each.

    `posterior` is log e(z|x), `marginal` log m(z), `likelihood` log d(x|z), at the same z and x.
    """

    images: np.ndarray
    posterior: np.ndarray
    marginal: np.ndarray
    likelihood: np.ndarray

    def split(self, *sizes):
        """Returns consecutive parts with `sizes` draws."""
        starts = np.cumsum([0, *sizes])
        fields = [getattr(self, field.name) for field in dataclasses.fields(self)]
        return [Generated(*(f[a:b] for f in fields)) for a, b in itertools.pairwise(starts)]


def generate(model, num_examples, seed=17, progress=False):
    """Draws from m(z) d(x|z) and scores each draw by all three densities.

    The z was not drawn from e(z|x), so a flow posterior has to invert itself. A deterministic
    encoder has no density, and `posterior` is then NaN.

    Args:
        model: A `zoo.VAE`.
        num_examples: N.
        seed: Int; draws are a function of it and of their number alone.
        progress: Whether to show a bar.

    Returns:
        `Generated`.

    Raises:
        ValueError: If the model's prior was not adapted.
    """
    model.check_adapted()
    key, blocks = tfp_seed(seed), []
    prior = tiles.compile_step(model, _latents)
    score = tiles.compile_step(model, _score)
    bar = tiles.progress_bar(num_examples) if progress else None
    for tile, start in enumerate(range(0, num_examples, tiles.TILE)):
        tile_key = fold_in(key, tile)
        z = prior(fold_in(tile_key, 0))
        # Outside the compiled steps: an autoregressive decoder has a sampler of its own.
        x = model.decoder.distribution(z).sample(seed=fold_in(tile_key, 1))
        scores = {name: v.astype("float64") for name, v in to_numpy(score(z, x)).items()}
        blocks.append({"images": to_numpy(x), **scores})
        if bar is not None:
            bar.update(min(start + tiles.TILE, num_examples))
    return Generated(
        **{name: np.concatenate([b[name] for b in blocks])[:num_examples] for name in blocks[0]}
    )


def lower_bound(draws):
    """Returns the terms of E, [N]: log e(z|x) - log m(z) at generated pairs."""
    return draws.posterior - draws.marginal


def upper_bound(draws, q):
    """Returns the terms of G, [N]: log d(x|z) - log q(x) at generated pairs.

    Args:
        draws: `Generated`, of draws that q was not fitted to.
        q: Has `log_prob(images) -> [N]`: `density.fit_density(...)`, or an exact density.
    """
    return draws.likelihood - np.asarray(q.log_prob(draws.images), "float64")


def representational_terms(model, images, q, distortion=None, **options):
    """Returns the terms of U and of the cross entropy C, [N] each, on data.

        u[n] = log d(x_n|z_n) - log q(x_n), z_n ~ e(z|x_n);   c[n] = -log q(x_n)

    so that u[n] - c[n] = -D[n], whose mean is U - S - H.

    Args:
        model: A `zoo.VAE`.
        images: [N, H, W, C], or a data set with `float_images`.
        q: As of `upper_bound`.
        distortion: D of each image, [N]; measured if absent.
        **options: Of `information.rate_distortion`.
    """
    if distortion is None:
        distortion = information.rate_distortion(model, images, **options)["distortion"]
    cross_entropy = -_in_chunks(q.log_prob, images)
    return cross_entropy - distortion, cross_entropy


def measure(model, images, names=BOUNDS, seed=17, progress=False, sizes=None, **options):
    """Returns the terms of the bounds `names`, with a q(x) fitted to images that the model draws.

    Args:
        model: A `zoo.VAE`.
        images: Data [N, H, W, C], or a data set with `float_images`: of U and C.
        names: Among `BOUNDS`.
        seed: Int.
        progress: Whether to show a bar.
        sizes: Generated images to fit q to, to end its fit with, and to take E and G on; by default
            `NUM_FIT`, `NUM_TUNE`, `NUM_TEST`, or `FEW` where the decoder is autoregressive.
        **options: Of `information.rate_distortion`.

    Returns:
        name -> terms [N], or a sentence on why there are none: q is of binary pixels alone.
    """
    sizes = sizes or default_sizes(model)
    if set(names) == {"generative_lower"}:
        sizes = (0, 0, sizes[2])
    fitted, tuned, held_out = generate(model, sum(sizes), seed, progress).split(*sizes)
    bounds = {"generative_lower": lower_bound(held_out)}
    if len(fitted.images) and not density.is_binary(fitted.images):
        sentence = "left out: q(x) is a density of binary pixels, and the decoder's are not"
        bounds.update(dict.fromkeys(WITH_DENSITY, sentence))
    elif len(fitted.images):
        q = density.fit_density(fitted.images, tuned.images, seed=seed)
        bounds["generative_upper"] = upper_bound(held_out, q)
        if not density.is_binary(_reader(images)(slice(0, 1024))):
            sentence = "left out: q(x) is a density of binary pixels, and the data's are not"
            bounds.update(u=sentence, cross_entropy=sentence)
        elif {"u", "cross_entropy"} & set(names):
            terms = representational_terms(model, images, q, seed=seed, **options)
            bounds.update(zip(("u", "cross_entropy"), terms))
    return {name: bounds[name] for name in BOUNDS if name in names}


def default_sizes(model):
    """Returns how many generated images `measure` takes for each of its three purposes."""
    if getattr(model.decoder, "is_autoregressive", False):
        return FEW
    return NUM_FIT, NUM_TUNE, NUM_TEST


def _in_chunks(function, images):
    read = _reader(images)
    slices = (slice(i, i + 1024) for i in range(0, len(images), 1024))
    return np.concatenate([np.asarray(function(read(rows)), "float64") for rows in slices])


def _reader(images):
    return images.float_images if hasattr(images, "float_images") else images.__getitem__


# Compiled steps, as those of `nll`.


def _latents(encoder, decoder, marginal):
    return lambda seed: marginal.distribution().sample(tiles.TILE, seed=seed)


def _score(encoder, decoder, marginal):
    def score(z, x):
        posterior = encoder.distribution(x)
        has_density = not isinstance(posterior, Deterministic)
        return {
            "posterior": posterior.log_prob(z) if has_density else ops.full(z.shape[:1], np.nan),
            "marginal": marginal.distribution().log_prob(z),
            "likelihood": decoder.distribution(z).log_prob(x),
        }

    return score
