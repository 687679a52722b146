"""Annealed importance sampling of log p(x), by Hamiltonian Monte Carlo."""

import numpy as np
from keras import ops

from zoo import tiles
from zoo.arguments import positive_int
from zoo.backend import fold_in, scan, tfp, tfp_seed, to_numpy

# Temperatures that one compiled call goes through: a bar moves, and memory stays small.
CHUNK = 50
# The rate at which Hamiltonian Monte Carlo is most efficient in many dimensions is about 0.65
# (Neal, 2011); a step size grows above it and shrinks below it by these factors.
TARGET_ACCEPTANCE, GROW, SHRINK = 0.65, 1.02, 0.98
FIRST_STEP_SIZE = 0.05
STARTS = ("prior", "posterior")


def annealed_bound(
    model,
    x,
    num_chains=16,
    num_temperatures=1000,
    num_leapfrog_steps=10,
    start="prior",
    seed=17,
    batch_size=None,
    progress=False,
):
    """Returns the annealed importance sampling bound of log p(x) of each image.

        f_t(z) = q(z)^(1 - b_t) (m(z) d(x|z))^b_t,   0 = b_0 < ... < b_T = 1,   z_0 ~ q
        log w = sum_t log f_t(z_t-1) - log f_t-1(z_t-1),   z_t by one HMC transition that keeps f_t
        bound[b] = logsumexp_k log w_k - log K

    E[w] = p(x), so that the bound is below log p(x) in expectation, and rises to it with T and K.
    Temperatures are the sigmoid schedule of Wu et al.; each image has a step size of its own, which
    follows its chains' acceptance. (A step size that depends on the past makes E[w] = p(x) hold
    only nearly; the effect falls with T.)

    Args:
        model: A `zoo.VAE`.
        x: Images [B, H, W, C], or a data set with `float_images`.
        num_chains: K.
        num_temperatures: T.
        num_leapfrog_steps: Leapfrog steps of each transition.
        start: q: "prior", m(z); or "posterior", e(z|x), which needs fewer temperatures, but whose
            density must have a gradient (no flow).
        seed: Int.
        batch_size: Images encoded in one step.
        progress: Whether to show a bar.

    K chains of 128 images are decoded in one step (of fewer where there are fewer, to the next
    power of two), so that memory falls with `num_chains` alone.

    Returns:
        NumPy array [B], nats.

    Raises:
        ValueError: If `start` is neither, a number is not a positive int, or the model's prior was
            not adapted.

    Reference:
        Neal, 2001; Wu et al., 2017, section 3 and appendix; `infovae`, Table 1.
    """
    positive_int("num_chains", num_chains)
    positive_int("num_temperatures", num_temperatures)
    positive_int("num_leapfrog_steps", num_leapfrog_steps)
    if start not in STARTS:
        raise ValueError(f"`start` must be one of {list(STARTS)}. Received: start={start!r}")
    model.check_adapted()
    temperatures = schedule(num_temperatures)
    key, prior = tfp_seed(seed), to_numpy(tiles.compile_step(model, tiles.marginal_parameters)())
    begin = tiles.compile_step(model, _begin, num_chains, start)
    anneal = tiles.compile_step(model, _anneal, num_leapfrog_steps, start)
    log_probs = []
    for count, tile, images, parameters in tiles.tiles(model, x, batch_size, progress):
        tile_key = fold_in(key, tile)
        width = tiles.power_of_two_near(count, tiles.TILE)
        parameters = {name: value[:width] for name, value in parameters.items()}
        padded = tiles.pad(images, width)
        state = begin(parameters, prior, fold_in(tile_key, 0))
        for first in range(0, num_temperatures, CHUNK):
            steps = np.arange(first, min(first + CHUNK, num_temperatures), dtype="int32")
            old, new = temperatures[steps], temperatures[steps + 1]
            state = anneal(state, parameters, prior, padded, steps, old, new, tile_key)
        log_w = to_numpy(state["log_w"]).astype("float64")[:, : len(images)]
        log_probs.append(np.logaddexp.reduce(log_w, axis=0) - np.log(num_chains))
    return np.concatenate(log_probs)


def schedule(num_temperatures):
    """Returns b_0 = 0 < ... < b_T = 1, float32 [T + 1]: a sigmoid, dense at both ends.

    b_t = (s(d (2 t / T - 1)) - s(-d)) / (s(d) - s(-d)), s the sigmoid, d = 4.

    Reference:
        Wu et al., 2017, appendix: d = 4.
    """
    curve = 1.0 / (1.0 + np.exp(-4.0 * np.linspace(-1.0, 1.0, num_temperatures + 1)))
    return ((curve - curve[0]) / (curve[-1] - curve[0])).astype("float32")


def _begin(encoder, decoder, marginal, num_chains, start):
    def begin(parameters, prior, seed):
        count = ops.shape(next(iter(parameters.values())))[0]
        if start == "posterior":
            z = encoder.posterior(parameters).sample(num_chains, seed=seed)
        else:
            z = marginal.from_parameters(prior).sample((num_chains, count), seed=seed)
        return {
            "z": z,
            "log_w": ops.zeros((num_chains, count)),
            "step_size": ops.full((count, 1), FIRST_STEP_SIZE),
        }

    return begin


def _anneal(encoder, decoder, marginal, num_leapfrog_steps, start):
    def anneal(state, parameters, prior, x, steps, old, new, seed):
        p = marginal.from_parameters(prior)
        q = encoder.posterior(parameters) if start == "posterior" else p

        def joint(z):
            return p.log_prob(z) + decoder.distribution(z, training=False).log_prob(x)

        def one(state, weights):
            z = state["z"]
            log_w = state["log_w"] + (weights["new"] - weights["old"]) * (joint(z) - q.log_prob(z))
            kernel = tfp.mcmc.HamiltonianMonteCarlo(
                lambda z: (1.0 - weights["new"]) * q.log_prob(z) + weights["new"] * joint(z),
                step_size=state["step_size"],
                num_leapfrog_steps=num_leapfrog_steps,
            )
            draw = fold_in(seed, 1 + weights["step"])
            z, results = kernel.one_step(z, kernel.bootstrap_results(z), seed=draw)
            log_accept = ops.minimum(results.log_accept_ratio, 0.0)
            log_accept = ops.where(ops.isnan(log_accept), -np.inf, log_accept)
            accepted = ops.mean(ops.exp(log_accept), axis=0)[:, None]
            factor = ops.where(accepted > TARGET_ACCEPTANCE, GROW, SHRINK)
            return {"z": z, "log_w": log_w, "step_size": state["step_size"] * factor}, {}

        return scan(one, state, {"step": steps, "old": old, "new": new})[0]

    return anneal
