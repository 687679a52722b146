"""Rewrites convolutions with few output maps as transposed ones: faster, with less rounding."""

import numpy as np
from onnx import helper, numpy_helper

MOST_MAPS = 4  # measured: `python -m benchmarks.narrow`


def transpose(graph, most_maps=MOST_MAPS):
    """Writes every convolution of stride 1 to few maps as a transposed one.

        conv(x, w)[m, i] = sum_{c, k} w[m, c, k] x[c, i + k - p]
                         = conv_transpose(x, v)[m, i],  v[c, m, k] = w[m, c, K - 1 - k], padding
                                                        K - 1 - p for p

    The last layer of a decoder is such a convolution. On a processor with AVX-512, ONNX Runtime
    computes at least sixteen maps, and adds up the products with all channels and all K x K pixels
    in one go. For a transposed convolution it computes a product of matrices, which sums over
    channels, and then adds up pixels. That is faster. A logit that is small against its summands
    keeps one more digit.

    Args:
        graph: An `onnx.GraphProto`, which is changed. Kernels that another node uses, or that are
            no initializers, are left as they are; so are kernels of one pixel.
        most_maps: The most maps that are few.
    """
    kernels = {kernel.name: kernel for kernel in graph.initializer}
    uses = [name for node in graph.node for name in node.input]
    for node in graph.node:
        if node.op_type != "Conv" or uses.count(node.input[1]) > 1:
            continue
        kernel = kernels.get(node.input[1])
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if kernel is not None and kernel.dims[0] <= most_maps and _fits(kernel, attributes):
            _transpose(node, kernel, attributes)


def _fits(kernel, attributes):
    """Returns whether a convolution with a kernel [M, C, *K] has a transposed form."""
    size = list(kernel.dims)[2:]
    ones = [1] * len(size)
    is_plain = (
        attributes.get("group", 1) == 1
        and list(attributes.get("strides", ones)) == ones
        and list(attributes.get("dilations", ones)) == ones
        and attributes.get("auto_pad", b"NOTSET") == b"NOTSET"
    )
    pads = _pads(size, attributes)
    can_be_cut = all(pad < k for pad, k in zip(pads, 2 * size))
    return is_plain and can_be_cut and max(size) > 1


def _transpose(node, kernel, attributes):
    size = list(kernel.dims)[2:]
    pads = [k - 1 - pad for k, pad in zip(2 * size, _pads(size, attributes))]
    array = numpy_helper.to_array(kernel)
    array = np.flip(array.swapaxes(0, 1), axis=tuple(range(2, array.ndim)))
    kernel.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array), kernel.name))
    node.op_type = "ConvTranspose"
    del node.attribute[:]
    node.attribute.extend(
        helper.make_attribute(name, value)
        for name, value in {"kernel_shape": size, "pads": pads}.items()
    )


def _pads(size, attributes):
    """Returns the padding at the start of each axis, then at the end of each."""
    return list(attributes.get("pads", [0] * (2 * len(size))))
