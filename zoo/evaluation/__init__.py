"""Numbers that judge a trained model: bounds, information, probes, generated images, latents."""

from zoo.evaluation.ais import annealed_bound
from zoo.evaluation.beside import classified_accuracy
from zoo.evaluation.classifier import ImageClassifier, fit_classifier
from zoo.evaluation.evaluate import ALL_METRICS, METRICS, evaluate
from zoo.evaluation.frechet import frechet_distance
from zoo.evaluation.generated import class_cross_entropy, generated_images
from zoo.evaluation.information import active_units, codes, posterior_means, rate_distortion
from zoo.evaluation.latents import aggregated_samples, log_det_cov, mmd
from zoo.evaluation.nll import elbo, importance_weighted_bound
from zoo.evaluation.posterior import true_posterior_samples
from zoo.evaluation.probes import knn_probe, labelled_subset, linear_probe, svm_probe
from zoo.evaluation.reconstruction import reconstruction_l2

__all__ = [
    "ALL_METRICS",
    "METRICS",
    "ImageClassifier",
    "active_units",
    "aggregated_samples",
    "annealed_bound",
    "class_cross_entropy",
    "classified_accuracy",
    "codes",
    "elbo",
    "evaluate",
    "fit_classifier",
    "frechet_distance",
    "generated_images",
    "importance_weighted_bound",
    "knn_probe",
    "labelled_subset",
    "linear_probe",
    "log_det_cov",
    "mmd",
    "posterior_means",
    "rate_distortion",
    "reconstruction_l2",
    "svm_probe",
    "true_posterior_samples",
]
