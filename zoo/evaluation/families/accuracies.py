"""Metrics of probes: test accuracies of small classifiers on codes.

Each probe is also measured on corrupted test images: `knn_probe_mask_0.2`.
"""

from zoo.evaluation.metric import Metric, measurement, register

PROBES = {
    "linear_probe": "Test accuracy of logistic regression on the codes. Higher is better.",
    "knn_probe": "Test accuracy of the nearest training codes. Higher is better.",
    "svm_1000": "Test accuracy of an SVM on the codes of 1000 labels. Higher is better.",
    "svm_100": "Test accuracy of an SVM on the codes of 100 labels. Higher is better.",
}
PROBES.update(
    {
        f"{name}_transductive": f"{PROBES[name]} Codes are standardised by all inputs."
        for name in ("svm_1000", "svm_100")
    }
)
CORRUPTIONS = {
    "noise": "Test images have Gaussian noise of standard deviation {}.",
    "mask": "A share {} of the test images' pixels is set to 0.",
}
STRENGTHS = {"noise": (0.2, 0.3, 0.4), "mask": (0.2, 0.5)}
# Name -> its place in a card, its place and its heading in a table of models.
SHOWN = {
    "linear_probe": (9, 3, "linear"),
    "knn_probe": (10, 4, "kNN"),
    "svm_1000": (11, 5, "SVM 1000"),
}


@measurement("probes", stage=70, details={"num_neighbours": "neighbours: {}"})
def measure(request, names):
    from zoo.evaluation import probing

    splits, options = (request.dataset, request.train_dataset), (request.seed, request.batch_size)
    for name, probe in probing.each(request.model, *splits, names, *options):
        if isinstance(probe, str):
            yield name, probe
        else:
            yield name, {"value": probe.pop("accuracy"), "unit": "fraction", **probe}


def _probe(name, text):
    card, *column = SHOWN.get(name, (None,))
    return Metric(
        name,
        "fraction",
        text,
        measure,
        is_default=name == "linear_probe",
        card=card,
        column=tuple(column) or None,
    )


register(*(_probe(name, text) for name, text in PROBES.items()))
register(
    *(
        _probe(f"{name}_{kind}_{strength}", f"{text} {CORRUPTIONS[kind].format(strength)}")
        for name, text in PROBES.items()
        for kind, strengths in STRENGTHS.items()
        for strength in strengths
    )
)
