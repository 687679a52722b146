"""TensorFlow Lite: a file a graph and dtype, with the error that the smaller ones may have."""

import math
import sys
import tempfile
from pathlib import Path

import numpy as np

from export import preprocess
from export.formats.base import Format
from export.report import TOLERANCE, relative_error
from export.runtimes.base import Unsupported
from export.runtimes.tflite import SELECT, TFLiteFile, convert, tensorflow_interpreter
from zoo.graph_spec import MAIN
from zoo.storage import files

# How far outputs may move: root mean square over the spread of the output's numbers.
MOST_COST = {"float32": math.inf, "float16": 0.01, "int8": 0.25}
# Other interpreters round otherwise: the card allows this many times the error that was measured.
ROOM = 2


class TooFar(ValueError):
    """A conversion whose numbers are too far from the model's."""


class TFLiteFormat(Format):
    """Graphs with a signature, each converted from a SavedModel that is made from the weights."""

    name = "tflite"
    dtypes = ("float32", "float16", "int8")
    runtimes = ("tflite", "litert")

    def write(self, source, folder, dtypes):
        graphs = {}
        with tempfile.TemporaryDirectory() as scratch:
            saved_model = Path(scratch) / "model"
            source.saved_model(saved_model)
            for part, graph in source.graphs().items():
                forms = {}
                for dtype in dtypes:
                    try:
                        forms[dtype] = _write(source, part, graph, dtype, saved_model, folder)
                    except (Unsupported, TooFar) as reason:
                        if part in MAIN:
                            raise TooFar(f"{part}, {dtype}: {reason}") from reason
                        print(f"left out {part}, {dtype}: {reason}", file=sys.stderr)
                if forms:
                    file = next(iter(forms.values()))["file"]
                    graphs[part] = {**graph, "file": file, "tflite": forms}
        return {"graphs": graphs, "saved_model": ""}


def _write(source, part, graph, dtype, saved_model, folder):
    """Writes one file and returns its entry in the card."""
    if not graph.get("signature"):
        raise Unsupported("no signature of a SavedModel")
    if dtype == "int8" and part not in MAIN:
        raise Unsupported("8 bits are for encoder and decoder: densities need more")
    golden = source.golden
    examples = _examples(source, part, graph) if dtype == "int8" else ()
    content, ops = convert(saved_model, graph["signature"], dtype, examples)
    if ops == SELECT:
        raise Unsupported(f"it needs {SELECT}, which interpreters do not have by themselves")
    run = TFLiteFile(content, graph["signature"], tensorflow_interpreter)
    outputs = run(**{name: golden[f"{part}.{name}"] for name in graph["inputs"]})
    expected = {name: golden[f"{part}.{name}"] for name in graph["outputs"]}
    cost = max(_cost(outputs[name], value) for name, value in expected.items())
    if not cost <= MOST_COST[dtype]:
        raise TooFar(
            f"Expected outputs within {MOST_COST[dtype]:.0%} of the spread of its "
            f"numbers; give more --images, or a larger dtype. Received: {cost:.1%}"
        )
    error = max(relative_error(outputs[name], value) for name, value in expected.items())
    tolerance = TOLERANCE if dtype == "float32" else max(TOLERANCE, ROOM * error)
    name = f"{part}.tflite" if dtype == "float32" else f"{part}.{dtype}.tflite"
    files.atomic_write(folder / name, content)
    return {"file": name, "tolerance": float(f"{tolerance:.2g}"), "cost": float(f"{cost:.2g}")}


def _cost(received, expected):
    """Returns the root mean square of the difference over the largest spread over the rows.

    Of an output that is the same in all rows it is over the output's largest number.
    """
    largest, spread = np.abs(expected).max(), expected.std(axis=0).max()
    is_constant = spread <= 1e-6 * largest  # a likelihood's scale, for example
    whole = largest if is_constant else spread
    return float(np.sqrt(np.mean((received - expected) ** 2)) / max(whole, 1e-9))


def _examples(source, part, graph):
    """Returns the rows that a graph's activations are calibrated on, each a dict of arrays.

    Images are those of the source, and latents their codes; the golden file's rows come first.
    """
    names = list(graph["inputs"])
    rows = [source.golden[f"{part}.{name}"] for name in names]
    if source.images is not None and names in (["image"], ["z"]):
        more = _images(source) if names == ["image"] else _codes(source)
        rows = [np.concatenate([rows[0], more])]
    return [
        {name: array[i : i + 1] for name, array in zip(names, rows)} for i in range(len(rows[0]))
    ]


def _images(source):
    if not source.with_preprocessing:
        return source.images
    return preprocess.levels(source.images, source.card["preprocessing"])[0]


def _codes(source):
    from zoo.light.graph import Graph

    return Graph(source.onnx("encoder"), "encoder")(image=source.images)["loc"]


FORMATS = (TFLiteFormat(),)
