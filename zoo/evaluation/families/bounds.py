"""Metrics of rate, distortion and the likelihood, in nats."""

import math

from zoo.evaluation.adapters import spread
from zoo.evaluation.entries import mean
from zoo.evaluation.metric import Metric, measurement, register

BITS = "bits_per_dimension"
LEAPFROG_STEPS = 10  # of each transition of annealed importance sampling


@measurement("rate and distortion", stage=10)
def measure_rate_distortion(request, names):
    from zoo.evaluation import information

    options = request.options()
    terms = information.rate_distortion(request.model, request.dataset, num_samples=1, **options)
    return {name: {**mean(name, terms[name]), "num_samples": 1} for name in names}


@measurement("nll with {num_samples} samples", stage=20)
def measure_nll(request, names):
    from zoo.evaluation import nll

    dataset, note = spread(request.dataset, request.nll_examples)
    samples = request.options("num_samples")
    bound = nll.importance_weighted_bound(request.model, dataset, **samples, **request.options())
    bits = -bound / (math.prod(request.model.image_shape) * math.log(2))
    entries = {"nll": mean("nll", -bound), BITS: mean(BITS, bits, "bits")}
    return {name: {**entries[name], **samples, **note} for name in names}


@measurement(
    "nll_ais with {num_chains} chains of {num_temperatures} temperatures",
    stage=30,
    details={
        "num_chains": "chains: {}",
        "num_temperatures": "temperatures: {}",
        "num_leapfrog_steps": "leapfrog steps: {}",
    },
)
def measure_nll_ais(request, names):
    from zoo.evaluation import ais

    dataset, note = spread(request.dataset, request.nll_examples)
    chains = request.options("num_chains", "num_temperatures")
    chains["num_leapfrog_steps"] = LEAPFROG_STEPS
    options = request.options("seed", "batch_size", "progress")
    bound = ais.annealed_bound(request.model, dataset, **chains, **options)
    return {"nll_ais": {**mean("nll_ais", -bound), **chains, "start": "prior", **note}}


register(
    Metric(
        "rate",
        "nats",
        "KL from the posterior to the marginal: what the code costs.",
        measure_rate_distortion,
        needs=("density",),
        definition="KL(e(z|x) || m(z)), in closed form where there is one, otherwise at one sample",
        is_default=True,
        card=1,
    ),
    Metric(
        "distortion",
        "nats",
        "Expected -log p(x|z): what the reconstruction misses. Lower is better.",
        measure_rate_distortion,
        definition="E[-log d(x|z)], one posterior sample an example",
        is_default=True,
        card=2,
    ),
    Metric(
        "elbo",
        "nats",
        "-(rate + distortion), a lower bound on log p(x). Higher is better.",
        measure_rate_distortion,
        needs=("density",),
        definition="-(rate + distortion), one posterior sample an example",
        is_default=True,
        card=3,
        column=(2, "ELBO, nats"),
    ),
    Metric(
        "nll",
        "nats",
        "-log p(x), estimated from above by importance sampling. Lower is better.",
        measure_nll,
        needs=("density",),
        definition="minus the importance-weighted bound with K = `num_samples` samples",
        is_default=True,
        card=4,
        column=(1, "NLL, nats"),
    ),
    Metric(
        BITS,
        "bits",
        "The NLL of a pixel's channel in bits: what a lossless code needs. Lower is better.",
        measure_nll,
        needs=("density", "levels"),
        definition="nll / (H W C log 2), of a likelihood over levels such as `logistic_mixture`",
    ),
    Metric(
        "nll_ais",
        "nats",
        "-log p(x), estimated from above by annealed importance sampling. Lower is better.",
        measure_nll_ais,
        definition="minus the bound by annealed importance sampling that starts at the prior",
    ),
)
