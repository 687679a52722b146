"""Numbers and metrics in words, for pages, ledgers and terminals."""

import math
import re

# Metric -> what a reader needs to judge it. An entry's own "description" goes first.
METRICS = {
    "rate": "KL from the posterior to the marginal: what the code costs.",
    "distortion": "Expected -log p(x|z): what the reconstruction misses. Lower is better.",
    "elbo": "-(rate + distortion), a lower bound on log p(x). Higher is better.",
    "nll": "-log p(x), estimated from above by importance sampling. Lower is better.",
    "active_units": "Latent units whose posterior mean varies with the image.",
    "mmd": "Squared distance of all codes from the marginal; near 0 where they agree.",
    "log_det_cov": "log det Cov of the codes: 0 for N(0, I), above it too wide.",
    "generative_lower": "E: lower bound on the information of latents in generated images.",
    "generative_upper": "G: upper bound on it, by a density q(x) fitted to generated images.",
    "u": "E[log p(x|z) - log q(x)] on data; less the cross entropy it is minus the distortion.",
    "cross_entropy": "-E[log q(x)] of the data, q fitted to generated images. S is this less H.",
    "linear_probe": "Test accuracy of logistic regression on the codes. Higher is better.",
    "log_evidence": "log p(x) of the decoder taken as linear around each code, exactly.",
    "evidence_gap": "That less the ELBO, as the decoder's Jacobian and the scales predict it.",
    "variance_penalty": "What one posterior variance for all images would cost, likewise.",
    "nll_ais": "-log p(x), estimated from above by annealed importance sampling. Lower is better.",
    "reconstruction_l2": "Squared error of an image's mean reconstruction. Lower is better.",
    "classified_accuracy": "Test accuracy of the classifier that trained beside the model.",
    "class_cross_entropy": "KL of the data's classes from the generated ones; 0 where they agree.",
    "frechet_classifier": "Distance of generated images from the data, by features of a classifier "
    "trained on the data: not an FID. Lower is better.",
    "frechet_inception": "The same by features of InceptionV3 (FID). Lower is better.",
    "generated_nll": "-log density of the data at generated images. Lower is better.",
    "knn_probe": "Test accuracy of the nearest training codes. Higher is better.",
    "svm_1000": "Test accuracy of an SVM on the codes of 1000 labels. Higher is better.",
    "svm_100": "Test accuracy of an SVM on the codes of 100 labels. Higher is better.",
}
# Names of variants, and what is said of them behind the sentence of the name without.
VARIANT = re.compile(r"(.*?)(_transductive)?(?:_(noise|mask)_([0-9.]+))?", re.DOTALL)
TRANSDUCTIVE = "Codes are standardised by all inputs."
CORRUPTIONS = {
    "noise": "Test images have Gaussian noise of standard deviation {}.",
    "mask": "A share {} of the test images' pixels is set to 0.",
}
# Keys of a metric that say how it was measured -> their words.
MEASURED = {
    "num_samples": "samples an example: {}",
    "num_examples": "examples: {}",
    "num_train": "trained on: {}",
    "num_fit": "generated images q(x) was fitted to: {}",
    "latent_dim": "latent units: {}",
    "threshold": "threshold: {}",
    "exact": "without the expansion to second order: {:.4g}",
    "per_dimension": "a latent: {:.4g}",
    "bandwidth": "bandwidth: {:.4g}",
    "num_chains": "chains: {}",
    "num_temperatures": "temperatures: {}",
    "num_leapfrog_steps": "leapfrog steps: {}",
    "num_generated": "generated images: {}",
    "images": "generated images are {}",
    "num_neighbours": "neighbours: {}",
    "classifier_accuracy": "test accuracy of the classifier: {:.4g}",
}


def describe(name):
    """Returns what a metric is, from `METRICS`, and what is done otherwise for a variant."""
    base, transductive, corruption, strength = VARIANT.fullmatch(name).groups()
    words = [METRICS.get(base, ""), TRANSDUCTIVE if transductive else ""]
    words.append(CORRUPTIONS[corruption].format(strength) if corruption else "")
    return " ".join(word for word in words if word)


def with_error(value, stderr=None):
    """Returns `86.34 ± 0.12`: two digits of the standard error, or five of a value without one."""
    if value is None:
        return "not available"
    if stderr is None or not math.isfinite(value) or not math.isfinite(stderr):
        return f"{value:.5g}" if isinstance(value, float) else str(value)
    if stderr == 0:
        return f"{value:.5g} ± 0"
    digits = max(0, 1 - math.floor(math.log10(stderr)))
    return f"{value:.{digits}f} ± {stderr:.{digits}f}"


def duration(seconds):
    """Returns seconds in words: `8.4 s`, `3 min 05 s`, `2 h 07 min`."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
