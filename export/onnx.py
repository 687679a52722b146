"""Keras functions as ONNX graphs: names kept, dynamic batch, checked, nothing half written.

tf2onnx logs an op that it cannot convert and goes on; here that is an error which names the op.
"""

import contextlib
import logging
import os
import traceback

import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from tf2onnx import constants

from export import faster, narrow, polish
from zoo.storage import files

# Opset 18 and IR 8 run in ONNX Runtime from 1.14, in browsers and in OpenVINO.
OPSET = 18
IR_VERSION = 8
PRODUCER = "elbo-zoo"
# The leading dimensions of most inputs and outputs.
BATCH = ("batch",)

# ONNX ops that draw numbers: the same input must give the same output in every runtime.
_RANDOM_OPS = (
    "Bernoulli",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
)

# TensorFlow op -> function(ctx, node, name, args) that replaces it; see `handles`.
HANDLERS = {}


def handles(op):
    """A decorator: registers a tf2onnx handler for a TensorFlow op that tf2onnx cannot convert.

    Raises:
        ValueError: If there is one already.
    """

    def decorate(function):
        if op in HANDLERS:
            raise ValueError(f"Each op needs one handler. Received: op={op!r}, which has one")
        HANDLERS[op] = function
        return function

    return decorate


@handles("Log1p")
def _log1p(ctx, node, name, args):
    """log(1 + x), exact to rounding for small x: with u = fl(1 + x), log(u) * x / (u - 1).

    The rounding of u cancels in the quotient (Goldberg, 1991, theorem 4). Where u = 1 the value
    is x; where u = x (huge x, infinity) it is log(u).
    """
    make, x = _maker(ctx, node), node.input[0]
    one, least = (_constant(ctx, node, name, value) for value in (1.0, -1.0))
    # A maximum that changes nothing, as log of less is not a number either way. It keeps OpenVINO
    # from taking log(1 + exp(y)) for its own SoftPlus, which rounds 1 + exp(y) to 1.
    u = make("Max", make("Add", x, one), least)
    log_u = make("Log", u)
    exact = make("Mul", log_u, make("Div", x, make("Sub", u, one)))
    exact = make("Where", make("Equal", u, x), log_u, exact)
    _replace(ctx, node, name, "Where", [make("Equal", u, one), x, exact])


@handles("Softplus")
def _softplus(ctx, node, name, args):
    """log(1 + exp(x)) as max(x, 0) + log(1 + y), y = exp(-|x|), exact to rounding at both ends.

        log(1 + y) = log(u) + (y - (u - 1)) / u,   u = fl(1 + y)

    The second summand is the rounding of u, which lies between 1 and 2. This is the innermost
    loop of every Bernoulli likelihood: no choice is made, which ONNX Runtime computes slowly.

    The maximum with -1 changes nothing. It keeps OpenVINO from taking log(1 + exp(x)) for its own
    SoftPlus, and from putting y in the place of u - 1.

    ONNX has a Softplus, which OpenVINO 2026.4 computes as it is written. It is 0 from x = -17 down,
    and off by a hundredth at -9. Most background pixels of a Bernoulli likelihood are there.
    """
    make, x = _maker(ctx, node), node.input[0]
    one, least = (_constant(ctx, node, name, value) for value in (1.0, -1.0))
    y = make("Exp", make("Neg", make("Abs", x)))
    u = make("Max", make("Add", y, one), least)
    rounding = make("Sub", y, make("Sub", u, one))
    tail = make("Add", make("Log", u), make("Div", rounding, u))
    _replace(ctx, node, name, "Add", [make("Relu", x), tail])


def _constant(ctx, node, name, value):
    """Returns the name of a constant of the node's type."""
    kind = tf2onnx.utils.map_onnx_to_numpy_type(ctx.get_dtype(node.output[0]))
    return ctx.make_const(tf2onnx.utils.make_name(name), np.array(value, kind)).output[0]


@handles("Expm1")
def _expm1(ctx, node, name, args):
    """exp(x) - 1, exact to rounding for small x: with u = fl(exp(x)), (u - 1) * x / log(u).

    The rounding of u cancels in the quotient (Higham, 2002, section 1.14.1). Where u = 1 the value
    is x; where u = 0 or u = exp(x) is infinite it is u - 1.
    """
    make, one, x = _maker(ctx, node), _constant(ctx, node, name, 1.0), node.input[0]
    u = make("Exp", x)
    log_u, less = make("Log", u), make("Sub", u, one)
    exact = make("Mul", less, make("Div", x, log_u))
    # log(u) is infinite at both ends, and nowhere else.
    exact = make("Where", make("IsInf", log_u), less, exact)
    _replace(ctx, node, name, "Where", [make("Equal", u, one), x, exact])


@handles("Sum")
def _sum(ctx, node, name, args):
    """A sum over several axes as one after another, the innermost first.

    ONNX Runtime adds the summands of one node nearly one by one. The log-likelihood of a black
    picture of 64 x 64 colours has 12,288 nearly equal summands. It is off by 1.2e-5 of its value,
    and by 1e-7 if the axes are summed one after the other.
    """
    make, int64 = _maker(ctx, node), onnx.TensorProto.INT64
    x, axes_input = node.input
    keep_dims = int(bool(node.get_attr_value("keep_dims", 0)))
    if not node.inputs[1].is_const():
        axes = make("Cast", axes_input, to=int64)
        _replace(ctx, node, name, "ReduceSum", [x, axes], keepdims=keep_dims)
        return
    axes = np.ravel(node.inputs[1].get_tensor_value(as_list=False)).astype(np.int64)

    def constant(values):
        return ctx.make_const(tf2onnx.utils.make_name(name), np.array(values, np.int64)).output[0]

    shape = ctx.get_shape(x)
    if shape and not keep_dims and len(axes):
        axes = axes % len(shape)
        ones = [axis for axis in axes if shape[axis] == 1]
        if ones:  # for example a channel: its pixels are then added at once
            rest = [axis - sum(o < axis for o in ones) for axis in axes if axis not in ones]
            *first, last = [("Squeeze", ones), *(("ReduceSum", [a]) for a in sorted(rest)[::-1])]
            for op, along in first:
                options = {"keepdims": 0} if op == "ReduceSum" else {}
                x = make(op, x, constant(along), **options)
            options = {"keepdims": 0} if last[0] == "ReduceSum" else {}
            _replace(ctx, node, name, last[0], [x, constant(last[1])], **options)
            return
    if len(axes) == 1:
        _replace(ctx, node, name, "ReduceSum", [x, constant(axes)], keepdims=keep_dims)
        return
    for axis in sorted(axes, reverse=True):
        x = make("ReduceSum", x, constant([axis]), keepdims=1)
    if keep_dims or not len(axes):
        _replace(ctx, node, name, "Identity", [x])
    else:
        _replace(ctx, node, name, "Squeeze", [x, constant(axes)])


@handles("BroadcastArgs")
def _broadcast_args(ctx, node, name, args):
    """The shape that two shapes broadcast to: ones in front of the shorter, then dim by dim."""
    make, dtype = _maker(ctx, node), ctx.get_dtype(node.output[0])
    int64 = onnx.TensorProto.INT64
    one = ctx.make_const(tf2onnx.utils.make_name(name), np.array([1], np.int64)).output[0]
    shapes = [make("Cast", shape, to=int64) for shape in node.input]
    ranks = [make("Shape", shape) for shape in shapes]
    rank = make("Max", *ranks)
    padded = [
        make("Concat", make("Expand", one, make("Sub", rank, own)), shape, axis=0)
        for shape, own in zip(shapes, ranks)
    ]
    shape = make("Where", make("Equal", padded[0], one), padded[1], padded[0])
    _replace(ctx, node, name, "Cast", [shape], to=dtype)


def _maker(ctx, node):
    """Returns make(op, *inputs, **attributes) -> the name of the new node's output."""

    def make(op, *inputs, **attributes):
        return ctx.make_node(op, list(inputs), attr=attributes).output[0]

    return make


def _replace(ctx, node, name, op, inputs, **attributes):
    """Puts one ONNX node in the place of `node`, under its name, shape and dtype."""
    shapes, dtypes = node.output_shapes, node.output_dtypes
    ctx.remove_node(node.name)
    ctx.make_node(
        op, inputs, attr=attributes, name=name, outputs=node.output, shapes=shapes, dtypes=dtypes
    )


def convert(function, inputs, name="graph", leading=None):
    """Converts a function of tensors to an ONNX model whose first dimension is `batch`.

    Noise must be one of the inputs: a graph that draws random numbers is refused.

    Args:
        function: Takes float32 tensors, one for each of `inputs` in that order, and returns a
            dict, name -> tensor, which names the outputs.
        inputs: Mapping, input name -> shape without the batch, `{"image": (28, 28, 1)}` say.
        name: What to call the graph in messages.
        leading: Mapping, name of an input or output -> its leading dimensions where they are
            others than `("batch",)`: the names of dynamic ones, the sizes of static ones.

    Returns:
        An `onnx.ModelProto` of opset 18 and IR version 8 that passed ONNX's full check.

    Raises:
        ValueError: If an op has no ONNX form; names the op.
    """
    leading = leading or {}
    signature = [
        tf.TensorSpec([*_sizes(leading.get(key, BATCH)), *shape], tf.float32, name=key)
        for key, shape in inputs.items()
    ]
    handlers = {op: (handler, []) for op, handler in HANDLERS.items()}
    traced = tf.function(function, autograph=False)
    with _silenced() as failures:
        try:
            model = _optimised(traced, signature, handlers, failures)
        except Exception as error:  # tf2onnx raises whatever its handlers raise.
            raise ValueError(f"Could not convert {name} to ONNX. Received: {error}") from error
    if failures.texts:
        raise ValueError(f"Could not convert {name} to ONNX. Received: {failures.texts[0]}")
    _refuse_unknown_ops(model, name)
    model.ir_version = IR_VERSION
    model.graph.name = name
    model.producer_name, model.producer_version = PRODUCER, ""
    narrow.transpose(model.graph)
    faster.rewrite(model)
    _name_dimensions(model.graph, leading)
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # the checker's and shape inference's errors share no public root.
        raise ValueError(f"The ONNX graph of {name} is not valid. Received: {error}") from error
    return model


def _optimised(traced, signature, handlers, failures):
    """Returns the ONNX model of a `tf.function`, with tf2onnx's optimisations.

    tf2onnx copies the graph before each optimisation, to go on from the copy if it fails. The
    copies take a quarter of the time, so they are made only where a first attempt has failed.
    """

    def attempt():
        options = {"opset": OPSET, "custom_op_handlers": dict(handlers)}
        return tf2onnx.convert.from_function(traced, signature, **options)[0]

    with _without_copies(), contextlib.suppress(Exception):
        return attempt()
    failures.texts.clear()
    return attempt()


@contextlib.contextmanager
def _without_copies():
    """Lets a failed optimisation of tf2onnx raise, whatever value the variable has."""
    earlier = os.environ.get(constants.ENV_TF2ONNX_CATCH_ERRORS)
    os.environ[constants.ENV_TF2ONNX_CATCH_ERRORS] = "FALSE"
    try:
        yield
    finally:
        if earlier is None:
            del os.environ[constants.ENV_TF2ONNX_CATCH_ERRORS]
        else:
            os.environ[constants.ENV_TF2ONNX_CATCH_ERRORS] = earlier


def _sizes(leading):
    return [None if isinstance(size, str) else size for size in leading]


def export(function, inputs, path, name="graph", leading=None):
    """Converts as `convert` does, polishes, and writes to `path`, whole or not at all."""
    model = polish.polish(convert(function, inputs, name, leading))
    files.atomic_write(path, model.SerializeToString())


def _refuse_unknown_ops(model, name):
    """Raises if a node is not an ONNX op, or draws random numbers."""
    nodes = list(_nodes(model.graph))
    unknown = sorted({n.op_type for n in nodes if not _is_onnx_op(n)})
    if unknown:
        raise ValueError(
            f"{name} uses TensorFlow ops that have no ONNX form (write a handler with "
            f"`export.onnx.handles`, or avoid them). Received: {', '.join(unknown)}"
        )
    random = sorted({n.op_type for n in nodes if n.op_type in _RANDOM_OPS})
    if random:
        raise ValueError(
            f"{name} must not draw random numbers: make noise an input. "
            f"Received: {', '.join(random)}"
        )


def _is_onnx_op(node):
    return node.domain in ("", "ai.onnx") and onnx.defs.has(node.op_type, OPSET, "")


def _nodes(graph):
    """Yields the nodes of a graph and of the graphs inside them (loops, branches)."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            inner = [attribute.g] if attribute.HasField("g") else attribute.graphs
            for subgraph in inner:
                yield from _nodes(subgraph)


def _name_dimensions(graph, leading):
    """Names the dynamic dimensions of inputs and outputs; tf2onnx says `unk__7`."""
    for value in [*graph.input, *graph.output]:
        dims = value.type.tensor_type.shape.dim
        for dim, size in zip(dims, leading.get(value.name, BATCH)):
            if isinstance(size, str):
                dim.dim_param = size
            else:
                dim.dim_value = size
    # Inner shapes repeat the old names, and every runtime infers them anew.
    del graph.value_info[:]


class _Failures(logging.Handler):
    """Collects what tf2onnx only logs: that the conversion of a node failed, and why."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.texts = []

    def emit(self, record):
        if record.exc_info:
            cause = traceback.format_exception_only(*record.exc_info[:2])[-1].strip()
            self.texts.append(f"{record.getMessage().splitlines()[0]}: {cause}")


@contextlib.contextmanager
def _silenced():
    """Keeps tf2onnx and TensorFlow from logging what is raised instead; yields the `_Failures`."""
    failures, loggers = _Failures(), [logging.getLogger("tf2onnx"), tf.get_logger()]
    settings = [(logger.handlers[:], logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [failures], False
    try:
        yield failures
    finally:
        for logger, (handlers, propagate) in zip(loggers, settings):
            logger.handlers, logger.propagate = handlers, propagate
