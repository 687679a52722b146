"""Numbers that judge a trained model: bounds, rate and distortion, active units, probes."""

from zoo.evaluation.evaluate import ALL_METRICS, METRICS, evaluate
from zoo.evaluation.information import active_units, codes, posterior_means, rate_distortion
from zoo.evaluation.latents import aggregated_samples, log_det_cov, mmd
from zoo.evaluation.nll import elbo, importance_weighted_bound
from zoo.evaluation.probes import linear_probe

__all__ = [
    "ALL_METRICS",
    "METRICS",
    "active_units",
    "aggregated_samples",
    "codes",
    "elbo",
    "evaluate",
    "importance_weighted_bound",
    "linear_probe",
    "log_det_cov",
    "mmd",
    "posterior_means",
    "rate_distortion",
]
