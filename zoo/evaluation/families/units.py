"""The metric of active latent units."""

from zoo.evaluation.entries import check_finite
from zoo.evaluation.metric import Metric, measurement, register


@measurement(stage=60, details={"latent_dim": "latent units: {}", "threshold": "threshold: {}"})
def measure(request, names):
    from zoo.evaluation import information

    if len(request.dataset) < 2:
        return {"active_units": "needs at least two examples"}
    options = request.options("batch_size")
    units = information.active_units(request.model, request.dataset, **options)
    check_finite("active_units", units["variances"], "latent")
    entry = {
        "value": units["count"],
        "stderr": None,
        "num_examples": units["num_examples"],
        "unit": "units",
        "latent_dim": len(units["variances"]),
        "threshold": information.ACTIVE_THRESHOLD,
        "variances": [float(value) for value in units["variances"]],
    }
    return {"active_units": entry}


register(
    Metric(
        "active_units",
        "units",
        "Latent units whose posterior mean varies with the image.",
        measure,
        definition="number of latents with Var_x[E[z|x]] > 0.01",
        is_default=True,
        card=5,
    )
)
