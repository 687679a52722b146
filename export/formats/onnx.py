"""ONNX: the published graphs with folded constants, readable names and metadata."""

import onnx

from export import float16, polish, preprocess_onnx
from export.formats.base import Format
from export.quantize import in_float32
from zoo.storage import files


class Onnx(Format):
    """The graphs of an artifact, polished; TensorFlow is not needed."""

    name = "onnx"
    runtimes = ("onnxruntime", "openvino")

    def write(self, source, folder, dtypes):
        is_half = source.card.get("storage", {}).get("dtype") == "float16"
        for part, graph in source.card["graphs"].items():
            # Casts of constants would be folded, and the file doubled: they are put back after.
            model = in_float32(onnx.load_model_from_string(source.onnx(part)))
            model = polish.polish(model)
            if source.with_preprocessing:
                model = preprocess_onnx.put_inside(model, source.card)
            content = model.SerializeToString()
            content = float16.store_graph(content) if is_half else content
            files.atomic_write(folder / graph["file"], polish.stamp(content, source.card, part))
        return {"graphs": source.graphs()}


FORMATS = (Onnx(),)
