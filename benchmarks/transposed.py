"""Compares transposed convolutions of stride 2 in ONNX Runtime with convolution and shuffle.

    python -m benchmarks.transposed [--batch=1,256]

A transposed convolution of stride 2 is a convolution to four times the maps, one for each place in
a square of 2 x 2 pixels, and a `DepthToSpace`; its kernel has zeros where a place does not see a
pixel. Published graphs keep `ConvTranspose`: see the table of docs/runtimes.md.
"""

import sys
import time

import numpy as np

from trainers import scripts
from zoo.light.graph import Graph

with scripts.needs(__name__):
    import onnx
    from onnx import helper, numpy_helper

    from export.onnx import IR_VERSION, OPSET

# Maps in and out, kernel, rows and columns in: those of the small, gated and DCGAN decoders.
LAYERS = [(64, 64, 3, 7), (64, 32, 3, 14), (64, 128, 5, 14), (128, 64, 4, 7), (256, 128, 4, 8)]


def margins(kernel):
    """Returns the pixels that "same" padding cuts off before and after: K - 2, the more after."""
    return (kernel - 2) // 2, kernel - 2 - (kernel - 2) // 2


def as_convolution(weight, before):
    """Returns a convolution's weights [4 M, C, T, T] and the zeros to put before each side.

    With stride 2, y[2 q + p] = sum_k w[k] x[q - t] over all k with k = p + before + 2 t.

    Args:
        weight: Of the transposed convolution, [C, M, K, K].
        before: Pixels that are cut off before the output.
    """
    channels, maps, kernel, _ = weight.shape
    shifts = [(k - p - before) // 2 for p in (0, 1) for k in range((p + before) % 2, kernel, 2)]
    first, taps = max(shifts), max(shifts) - min(shifts) + 1
    found = np.zeros((2, 2, maps, channels, taps, taps), np.float32)
    at = [
        [(tap, p + before - 2 * (tap - first)) for tap in range(taps)] for p in (0, 1)
    ]  # place -> (tap, index into the kernel, perhaps outside)
    for rows, above in enumerate(at):
        for columns, beside in enumerate(at):
            for i, k in above:
                for j, m in beside:
                    if 0 <= k < kernel and 0 <= m < kernel:
                        found[rows, columns, :, :, i, j] = weight[:, :, k, m].T
    return found.reshape(4 * maps, channels, taps, taps), first


def graphs(channels, maps, kernel, size, seed=17):
    """Returns both forms of a layer of random weights as `Graph`s from x [B, C, n, n]."""
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(channels, maps, kernel, kernel)).astype("f4")
    before, after = margins(kernel)
    transposed = helper.make_node(
        "ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], pads=[before] * 2 + [after] * 2
    )
    other, pad = as_convolution(weight, before)
    pads = [pad] * 2 + [other.shape[-1] - 1 - pad] * 2
    plain = helper.make_node("Conv", ["x", "w"], ["h"], pads=pads)
    shuffle = helper.make_node("DepthToSpace", ["h"], ["y"], blocksize=2, mode="DCR")
    shapes = ["batch", channels, size, size], ["batch", maps, 2 * size, 2 * size]
    return (
        graph_of([transposed], {"w": weight}, shapes),
        graph_of([plain, shuffle], {"w": other}, shapes),
    )


def graph_of(nodes, weights, shapes):
    """Returns a `Graph` from x to y of these shapes; weights by name."""
    x, y = (
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in zip("xy", shapes)
    )
    kernels = [numpy_helper.from_array(weight, name) for name, weight in weights.items()]
    graph = helper.make_graph(nodes, "layer", [x], [y], kernels)
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    return Graph(model.SerializeToString(), "a layer")


def measure(batch_sizes=(1, 256), seconds=1.0):
    """Returns a row for each layer and batch size: layer, size, best seconds of both forms."""
    rows = []
    for layer in LAYERS:
        forms = graphs(*layer)
        for size in batch_sizes:
            x = np.random.default_rng(1).random((size, layer[0], layer[-1], layer[-1]), "f4")
            rows.append((layer, size, best(forms, x, seconds)))
    return rows


def best(forms, x, seconds):
    """Returns the shortest of calls taken in turn for so long."""
    times, start = [], time.perf_counter()
    while time.perf_counter() - start < seconds or len(times) < 3:
        turn = [time.perf_counter()]
        for form in forms:
            form(x=x)
            turn.append(time.perf_counter())
        times.append(np.diff(turn))
    return np.min(times[1:], axis=0)


def print_table(measure, description, batch_sizes, forms):
    """Prints what `measure` gives for the batch sizes of the command line.

    Args:
        measure: As the one here; layers are (maps in, maps out, kernel, rows and columns).
        description: Of the command.
        batch_sizes: Those by default, "1,256".
        forms: What the two columns of milliseconds are of.
    """
    parser = scripts.Parser(description)
    parser.add_argument("--batch", default=batch_sizes, help="batch sizes")
    sizes = [int(size) for size in parser.parse_args().batch.split(",")]
    print(f"| maps | kernel | input | batch | {forms[0]}, ms | {forms[1]}, ms |")
    print("|---|---|---|---|---|---|")
    for (channels, maps, kernel, size), batch, (one, two) in measure(sizes):
        layer = f"{channels} to {maps} | {kernel} x {kernel} | {size} x {size}"
        print(f"| {layer} | {batch} | {1e3 * one:.2f} | {1e3 * two:.2f} |")


if __name__ == "__main__":
    columns = ("transposed", "convolution and shuffle")
    sys.exit(scripts.reported(print_table)(measure, __doc__, "1,256", columns))
