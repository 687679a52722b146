"""elbo-zoo: variational autoencoders that repair the ELBO.

Importing `zoo` loads neither TensorFlow nor Keras: each public name is loaded when it is first
used, and `load_encoder`, `load_decoder` and `list_models` never need them.
"""

import importlib

_PUBLIC = {
    # Light: NumPy and ONNX Runtime alone.
    "list_models": "zoo.releases",
    "load_decoder": "zoo.runtime",
    "load_encoder": "zoo.runtime",
    # With Keras.
    "Adam": "zoo.optimizers",
    "AutoregressiveDecoder": "zoo.decoders",
    "Bernoulli": "zoo.decoders",
    "Beta": "zoo.objectives",
    "ConstantThenLinear": "zoo.optimizers",
    "Decoder": "zoo.decoders",
    "Encoder": "zoo.encoders",
    "GatedConvEncoder": "zoo.encoders",
    "GatedDeconvDecoder": "zoo.decoders",
    "Gaussian": "zoo.decoders",
    "IAFEncoder": "zoo.encoders",
    "Likelihood": "zoo.decoders",
    "MADE": "zoo.layers",
    "MAFMarginal": "zoo.marginals",
    "MLPDecoder": "zoo.decoders",
    "MLPEncoder": "zoo.encoders",
    "Marginal": "zoo.marginals",
    "Normal": "zoo.marginals",
    "NormalizedAdam": "zoo.optimizers",
    "Objective": "zoo.objectives",
    "PixelCNNDecoder": "zoo.decoders",
    "SmallConvEncoder": "zoo.encoders",
    "SmallDeconvDecoder": "zoo.decoders",
    "TargetRate": "zoo.objectives",
    "VAE": "zoo.vae",
    "VampPrior": "zoo.marginals",
    "build": "zoo.vae",
    "load": "zoo.releases",
    "part_config": "zoo.layers.part",
    "vae_config": "zoo.vae",
}

__all__ = sorted(_PUBLIC)
__version__ = "0.1.0.dev0"


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    if _PUBLIC[name] not in ("zoo.releases", "zoo.runtime"):
        load_parts()
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def load_parts():
    """Imports every room, so that the registries know all names. Loads Keras and its backend."""
    for room in ("encoders", "decoders", "marginals", "objectives", "optimizers"):
        importlib.import_module(f"zoo.{room}")


def __dir__():
    return __all__
