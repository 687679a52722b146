"""Writes an encoder with 8-bit weights and activations, and reports what that costs.

python -m export.quantize MODEL --images=FOLDER_OR_FILE --out=FILE.onnx

The file carries the card of its model: `zoo.load_encoder(FILE)` opens it like any encoder.
Weights and activations of products and convolutions become int8, by ONNX Runtime's static
quantisation; ranges of activations are those of the images given. Weights take 7 of the 8 bits:
with all of them, sums overflow 16 bits on processors without VNNI. The cost of int8 is measured on
those images and printed.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from export import pictures
from trainers import scripts
from zoo.light import runtime, standalone
from zoo.light.graph import Graph
from zoo.light.images import prepare_images
from zoo.releases import card as cards
from zoo.releases import catalogue
from zoo.storage import files

NUM_CALIBRATION = 256


def quantize(content, images):
    """Returns the bytes of an encoder's graph in int8, its inputs and outputs float32 as before.

    Args:
        content: The bytes of `encoder.onnx`.
        images: What the graph takes, float32 [N, H, W, C]: its activations' ranges are calibrated
            on these. A few hundred images of the data do.

    Raises:
        ImportError: Without `onnx` and what ONNX Runtime's quantisation needs.
        ValueError: If there are no images.
    """
    try:
        import onnx
        from onnxruntime import quantization
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ImportError as error:
        raise ImportError(f"Quantisation needs ONNX: pip install onnx ({error})") from error

    if not len(images):
        raise ValueError(f"Expected images to calibrate on. Received: shape={np.shape(images)}")

    class Reader(quantization.CalibrationDataReader):
        """Gives the images one after another."""

        def __init__(self):
            self.rest = iter(images)

        def get_next(self):
            image = next(self.rest, None)
            return None if image is None else {"image": np.asarray(image, np.float32)[None]}

    with tempfile.TemporaryDirectory() as scratch:
        whole, ready, out = (Path(scratch) / f"{name}.onnx" for name in ("whole", "ready", "out"))
        # Weights stored in float16 become float32 first: what is quantised must be a constant.
        onnx.save(in_float32(onnx.load_model_from_string(content)), whole)
        quant_pre_process(whole, ready, skip_symbolic_shape=True)
        quantization.quantize_static(
            ready,
            out,
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            weight_type=quantization.QuantType.QInt8,
            activation_type=quantization.QuantType.QUInt8,
            reduce_range=True,
        )
        return out.read_bytes()


def with_card(content, card):
    """Returns the bytes of a changed encoder that carries its model's card.

    Args:
        content: The bytes of the changed graph.
        card: The card of the model that it was made from.
    """
    import onnx

    model = onnx.load_model_from_string(content)
    model.metadata_props.add(key=standalone.METADATA, value=standalone.embed(card, content))
    return model.SerializeToString()


def in_float32(model):
    """Puts casts of float16 constants back into the constants, as `export.float16` found them."""
    from onnx import numpy_helper

    graph = model.graph
    stored = {i.name: i for i in graph.initializer}
    casts = [n for n in graph.node if n.op_type == "Cast" and n.input[0] in stored]
    for node in casts:
        initializer = stored[node.input[0]]
        value = numpy_helper.to_array(initializer).astype(np.float32)
        initializer.CopyFrom(numpy_helper.from_array(value, node.output[0]))
        graph.node.remove(node)
    return model


def compare(content, changed, images):
    """Returns what a changed graph costs: `bytes` of both, and `error` of each output.

    `error` is the root mean square of the difference, divided by the largest standard deviation of
    an output's entry over images. 0.01 is a hundredth of the spread of the outputs.
    """
    before, after = Graph(content, "float")(image=images), Graph(changed, "int8")(image=images)
    error = {
        name: float(
            np.sqrt(np.mean((after[name] - value) ** 2)) / max(value.std(axis=0).max(), 1e-9)
        )
        for name, value in before.items()
    }
    return {"bytes": [len(content), len(changed)], "error": error}


@scripts.reported
def main(arguments=None):
    """Writes the graph that the command line names; returns the exit code."""
    parser = scripts.Parser(__doc__)
    parser.add_argument("model", help="a released name, a folder or a URL")
    pictures.add_images(parser, "images of its data")
    out = {"required": True, "type": lambda path: Path(path).expanduser()}
    parser.add_argument("--out", **out, help="the ONNX file to write")
    pictures.add_resize(parser)
    options = parser.parse_args(arguments)
    encoder, content, images = read(options.model, options.images, options.resize)
    changed = with_card(quantize(content, images), encoder.card)
    files.atomic_write(options.out, changed)
    comparison = compare(content, changed, images)
    print(f"{options.out}: {comparison['bytes'][1]:,} bytes, of {comparison['bytes'][0]:,} before")
    for name, error in comparison["error"].items():
        print(f"{name}: {100 * error:.2f} % of its spread over {len(images)} images")
    return 0


def read(model, images, resize=False):
    """Returns a model's encoder, the bytes of its graph, and images as the graph takes them.

    The images are at most 256, evenly spaced through all: files are often sorted by class.
    """
    encoder = runtime.load_encoder(model)
    source = pictures.open_images(images, encoder.image_shape, resize)
    if not source.count:
        raise ValueError(f"Expected images to calibrate on. Received: {images!r}, which has none")
    chosen, _ = pictures.evenly_spaced(source, NUM_CALIBRATION, encoder.image_shape)
    folder = catalogue.resolve(model)
    content = cards.read_file(folder, encoder.card, encoder.card["graphs"]["encoder"]["file"])
    return encoder, content, prepare_images(chosen, encoder.card["preprocessing"])


if __name__ == "__main__":
    sys.exit(main())
