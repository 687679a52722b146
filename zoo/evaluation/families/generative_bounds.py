"""Bounds on the information I(x; z) of the model's own joint m(z) d(x|z)."""

from zoo.evaluation.entries import mean
from zoo.evaluation.metric import Metric, measurement, register


@measurement(
    "generative bounds",
    stage=90,
    details={"num_fit": "generated images q(x) was fitted to: {}"},
)
def measure(request, names):
    from zoo.evaluation import generative

    terms = generative.measure(request.model, request.dataset, names, **request.options())
    results = {}
    for name, values in terms.items():
        results[name] = values if isinstance(values, str) else mean(name, values)
        if name != "generative_lower" and not isinstance(values, str):
            results[name]["num_fit"] = generative.default_sizes(request.model)[0]
    return results


register(
    Metric(
        "generative_lower",
        "nats",
        "E: lower bound on the information of latents in generated images.",
        measure,
        needs=("density",),
        definition="E <= I(x; z) of m(z) d(x|z), the model's own joint",
    ),
    Metric(
        "generative_upper",
        "nats",
        "G: upper bound on the same, by a density q(x) fitted to generated images.",
        measure,
        definition="G >= I(x; z) of m(z) d(x|z)",
    ),
    Metric(
        "u",
        "nats",
        "E[log p(x|z) - log q(x)] on data; less the cross entropy it is minus the distortion.",
        measure,
        definition="E_p*[log d(x|z) - log q(x)], with the q(x) of G",
    ),
    Metric(
        "cross_entropy",
        "nats",
        "-E[log q(x)] of the data, q fitted to generated images. S is this less H.",
        measure,
        definition="-E_p*[log q(x)], with the q(x) of G",
    ),
)
