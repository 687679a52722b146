"""Metrics of images that the model generates."""

from zoo.evaluation.entries import check_finite
from zoo.evaluation.metric import Metric, measurement, register


@measurement(
    "generated images",
    stage=110,
    details={
        "bandwidth": "bandwidth: {:.4g}",
        "num_generated": "generated images: {}",
        "images": "generated images are {}",
        "classifier_accuracy": "test accuracy of the classifier: {:.4g}",
    },
)
def measure(request, names):
    from zoo.evaluation import generated

    splits = request.dataset, request.train_dataset
    options = request.options("num_generated", "classifier", "seed")
    for name, entry in generated.each(request.model, *splits, names, **options):
        if isinstance(entry, str):
            yield name, entry
        else:
            check_finite(name, [entry["value"]], "model")
            yield name, {**entry, "unit": UNITS[name]}


METRICS = (
    Metric(
        "class_cross_entropy",
        "nats",
        "KL of the data's classes from the generated ones; 0 where they agree.",
        measure,
        definition="KL of the data's classes from the generated ones, by a classifier",
    ),
    Metric(
        "frechet_classifier",
        "",
        "Distance of generated images from the data, by features of a classifier trained on the "
        "data: not an FID. Lower is better.",
        measure,
        definition="Frechet distance of the features of that classifier",
    ),
    Metric(
        "frechet_inception",
        "",
        "The same by features of InceptionV3 (FID). Lower is better.",
        measure,
        definition="Frechet distance of the features of InceptionV3",
    ),
    Metric(
        "generated_nll",
        "nats",
        "-log density of the data at generated images. Lower is better.",
        measure,
        definition="-log p_data(x) of generated images, p_data fitted to training images",
    ),
)
UNITS = {metric.name: metric.unit for metric in METRICS}
register(*METRICS)
