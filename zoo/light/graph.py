"""ONNX graphs in ONNX Runtime, called by names."""

import os
import tempfile

from zoo.storage.protobuf import require_self_contained

FOLDER_OPTION = "session.model_external_initializers_file_folder_path"


class Graph:
    """An ONNX graph that is called by names, never by order, and reads no other file.

    Args:
        content: The bytes of the ONNX file.
        name: What to call it in messages.

    Attributes:
        name: As given.
        inputs, outputs: Name -> shape, a list of ints and, for a dynamic dimension, its name.
        metadata: Key -> text, what the file says of itself.
    """

    def __init__(self, content, name):
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError("ONNX Runtime is needed: pip install onnxruntime") from error
        self.name, self._content = name, require_self_contained(content, name)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        options.intra_op_num_threads = _threads()
        options.add_session_config_entry("session.load_model_format", "ONNX")
        try:
            with tempfile.TemporaryDirectory() as empty:
                # A second wall: files that a graph may name are looked for in here alone.
                options.add_session_config_entry(FOLDER_OPTION, empty)
                self._runtime = onnxruntime.InferenceSession(
                    self._content,
                    options,
                    providers=["CPUExecutionProvider"],
                    enable_fallback=0,  # it prints, and tries the same provider again
                )
            self.metadata = dict(self._runtime.get_modelmeta().custom_metadata_map)
            self.inputs = {item.name: list(item.shape) for item in self._runtime.get_inputs()}
            self.outputs = {item.name: list(item.shape) for item in self._runtime.get_outputs()}
        except Exception as error:  # ONNX Runtime has no public root of its errors.
            raise ValueError(f"Expected an ONNX graph in {name}. Received: {error}") from error

    def __reduce__(self):
        """Copies and pickles carry the file, and open it where they are needed."""
        return Graph, (self._content, self.name)

    def require(self, expected):
        """Raises unless inputs and outputs have the names and shapes that a card promises.

        Args:
            expected: The card's entry of this graph, with `inputs` and `outputs`.

        Raises:
            ValueError: If they differ: the file is no graph of this zoo, or of another model.
        """
        for kind in ("inputs", "outputs"):
            received = getattr(self, kind)
            if received != expected.get(kind):
                raise ValueError(
                    f"Expected {kind} {expected.get(kind)} in {self.name}, as its card says. "
                    f"Received: {received}, a graph of something else"
                )

    def __call__(self, **arrays):
        """Returns all outputs, name -> array, for float32 arrays given by input name."""
        values = self._runtime.run(list(self.outputs), arrays)
        return dict(zip(self.outputs, values))


def _threads():
    """Returns the processors that this process may use where it may not use all; 0: all cores.

    ONNX Runtime counts the cores of the machine.
    """
    if not hasattr(os, "sched_getaffinity"):
        return 0
    allowed = len(os.sched_getaffinity(0))
    return allowed if allowed < (os.cpu_count() or 1) else 0
