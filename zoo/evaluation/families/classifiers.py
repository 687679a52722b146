"""The metric of a classifier that trains jointly with the model (`zoo.Classified`)."""

from zoo.evaluation.metric import Metric, measurement, register


@measurement(stage=50)
def measure(request, names):
    from zoo.evaluation import joint_classifier, probes

    labels = getattr(request.dataset, "labels", None)
    train_labels = getattr(request.train_dataset, "labels", None)
    note = joint_classifier.why_not(request.model, labels)
    if not note and train_labels is not None:
        note = probes.why_no_accuracy(train_labels, labels)
    if note:
        return {"classified_accuracy": note}
    options = request.options("seed", "batch_size")
    entry = joint_classifier.classified_accuracy(request.model, request.dataset, labels, **options)
    return {"classified_accuracy": {**entry, "unit": "fraction"}}


register(
    Metric(
        "classified_accuracy",
        "fraction",
        "Test accuracy of the classifier that was trained jointly with the model.",
        measure,
        definition="accuracy at one posterior sample z an example; `at_mean` is that at E[z|x]",
    )
)
