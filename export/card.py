"""What an artifact says of itself: `card.json` and `README.md`."""

import re
from pathlib import Path

import zoo
from export import onnx, probability, sampler
from export import prior as priors
from export.report import TOLERANCE
from trainers.environment import versions
from zoo.backend import to_numpy
from zoo.distributions import Deterministic
from zoo.marginals.logistic import UNIT_VARIANCE_SCALE
from zoo.releases import card as cards
from zoo.storage import files

# A path of the machine that trained says nothing elsewhere: only its last part is kept, and of a
# config of this project what begins with `configs/`.
_PATH = re.compile(r"""(^|[=:\s"'])~?/(?!/)(?:(?!configs/)[^\s"'/]+/)+""")


def make_card(model, name, data, golden, config, step, evaluation, training=None, licence=""):
    """Returns the card of a model, all but `files`, which are added when they are written.

    Keys: `format`, `format_version`, `name`, `paper` (or None), `licence`; `image_shape` [H, W,
    C], `latent_dim`; `model` (the four parts, for `zoo.build`); `posterior` and `prior`
    (`family`; for a flow posterior also `sampler`, the graph that draws from it; for a logistic
    prior and a Gaussian one of another scale than 1 also `scale` [Z]); `data`;
    `preprocessing` (see `zoo.light.runtime.prepare_images`); `metrics` (name -> {"value", "stderr",
    ...}) and `evaluation` (split, number of examples, seed, command; `again`: metrics that
    `export.remeasure` measured later, and its command); `training` (command,
    epochs, seconds, hardware, what was cut); `step` (optimiser steps taken) and `run_config`;
    `graphs` (encoder, decoder, for a flow encoder posterior, and where they were asked for
    probability and density, see `export.probability`; for autoregressive decoders sampler, for
    learned priors prior: `file`, `signature`, `inputs`, `outputs`, name -> shape);
    `saved_model`; `golden`; `versions`; `files` (path -> sha256, bytes).

    Args:
        model: A `zoo.VAE`.
        name: The artifact's name.
        data: What the data set says of itself: a dict with `name` and `binarisation`.
        golden: The golden file's arrays, whose names and shapes are the graphs'.
        config: The run's config, a dict.
        step: Number of optimiser steps taken.
        evaluation: The content of `evaluation.json`, or None.
        training: How the weights came to be, a dict, or None where that is not known.
    """
    evaluation = dict(evaluation or {})
    metrics = evaluation.pop("metrics", {})
    card = {
        "format": cards.FORMAT,
        "format_version": cards.FORMAT_VERSION,
        "name": name,
        "paper": config.get("paper") or None,
        "licence": licence,
        "image_shape": list(model.image_shape),
        "latent_dim": model.latent_dim,
        "model": zoo.vae_config(model),
        "posterior": posterior(model),
        "prior": prior(model),
        "data": data,
        "preprocessing": preprocessing(data.get("binarisation"), data.get("pixel_scale", 1)),
        "metrics": metrics,
        "evaluation": evaluation,
        "training": training or {},
        "step": int(step),
        "run_config": config,
        "graphs": {part: _graph(model, part, golden) for part in _parts(golden)},
        "onnx": {"opset": onnx.OPSET, "ir_version": onnx.IR_VERSION},
        "saved_model": cards.SAVED_MODEL,
        "golden": {
            "file": "golden.npz",
            "tolerance": TOLERANCE,
            "error": "max |a - b| / max(1, |b|)",
            "images": data.get("golden", "random, then all 0 and all 1"),
            "latents": "7 draws of the prior, the origin, +4 in the first place, -4 in the last, "
            "in standard deviations of the prior where it has them",
        },
        "versions": {"elbo-zoo": zoo.__version__, **versions()},
    }
    return without_paths(card)


def signatures(model, with_probability=False):
    """Returns part -> (input name -> shape without the batch, signature in a SavedModel).

    A flow encoder has a third part, `posterior`, which samples it: noise is an input, and `loc`
    needs none. An autoregressive decoder is given the image too: each of its outputs is of a pixel
    given those before it; it has a part of its own that draws images, `sampler`. A prior that the
    card's family and scales do not describe has one that draws latents, `prior`.
    """
    given = {"image": model.image_shape} if model.decoder.is_autoregressive else {}
    parts = {
        "encoder": ({"image": model.image_shape}, "encode"),
        "decoder": ({"z": (model.latent_dim,), **given}, "decode"),
    }
    if model.encoder.noise_shape is not None:
        gaussian = dict.fromkeys(model.encoder.gaussian_names, (model.latent_dim,))
        parts["posterior"] = ({**gaussian, "noise": model.encoder.noise_shape}, "sample")
    parts.update(sampler.signatures(model))
    parts.update(priors.signatures(model))
    return {**parts, **(probability.signatures(model) if with_probability else {})}


def functions(model, with_probability=False):
    """Returns part -> the function of its inputs, in the order of `signatures`, to its outputs."""

    def sample(*arguments):
        *gaussian, noise = arguments
        parameters = dict(zip(model.encoder.gaussian_names, gaussian))
        return {"sample": model.encoder.sample_from_noise(parameters, noise)}

    return {
        "encoder": lambda image: model.encode(image),
        "decoder": lambda z, *image: model.decode(z, *image),
        "posterior": sample,
        **priors.functions(model),
        **(probability.functions(model) if with_probability else {}),
    }


def posterior(model):
    """Returns `{"family": ...}`: whether loc and scale, or loc alone, say all of e(z|x)."""
    import numpy as np

    from zoo.backend import tfd

    images = np.zeros((1, *model.image_shape), np.float32)
    distribution = model.encoder.distribution(images)
    base = getattr(distribution, "distribution", None)
    if isinstance(distribution, Deterministic):
        return {"family": "deterministic", "loc": "loc"}
    diagonal = isinstance(distribution, tfd.MultivariateNormalDiag) or (
        isinstance(distribution, tfd.Independent) and isinstance(base, tfd.Normal)
    )
    if diagonal and set(model.encode(images)) == {"loc", "scale"}:
        return {"family": "diagonal_normal", "loc": "loc", "scale": "scale"}
    family = {"family": type(model.encoder).registered_name}
    # `loc` is the code; a sample is what the graph makes of the Gaussian and noise.
    return family if model.encoder.noise_shape is None else {**family, "sampler": "posterior"}


def prior(model):
    """Returns what latents are drawn from: `{"family": ...}`, and its `scale` where it has one.

    "standard_normal"; "diagonal_normal", N(0, diag(scale)^2), or "logistic", Logistic(0, scale),
    with `scale` [Z]; or the marginal's registered name, whose draws the graph `prior` makes of
    noise.
    """
    name = type(model.marginal).registered_name
    if name == "floating":
        scale = model.marginal.distribution().stddev()
        return {"family": "diagonal_normal", "scale": [float(s) for s in to_numpy(scale)]}
    if name == "logistic":
        return {"family": name, "scale": [UNIT_VARIANCE_SCALE] * model.latent_dim}
    return {"family": "standard_normal" if name == "normal" else name}


def preprocessing(binarisation, pixel_scale=1):
    """Returns how images become what the encoder takes; see `zoo.light.runtime.prepare_images`.

    A model of statically binarised images gets them thresholded as its data were. One of
    dynamically binarised images gets grey levels: the mean of what it was trained on. One of
    scaled data gets pixels multiplied likewise; its decoder's images are as large.
    """
    threshold = "threshold 0.5" if binarisation == "static" else None
    multiply = {} if pixel_scale == 1 else {"multiply": pixel_scale}
    return {"scale": "uint8/255", "range": [0.0, 1.0], "binarise": threshold, **multiply}


def file_entries(folder):
    """Returns path -> {"sha256", "bytes"} of all files under `folder`."""
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): {
            "sha256": files.sha256(path),
            "bytes": path.stat().st_size,
        }
        for path in paths
    }


def _parts(golden):
    return list(dict.fromkeys(key.partition(".")[0] for key in golden))


def _graph(model, part, golden):
    """Returns one entry of `graphs`, shapes as ONNX Runtime shows them."""
    inputs, signature = signatures(model, part in probability.PARTS)[part]
    leading = probability.leading(model, part)
    shapes = {}
    for key, array in golden.items():
        if key.startswith(f"{part}."):
            name = key.partition(".")[2]
            dims = leading.get(name, onnx.BATCH)
            shapes[name] = [*dims, *array.shape[len(dims) :]]
    inputs = {name: shapes.pop(name) for name in inputs}
    return {"file": f"{part}.onnx", "signature": signature, "inputs": inputs, "outputs": shapes}


def without_paths(value):
    """Returns JSON types with folders cut from absolute paths, and without `data_dir`."""
    if isinstance(value, dict):
        return {str(k): without_paths(v) for k, v in value.items() if k != "data_dir"}
    if isinstance(value, (list, tuple)):
        return [without_paths(item) for item in value]
    return _PATH.sub(r"\1", value) if isinstance(value, str) else value
