"""All the numbers of one model on one split, each with its standard error."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.arguments import check_names
from zoo.evaluation import (
    ais,
    beside,
    generated,
    generative,
    information,
    jacobian,
    latents,
    nll,
    probes,
    probing,
    reconstruction,
)
from zoo.evaluation.entries import check_finite, left_out, mean
from zoo.evaluation.views import as_dataset, spread

METRICS = ("rate", "distortion", "elbo", "nll", "active_units", "linear_probe")
GENERATED_UNITS = {"class_cross_entropy": "nats", "generated_nll": "nats"}
LEAPFROG_STEPS = 10  # of each transition of annealed importance sampling
# What a deterministic encoder has none of, as log e(z|x) is in it.
NEED_DENSITY = ("rate", "elbo", "nll", "generative_lower", *jacobian.METRICS)


@dataclasses.dataclass(frozen=True)
class _Asked:
    """What `evaluate` was asked for: its arguments, under their names."""

    model: Any
    dataset: Any
    train_dataset: Any
    num_samples: int
    nll_examples: int | None
    seed: int
    batch_size: int | None
    max_rows: int
    progress: bool
    num_chains: int
    num_temperatures: int
    num_generated: int | None
    classifier: Any

    def blocks(self, *names):
        """Returns these arguments as a dict; all that functions over blocks take, by default."""
        names = names or ("seed", "batch_size", "max_rows", "progress")
        return {name: getattr(self, name) for name in names}


@dataclasses.dataclass(frozen=True)
class _Group:
    """Metrics that are measured together: `measure(asked, names)`.

    It returns a dict name -> entry, or yields pairs (name, entry) as soon as each is measured.
    """

    names: tuple
    measure: Callable
    title: str = ""


def evaluate(
    model,
    dataset,
    train_dataset=None,
    metrics=METRICS,
    num_samples=100,
    nll_examples=None,
    seed=17,
    batch_size=None,
    max_rows=nll.MAX_ROWS,
    progress=True,
    num_chains=16,
    num_temperatures=1000,
    num_generated=None,
    classifier=None,
    keep=None,
):
    """Returns the metrics of `model` on every example of `dataset`.

        rate, distortion, elbo   one posterior sample an example (the rate in closed form if it can)
        nll                      minus the importance-weighted bound with K samples
        active_units             latents with Var_x[E[z|x]] > 0.01
        linear_probe             logistic regression from codes to labels: test accuracy
        mmd                      MMD^2(q(z), m(z)), q(z) = E_x[e(z|x)]: U-statistic, RBF, h = Z^2
        log_det_cov              of q(z); `per_dimension`, divided by Z, beside it
        generative_lower, generative_upper    E <= I(x; z) <= G of m(z) d(x|z), the model's own
        u, cross_entropy         E_p*[log d(x|z) - log q(x)] and -E_p*[log q(x)], with G's q
        log_evidence, evidence_gap, variance_penalty    by the decoder's Jacobian; Gaussians alone
        nll_ais                  minus the bound by annealed importance sampling from the prior
        reconstruction_l2        |x - nu(z)|^2 of the mean reconstruction
        classified_accuracy      of the classifier that trained beside the model, at samples z
        class_cross_entropy      KL of the data's classes from the generated ones, by a classifier
        frechet_classifier, frechet_inception    distance of generated images from the data, by
                                 features of that classifier, or of InceptionV3
        generated_nll            -log p_data(x) of generated images, p_data of training images
        knn_probe, svm_1000, svm_1000_transductive, svm_100, ...    test accuracy on codes, the SVM
                                 from 1000 labels; each also as svm_1000_noise_0.2, _noise_0.3,
                                 _noise_0.4, _mask_0.2, _mask_0.5, on corrupted test images

    From mmd on they are not in the default. Those from generative_lower to cross_entropy draw
    images from the model and fit a density q(x) to them (`zoo.evaluation.generative`); those of
    the line after are of `zoo.evaluation.jacobian`, of generated images `zoo.evaluation.generated`,
    and the probes `zoo.evaluation.probing`. A deterministic encoder has no rate, elbo, nll or
    generative_lower, and nothing by the Jacobian: their value is None, with a `note`.

    Args:
        model: A `zoo.VAE`.
        dataset: A data set with `float_images(rows)`, `labels` and a length; or a pair
            `(images, labels)`; or images [N, H, W, C] alone.
        train_dataset: Likewise: what the probe is trained on.
        metrics: Names among the above.
        num_samples: K, of `nll`.
        nll_examples: Take `nll` and `nll_ais` on so many examples, evenly spaced through the split,
            as K decoder passes an example are costly; None means all.
        seed: Int.
        batch_size: Images encoded in one step, at most 128, the default.
        max_rows: Images decoded in one step; `nll_ais` goes by `num_chains` instead.
        progress: Whether to show a bar for each metric that takes time.
        num_chains: Of `nll_ais`.
        num_temperatures: Of `nll_ais`; each takes a dozen decoder passes a chain and example.
        num_generated: Images that the model generates for metrics of generated images; 10000 by
            default, or 1000 where the decoder is autoregressive.
        classifier: For these a `zoo.evaluation.classifier.ImageClassifier`, or the folder that
            keeps one: it is trained on `train_dataset` where there is none yet.
        keep: Called as `keep(name, entry)` as soon as a metric is measured, so that a caller can
            save it; an exception later then costs the later metrics alone.

    Returns:
        For each metric a dict with `value`, `stderr` (over examples, sd / sqrt(N) with N - 1 in
        the variance, by the Wilson interval for an accuracy, None where there is none),
        `num_examples`, `unit`, and what else the number needs: `num_samples`, `num_train`, .... A
        probe without labels has the value None and a `note` that says so. So has a probe whose
        training and test examples share no class. Test examples of a class without training
        examples count as errors; a `note` gives their number.

    Raises:
        ValueError: If a metric is unknown.
        FloatingPointError: If a number of any example is not finite: means are over all examples.
    """
    _check_metrics(metrics)
    asked = _Asked(
        model,
        as_dataset(dataset),
        None if train_dataset is None else as_dataset(train_dataset),
        *(num_samples, nll_examples, seed, batch_size, max_rows, progress),
        *(num_chains, num_temperatures, num_generated, classifier),
    )
    results = {}
    for name, entry in _measured(asked, metrics):
        results[name] = entry
        if keep is not None:
            keep(name, entry)
    return {name: results[name] for name in metrics}


def _measured(asked, metrics):
    """Yields (name, entry) of each metric, in the order in which they are measured."""
    without = _without_density(asked.model, metrics)
    yield from without.items()
    for group in _GROUPS:
        names = [name for name in group.names if name in metrics and name not in without]
        if names:
            if asked.progress and group.title:
                print(group.title.format(**vars(asked)), flush=True)
            found = group.measure(asked, names)
            for name, entry in found.items() if isinstance(found, dict) else found:
                if name in names:
                    yield name, entry


def _without_density(model, metrics):
    """Returns the entries of metrics that the model cannot have: they say why."""
    if not information.is_deterministic(model):
        return {}
    note = "left out: the encoder is deterministic and has no density"
    return {name: left_out("nats", note) for name in metrics if name in NEED_DENSITY}


def _rate_distortion(asked, names):
    terms = information.rate_distortion(asked.model, asked.dataset, num_samples=1, **asked.blocks())
    return {name: {**mean(name, terms[name]), "num_samples": 1} for name in names if name in terms}


def _nll(asked, names):
    dataset, note = spread(asked.dataset, asked.nll_examples)
    bound = nll.importance_weighted_bound(
        asked.model, dataset, num_samples=asked.num_samples, **asked.blocks()
    )
    return {"nll": {**mean("nll", -bound), "num_samples": asked.num_samples, **note}}


def _nll_ais(asked, names):
    dataset, note = spread(asked.dataset, asked.nll_examples)
    chains = asked.blocks("num_chains", "num_temperatures")
    chains["num_leapfrog_steps"] = LEAPFROG_STEPS
    options = asked.blocks("seed", "batch_size", "progress")
    bound = ais.annealed_bound(asked.model, dataset, **chains, **options)
    return {"nll_ais": {**mean("nll_ais", -bound), **chains, "start": "prior", **note}}


def _reconstruction(asked, names):
    if asked.model.decoder.is_autoregressive:
        entry = left_out("", "left out: an autoregressive decoder has no mean images")
    else:
        errors = reconstruction.reconstruction_l2(asked.model, asked.dataset, asked.batch_size)
        entry = mean("reconstruction_l2", errors, unit="")
    return {"reconstruction_l2": entry}


def _classified(asked, names):
    labels = getattr(asked.dataset, "labels", None)
    note = beside.why_not(asked.model, labels)
    train_labels = getattr(asked.train_dataset, "labels", None)
    if not note and train_labels is not None:
        note = probes.why_no_accuracy(train_labels, labels)
    if note:
        entry = left_out("fraction", note)
    else:
        options = asked.blocks("seed", "batch_size")
        found = beside.classified_accuracy(asked.model, asked.dataset, labels, **options)
        entry = {**found, "unit": "fraction"}
    return {"classified_accuracy": entry}


def _active_units(asked, names):
    if len(asked.dataset) < 2:
        return {"active_units": left_out("units", "needs at least two examples")}
    units = information.active_units(asked.model, asked.dataset, batch_size=asked.batch_size)
    check_finite("active_units", units["variances"], "latent")
    entry = {
        "value": units["count"],
        "stderr": None,
        "num_examples": units["num_examples"],
        "unit": "units",
        "latent_dim": len(units["variances"]),
        "threshold": information.ACTIVE_THRESHOLD,
        "variances": [float(value) for value in units["variances"]],
    }
    return {"active_units": entry}


def _probes(asked, names):
    data = asked.dataset, asked.train_dataset
    for name, probe in probing.each(asked.model, *data, names, asked.seed, asked.batch_size):
        if isinstance(probe, str):
            yield name, left_out("fraction", probe)
        else:
            yield name, {"value": probe.pop("accuracy"), "unit": "fraction", **probe}


def _latents(asked, names):
    model, dataset, seed = asked.model, asked.dataset, asked.seed
    z = latents.aggregated_samples(model, dataset, seed, asked.batch_size)
    if "mmd" in names:
        if len(z) < 2:
            yield "mmd", left_out("", "needs at least two examples")
        else:
            found = latents.mmd(model, dataset, seed=seed, z=z)
            check_finite("mmd", [found["value"]], "model")
            yield "mmd", {**found, "num_examples": len(z), "unit": "", "kernel": "rbf"}
    if "log_det_cov" in names:
        if len(z) <= z.shape[1]:
            yield "log_det_cov", left_out("nats", "needs more examples than latents")
        else:
            found = latents.log_det_cov(z)
            check_finite("log_det_cov", [found["value"]], "model")
            found["variances"] = [float(value) for value in found["variances"]]
            yield "log_det_cov", {**found, "num_examples": len(z), "unit": "nats"}


def _generative(asked, names):
    results = {}
    measured = generative.measure(asked.model, asked.dataset, names, **asked.blocks())
    for name, terms in measured.items():
        if isinstance(terms, str):
            results[name] = left_out("nats", terms)
        else:
            results[name] = mean(name, terms)
            if name != "generative_lower":
                results[name]["num_fit"] = generative.default_sizes(asked.model)[0]
    return results


def _jacobian(asked, names):
    """Returns them in one pass, as one set of Jacobians serves all three."""
    evidence, gaps, precisions = [], [], []
    try:
        jacobian.check_model(asked.model)
    except ValueError as error:
        return {name: left_out("nats", f"left out: {error}") for name in names}
    for block in jacobian.geometry(asked.model, asked.dataset, asked.max_rows, asked.batch_size):
        evidence.append(jacobian.log_evidence_of(block))
        gaps.append(jacobian.evidence_gap_of(block))
        if "variance_penalty" in names:  # matrices [Z, Z] of all images
            precisions.append(jacobian.precision_of(block))
    found = {
        "log_evidence": mean("log_evidence", np.concatenate(evidence)),
        "evidence_gap": mean("evidence_gap", np.concatenate(gaps)),
    }
    if precisions:
        penalty = jacobian.variance_penalty_of(precisions)
        found["variance_penalty"] = {
            "value": penalty["approximate"],
            "stderr": None,
            "num_examples": len(asked.dataset),
            "unit": "nats",
            "exact": penalty["exact"],
        }
    return found


def _generated(asked, names):
    options = asked.blocks("num_generated", "classifier", "seed")
    given = asked.model, asked.dataset, asked.train_dataset
    for name, entry in generated.each(*given, names, **options):
        unit = GENERATED_UNITS.get(name, "")
        if isinstance(entry, str):
            yield name, left_out(unit, entry)
        else:
            check_finite(name, [entry["value"]], "model")
            yield name, {**entry, "unit": unit}


# In the order in which they are measured.
_GROUPS = (
    _Group(("rate", "distortion", "elbo"), _rate_distortion, "rate and distortion"),
    _Group(("nll",), _nll, "nll with {num_samples} samples"),
    _Group(
        ("nll_ais",),
        _nll_ais,
        "nll_ais with {num_chains} chains of {num_temperatures} temperatures",
    ),
    _Group(("reconstruction_l2",), _reconstruction),
    _Group(("classified_accuracy",), _classified),
    _Group(("active_units",), _active_units),
    _Group(probing.METRICS, _probes, "probes"),
    _Group(latents.METRICS, _latents, "aggregated posterior"),
    _Group(generative.METRICS, _generative, "generative bounds"),
    _Group(jacobian.METRICS, _jacobian, "decoder Jacobians"),
    _Group(generated.METRICS, _generated, "generated images"),
)
# Those that are not in METRICS are measured only when asked for: they take every pair of codes, or
# fit a density of their own, or are one of many variants.
ALL_METRICS = (
    *METRICS,
    *(name for group in _GROUPS for name in group.names if name not in METRICS),
)


def _check_metrics(metrics):
    if isinstance(metrics, str):
        raise ValueError(f"Expected a sequence of metric names. Received: metrics={metrics!r}")
    check_names(metrics, ALL_METRICS, "metrics")
