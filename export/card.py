"""Makes the description of an artifact: `card.json` and `README.md`."""

import re

import numpy as np

import zoo
from export import onnx
from export.report import TOLERANCE
from trainers.environment import versions
from zoo.releases import card as cards

# A path of the machine that trained says nothing elsewhere: only its last part is kept, and of a
# config of this project what begins with `configs/`.
_PATH = re.compile(r"""(^|[=:\s"'])~?/(?!/)(?:(?!configs/)[^\s"'/]+/)+""")


def make_card(
    model, name, data, graphs, golden, config, step, evaluation, training=None, licence=""
):
    """Returns the card of a model, all but `files`, which are added when they are written.

    Keys:

    - `format`, `format_version`, `name`, `paper` (or None), `licence`, `data`, `golden`,
      `versions`.
    - `image_shape` [H, W, C] and `latent_dim`.
    - `model`: the four parts, for `zoo.build`.
    - `posterior` and `prior`: `family`. A flow posterior also has `sampler`, the graph that draws
      from it. A logistic prior, and a Gaussian prior of another scale than 1, also has `scale` [Z].
    - `preprocessing`: see `zoo.light.runtime.prepare_images`.
    - `metrics`: name -> {"value", "stderr", ...}.
    - `evaluation`: split, number of examples, seed, command. `again` has the metrics that
      `export.remeasure` measured later, and its command.
    - `training`: command, epochs, seconds, hardware, and the differences from the paper's run.
    - `step`: optimiser steps taken.
    - `run_config`: the config of the run.
    - `graphs`: encoder and decoder. A flow encoder also has posterior, an autoregressive decoder
      sampler, and a learned prior prior. Probability and density are there if they were asked for;
      see `export.probability`. Each has `file`, `signature`, `inputs`, `outputs` (name -> shape).
    - `saved_model`: the folder of the SavedModel, or "".
    - `files`: path -> sha256, bytes.

    Args:
        model: A `zoo.VAE`.
        name: The artifact's name.
        data: The description of the data set: a dict with `name` and `binarisation`.
        graphs: The `GraphSpec`s of the artifact, from `export.graphs.graphs_of`.
        golden: The arrays of the golden file, which have the shapes of the graphs.
        config: The run's config, a dict.
        step: Number of optimiser steps taken.
        evaluation: The content of `evaluation.json`, or None.
        training: How the weights were trained, a dict, or None if that is unknown.
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
        "posterior": model.encoder.family(np.zeros((1, *model.image_shape), np.float32)),
        "prior": model.marginal.family(),
        "data": data,
        "preprocessing": preprocessing(data.get("binarisation"), data.get("pixel_scale", 1)),
        "metrics": metrics,
        "evaluation": evaluation,
        "training": training or {},
        "step": int(step),
        "run_config": config,
        "graphs": {graph.part: _graph(graph, golden) for graph in graphs},
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


def preprocessing(binarisation, pixel_scale=1):
    """Returns how images become what the encoder takes; see `zoo.light.runtime.prepare_images`.

    A model of statically binarised images gets them thresholded as its data were. One of
    dynamically binarised images gets grey levels: the mean of what it was trained on. One of
    scaled data gets pixels multiplied by the same factor, and so are its decoder's images.
    """
    threshold = "threshold 0.5" if binarisation == "static" else None
    multiply = {} if pixel_scale == 1 else {"multiply": pixel_scale}
    return {"scale": "uint8/255", "range": [0.0, 1.0], "binarise": threshold, **multiply}


def _graph(graph, golden):
    """Returns one entry of `graphs`, shapes as ONNX Runtime shows them."""
    shapes = {}
    for key, array in golden.items():
        part, _, name = key.partition(".")
        if part == graph.part:
            dims = graph.leading.get(name, onnx.BATCH)
            shapes[name] = [*dims, *array.shape[len(dims) :]]
    inputs = {name: shapes.pop(name) for name in graph.inputs}
    file, signature = f"{graph.part}.onnx", graph.signature
    return {"file": file, "signature": signature, "inputs": inputs, "outputs": shapes}


def without_paths(value):
    """Returns JSON types with folders cut from absolute paths, and without `data_dir`."""
    if isinstance(value, dict):
        return {str(k): without_paths(v) for k, v in value.items() if k != "data_dir"}
    if isinstance(value, (list, tuple)):
        return [without_paths(item) for item in value]
    return _PATH.sub(r"\1", value) if isinstance(value, str) else value
