"""Composes ONNX graphs with loops, which tf2onnx cannot convert, from converted pieces.

tf2onnx takes minutes over a loop in a loop, and repeats the weights in each. Here the loops are
`Loop` nodes whose bodies are made of pieces without loops, and read weights and what they are cut
along from the graph around them. (`Scan` nodes would say more, but OpenVINO 2026.4 reads none that
do so.)
"""

import dataclasses
import hashlib

import numpy as np
import onnx
import tensorflow as tf
from onnx import helper

from export import onnx as convertible


@dataclasses.dataclass(frozen=True)
class Symbol:
    """A float32 tensor of a graph: its name, and its shape with "batch" where that is dynamic."""

    name: str
    shape: tuple


class Graph:
    """A graph, or the body of a loop, under construction.

        graph = Graph()
        x = graph.input("x", ("batch", 5))
        _, rows = graph.scan(lambda body, carry, x: (carry, body.call(f, carry, x)), carry, xs)
        graph.output("y", graph.call(g, rows))
        graph.model("the sum")

    Args:
        outer: The graph that this is a body in.
    """

    def __init__(self, outer=None):
        self.inputs, self.outputs, self.nodes = [], [], []
        self._whole = outer._whole if outer else self
        if outer is None:
            self._weights, self._pieces, self._names = {}, {}, 0

    def input(self, name, shape):
        """Returns the `Symbol` of a new input."""
        self.inputs.append(Symbol(name, tuple(shape)))
        return self.inputs[-1]

    def constant(self, array):
        """Returns the `Symbol` of a float32 array."""
        tensor = onnx.numpy_helper.from_array(np.ascontiguousarray(array, np.float32))
        return Symbol(self._weight(tensor), tuple(tensor.dims))

    def output(self, name, symbol):
        """Makes a symbol an output."""
        self.nodes.append(helper.make_node("Identity", [symbol.name], [name]))
        self.outputs.append(Symbol(name, symbol.shape))

    def call(self, function, *arguments):
        """Puts the ops of a function here; one called again is not converted again.

        Args:
            function: Takes tensors where `arguments` has symbols, and returns tensors, in dicts,
                lists or tuples; it has no loops and draws no numbers.
            *arguments: Symbols in dicts, lists or tuples.

        Returns:
            Symbols where `function` returns tensors.
        """
        symbols = tf.nest.flatten(arguments)
        pieces = self._whole._pieces
        key = function, tuple(symbol.shape for symbol in symbols)
        if key not in pieces:
            pieces[key] = _convert(function, arguments)
        model, structure, shapes = pieces[key]
        prefix = f"{self._fresh()}."
        names = {f"i{i}": symbol.name for i, symbol in enumerate(symbols)}
        for tensor in model.graph.initializer:
            names[tensor.name] = self._weight(tensor)
        for node in model.graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                names[node.output[0]] = self._weight(node.attribute[0].t)
                continue
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            copy.name = prefix + node.name
            names.update({name: prefix + name for name in node.output})
            copy.input[:] = [names[name] if name else "" for name in node.input]
            copy.output[:] = [names[name] for name in node.output]
            self.nodes.append(copy)
        results = [Symbol(names[f"o{i}"], shape) for i, shape in enumerate(shapes)]
        return tf.nest.pack_sequence_as(structure, results)

    def scan(self, function, carry, inputs):
        """Returns the last carry and the stacked outputs of `carry, y = function(body, carry, x)`.

        Args:
            function: Takes a `Graph`, the carry and one slice of `inputs`; returns symbols of the
                carry's structure, and of the outputs.
            carry: Symbols.
            inputs: Symbols, cut along their first dimension, of one static size in all.
        """
        body, before, read = Graph(self), tf.nest.flatten(carry), tf.nest.flatten(inputs)
        step, go_on, still = (self._fresh() for _ in range(3))
        carried = [body.input(self._fresh(), symbol.shape) for symbol in before]
        slices = [body._node("Gather", [x.name, step], x.shape[1:], axis=0) for x in read]
        new, outputs = function(
            body,
            tf.nest.pack_sequence_as(carry, carried),
            tf.nest.pack_sequence_as(inputs, slices),
        )
        for symbol in tf.nest.flatten(new) + tf.nest.flatten(outputs):
            body.output(self._fresh(), symbol)
        body.nodes.append(helper.make_node("Identity", [go_on], [still]))
        graph, kinds = body._graph("body"), (onnx.TensorProto.INT64, onnx.TensorProto.BOOL)
        inner = [helper.make_tensor_value_info(n, k, ()) for n, k in zip((step, go_on), kinds)]
        whole = [*inner, *graph.input]
        del graph.input[:]
        graph.input.extend(whole)
        graph.output.insert(0, helper.make_tensor_value_info(still, kinds[1], ()))
        count = read[0].shape[0]
        shapes = [s.shape for s in body.outputs[: len(before)]]
        shapes += [(count, *s.shape) for s in body.outputs[len(before) :]]
        results = [Symbol(self._fresh(), shape) for shape in shapes]
        trips = self._weight(onnx.numpy_helper.from_array(np.array(count, np.int64)))
        self.nodes.append(
            helper.make_node(
                "Loop",
                [trips, "", *(symbol.name for symbol in before)],
                [symbol.name for symbol in results],
                name=self._fresh(),
                body=graph,
            )
        )
        last = tf.nest.pack_sequence_as(new, results[: len(before)])
        return last, tf.nest.pack_sequence_as(outputs, results[len(before) :])

    def model(self, name):
        """Returns the whole graph as an `onnx.ModelProto` that passed ONNX's full check."""
        graph = self._graph(name)
        graph.initializer.extend(self._weights.values())
        opsets = [helper.make_opsetid("", convertible.OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=convertible.IR_VERSION)
        model.producer_name = convertible.PRODUCER
        onnx.checker.check_model(model, full_check=True)
        return model

    def _node(self, op, inputs, shape, **attributes):
        """Adds a node of one output, and returns that."""
        output = Symbol(self._fresh(), shape)
        self.nodes.append(helper.make_node(op, inputs, [output.name], **attributes))
        return output

    def _graph(self, name):
        values = [
            [helper.make_tensor_value_info(s.name, onnx.TensorProto.FLOAT, s.shape) for s in part]
            for part in (self.inputs, self.outputs)
        ]
        return helper.make_graph(self.nodes, name, *values)

    def _fresh(self):
        self._whole._names += 1
        return f"t{self._whole._names}"

    def _weight(self, tensor):
        """Returns the name that a constant has in the whole graph, where equal ones are one."""
        array = onnx.numpy_helper.to_array(tensor)
        key = array.dtype.str, array.shape, hashlib.sha256(array.tobytes()).digest()
        weights = self._whole._weights
        if key not in weights:
            weights[key] = onnx.numpy_helper.from_array(array, f"w{len(weights)}")
        return weights[key].name


def _convert(function, arguments):
    """Returns the ONNX model of a function, the structure that it returns, and its shapes."""
    symbols, structure = tf.nest.flatten(arguments), []

    def flat(*values):
        result = function(*tf.nest.pack_sequence_as(arguments, values))
        structure[:] = [result]
        return {f"o{i}": value for i, value in enumerate(tf.nest.flatten(result))}

    specs = [
        tf.TensorSpec([None if isinstance(n, str) else n for n in symbol.shape], tf.float32)
        for symbol in symbols
    ]
    traced = tf.function(flat, autograph=False).get_concrete_function(*specs)
    outputs = traced.structured_outputs
    shapes = [
        tuple("batch" if n is None else n for n in outputs[f"o{i}"].shape)
        for i in range(len(outputs))
    ]
    inputs = {f"i{i}": () for i in range(len(symbols))}
    leading = {f"i{i}": symbol.shape for i, symbol in enumerate(symbols)}
    leading.update({f"o{i}": shape for i, shape in enumerate(shapes)})
    return convertible.convert(flat, inputs, "a piece", leading), structure[0], shapes
