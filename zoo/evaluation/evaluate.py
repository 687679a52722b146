"""All the numbers of one model on one split, each with its standard error."""

import numpy as np

from zoo.evaluation import generative, information, jacobian, latents, nll, probes
from zoo.registry import nearest

METRICS = ("rate", "distortion", "elbo", "nll", "active_units", "linear_probe")
# Those that are measured only when asked for as well: they take every pair of codes, or fit a
# density of their own.
ALL_METRICS = METRICS + latents.METRICS + generative.METRICS + jacobian.METRICS
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

    From mmd on they are not in the default. Those from generative_lower to cross_entropy draw
    images from the model and fit a density q(x) to them (`zoo.evaluation.generative`); the last
    line is of `zoo.evaluation.jacobian`. A deterministic encoder has no rate, elbo, nll or
    generative_lower, nor the last line: their value is None, with a `note`.

    Args:
        model: A `zoo.VAE`.
        dataset: A data set with `float_images(rows)`, `labels` and a length; or a pair
            `(images, labels)`; or images [N, H, W, C] alone.
        train_dataset: Likewise: what the probe is trained on.
        metrics: Names among the above.
        num_samples: K, of `nll`.
        nll_examples: Take `nll` on so many examples, evenly spaced through the split, as K decoder
            passes an example are costly; None means all.
        seed: Int.
        batch_size: Images encoded in one step, at most 128, the default.
        max_rows: Images decoded in one step.
        progress: Whether to show a bar for each metric that takes time.

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
    if "active_units" in metrics:
        results["active_units"] = _active_units(model, dataset, batch_size)
    if "linear_probe" in metrics:
        _say(progress, "linear probe")
        results["linear_probe"] = _linear_probe(model, dataset, train_dataset, seed, batch_size)
    if set(latents.METRICS) & set(metrics):
        _say(progress, "aggregated posterior")
        results.update(_latents(model, dataset, metrics, seed, batch_size))
    if set(generative.METRICS) & set(metrics):
        _say(progress, "generative bounds")
        results.update(_generative(model, dataset, metrics, options))
    if set(jacobian.METRICS) & set(metrics):
        _say(progress, "decoder Jacobians")
        results.update(_jacobian(model, dataset, max_rows, batch_size))
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
    result = {}
    if nll_examples is not None and nll_examples < len(dataset):
        if nll_examples < 1:
            raise ValueError(
                f"Expected nll_examples >= 1 or None. Received: nll_examples={nll_examples!r}"
            )
        result["note"] = f"{nll_examples} examples evenly spaced through {len(dataset)}"
        dataset = _Subset(dataset, np.arange(nll_examples) * len(dataset) // nll_examples)
    bound = nll.importance_weighted_bound(model, dataset, num_samples=num_samples, **options)
    return {**_mean("nll", -bound), "num_samples": num_samples, "unit": "nats", **result}


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


def _linear_probe(model, dataset, train_dataset, seed, batch_size):
    if train_dataset is None:
        return _left_out("fraction", "left out: no train_dataset was given")
    train_dataset = _as_dataset(train_dataset)
    for data, what in ((dataset, "dataset"), (train_dataset, "train_dataset")):
        if data.labels is None:
            return _left_out("fraction", f"left out: {what} has no labels")
    probe = probes.linear_probe(
        information.codes(model, train_dataset, batch_size),
        train_dataset.labels,
        information.codes(model, dataset, batch_size),
        dataset.labels,
        seed=seed,
    )
    return {"value": probe.pop("accuracy"), "unit": "fraction", **probe}


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
