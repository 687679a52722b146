"""Densities of a model as graphs: nats from images and noise, the same in every runtime."""

import math

import numpy as np
from keras import ops

from zoo.backend import to_numpy
from zoo.divergences import kl
from zoo.graph_spec import GraphSpec

PARTS = ("probability", "density")
ROOMS = ("encoder", "decoder", "marginal")
# Samples of the golden file.
NUM_SAMPLES = 4
# Inputs and outputs with a value for each sample of each image.
_PER_SAMPLE = ("noise", "log_likelihood", "log_prior", "log_posterior")


def graphs(model):
    """Returns the `GraphSpec`s of a model's densities.

        probability  image [B, H, W, C], noise [K, B, Z] -> the encoder's outputs [B, ...],
                     rate, distortion, nll [B]; log_likelihood, log_prior, log_posterior [K, B]
        density      image [B, H, W, C], z [B, Z]        -> log_likelihood, log_prior [B]

    A deterministic encoder takes no noise, and gives no rate, nll and log_posterior: its code is
    the one sample, and log_likelihood and log_prior are [B].
    """
    image, latents = {"image": tuple(model.image_shape)}, (model.latent_dim,)
    has_density = _has_density(model)
    marginal = _constant(model)

    def golden(example):
        shape = (NUM_SAMPLES, len(example.image), model.latent_dim)
        noise = np.random.default_rng(example.seed).standard_normal(shape, np.float32)
        return {"image": example.image, **({"noise": noise} if has_density else {})}, None

    def golden_pairs(example):
        image, z = example.image, example.z
        return {"image": image[np.arange(len(z)) % len(image)], "z": z}, None

    probability = GraphSpec(
        "probability",
        {**image, **({"noise": latents} if has_density else {})},
        lambda image, *noise: _probability(model, marginal, image, *noise),
        golden,
        "probability",
        ROOMS,
        dict.fromkeys(_PER_SAMPLE, ("samples", "batch")) if has_density else {},
    )
    density = GraphSpec(
        "density",
        {**image, "z": latents},
        lambda image, z: _density(model, marginal, image, z),
        golden_pairs,
        "density",
        ROOMS,
    )
    return [probability, density]


def _has_density(model):
    return model.encoder.gaussian_names[1] in model.encode(_black(model))


def _black(model):
    return np.zeros((1, *model.image_shape), np.float32)


def _constant(model):
    """Returns a function that makes m(z), what it costs to make computed now and held constant.

    A VampPrior, for example, reads the encoder at its pseudo-inputs: the graph holds the mixture.
    """
    model.check_adapted()
    parameters = to_numpy(model.marginal.parameters())
    return lambda: model.marginal.portable(parameters)


def _probability(model, marginal, image, noise=None):
    """Returns the outputs of `probability`, a dict.

    rate        KL(e(z|x) || m(z)) where it has a closed form, else the mean over the samples
    distortion  -(1/K) sum_k log d(x|z_k)
    nll         log K - logsumexp_k(log d(x|z_k) + log m(z_k) - log e(z_k|x))
    """
    parameters = model.encode(image)
    prior = marginal()
    if noise is None:
        z = parameters["loc"]
        likelihood = model.decoder.distribution(z).log_prob(image)
        outputs = {"log_likelihood": likelihood, "log_prior": prior.log_prob(z)}
        return {**parameters, **outputs, "distortion": -likelihood}
    z, log_posterior, log_prior = _sampled(model, parameters, prior, noise)
    likelihood = model.decoder.distribution(z).log_prob(image)
    posterior = model.encoder.posterior(parameters)
    if kl.has_analytic_rate(posterior, prior):
        rate = kl.rate(posterior, prior)
    else:
        rate = ops.mean(log_posterior - log_prior, axis=0)
    log_weights = likelihood + log_prior - log_posterior
    log_count = ops.log(ops.cast(ops.shape(noise)[0], "float32"))
    return {
        **parameters,
        "rate": rate,
        "distortion": -ops.mean(likelihood, axis=0),
        "nll": log_count - ops.logsumexp(log_weights, axis=0),
        "log_likelihood": likelihood,
        "log_prior": log_prior,
        "log_posterior": log_posterior,
    }


def _sampled(model, parameters, prior, noise):
    """Returns z = f(loc + scale noise), log e(z|x) and log m(z), each [K, B, ...]."""
    loc, scale = model.encoder.gaussian(parameters)
    constant = 0.5 * model.latent_dim * math.log(2 * math.pi)
    log_base = -ops.sum(0.5 * ops.square(noise) + ops.log(scale), axis=-1) - constant
    u, flow = loc + scale * noise, model.encoder.flow
    if flow is None:
        return u, log_base, prior.log_prob(u)
    z = flow(u)
    # Remembered while the prior is read: one over the same flow then need not invert it.
    token = flow.remember(u, z)
    log_prior = prior.log_prob(z)
    del token
    return z, log_base, log_prior


def _density(model, marginal, image, z):
    """Returns the outputs of `density`; no log m(z) where it would need the inverse of a flow."""
    outputs = {"log_likelihood": model.decoder.distribution(z).log_prob(image)}
    if model.marginal.needs_inverse:
        return outputs
    return {**outputs, "log_prior": marginal().log_prob(z)}
