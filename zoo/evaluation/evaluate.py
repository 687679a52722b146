"""All the numbers of one model on one split, each with its standard error."""

import numpy as np

from zoo.evaluation import (
    ais,
    beside,
    generated,
    generative,
    information,
    jacobian,
    latents,
    nll,
    probing,
    reconstruction,
)
from zoo.registry import nearest

METRICS = ("rate", "distortion", "elbo", "nll", "active_units", "linear_probe")
# Those that are measured only when asked for as well: they take every pair of codes, or fit a
# density of their own, or are one of many variants.
ALL_METRICS = (
    *(*METRICS, "nll_ais", "reconstruction_l2", "classified_accuracy"),
    *(*latents.METRICS, *generative.METRICS),
    *(*jacobian.METRICS, *generated.METRICS),
    *(name for name in probing.METRICS if name not in METRICS),
)
GENERATED_UNITS = {"class_cross_entropy": "nats", "generated_nll": "nats"}
LEAPFROG_STEPS = 10  # of each transition of annealed importance sampling
# What a deterministic encoder has none of, as log e(z|x) is in it.
NEED_DENSITY = ("rate", "elbo", "nll", "generative_lower", *jacobian.METRICS)


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
        max_rows: Images decoded in one step.
        progress: Whether to show a bar for each metric that takes time.
        num_chains: Of `nll_ais`.
        num_temperatures: Of `nll_ais`; each takes a dozen decoder passes a chain and example.
        num_generated: Images that the model generates for metrics of generated images; 10000 by
            default, or 1000 where the decoder is autoregressive.
        classifier: For these a `zoo.evaluation.classifier.ImageClassifier`, or the folder that
            keeps one: it is trained on `train_dataset` where there is none yet.

    Returns:
        For each metric a dict with `value`, `stderr` (over examples, sd / sqrt(N) with N - 1 in
        the variance, binomial for an accuracy, None where there is none), `num_examples`,
        `unit`, and what else the number needs: `num_samples`, `num_train`, .... A probe that has
        no labels has the value None and a `note` that says so.

    Raises:
        ValueError: If a metric is unknown.
        FloatingPointError: If a number of any example is not finite: means are over all examples.
    """
    _check_metrics(metrics)
    dataset = _as_dataset(dataset)
    options = {"seed": seed, "batch_size": batch_size, "max_rows": max_rows, "progress": progress}
    results = {}
    asked, metrics = metrics, _with_density(model, metrics, results)
    if {"rate", "distortion", "elbo"} & set(metrics):
        _say(progress, "rate and distortion")
        terms = information.rate_distortion(model, dataset, num_samples=1, **options)
        for name in set(terms) & set(metrics):
            results[name] = {**_mean(name, terms[name]), "num_samples": 1, "unit": "nats"}
    if "nll" in metrics:
        _say(progress, f"nll with {num_samples} samples")
        results["nll"] = _nll(model, dataset, num_samples, nll_examples, options)
    if "nll_ais" in metrics:
        _say(progress, f"nll_ais with {num_chains} chains of {num_temperatures} temperatures")
        chains = {"num_chains": num_chains, "num_temperatures": num_temperatures}
        results["nll_ais"] = _nll_ais(model, dataset, chains, nll_examples, options)
    if "reconstruction_l2" in metrics:
        results["reconstruction_l2"] = _reconstruction(model, dataset, batch_size)
    if "classified_accuracy" in metrics:
        results["classified_accuracy"] = _classified(model, dataset, seed, batch_size)
    if "active_units" in metrics:
        results["active_units"] = _active_units(model, dataset, batch_size)
    if set(probing.METRICS) & set(metrics):
        _say(progress, "probes")
        results.update(_probes(model, dataset, train_dataset, metrics, seed, batch_size))
    if set(latents.METRICS) & set(metrics):
        _say(progress, "aggregated posterior")
        results.update(_latents(model, dataset, metrics, seed, batch_size))
    if set(generative.METRICS) & set(metrics):
        _say(progress, "generative bounds")
        results.update(_generative(model, dataset, metrics, options))
    if set(jacobian.METRICS) & set(metrics):
        _say(progress, "decoder Jacobians")
        results.update(_jacobian(model, dataset, max_rows, batch_size))
    if set(generated.METRICS) & set(metrics):
        _say(progress, "generated images")
        given = {"num_generated": num_generated, "classifier": classifier, "seed": seed}
        results.update(_generated(model, dataset, train_dataset, metrics, given))
    return {name: results[name] for name in asked}


def _with_density(model, metrics, results):
    """Returns the metrics that the model has; notes the others, and why, in `results`."""
    if not information.is_deterministic(model):
        return metrics
    note = "left out: the encoder is deterministic and has no density"
    results.update({name: _left_out("nats", note) for name in metrics if name in NEED_DENSITY})
    return [name for name in metrics if name not in NEED_DENSITY]


def _latents(model, dataset, metrics, seed, batch_size):
    z, results = latents.aggregated_samples(model, dataset, seed, batch_size), {}
    if "mmd" in metrics:
        if len(z) < 2:
            results["mmd"] = _left_out("", "needs at least two examples")
        else:
            found = latents.mmd(model, dataset, seed=seed, z=z)
            _check_finite("mmd", [found["value"]], "model")
            results["mmd"] = {**found, "num_examples": len(z), "unit": "", "kernel": "rbf"}
    if "log_det_cov" in metrics:
        if len(z) <= z.shape[1]:
            results["log_det_cov"] = _left_out("nats", "needs more examples than latents")
        else:
            found = latents.log_det_cov(z)
            _check_finite("log_det_cov", [found["value"]], "model")
            found["variances"] = [float(value) for value in found["variances"]]
            results["log_det_cov"] = {**found, "num_examples": len(z), "unit": "nats"}
    return results


def _jacobian(model, dataset, max_rows, batch_size):
    """Returns all three in one pass, as one set of Jacobians serves them."""
    evidence, gaps, precisions = [], [], []
    try:
        jacobian.check_model(model)
    except ValueError as error:
        return {name: _left_out("nats", f"left out: {error}") for name in jacobian.METRICS}
    for block in jacobian.geometry(model, dataset, max_rows, batch_size):
        evidence.append(jacobian.log_evidence_of(block))
        gaps.append(jacobian.evidence_gap_of(block))
        precisions.append(jacobian.precision_of(block))
    penalty = jacobian.variance_penalty_of(precisions)
    return {
        "log_evidence": {**_mean("log_evidence", np.concatenate(evidence)), "unit": "nats"},
        "evidence_gap": {**_mean("evidence_gap", np.concatenate(gaps)), "unit": "nats"},
        "variance_penalty": {
            "value": penalty["approximate"],
            "stderr": None,
            "num_examples": len(dataset),
            "unit": "nats",
            "exact": penalty["exact"],
        },
    }


def _generative(model, dataset, metrics, options):
    names = [name for name in generative.METRICS if name in metrics]
    results = {}
    for name, terms in generative.measure(model, dataset, names, **options).items():
        if isinstance(terms, str):
            results[name] = _left_out("nats", terms)
        else:
            results[name] = {**_mean(name, terms), "unit": "nats"}
            if name != "generative_lower":
                results[name]["num_fit"] = generative.default_sizes(model)[0]
    return results


def _nll(model, dataset, num_samples, nll_examples, options):
    dataset, note = _part(dataset, nll_examples)
    bound = nll.importance_weighted_bound(model, dataset, num_samples=num_samples, **options)
    return {**_mean("nll", -bound), "num_samples": num_samples, "unit": "nats", **note}


def _nll_ais(model, dataset, chains, nll_examples, options):
    dataset, note = _part(dataset, nll_examples)
    chains = {**chains, "num_leapfrog_steps": LEAPFROG_STEPS}
    options = {name: value for name, value in options.items() if name != "max_rows"}
    bound = ais.annealed_bound(model, dataset, **chains, **options)
    return {**_mean("nll_ais", -bound), **chains, "start": "prior", "unit": "nats", **note}


def _part(dataset, number):
    """Returns `number` examples, evenly spaced, or all for None; and a note that says so."""
    if number is None or number >= len(dataset):
        return dataset, {}
    if number < 1:
        raise ValueError(f"Expected nll_examples >= 1 or None. Received: nll_examples={number!r}")
    note = {"note": f"{number} examples evenly spaced through {len(dataset)}"}
    return _Subset(dataset, np.arange(number) * len(dataset) // number), note


def _reconstruction(model, dataset, batch_size):
    if model.decoder.is_autoregressive:
        return _left_out("", "left out: an autoregressive decoder has no mean images")
    errors = reconstruction.reconstruction_l2(model, dataset, batch_size)
    return {**_mean("reconstruction_l2", errors), "unit": ""}


def _classified(model, dataset, seed, batch_size):
    labels = getattr(dataset, "labels", None)
    note = beside.why_not(model, labels)
    if note:
        return _left_out("fraction", note)
    found = beside.classified_accuracy(model, dataset, labels, seed, batch_size)
    return {**found, "unit": "fraction"}


def _active_units(model, dataset, batch_size):
    if len(dataset) < 2:
        return _left_out("units", "needs at least two examples")
    units = information.active_units(model, dataset, batch_size=batch_size)
    _check_finite("active_units", units["variances"], "latent")
    return {
        "value": units["count"],
        "stderr": None,
        "num_examples": units["num_examples"],
        "unit": "units",
        "latent_dim": len(units["variances"]),
        "threshold": information.ACTIVE_THRESHOLD,
        "variances": [float(value) for value in units["variances"]],
    }


def _probes(model, dataset, train_dataset, metrics, seed, batch_size):
    names = [name for name in metrics if name in probing.METRICS]
    train_dataset = None if train_dataset is None else _as_dataset(train_dataset)
    found = probing.measure(model, dataset, train_dataset, names, seed, batch_size)
    return {
        name: _left_out("fraction", probe)
        if isinstance(probe, str)
        else {"value": probe.pop("accuracy"), "unit": "fraction", **probe}
        for name, probe in found.items()
    }


def _generated(model, dataset, train_dataset, metrics, given):
    names = [name for name in generated.METRICS if name in metrics]
    train_dataset = None if train_dataset is None else _as_dataset(train_dataset)
    results = generated.measure(model, dataset, train_dataset, names, **given)
    for name, entry in results.items():
        unit = GENERATED_UNITS.get(name, "")
        if isinstance(entry, str):
            results[name] = _left_out(unit, entry)
        else:
            _check_finite(name, [entry["value"]], "model")
            results[name] = {**entry, "unit": unit}
    return results


def _left_out(unit, note):
    return {"value": None, "stderr": None, "num_examples": 0, "unit": unit, "note": note}


def _mean(name, values):
    """Returns the mean over all examples and its standard error."""
    _check_finite(name, values, "example")
    number = len(values)
    stderr = float(np.std(values, ddof=1) / np.sqrt(number)) if number > 1 else None
    return {"value": float(np.mean(values)), "stderr": stderr, "num_examples": number}


def _check_finite(name, values, of_what):
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise FloatingPointError(
            f"Expected a finite {name} of every {of_what}. Received: {len(bad)} of {len(values)} "
            f"not finite, the first {values[bad[0]]} at {of_what} {bad[0]}"
        )


def _check_metrics(metrics):
    if isinstance(metrics, str):
        raise ValueError(f"Expected a sequence of metric names. Received: metrics={metrics!r}")
    for name in metrics:
        if name not in ALL_METRICS:
            raise ValueError(
                f"Expected metrics among {list(ALL_METRICS)}. Received: {name!r}."
                + nearest(name, ALL_METRICS)
            )


def _say(progress, text):
    if progress:
        print(text, flush=True)


class _Arrays:
    """Images, and labels or None, behind the interface of a data set."""

    def __init__(self, images, labels=None):
        self.images = images
        self.labels = None if labels is None else np.asarray(labels)

    def __len__(self):
        return len(self.images)

    def float_images(self, rows):
        return self.images[rows]


class _Subset:
    """Some rows of a data set."""

    def __init__(self, dataset, indices):
        self.dataset = dataset
        self.indices = indices
        labels = getattr(dataset, "labels", None)
        self.labels = None if labels is None else np.asarray(labels)[indices]

    def __len__(self):
        return len(self.indices)

    def float_images(self, rows):
        return self.dataset.float_images(self.indices[rows])


def _as_dataset(data):
    if hasattr(data, "float_images"):
        return data
    images, labels = data if isinstance(data, tuple) else (data, None)
    images = np.asarray(images)
    if labels is not None and len(labels) != len(images):
        raise ValueError(
            "Expected as many labels as images. "
            f"Received: {len(images)} images, {len(labels)} labels"
        )
    return _Arrays(images, labels)
