"""Metrics of the aggregated posterior q(z) = E_x[e(z|x)]."""

from zoo.evaluation.entries import check_finite
from zoo.evaluation.metric import Metric, measurement, register


@measurement(
    "aggregated posterior",
    stage=80,
    details={"per_dimension": "a latent: {:.4g}", "bandwidth": "bandwidth: {:.4g}"},
)
def measure(request, names):
    from zoo.evaluation import latents

    options = request.options("seed", "batch_size")
    z = latents.aggregated_samples(request.model, request.dataset, **options)
    if "mmd" in names:
        yield "mmd", _mmd(latents, request, z)
    if "log_det_cov" in names:
        yield "log_det_cov", _log_det_cov(latents, z)


def _mmd(latents, request, z):
    if len(z) < 2:
        return "needs at least two examples"
    result = latents.mmd(request.model, request.dataset, seed=request.seed, z=z)
    check_finite("mmd", [result["value"]], "model")
    return {**result, "num_examples": len(z), "unit": "", "kernel": "rbf"}


def _log_det_cov(latents, z):
    if len(z) <= z.shape[1]:
        return "needs more examples than latents"
    result = latents.log_det_cov(z)
    check_finite("log_det_cov", [result["value"]], "model")
    result["variances"] = [float(value) for value in result["variances"]]
    return {**result, "num_examples": len(z), "unit": "nats"}


register(
    Metric(
        "mmd",
        "",
        "Squared distance of all codes from the marginal; near 0 where they agree.",
        measure,
        definition="MMD^2(q(z), m(z)): U-statistic, RBF kernel, bandwidth h = Z^2",
        card=7,
    ),
    Metric(
        "log_det_cov",
        "nats",
        "log det Cov of the codes: 0 for N(0, I), above it too wide.",
        measure,
        definition="log det Cov[q(z)]; `per_dimension` is that divided by Z",
        card=8,
    ),
)
