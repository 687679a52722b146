"""An artifact made with NumPy and ONNX alone: what the light runtime needs, without training."""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from zoo.releases import card as cards
from zoo.storage import files

IMAGE_SHAPE = (8, 6, 1)
LATENT_DIM = 3


def weights(image_shape=IMAGE_SHAPE, latent_dim=LATENT_DIM, seed=17):
    """Returns W [pixels, Z], of which `make`'s encoder computes loc = W' x and scale = e^(W' x)."""
    pixels = int(np.prod(image_shape))
    return np.random.default_rng(seed).normal(0, pixels**-0.5, (pixels, latent_dim)).astype("f4")


def make(folder, name="light", image_shape=IMAGE_SHAPE, latent_dim=LATENT_DIM, seed=17, **changes):
    """Writes an artifact, `folder`/`name`, and returns its path; `changes` are the card's."""
    artifact = Path(folder) / name
    artifact.mkdir(parents=True)
    w, pixels = weights(image_shape, latent_dim, seed), int(np.prod(image_shape))
    encoder = _graph(
        [
            helper.make_node("Reshape", ["image", "rows"], ["x"]),
            helper.make_node("MatMul", ["x", "w"], ["loc"]),
            helper.make_node("Exp", ["loc"], ["scale"]),
        ],
        {"image": image_shape},
        {"loc": (latent_dim,), "scale": (latent_dim,)},
        {"w": w, "rows": np.array([-1, pixels])},
    )
    decoder = _graph(
        [
            helper.make_node("MatMul", ["z", "w"], ["x"]),
            helper.make_node("Sigmoid", ["x"], ["p"]),
            helper.make_node("Reshape", ["p", "image"], ["mean"]),
        ],
        {"z": (latent_dim,)},
        {"mean": image_shape},
        {"w": np.ascontiguousarray(w.T), "image": np.array([-1, *image_shape])},
    )
    (artifact / "encoder.onnx").write_bytes(encoder.SerializeToString())
    (artifact / "decoder.onnx").write_bytes(decoder.SerializeToString())
    card = {
        "format": cards.FORMAT,
        "format_version": cards.FORMAT_VERSION,
        "name": name,
        "paper": "bilbo",
        "licence": "Apache-2.0",
        "image_shape": list(image_shape),
        "latent_dim": latent_dim,
        "model": {},
        "posterior": {"family": "diagonal_normal"},
        "prior": {"family": "standard_normal"},
        "data": {"name": "mnist", "binarisation": "none"},
        "preprocessing": {"scale": "uint8/255", "binarise": None},
        "metrics": {"nll": {"value": 31.25, "stderr": 0.5}},
        "graphs": {"encoder": _entry("encoder", encoder), "decoder": _entry("decoder", decoder)},
        "saved_model": "",
        "golden": {},
        **changes,
    }
    write_card(artifact, card)
    return artifact


def write_card(artifact, card=None):
    """Writes the card (or its own again) with the hashes of the files that are there."""
    card = card or files.read_json(artifact / cards.CARD)
    paths = [path for path in sorted(artifact.rglob("*")) if path.is_file()]
    card["files"] = {
        path.relative_to(artifact).as_posix(): {
            "sha256": files.sha256(path),
            "bytes": path.stat().st_size,
        }
        for path in paths
        if path.name != cards.CARD
    }
    cards.write_card(artifact, card)


def _graph(nodes, inputs, outputs, constants):
    def info(values):
        return [
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", *shape])
            for name, shape in values.items()
        ]

    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "light", info(inputs), info(outputs), initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def _entry(part, model):
    def shapes(values):
        return {
            v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
            for v in values
        }

    return {
        "file": f"{part}.onnx",
        "signature": part,
        "inputs": shapes(model.graph.input),
        "outputs": shapes(model.graph.output),
    }
