"""Densities of a model as graphs: nats from images and noise, the same in every runtime."""

import math

import numpy as np
from keras import ops

from zoo.backend import to_numpy
from zoo.distributions import DiagonalNormalMixture, VolumePreserving
from zoo.divergences import kl
from zoo.marginals import VampPrior

PARTS = ("probability", "density")
# Samples of the golden file.
NUM_SAMPLES = 4
# Inputs and outputs with a value for each sample of each image.
_PER_SAMPLE = ("noise", "log_likelihood", "log_prior", "log_posterior")


def signatures(model):
    """Returns part -> (input name -> shape without leading dimensions, signature).

        probability  image [B, H, W, C], noise [K, B, Z] -> the encoder's outputs [B, ...],
                     rate, distortion, nll [B]; log_likelihood, log_prior, log_posterior [K, B]
        density      image [B, H, W, C], z [B, Z]        -> log_likelihood, log_prior [B]

    A deterministic encoder takes no noise, and gives no rate, nll and log_posterior: its code is
    the one sample, and log_likelihood and log_prior are [B].
    """
    image, latents = {"image": model.image_shape}, (model.latent_dim,)
    noise = {"noise": latents} if _has_density(model) else {}
    return {
        "probability": ({**image, **noise}, "probability"),
        "density": ({**image, "z": latents}, "density"),
    }


def leading(model, part):
    """Returns name -> the dynamic dimensions that it begins with, where others than `batch`."""
    if part != "probability" or not _has_density(model):
        return {}
    return dict.fromkeys(_PER_SAMPLE, ("samples", "batch"))


def functions(model):
    """Returns part -> the function of its inputs, in the order of `signatures`, to its outputs."""
    marginal = _constant(model)
    return {
        "probability": lambda image, *noise: _probability(model, marginal, image, *noise),
        "density": lambda image, z: _density(model, marginal, image, z),
    }


def _has_density(model):
    return model.encoder.gaussian_names[1] in model.encode(_black(model))


def _black(model):
    return np.zeros((1, *model.image_shape), np.float32)


def _constant(model):
    """Returns a function that makes m(z), what it costs to make computed now and held constant.

    A VampPrior reads the encoder at its pseudo-inputs: the graph holds the mixture that it gives.
    """
    model.check_adapted()
    parameters = to_numpy(model.marginal.parameters())
    if not isinstance(model.marginal, VampPrior):
        return lambda: model.marginal.from_parameters(parameters)
    flow = model.encoder.flow

    def make():
        mixture = DirectMixture(**parameters)
        return mixture if flow is None else VolumePreserving(mixture, flow, model.marginal.name)

    return make


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
    if isinstance(model.marginal, VampPrior) and model.encoder.flow is not None:
        return outputs
    return {**outputs, "log_prior": marginal().log_prob(z)}


def golden_parts(model, image, z, seed):
    """Returns part -> (inputs, outputs), arrays, for the golden file."""
    calls = functions(model)
    shape = (NUM_SAMPLES, len(image), model.latent_dim)
    noise = np.random.default_rng(seed).standard_normal(shape, np.float32)
    given = {"image": image, **({"noise": noise} if _has_density(model) else {})}
    placed = {"image": image[np.arange(len(z)) % len(image)], "z": z}
    return {
        "probability": (given, calls["probability"](*given.values())),
        "density": (placed, calls["density"](*placed.values())),
    }


class DirectMixture(DiagonalNormalMixture):
    """The same density by differences [B, N, Z] in float32, as not all runtimes have float64."""

    def log_prob(self, u):
        # All inside one sum: OpenVINO 2026.4 adds a vector [N] wrongly to a sum over the last axis.
        size = self.event_shape[0]
        constant = self.log_weights[:, None] / size - 0.5 * math.log(2 * math.pi)
        squared = ops.square((u[..., None, :] - self.loc) / self.scale)
        terms = ops.sum(constant - ops.log(self.scale) - 0.5 * squared, axis=-1)
        return ops.logsumexp(terms, axis=-1)
