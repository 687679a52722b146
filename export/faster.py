"""Rewrites ONNX graphs into forms that ONNX Runtime computes faster, with the same numbers."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

_BROADCASTING = ("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Equal", "Less", "Greater")


def rewrite(model):
    """Makes all changes of this module to an `onnx.ModelProto`."""
    keep_batch(model)
    split_gates(model.graph)
    give_rank(model)
    _drop_unused(model.graph)


def give_rank(model):
    """Gives constants of one element the rank of the tensor that they meet.

    ONNX Runtime 1.32 broadcasts a map [B, H, W, 1] and a constant [] one element at a time. That is
    seventeen times slower than the same map and a constant [1, 1, 1, 1].

    Args:
        model: An `onnx.ModelProto`, whose graph is changed.
    """
    graph = model.graph
    constants = {t.name: t for t in graph.initializer if int(np.prod(t.dims)) == 1}
    shapes = _shapes(model)
    for node in graph.node:
        if node.op_type in _BROADCASTING and len(node.input) == 2:
            for own, other in ((0, 1), (1, 0)):
                constant = constants.get(node.input[own])
                rank = len(shapes.get(node.input[other], ()))
                if constant is not None and rank > len(constant.dims):
                    node.input[own] = _with_rank(graph, constant, rank)


def _with_rank(graph, constant, rank):
    """Returns the name of a constant of one element, of this rank."""
    name = f"{constant.name}__rank{rank}"
    if all(tensor.name != name for tensor in graph.initializer):
        array = numpy_helper.to_array(constant).reshape([1] * rank)
        graph.initializer.append(numpy_helper.from_array(array, name))
    return name


def split_gates(graph):
    """Computes both halves of a gated convolution by a convolution of its own.

        a, b = split(conv(x, w));  a sigmoid(b)  =  conv(x, w_a) sigmoid(conv(x, w_b))

    ONNX Runtime then keeps the maps in its own blocked order from one convolution to the next, and
    joins the sigmoid to the second one.

    Args:
        graph: An `onnx.GraphProto`, which is changed. Kernels and maps that something else reads
            are left as they are.
    """
    nodes = list(graph.node)  # which keeps their identities
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    readers = _readers(graph)
    replaced, gone = {}, set()  # of the last node of a gate, the new nodes; all old ones
    for node in nodes:
        old = _gate(node, tensors, readers) if node.op_type == "Conv" else []
        if old:
            last = old[-1]
            replaced[id(last)] = _halves(graph, node, tensors, last)
            gone.update(map(id, old))
    rewritten = []
    for node in nodes:
        rewritten += replaced.get(id(node), [] if id(node) in gone else [node])
    del graph.node[:]
    graph.node.extend(rewritten)


def _readers(graph):
    """Returns name -> the nodes that read it; an output of the graph has one more, None."""
    readers = {output.name: [None] for output in graph.output}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    return readers


def _gate(conv, tensors, readers):
    """Returns a convolution and the nodes of the gate behind it; an empty list if it has none.

    Conv -> Transpose to [B, H, W, C] -> Split in two -> Sigmoid of the second -> Mul -> Transpose
    back, the last where it is there.
    """

    def only(name, op):
        readers_of_name = readers.get(name, [])
        return (
            readers_of_name[0]
            if len(readers_of_name) == 1 and readers_of_name[0] and readers_of_name[0].op_type == op
            else None
        )

    if not all(name in tensors and len(readers[name]) == 1 for name in conv.input[1:]):
        return []
    to_last = only(conv.output[0], "Transpose")
    split = to_last and only(to_last.output[0], "Split")
    if not split or len(split.output) != 2 or _attributes(split).get("axis") not in (-1, 3):
        return []
    sigmoid, product = only(split.output[1], "Sigmoid"), only(split.output[0], "Mul")
    if not (sigmoid and product and only(sigmoid.output[0], "Mul") is product):
        return []
    if list(_attributes(to_last).get("perm", [])) != [0, 2, 3, 1] or len(split.input) > 1:
        return []
    back = only(product.output[0], "Transpose")
    nodes = [conv, to_last, split, sigmoid, product]
    if back is not None and list(_attributes(back).get("perm", [])) == [0, 3, 1, 2]:
        return [*nodes, back]
    return nodes


def _halves(graph, conv, tensors, last):
    """Returns the nodes that give the output of `last` from two convolutions."""
    prefix, nodes = conv.output[0], []
    for number in range(2):
        half = onnx.NodeProto()
        half.CopyFrom(conv)
        half.name, half.output[0] = f"{conv.name}__{number}", f"{prefix}__{number}"
        for i in range(1, len(conv.input)):  # the kernel, and the bias where there is one
            array = np.split(numpy_helper.to_array(tensors[conv.input[i]]), 2)[number]
            half.input[i] = f"{conv.input[i]}__{number}"
            graph.initializer.append(numpy_helper.from_array(array.copy(), half.input[i]))
        nodes.append(half)
    gate = f"{prefix}__gate"
    nodes.append(helper.make_node("Sigmoid", [f"{prefix}__1"], [gate], name=gate))
    ends_first = last.op_type == "Transpose"
    product = last.output[0] if ends_first else f"{prefix}__gated"
    nodes.append(helper.make_node("Mul", [f"{prefix}__0", gate], [product], name=product))
    if not ends_first:
        back = {"perm": [0, 2, 3, 1], "name": f"{prefix}__last"}
        nodes.append(helper.make_node("Transpose", [product], [last.output[0]], **back))
    return nodes


def keep_batch(model):
    """Writes a `Reshape` that moves one channel to the front as a `Transpose`.

    tf2onnx turns the transposition of images of one channel into a reshaping, behind which ONNX
    Runtime no longer knows that two maps have the same number of images.

    Args:
        model: An `onnx.ModelProto`, whose graph is changed.
    """
    graph, shapes = model.graph, _shapes(model)
    targets = {tensor.name: tensor for tensor in graph.initializer}
    convolved = {node.input[0] for node in graph.node if node.op_type == "Conv"}
    for node in graph.node:
        if node.op_type == "Reshape" and node.output[0] in convolved:
            shape, target = shapes.get(node.input[0], ()), targets.get(node.input[1])
            if len(shape) != 4 or target is None or not all(shape[1:]):
                continue
            if list(numpy_helper.to_array(target)) == [-1, 1, *shape[1:3]] and shape[3] == 1:
                node.op_type = "Transpose"
                del node.input[1:]
                del node.attribute[:]
                node.attribute.append(helper.make_attribute("perm", [0, 3, 1, 2]))


def _shapes(model):
    """Returns name -> shape of the tensors of a graph where it is known, 0 for a dynamic size."""
    inferred = onnx.shape_inference.infer_shapes(model).graph
    return {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in [*inferred.value_info, *inferred.input, *inferred.output]
        if value.type.tensor_type.HasField("shape")
    }


def _attributes(node):
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def _drop_unused(graph):
    """Takes out initializers that no node reads; those that graphs inside of nodes read stay."""
    if any(a.HasField("g") or a.graphs for node in graph.node for a in node.attribute):
        return
    used = {name for node in graph.node for name in node.input}
    used |= {output.name for output in graph.output}
    tensors = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(tensors)
