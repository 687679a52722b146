"""TensorFlow Lite: files of an artifact, or signatures of its SavedModel, converted here."""

import contextlib
import functools
import warnings
from pathlib import Path

import numpy as np

from export.report import one_line
from export.runtimes.base import SavedModelRuntime, Unsupported
from zoo.releases import card as cards

OWN = "built-in operations"
SELECT = "select operations of TensorFlow"


class TFLite(SavedModelRuntime):
    """`tf.lite` of TensorFlow, on the CPU."""

    name = "tflite"
    note = "`tflite` runs what `tf.lite.TFLiteConverter` makes of the SavedModel."

    def remakes(self, card):
        return super().remakes(card) and not any("tflite" in g for g in card["graphs"].values())

    def subject(self, graph):
        return graph["file"] if "form" in graph else super().subject(graph)

    def forms(self, graph):
        published = graph.get("tflite", {})
        return [{**graph, **form, "form": dtype} for dtype, form in published.items()] or [graph]

    def load(self, folder):
        return functools.partial(TFLiteGraph, folder, interpreter=self.interpreter)

    def interpreter(self, content: bytes):
        """Returns an interpreter of a model."""
        return tensorflow_interpreter(content)

    @contextlib.contextmanager
    def open(self, artifact):
        with super().open(artifact) as convert:

            def open_graph(graph):
                if "form" not in graph:
                    return convert(graph)
                content = cards.read_file(artifact.folder, artifact.card, graph["file"])
                return TFLiteFile(content, graph["signature"], self.interpreter)

            yield open_graph


def tensorflow_interpreter(content: bytes):
    """Returns TensorFlow's interpreter of a model."""
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*tf.lite.Interpreter is deprecated")
        return tf.lite.Interpreter(model_content=content)


class TFLiteFile:
    """A signature of a TensorFlow Lite model, called by names.

    Args:
        content: The bytes of the model.
        signature: The name of the signature.
        interpreter: Function of the bytes to an interpreter.
        ops: The kind of its operations, where it was converted in this process.

    Attributes:
        inputs, outputs: Name -> shape, `None` for a dynamic dimension.
        detail: The size of the model, for a report.

    Raises:
        Unsupported: If the interpreter cannot open it.
    """

    def __init__(self, content, signature, interpreter, ops=""):
        conversion = f"converted to {ops}" if ops else ""
        try:
            self._interpreter = interpreter(content)
            self._run = self._interpreter.get_signature_runner(signature)
            if ops == SELECT:  # an interpreter without them notices it only when it runs
                self._run(**_zeros(self._run.get_input_details()))
        except RuntimeError as error:
            text = ", ".join(filter(None, ["TensorFlow Lite cannot open it", conversion]))
            raise Unsupported(f"{text}: {one_line(error)}") from error
        self.inputs = _shapes(self._run.get_input_details())
        self.outputs = _shapes(self._run.get_output_details())
        self.detail = ", ".join(filter(None, [conversion, f"{len(content):,} bytes"]))

    def __call__(self, **arrays):
        """Returns all outputs, name -> array; inputs are resized to the arrays."""
        return self._run(**arrays)


class TFLiteGraph(TFLiteFile):
    """A signature of a SavedModel, converted to TensorFlow Lite; attributes as `TFLiteFile`.

    Args:
        folder: The folder of the SavedModel.
        signature: The name of the signature.
        interpreter: Function of the bytes of a model to an interpreter.

    Raises:
        Unsupported: If TensorFlow Lite cannot convert or open the signature.
    """

    def __init__(self, folder, signature, interpreter=tensorflow_interpreter):
        content, ops = convert(folder, signature)
        super().__init__(content, signature, interpreter, ops)


def convert(folder: str | Path, signature: str, dtype="float32", examples=()) -> tuple[bytes, str]:
    """Returns a signature of a SavedModel as a TensorFlow Lite model, and its kind of operations.

    Args:
        folder: The folder of the SavedModel.
        signature: The name of the signature.
        dtype: What weights are stored in: "float32", "float16", or "int8", where activations are
            of 8 bits too and inputs and outputs stay as they are.
        examples: For "int8": inputs to calibrate on, each a dict of name -> array of one row.

    Raises:
        Unsupported: If TensorFlow Lite cannot convert it.
    """
    import tensorflow as tf
    from tensorflow.lite.python.convert import ConverterError

    own, select = tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS
    for text, ops in ((OWN, [own]), (SELECT, [own, select])):
        names = {"signature_keys": [signature]}
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), **names)
        converter.target_spec.supported_ops = ops
        if dtype != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if dtype == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if dtype == "int8":
            converter.representative_dataset = lambda: ((signature, row) for row in examples)
        try:
            with warnings.catch_warnings():  # the interpreter that calibrates
                warnings.filterwarnings("ignore", "(?s).*tf.lite.Interpreter is deprecated")
                return converter.convert(), text
        except ConverterError as error:
            reason = one_line(error)
    raise Unsupported(f"TensorFlow Lite cannot convert it: {reason}")


def _shapes(details):
    """Returns name -> shape of tensors; TensorFlow Lite has -1 for a dynamic dimension."""
    return {
        name: [None if dim < 0 else int(dim) for dim in tensor["shape_signature"]]
        for name, tensor in details.items()
    }


def _zeros(details):
    """Returns an array of zeros for each input, 1 in every dynamic dimension."""
    return {
        name: np.zeros([dim or 1 for dim in shape], details[name]["dtype"])
        for name, shape in _shapes(details).items()
    }


RUNTIMES = (TFLite(),)
