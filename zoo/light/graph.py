"""ONNX graphs in ONNX Runtime, called by names."""

import tempfile

from zoo.light.session import Session
from zoo.storage.protobuf import require_self_contained

FOLDER_OPTION = "session.model_external_initializers_file_folder_path"


class Graph:
    """An ONNX graph that is called by names, never by order, and reads no other file.

    Args:
        content: The bytes of the ONNX file.
        name: What to call it in messages.
        session: The `Session`: execution providers and threads; by default the CPU.

    Attributes:
        name: As given.
        inputs, outputs: Name -> shape, a list of ints and, for a dynamic dimension, its name.
        metadata: Key -> text, what the file says of itself.
    """

    def __init__(self, content, name, session=None):
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError("ONNX Runtime is needed: pip install onnxruntime") from error
        self.session = session or Session()
        self.name, self._content = name, require_self_contained(content, name)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        options.add_session_config_entry("session.load_model_format", "ONNX")
        try:
            with tempfile.TemporaryDirectory() as empty:
                # A second wall: files that a graph may name are looked for in here alone.
                options.add_session_config_entry(FOLDER_OPTION, empty)
                self._runtime = self.session.open(self._content, options)
            self.metadata = dict(self._runtime.get_modelmeta().custom_metadata_map)
            self.inputs = {item.name: list(item.shape) for item in self._runtime.get_inputs()}
            self.outputs = {item.name: list(item.shape) for item in self._runtime.get_outputs()}
        except Exception as error:  # ONNX Runtime has no public root of its errors.
            raise ValueError(f"Expected an ONNX graph in {name}. Received: {error}") from error

    def __reduce__(self):
        """Copies and pickles carry the file, and open it where they are needed."""
        return Graph, (self._content, self.name, self.session)

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
