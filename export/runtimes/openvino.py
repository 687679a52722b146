"""OpenVINO on the CPU, which reads the ONNX files."""

import numpy as np

from export.runtimes.base import OnnxRuntime


class OpenVINO(OnnxRuntime):
    """`openvino`."""

    name = package = "openvino"
    column = 2

    def load(self, content, graph, artifact):
        return OpenVINOGraph(content, graph["outputs"])


class OpenVINOGraph:
    """An ONNX graph in OpenVINO on the CPU, called by names; attributes as `zoo.light.graph.Graph`.

    It computes in float32: by default OpenVINO takes bfloat16 on CPUs that have it.

    Args:
        content: The bytes of the ONNX file.
        names: The names of the outputs; OpenVINO may have several for one tensor.
    """

    def __init__(self, content, names):
        import openvino

        core = openvino.Core()
        model = core.read_model(content)
        self._names = [next((n for n in names if n in o.names), o.any_name) for o in model.outputs]
        self.inputs = {item.any_name: _shape(item) for item in model.inputs}
        self.outputs = dict(zip(self._names, map(_shape, model.outputs), strict=True))
        self._compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def __call__(self, **arrays):
        """Returns all outputs, name -> array, for float32 arrays given by input name."""
        values = self._compiled(arrays)
        return {name: np.array(values[i]) for i, name in enumerate(self._names)}


def _shape(port):
    """Returns ints, and `None` for a dynamic dimension: OpenVINO forgets its name."""
    return [dim.get_length() if dim.is_static else None for dim in port.partial_shape]


RUNTIMES = (OpenVINO(),)
