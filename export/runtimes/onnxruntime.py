"""ONNX Runtime for Python, which reads the ONNX files; ONNX's checker looks at them first."""

from export.runtimes.base import OnnxRuntime
from zoo.light.runtime import Graph
from zoo.releases import card as cards
from zoo.storage.protobuf import require_self_contained


class PythonOnnxRuntime(OnnxRuntime):
    """`onnxruntime`, which every installation has."""

    name = package = "onnxruntime"
    column = 0

    def examine(self, report, artifact, graph):
        """Runs ONNX's checker where ONNX is installed; a model is used without it."""
        content = cards.read_file(artifact.folder, artifact.card, graph["file"])
        try:
            import onnx
        except ImportError:
            report.add("onnx checker", graph["file"], None, "onnx is not installed")
            return

        def check():
            require_self_contained(content, graph["file"])
            model = onnx.load_model_from_string(content)
            onnx.checker.check_model(model, full_check=True)
            return f"opset {model.opset_import[0].version}, IR version {model.ir_version}"

        report.attempt("onnx checker", graph["file"], check)

    def load(self, content, graph, artifact):
        return Graph(content, graph["file"])


RUNTIMES = (PythonOnnxRuntime(),)
