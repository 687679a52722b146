"""Metrics of the decoder's Jacobian, for Gaussian posteriors and priors."""

import numpy as np

from zoo.evaluation.entries import mean
from zoo.evaluation.metric import Metric, measurement, register


@measurement(
    "decoder Jacobians",
    stage=100,
    details={"exact": "without the expansion to second order: {:.4g}"},
)
def measure(request, names):
    """Returns the metrics of one pass over the images: one set of Jacobians serves all three."""
    from zoo.evaluation import jacobian

    evidence, gaps, precisions = [], [], []
    try:
        jacobian.check_model(request.model)
    except ValueError as error:
        return dict.fromkeys(names, f"left out: {error}")
    options = request.options("max_rows", "batch_size")
    for block in jacobian.geometry(request.model, request.dataset, **options):
        evidence.append(jacobian.log_evidence_of(block))
        gaps.append(jacobian.evidence_gap_of(block))
        if "variance_penalty" in names:  # matrices [Z, Z] of all images
            precisions.append(jacobian.precision_of(block))
    results = {
        "log_evidence": mean("log_evidence", np.concatenate(evidence)),
        "evidence_gap": mean("evidence_gap", np.concatenate(gaps)),
    }
    if precisions:
        penalty = jacobian.variance_penalty_of(precisions)
        results["variance_penalty"] = {
            "value": penalty["approximate"],
            "stderr": None,
            "num_examples": len(request.dataset),
            "unit": "nats",
            "exact": penalty["exact"],
        }
    return results


register(
    Metric(
        "log_evidence",
        "nats",
        "log p(x) of the decoder taken as linear around each code, exactly.",
        measure,
        needs=("density",),
        definition="log p(x) of the decoder linearised at E[z|x]",
    ),
    Metric(
        "evidence_gap",
        "nats",
        "Log evidence less ELBO, predicted from the decoder's Jacobian and the scales.",
        measure,
        needs=("density",),
        definition="log evidence less ELBO, both of the linearised decoder",
    ),
    Metric(
        "variance_penalty",
        "nats",
        "Loss in ELBO of one posterior variance for all images, by the same prediction.",
        measure,
        needs=("density",),
        definition="to second order; `exact` is without the expansion",
    ),
)
