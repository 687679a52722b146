"""LiteRT, the interpreter of TensorFlow Lite models that needs no TensorFlow."""

import importlib.metadata
import importlib.util

from export.runtimes.tflite import TFLite

PACKAGE = "ai-edge-litert"


class LiteRT(TFLite):
    """`ai-edge-litert` on the CPU. Without files of TensorFlow Lite, TensorFlow makes them."""

    name = "litert"
    column = 101
    note = "`litert` runs the same models in `ai-edge-litert`."

    def start(self):
        if importlib.util.find_spec("ai_edge_litert"):
            super().start()

    def version(self):
        try:
            return importlib.metadata.version(PACKAGE)
        except importlib.metadata.PackageNotFoundError as error:
            raise ImportError(f"{PACKAGE} is needed: pip install {PACKAGE}") from error

    def interpreter(self, content):
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter(model_content=content)


RUNTIMES = (LiteRT(),)
