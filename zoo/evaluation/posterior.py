"""The true posterior p(z|x) of a model, by importance resampling."""

import numpy as np
from keras import ops

from zoo import tiles
from zoo.arguments import positive_int
from zoo.backend import fold_in, tfp_seed, to_numpy
from zoo.evaluation import information

PROPOSALS = ("both", "posterior", "prior")
# Proposals scored in one step.
CHUNK = 1024
# The stream of noise for the choice among proposals; chunks have other streams.
CHOICE_STREAM = 2**20


def true_posterior_samples(
    model, images, num_samples=1000, num_proposals=16384, proposal="both", seed=17
):
    """Returns draws of p(z|x) = m(z) d(x|z) / p(x), up to the error of finitely many proposals.

        z_k ~ r(z),   w_k = m(z_k) d(x|z_k) / r(z_k),   draws: z_k with probability w_k / sum w

    r is (e(z|x) + m(z)) / 2, so that a posterior that misses the true one costs proposals and not
    correctness: w is at most 2 d(x|z).

    Args:
        model: A `zoo.VAE`.
        images: [N, H, W, C], or a data set with `float_images`; few, as each takes
            `num_proposals` decoder passes.
        num_samples: S, draws an image, with replacement.
        num_proposals: K, rounded up to whole chunks of 1024.
        proposal: r: "both", as above; "posterior", e(z|x) alone; or "prior", m(z) alone. A
            deterministic encoder has no density, and leaves the prior.
        seed: Int.

    Returns:
        `{"z": [N, S, Z], "effective": [N]}`, NumPy: the draws, and the effective number of
        proposals (sum w)^2 / sum w^2. Where it is low the draws repeat themselves: take more
        proposals.

    Raises:
        ValueError: If `proposal` is none of them, a number is not a positive int, or the model has
            something to estimate and `adapt` was never called.

    Reference:
        `infovae`, Figure 4; Rubin, 1987.
    """
    positive_int("num_samples", num_samples)
    positive_int("num_proposals", num_proposals)
    if proposal not in PROPOSALS:
        raise ValueError(
            f"`proposal` must be one of {list(PROPOSALS)}. Received: proposal={proposal!r}"
        )
    model.check_adapted()
    if information.is_deterministic(model):
        proposal = "prior"
    key, step = tfp_seed(seed), tiles.compile_step(model, _propose, proposal)
    draws, effective = [], []
    for _, tile, x, parameters in tiles.tiles(model, images):
        for row in range(len(x)):
            own = {name: value[row : row + 1] for name, value in parameters.items()}
            image, number = x[row : row + 1], tile * tiles.TILE + row
            image_key = fold_in(key, number)
            chunks = [
                to_numpy(step(own, image, fold_in(image_key, chunk)))
                for chunk in range(-(-num_proposals // CHUNK))
            ]
            z = np.concatenate([chunk["z"] for chunk in chunks])
            log_w = np.concatenate([chunk["log_w"] for chunk in chunks]).astype("float64")
            w = np.exp(log_w - log_w.max())
            rng = np.random.default_rng([seed, CHOICE_STREAM, number])
            draws.append(z[rng.choice(len(z), num_samples, p=w / w.sum())])
            effective.append(w.sum() ** 2 / np.sum(w**2))
    return {"z": np.stack(draws), "effective": np.array(effective)}


def _propose(encoder, decoder, marginal, proposal):
    def propose(parameters, x, seed):
        """Returns z [CHUNK, Z] and log weights [CHUNK] of one image."""
        m, e = marginal.distribution(), None
        half = CHUNK // 2 if proposal == "both" else 0
        from_posterior = CHUNK if proposal == "posterior" else half
        pieces = []
        if proposal != "prior":
            e = encoder.posterior(parameters)
            pieces.append(e.sample(from_posterior, seed=fold_in(seed, 0))[:, 0])
        if proposal != "posterior":
            pieces.append(m.sample(CHUNK - from_posterior, seed=fold_in(seed, 1)))
        z = ops.concatenate(pieces, axis=0)
        log_m = m.log_prob(z)
        if proposal == "prior":
            log_r = log_m
        else:
            log_e = e.log_prob(z[:, None])[:, 0]
            log_r = ops.logaddexp(log_e, log_m) - np.log(2.0) if half else log_e
        log_d = decoder.distribution(z, training=False).log_prob(ops.repeat(x, CHUNK, axis=0))
        return {"z": z, "log_w": log_m + log_d - log_r}

    return propose
