"""TensorFlow Lite, which runs the signatures of the SavedModel, each converted on its own."""

import functools
import warnings

import numpy as np

from export.report import one_line
from export.runtimes.base import SavedModelRuntime, Unsupported

OWN = "built-in operations"
SELECT = "select operations of TensorFlow"


class TFLite(SavedModelRuntime):
    """`tf.lite` of TensorFlow, on the CPU."""

    name = "tflite"
    note = "`tflite` runs what `tf.lite.TFLiteConverter` makes of the SavedModel."

    def load(self, folder):
        return functools.partial(TFLiteGraph, folder)


class TFLiteGraph:
    """A signature of a SavedModel in TensorFlow Lite, called by names.

    Args:
        folder: The folder of the SavedModel.
        signature: The name of the signature.

    Attributes:
        inputs, outputs: Name -> shape, `None` for a dynamic dimension.
        detail: The size of the converted model and its operations, for a report.

    Raises:
        Unsupported: If TensorFlow Lite cannot convert or open the signature.
    """

    def __init__(self, folder, signature):
        import tensorflow as tf

        content, ops = _convert(str(folder), signature)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "(?s).*tf.lite.Interpreter is deprecated")
                self._interpreter = tf.lite.Interpreter(model_content=content)
            self._run = self._interpreter.get_signature_runner(signature)
            if ops == SELECT:  # an interpreter without them notices it only when it runs
                self._run(**_zeros(self._run.get_input_details()))
        except RuntimeError as error:
            text = f"TensorFlow Lite cannot open it, converted to {ops}: {one_line(error)}"
            raise Unsupported(text) from error
        self.inputs = _shapes(self._run.get_input_details())
        self.outputs = _shapes(self._run.get_output_details())
        self.detail = f"converted to {ops}, {len(content):,} bytes"

    def __call__(self, **arrays):
        """Returns all outputs, name -> array; inputs are resized to the arrays."""
        return self._run(**arrays)


def _convert(folder, signature):
    """Returns a signature as a TensorFlow Lite model, and the kind of its operations."""
    import tensorflow as tf
    from tensorflow.lite.python.convert import ConverterError

    own, select = tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS
    for text, ops in ((OWN, [own]), (SELECT, [own, select])):
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[signature])
        converter.target_spec.supported_ops = ops
        try:
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
        name: np.zeros([dim or 1 for dim in shape], np.float32)
        for name, shape in _shapes(details).items()
    }


RUNTIMES = (TFLite(),)
