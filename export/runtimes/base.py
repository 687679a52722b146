"""The contract of a runtime, and its two kinds: those that read ONNX and those of a SavedModel."""

import abc
import contextlib
import dataclasses
import functools
import importlib.util
import tempfile
from pathlib import Path

from zoo.releases import card as cards
from zoo.storage.protobuf import require_self_contained

ONNX, SAVED_MODEL = "onnx", "saved_model"


class Unsupported(Exception):
    """A graph that a runtime cannot run, for a reason that is no fault of the artifact."""


@dataclasses.dataclass(frozen=True)
class Artifact:
    """An artifact to open. It reads no file whose hash differs from the card's.

    Attributes:
        folder: The artifact's folder.
        card: Its card, a dict.
        node_modules: The folder in which npm installed packages; "" for `node_modules` in the
            current folder and the folders of NODE_PATH.
        rebuild: Whether an artifact without a SavedModel gets one from its weights.
    """

    folder: Path
    card: dict
    node_modules: str = ""
    rebuild: bool = False

    def onnx(self, graph: dict) -> bytes:
        """Returns the ONNX file of an entry of the card's `graphs`.

        Raises:
            ValueError: If it is not the file of the card, or refers to other files.
        """
        content = cards.read_file(self.folder, self.card, graph["file"])
        require_self_contained(content, graph["file"])
        return content

    def saved_model(self, scratch: str) -> Path:
        """Writes the artifact's SavedModel, or one made from its weights, into a folder.

        Args:
            scratch: An empty folder.

        Returns:
            The folder of the SavedModel, a copy of the bytes that were hashed.

        Raises:
            ValueError: If the artifact has none and `rebuild` is false, or a file is not the
                file of the card.
        """
        folder = Path(scratch, cards.SAVED_MODEL)
        if not self.card["saved_model"]:
            self._remake(folder)
            return folder
        prefix = f"{self.card['saved_model']}/"
        for name in dict.fromkeys((f"{prefix}saved_model.pb", *self.card["files"])):
            if name.startswith(prefix):
                content = cards.read_file(self.folder, self.card, name)
                path = folder.joinpath(*cards.parts_inside(name.removeprefix(prefix)))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        return folder

    def _remake(self, folder):
        if not self.rebuild:
            raise ValueError("this artifact was published without a SavedModel")
        from export import saved_model
        from zoo import releases

        model = releases.load(Path(self.folder))
        saved_model.export(model, folder, "probability" in self.card["graphs"])


class Runtime(abc.ABC):
    """A runtime that `export.verify` knows.

    Attributes:
        name: Its name for flags.
        package: The package that it needs.
        reads: `ONNX` or `SAVED_MODEL`.
        column: Its place among the columns of tables; equal places go by name.
        note: A sentence about it below the table of verified models, or "".
    """

    name: str
    package: str
    reads: str
    column: int = 100
    note: str = ""

    def start(self):  # noqa: B027 (most runtimes have nothing to do)
        """Prepares this process for the runtime, once, before a command uses it."""

    def version(self) -> str:
        """Returns the version of the Python package.

        Raises:
            ImportError: If the package is not installed; says how to install it.
        """
        try:
            return importlib.import_module(self.package).__version__.partition("-")[0]
        except ImportError as error:
            text = f"{self.package} is needed: pip install {self.package}"
            raise ImportError(text) from error

    def remakes(self, card: dict) -> bool:
        """Returns whether the runtime runs a SavedModel made from the weights of an artifact."""
        return self.reads == SAVED_MODEL and not card["saved_model"]

    def subject(self, graph: dict) -> str:
        """Returns what the runtime opens for an entry of the card's `graphs`, for reports."""
        has_signature = self.reads == SAVED_MODEL and graph.get("signature")
        return f"signature {graph['signature']}" if has_signature else graph["file"]

    def forms(self, graph: dict) -> list[dict]:
        """Returns the forms of an entry of the card's `graphs` that the runtime opens.

        A form is the entry itself, or one with another `file` and the `tolerance` of its numbers.
        """
        return [graph]

    def examine(self, report, artifact: Artifact, graph: dict):  # noqa: B027 (optional)
        """Adds checks of a graph's file to a report, before it is opened."""

    @abc.abstractmethod
    def open(self, artifact: Artifact):
        """Returns a context manager, which gives open(graph) -> a function of arrays by name.

        Args:
            artifact: What to open.

        The function returns all outputs, name -> float32 array. It may have the attributes
        `inputs` and `outputs` (name -> shape; `None` for a dynamic dimension without a name),
        `version` (where it is known only now) and `detail` (a text for the report). `open(graph)`
        takes an entry of the card's `graphs` and raises `Unsupported` for one that the runtime
        cannot run.
        """


class OnnxRuntime(Runtime):
    """A runtime that reads the ONNX files of an artifact."""

    reads = ONNX

    @abc.abstractmethod
    def load(self, content: bytes, graph: dict, artifact: Artifact):
        """Returns the function of `Runtime.open` for an ONNX file; its `close`, if any, is called.

        Args:
            content: The bytes of the file.
            graph: Its entry of the card's `graphs`.
            artifact: Where it is from.
        """

    @contextlib.contextmanager
    def open(self, artifact):
        with contextlib.ExitStack() as stack:

            def open_graph(graph):
                run = self.load(artifact.onnx(graph), graph, artifact)
                if hasattr(run, "close"):
                    stack.callback(run.close)
                return run

            yield open_graph


class SavedModelRuntime(Runtime):
    """A runtime that reads the SavedModel of an artifact, or one made from its weights."""

    package = "tensorflow"
    reads = SAVED_MODEL

    def start(self):
        if importlib.util.find_spec("tensorflow"):
            from trainers import scripts

            scripts.start_tensorflow()

    @abc.abstractmethod
    def load(self, folder: Path):
        """Returns a function of a signature's name to the function of `Runtime.open`.

        Args:
            folder: The folder of the SavedModel.
        """

    @contextlib.contextmanager
    def open(self, artifact):
        with tempfile.TemporaryDirectory() as scratch:
            load = functools.cache(lambda: self.load(artifact.saved_model(scratch)))

            def open_graph(graph):
                if not graph.get("signature"):
                    raise Unsupported("no signature of a SavedModel")
                return load()(graph["signature"])

            yield open_graph
