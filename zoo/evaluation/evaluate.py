"""Evaluates metrics of a model on one split, each with its standard error."""

from zoo.arguments import check_names
from zoo.evaluation import metric as registry
from zoo.evaluation.adapters import as_dataset
from zoo.evaluation.entries import left_out


def evaluate(
    model,
    dataset,
    train_dataset=None,
    metrics=None,
    num_samples=100,
    nll_examples=None,
    seed=17,
    batch_size=None,
    max_rows=None,
    progress=True,
    num_chains=16,
    num_temperatures=1000,
    num_generated=None,
    classifier=None,
    keep=None,
):
    """Returns metrics of `model` on every example of `dataset`.

    `docs/metrics.md` lists the metrics, and `zoo.evaluation.ALL_METRICS` their names. A
    deterministic encoder has no density: metrics that need it have the value None and a `note`.

    Args:
        model: A `zoo.VAE`.
        dataset: A data set with `float_images(rows)`, `labels` and a length; or a pair
            `(images, labels)`; or images [N, H, W, C] alone.
        train_dataset: The training split in the same form, for probes, the classifier and the
            density of generated images; None leaves those metrics out.
        metrics: Names; `zoo.evaluation.METRICS` by default.
        num_samples: K, of `nll`.
        nll_examples: The number of examples for `nll` and `nll_ais`, evenly spaced through the
            split, as K decoder passes an example are costly; None means all.
        seed: Int.
        batch_size: Images encoded in one step, at most 128, the default.
        max_rows: Images decoded in one step, 1024 by default; `nll_ais` goes by `num_chains`.
        progress: Whether to show a bar for each metric that takes time.
        num_chains: Chains an example, of `nll_ais`.
        num_temperatures: Temperatures of `nll_ais`; each takes a dozen decoder passes a chain and
            example.
        num_generated: Images that the model generates for metrics of generated images; 10000 by
            default, or 1000 where the decoder is autoregressive.
        classifier: A `zoo.evaluation.classifier.ImageClassifier` for metrics of generated images,
            or the folder that keeps one: it is trained on `train_dataset` if there is none yet.
        keep: Called as `keep(name, entry)` as soon as a metric is measured, so that a caller can
            save it before a later metric fails.

    Returns:
        For each metric a dict with `value`, `stderr` (over examples, sd / sqrt(N) with N - 1 in
        the variance; by the Wilson interval for an accuracy; None where there is none),
        `num_examples`, `unit`, and how it was measured: `num_samples`, `num_train`, .... A metric
        that cannot be measured has the value None and a `note` that says why. A probe counts test
        examples of a class without training examples as errors; a `note` gives their number.

    Raises:
        ValueError: If a metric is unknown.
        FloatingPointError: If a value of any example is not finite: means are over all examples.
    """
    names = registry.default_names() if metrics is None else metrics
    _check_names(names)
    request = registry.Request(
        model=model,
        dataset=as_dataset(dataset),
        train_dataset=None if train_dataset is None else as_dataset(train_dataset),
        num_samples=num_samples,
        nll_examples=nll_examples,
        seed=seed,
        batch_size=batch_size,
        max_rows=max_rows,
        progress=progress,
        num_chains=num_chains,
        num_temperatures=num_temperatures,
        num_generated=num_generated,
        classifier=classifier,
    )
    results = {}
    for name, entry in _entries(request, names):
        results[name] = entry
        if keep is not None:
            keep(name, entry)
    return {name: results[name] for name in names}


def _entries(request, names):
    """Yields (name, entry) of each metric, in the order in which they are measured."""
    metrics = registry.metrics()
    notes = _notes(request.model, {name: metrics[name].needs for name in names})
    for name, note in notes.items():
        yield name, left_out(metrics[name].unit, note)
    for measurement, group in registry.groups([name for name in names if name not in notes]):
        if request.progress and measurement.title:
            print(measurement.title.format(**vars(request)), flush=True)
        measured = measurement(request, group)
        for name, entry in measured.items() if isinstance(measured, dict) else measured:
            if name in group:
                is_note = isinstance(entry, str)
                yield name, left_out(metrics[name].unit, entry) if is_note else entry


def _notes(model, needs):
    """Returns name -> note of the metrics that need what the model lacks."""
    needed = {need for names in needs.values() for need in names}
    lacking = [need for need, (lacks, _) in registry.NEEDS.items() if need in needed]
    lacking = [need for need in lacking if registry.NEEDS[need][0](model)]
    return {
        name: registry.NEEDS[need][1]
        for name, names in needs.items()
        for need in lacking
        if need in names
    }


def _check_names(names):
    if isinstance(names, str):
        raise ValueError(f"Expected a sequence of metric names. Received: metrics={names!r}")
    check_names(names, registry.all_names(), "metrics")
