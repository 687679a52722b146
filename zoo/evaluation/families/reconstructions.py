"""The metric of mean reconstructions."""

from zoo.evaluation.entries import mean
from zoo.evaluation.metric import Metric, measurement, register


@measurement(stage=40)
def measure(request, names):
    from zoo.evaluation import reconstruction

    if request.model.decoder.is_autoregressive:
        return {"reconstruction_l2": "left out: an autoregressive decoder has no mean images"}
    errors = reconstruction.reconstruction_l2(request.model, request.dataset, request.batch_size)
    return {"reconstruction_l2": mean("reconstruction_l2", errors, unit="")}


register(
    Metric(
        "reconstruction_l2",
        "",
        "Squared error of an image's mean reconstruction. Lower is better.",
        measure,
        definition="|x - nu(z)|^2 of the mean nu(z) of d(x|z) at the code z of x",
        card=6,
    )
)
