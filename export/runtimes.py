"""The runtimes that `export.verify` knows: each opens a graph that is then called by names."""

import contextlib
import functools
import importlib
import tempfile
from pathlib import Path

import numpy as np

from export.node import NodeGraph
from zoo.light.runtime import Graph
from zoo.releases import card as cards
from zoo.storage.protobuf import require_self_contained

# Runtime -> the Python package it needs; the two of JavaScript need Node.js, see `export.node`.
RUNTIMES = {
    "onnxruntime": "onnxruntime",
    "tensorflow": "tensorflow",
    "openvino": "openvino",
    "node": None,
    "web": None,
}
NODE_PACKAGES = {"node": "onnxruntime-node", "web": "onnxruntime-web"}


class OpenVINOGraph:
    """An ONNX graph in OpenVINO on the CPU, called by names; attributes as `zoo.light.graph.Graph`.

    Computed in float32: left to itself OpenVINO takes bfloat16 on CPUs that have it.
    """

    def __init__(self, content, names):
        """`names` are the outputs': OpenVINO may call a tensor by several."""
        import openvino

        core = openvino.Core()
        model = core.read_model(content)
        self._names = [next((n for n in names if n in o.names), o.any_name) for o in model.outputs]
        self.inputs = {item.any_name: _openvino_shape(item) for item in model.inputs}
        shapes = map(_openvino_shape, model.outputs)
        self.outputs = dict(zip(self._names, shapes, strict=True))
        self._compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def __call__(self, **arrays):
        """Returns all outputs, name -> array, for float32 arrays given by input name."""
        values = self._compiled(arrays)
        return {name: np.array(values[i]) for i, name in enumerate(self._names)}


def _openvino_shape(port):
    """Returns ints, and `None` for a dynamic dimension: OpenVINO forgets its name."""
    return [dim.get_length() if dim.is_static else None for dim in port.partial_shape]


def version(runtime):
    """Returns the version of a runtime's Python package; "" for those of JavaScript.

    Raises:
        ImportError: If it is not installed; says how to install it.
    """
    package = RUNTIMES[runtime]
    if package is None:
        return ""
    try:
        return importlib.import_module(package).__version__.partition("-")[0]
    except ImportError as error:
        raise ImportError(f"{package} is needed: pip install {package}") from error


@contextlib.contextmanager
def opened(runtime, folder, card, node_modules="", rebuild=False):
    """Yields open(graph) -> the graph of a card's entry, a function of arrays by name.

    What it returns has the attributes `inputs` and `outputs` where the runtime tells them. It
    opens no file of which the hash differs from the card's.

    Args:
        runtime: One of `RUNTIMES`.
        folder: The artifact's.
        card: Its card.
        node_modules: See `export.node.NodeGraph`.
        rebuild: Whether an artifact without a SavedModel gets one from its weights, for TensorFlow.
    """
    with contextlib.ExitStack() as stack:
        if runtime == "tensorflow":
            load = functools.cache(
                lambda: _saved_model(stack, folder, card, rebuild)  # once for all parts
            )
            yield lambda graph: functools.partial(load().call, graph["signature"])
            return

        def open_graph(graph):
            content = cards.read_file(folder, card, graph["file"])
            require_self_contained(content, graph["file"])
            if runtime == "openvino":
                return OpenVINOGraph(content, graph["outputs"])
            if runtime == "onnxruntime":
                return Graph(content, graph["file"])
            node = NodeGraph(content, NODE_PACKAGES[runtime], node_modules)
            return stack.enter_context(node)

        yield open_graph


def _saved_model(stack, folder, card, rebuild):
    """Returns the artifact's SavedModel, or one made from its weights."""
    if not card["saved_model"] and not rebuild:
        raise ValueError("this artifact was published without a SavedModel")
    from export import saved_model

    made = Path(stack.enter_context(tempfile.TemporaryDirectory())) / cards.SAVED_MODEL
    prefix = f"{card['saved_model']}/"
    if card["saved_model"]:
        # TensorFlow gets a copy of the bytes that were hashed, and no file that the card lacks.
        for name in dict.fromkeys((f"{prefix}saved_model.pb", *card["files"])):
            if name.startswith(prefix):
                content = cards.read_file(folder, card, name)
                path = made.joinpath(*cards.parts_inside(name.removeprefix(prefix)))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        return saved_model.SavedModel(made)
    from zoo import releases

    saved_model.export(releases.load(Path(folder)), made, "probability" in card["graphs"])
    return saved_model.SavedModel(made)
