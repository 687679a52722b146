"""Compares convolutions to few maps in ONNX Runtime with the same as transposed convolutions.

    python -m benchmarks.narrow [--batch=1,64]

Published graphs have the second form up to `export.narrow.MOST_MAPS` maps: see the table of
docs/runtimes.md. Before the layer stands another convolution with a ReLU, as in a decoder, so that
the runtime may choose how its maps lie in memory.
"""

import sys

import numpy as np

from trainers import scripts

with scripts.needs(__name__):
    import onnx
    from onnx import helper

    from benchmarks.transposed import best, graph_of, print_table
    from export import narrow

# Maps in, kernel, rows and columns: those of the gated decoders and of DCGAN's for CIFAR-10.
LAYERS = [(32, 5, 28), (128, 5, 32)]
MAPS = (1, 3, 4, 6, 8, 16)
INPUT_MAPS = 8


def graphs(channels, maps, kernel, size, seed=17):
    """Returns both forms of a layer of random weights as `Graph`s from x [B, 8, n, n]."""
    rng = np.random.default_rng(seed)
    weights = {
        "v": rng.normal(size=(channels, INPUT_MAPS, 3, 3)).astype("f4") / 8,
        "w": rng.normal(size=(maps, channels, kernel, kernel)).astype("f4"),
    }
    before = [
        helper.make_node("Conv", ["x", "v"], ["h"], pads=[1] * 4),
        helper.make_node("Relu", ["h"], ["r"]),
    ]
    pads = [kernel // 2] * 4
    layer = helper.make_node("Conv", ["r", "w"], ["y"], pads=pads)
    kernels = [onnx.numpy_helper.from_array(weights["w"], "w")]
    other = helper.make_graph([layer], "layer", [], [], kernels)
    narrow.transpose(other, most_maps=maps)
    turned = onnx.numpy_helper.to_array(other.initializer[0])
    shapes = ["batch", INPUT_MAPS, size, size], ["batch", maps, size, size]
    return (
        graph_of([*before, layer], weights, shapes),
        graph_of([*before, other.node[0]], {**weights, "w": turned}, shapes),
    )


def measure(batch_sizes=(1, 64), seconds=1.0):
    """Returns a row for each layer and batch size: layer, size, best seconds of both forms."""
    rows = []
    for channels, kernel, size in LAYERS:
        for maps in MAPS:
            forms = graphs(channels, maps, kernel, size)
            for batch in batch_sizes:
                x = np.random.default_rng(1).random((batch, INPUT_MAPS, size, size), "f4")
                rows.append(((channels, maps, kernel, size), batch, best(forms, x, seconds)))
    return rows


if __name__ == "__main__":
    columns = ("convolution", "transposed")
    sys.exit(scripts.reported(print_table)(measure, __doc__, "1,64", columns))
