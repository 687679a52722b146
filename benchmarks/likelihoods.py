"""Contender: the importance-weighted bound of log p(x), in one runtime."""

import math
import os
import tempfile

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

# Network -> (latents, samples of each image, images of a step).
SIZES = {"mlp": (2, 1000, 128), "gated_conv": (64, 100, 8)}


def make(network, runtime):
    """Returns `run(steps)`: the bound of all images once a step.

    Args:
        network: One of `SIZES`.
        runtime: "keras", "light" (ONNX Runtime) or "pytorch" (a plain loop over images).
    """
    _, samples, count = SIZES[network]
    images = np.random.default_rng(17).random((count, 28, 28, 1)) < 0.3
    bound = {"keras": _keras, "light": _light, "pytorch": _pytorch}[runtime](network)

    def run(steps):
        for _ in range(steps):
            bound(images.astype("float32"), samples)

    return run


def decodes(network):
    """Returns how many latents are decoded in a step."""
    _, samples, count = SIZES[network]
    return samples * count


def _model(network):
    import zoo

    zoo.load_parts()
    latents = SIZES[network][0]
    decoder = {"mlp": "mlp", "gated_conv": "gated_deconv"}[network]
    return zoo.build(
        {
            "encoder": {"name": network, "latent_dim": latents},
            "decoder": {"name": decoder, "latent_dim": latents},
        }
    )


def _keras(network):
    from zoo.evaluation import nll

    model = _model(network)
    return lambda images, samples: nll.importance_weighted_bound(model, images, samples)


def _light(network):
    from export import graphs, probability
    from zoo.light.graph import Graph
    from zoo.light.probability import Probability

    model = _model(network)
    spec = next(g for g in probability.graphs(model) if g.part == "probability")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "probability.onnx")
        graphs.write(spec, path)
        with open(path, "rb") as file:
            graph = Graph(file.read(), network)
    card = {
        "name": network,
        "image_shape": [28, 28, 1],
        "latent_dim": model.latent_dim,
        "preprocessing": {"scale": "uint8/255", "range": [0.0, 1.0], "binarise": None},
        "graphs": {"probability": {"inputs": graph.inputs}},
    }
    light = Probability(folder, card)
    light._graphs["probability"] = graph  # published ones are read from their folder
    return lambda images, samples: light.nll(images, samples)


def _pytorch(network):
    import torch
    from torch.nn import functional

    from benchmarks import torch_training

    torch.set_num_threads(torch_training.THREADS)
    latents = SIZES[network][0]
    model = {"mlp": torch_training.MLP, "gated_conv": torch_training.GatedConv}[network](latents)
    constant = 0.5 * latents * math.log(2 * math.pi)

    @torch.inference_mode()
    def bound(images, samples):
        values = []
        for image in torch.from_numpy(images).reshape(-1, 1, 1, 28, 28):
            loc, scale = model.encode(image)
            noise = torch.randn(samples, latents)
            z = loc + scale * noise
            logits, x = model.decode(z), image.flatten(1).expand(samples, -1)
            distortion = functional.binary_cross_entropy_with_logits(logits, x, reduction="none")
            log_posterior = -(0.5 * noise**2 + torch.log(scale)).sum(1) - constant
            log_prior = -(0.5 * z**2).sum(1) - constant
            log_weights = log_prior - log_posterior - distortion.sum(1)
            values.append(torch.logsumexp(log_weights, 0) - math.log(samples))
        return torch.stack(values).numpy()

    return bound
