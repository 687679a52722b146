"""elbo-zoo: variational autoencoders that repair the ELBO.

Importing `zoo` loads neither TensorFlow nor Keras: each public name is loaded when it is first
used, and `load_encoder`, `load_decoder` and `list_models` never need them.

`zoo.__all__`, `dir(zoo)` and `help(zoo)` list the names that this installation can load.
`pip install "elbo-zoo[sklearn]"` adds `FeatureExtractor` and `OutlierDetector`.
`pip install "elbo-zoo[train]"` adds the model and its parts, `zoo.VAE` for example.
"""

import importlib
import importlib.util

from zoo import deferred, rooms
from zoo import registry as registry  # `@zoo.registry.ENCODERS.register(...)` of a custom part

# The public names that are no registered parts. `zoo.rooms.registered` finds those by themselves.
_OTHERS = {
    # Light: NumPy and ONNX Runtime alone.
    "list_models": "zoo.releases",
    "load_autoencoder": "zoo.light.autoencoder",
    "load_decoder": "zoo.light.runtime",
    "load_encoder": "zoo.light.runtime",
    "load_probability": "zoo.light.probability",
    # Light, with scikit-learn.
    "FeatureExtractor": "zoo.light.extractor",
    "OutlierDetector": "zoo.light.outliers",
    # With Keras.
    "Adam": "zoo.optimizers",
    "AutoregressiveDecoder": "zoo.decoders",
    "ConstantThenLinear": "zoo.optimizers",
    "Decoder": "zoo.decoders",
    "Divergence": "zoo.divergences",
    "Encoder": "zoo.encoders",
    "Likelihood": "zoo.decoders",
    "MADE": "zoo.layers",
    "Marginal": "zoo.marginals",
    "NormalizedAdam": "zoo.optimizers",
    "Objective": "zoo.objectives",
    "VAE": "zoo.vae",
    "build": "zoo.vae",
    "load": "zoo.releases",
    "part_config": "zoo.part",
    "publish": "zoo.publishing",
    "vae_config": "zoo.vae",
}

# The packages that a module needs; every other module of public names needs Keras.
_KERAS = ("keras", "tensorflow", "tensorflow_probability")
_NEEDS = {
    "zoo.light.extractor": ("sklearn",),
    "zoo.light.outliers": ("sklearn",),
    "zoo.light.autoencoder": (),
    "zoo.light.probability": (),
    "zoo.releases": (),
    "zoo.light.runtime": (),
}
__version__ = "0.1.0"


def __getattr__(name):
    if name == "__all__":
        return _loadable()
    module = _OTHERS.get(name) or (not name.startswith("_") and rooms.registered().get(name))
    if not module:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    if module not in _NEEDS:
        load_parts(needed_by=name)
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:
        if "sklearn" not in _NEEDS.get(module, ()):
            raise
        text = f"zoo.{name} needs scikit-learn 1.6 or later: pip install scikit-learn"
        raise ImportError(text) from error


def _public():
    """Returns public name -> the module that has it."""
    return {**_OTHERS, **rooms.registered()}


def load_parts(needed_by="load_parts"):
    """Imports every room and the model, so that registries know all names.

    Loads Keras and its backend. Every name of `zoo` that needs Keras does it by itself, and so
    does `keras.saving.load_model` of a model of the zoo.

    Args:
        needed_by: The name of `zoo` that an error speaks of.

    Raises:
        ImportError: If a package is not installed, or Keras's backend is neither TensorFlow nor
            JAX.
    """
    try:
        for name in (*rooms.ROOMS, "optimizers", "vae"):
            importlib.import_module(f"zoo.{name}")
    except ModuleNotFoundError as error:
        if error.name in ("torch", "openvino"):  # which Keras imports as its backend
            raise ImportError(
                f"zoo.{needed_by} needs the Keras backend 'tensorflow' or 'jax'. "
                f"Received: KERAS_BACKEND={error.name!r}"
            ) from error
        if error.name in (*_KERAS, "jax"):
            extra = 'jax "elbo-zoo[train]"' if error.name == "jax" else '"elbo-zoo[train]"'
            raise ImportError(
                f"zoo.{needed_by} needs {error.name}, which is not installed: pip install {extra}"
            ) from error
        raise


def _loadable():
    """Returns the public names whose packages are installed, sorted; imports none of them."""
    installed = {package for package in (*_KERAS, "sklearn") if _is_installed(package)}
    return sorted(
        name
        for name, module in _public().items()
        if installed.issuperset(_NEEDS.get(module, _KERAS))
    )


def _is_installed(package):
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # a module that was put into `sys.modules` without a spec
        return True


def __dir__():
    return [*_loadable(), "__all__", "__doc__", "__version__", "registry"]


def _classes():
    """Returns the names of all classes that Keras may have to load.

    A custom Keras model may hold single layers, which have no public name.
    """
    public = (n for n, module in _public().items() if n[0].isupper() and module not in _NEEDS)
    return [*public, *rooms.layers()]


deferred.announce(_classes, load_parts)
