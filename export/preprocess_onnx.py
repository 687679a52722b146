"""`export.preprocess` as ONNX nodes, put in front of a published graph. Needs `onnx` alone."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.preprocess import SIZES, prepare

_PREFIX = "preprocessing/"


class Symbol:
    """A tensor of a graph that is being written; arithmetic with it adds nodes."""

    __array_ufunc__ = None  # NumPy leaves arithmetic with arrays to this class

    def __init__(self, ops, name):
        self.ops, self.name = ops, name

    def __add__(self, other):
        return self.ops.node("Add", self, other)

    def __sub__(self, other):
        return self.ops.node("Sub", self, other)

    def __rsub__(self, other):
        return self.ops.node("Sub", other, self)

    def __mul__(self, other):
        return self.ops.node("Mul", self, other)

    def __truediv__(self, other):
        return self.ops.node("Div", self, other)

    def __lt__(self, other):
        return self.ops.node("Less", self, other)

    def __gt__(self, other):
        return self.ops.node("Greater", self, other)

    def __ge__(self, other):
        return self.ops.node("GreaterOrEqual", self, other)

    __radd__, __rmul__ = __add__, __mul__


class Ops:
    """The operations of `export.preprocess.prepare` as ONNX nodes."""

    def __init__(self):
        self.nodes, self.initializers = [], {}

    def node(self, op, *inputs, **attributes):
        """Adds a node of one output and returns it."""
        name = f"{_PREFIX}{op.lower()}_{len(self.nodes)}"
        names = [self._name(value) for value in inputs]
        self.nodes.append(helper.make_node(op, names, [name], name=name, **attributes))
        return Symbol(self, name)

    def _name(self, value):
        if isinstance(value, Symbol):
            return value.name
        is_integer = getattr(value, "dtype", None) == np.int64  # Python's numbers are floats here
        array = np.asarray(value, np.int64 if is_integer else np.float32)
        key = array.dtype.str, array.shape, array.tobytes()
        if key not in self.initializers:
            name = f"{_PREFIX}constant_{len(self.initializers)}"
            self.initializers[key] = numpy_helper.from_array(array, name)
        return self.initializers[key].name

    def _integer(self, x):
        return self.node("Cast", x, to=TensorProto.INT64)

    def size(self, x, axis):
        dimension = self.node("Gather", self.node("Shape", x), np.int64(axis))
        return self.node("Cast", dimension, to=TensorProto.FLOAT)

    def range(self, count):
        numbers = self.node("Range", np.int64(0), self._integer(count), np.int64(1))
        return self.node("Cast", numbers, to=TensorProto.FLOAT)

    def rows(self, x, count):
        end = self.node("Unsqueeze", self._integer(count), np.array([0], np.int64))
        return self.node("Slice", x, np.array([0], np.int64), end, np.array([0], np.int64))

    def sum(self, x):
        return self.node("ReduceSum", x, np.array([-1], np.int64), keepdims=1)

    def where(self, condition, a, b):
        return self.node("Where", condition, a, b)

    def minimum(self, a, b):
        return self.node("Min", a, b)

    def maximum(self, a, b):
        return self.node("Max", a, b)

    def round(self, x):
        return self.node("Round", x)

    def floor(self, x):
        return self.node("Floor", x)

    def abs(self, x):
        return self.node("Abs", x)

    def matmul(self, a, b):
        return self.node("MatMul", a, b)

    def transpose(self, x, axes):
        return self.node("Transpose", x, perm=axes)

    def reshape(self, x, shape):
        return self.node("Reshape", x, np.array(shape, np.int64))


def put_inside(model: onnx.ModelProto, card: dict) -> onnx.ModelProto:
    """Returns a graph whose images are uint8 of any size; one without images as it is.

    Args:
        model: A graph of a published model.
        card: The card of the model.
    """
    graph = model.graph
    if "image" not in [value.name for value in graph.input]:
        return model
    prepared = onnx.ModelProto()
    prepared.CopyFrom(model)
    graph, ops = prepared.graph, Ops()
    image = ops.node("Cast", Symbol(ops, "image"), to=TensorProto.FLOAT)
    shape, preprocessing = tuple(card["image_shape"]), card["preprocessing"]
    result = prepare(image, shape, preprocessing, ops).name
    for node in graph.node:
        node.input[:] = [result if name == "image" else name for name in node.input]
    nodes = [*ops.nodes, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(ops.initializers.values())
    (value,) = (value for value in graph.input if value.name == "image")
    value.CopyFrom(helper.make_tensor_value_info("image", TensorProto.UINT8, SIZES))
    onnx.checker.check_model(prepared, full_check=True)
    return prepared
