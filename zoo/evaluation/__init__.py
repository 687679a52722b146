"""Metrics of trained models: bounds, information, probes, generated images, latents.

Importing it does not import Keras: each function is imported when it is first used.
"""

import importlib

from zoo.evaluation import metric
from zoo.evaluation.evaluate import evaluate as evaluate

_FUNCTIONS = {
    "ImageClassifier": "classifier",
    "active_units": "information",
    "aggregated_samples": "latents",
    "annealed_bound": "ais",
    "class_cross_entropy": "generated",
    "classified_accuracy": "joint_classifier",
    "codes": "information",
    "elbo": "nll",
    "fit_classifier": "classifier",
    "frechet_distance": "frechet",
    "generated_images": "generated",
    "importance_weighted_bound": "nll",
    "knn_probe": "probes",
    "labelled_subset": "probes",
    "linear_probe": "probes",
    "log_det_cov": "latents",
    "mmd": "latents",
    "posterior_means": "information",
    "rate_distortion": "information",
    "reconstruction_l2": "reconstruction",
    "svm_probe": "probes",
    "true_posterior_samples": "posterior",
}
_NAMES = {"ALL_METRICS": metric.all_names, "METRICS": metric.default_names}

__all__ = sorted([*_FUNCTIONS, *_NAMES, "evaluate"])


def __getattr__(name):
    if name in _NAMES:  # not kept: a metric may be registered later
        return _NAMES[name]()
    if name not in _FUNCTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_FUNCTIONS[name]}"), name)


def __dir__():
    return sorted([*globals(), *__all__])
