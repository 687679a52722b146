"""The list of the graphs of a model, for publish, card, golden file and SavedModel."""

from export import compose, onnx, polish, probability
from zoo.graph_spec import MAIN
from zoo.storage import files


def graphs_of(model, with_probability=False):
    """Returns the `zoo.graph_spec.GraphSpec` of each graph of a model, in the order of its card.

    Args:
        model: A `zoo.VAE`.
        with_probability: Whether with the graphs of `export.probability`.
    """
    parts = (model.encoder, model.decoder, model.marginal)
    graphs = [graph for part in parts for graph in part.graphs(model)]
    graphs.sort(key=lambda graph: graph.part not in MAIN)
    return [*graphs, *(probability.graphs(model) if with_probability else [])]


def to_onnx(graph):
    """Returns the `onnx.ModelProto` of a `GraphSpec`.

    Raises:
        ValueError: If an op has no ONNX form; names the op.
    """
    if graph.compose is None:
        return onnx.convert(graph.call, graph.inputs, f"the {graph.part}", graph.leading)
    composed = compose.Graph()
    inputs = {
        name: composed.input(name, (*onnx.BATCH, *shape)) for name, shape in graph.inputs.items()
    }
    for name, symbol in graph.compose(composed, **inputs).items():
        composed.output(name, symbol)
    return composed.model(f"the {graph.part}")


def write(graph, path):
    """Writes the ONNX file of a `GraphSpec`, whole or not at all."""
    if graph.compose is None:
        onnx.export(graph.call, graph.inputs, path, f"the {graph.part}", graph.leading)
    else:
        files.atomic_write(path, polish.polish(to_onnx(graph)).SerializeToString())
