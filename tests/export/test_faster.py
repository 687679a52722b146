"""`export.faster`: the same numbers in fewer passes, and what is left alone."""

import keras
import numpy as np
import onnx
import tensorflow as tf
from onnx import numpy_helper

from export import onnx as export_onnx
from zoo.layers import GatedConv2D
from zoo.light.graph import Graph


def _run(model, **arrays):
    return Graph(model.SerializeToString(), "test")(**arrays)


def _count(model, op):
    return sum(node.op_type == op for node in model.graph.node)


def test_a_gated_convolution_is_two_convolutions_of_the_same_numbers(rng):
    layers = [GatedConv2D(4, 3, 1), GatedConv2D(8, 3, 2)]
    image = rng.random((5, 8, 6, 1)).astype("f4")

    def network(image):
        for layer in layers:
            image = layer(image)
        return {"y": image}

    network(image)  # builds
    layers[0].doubled.bias.assign(rng.standard_normal(8))  # tf2onnx leaves out a bias of zeros
    expected = keras.ops.convert_to_numpy(network(image)["y"])
    model = export_onnx.convert(network, {"image": (8, 6, 1)})
    assert _count(model, "Conv") == 4 and _count(model, "Split") == 0
    # One channel goes to the front by a transposition, behind which the batch is still known.
    assert _count(model, "Reshape") == 0
    assert _count(model, "Transpose") == 2
    kernels = {t.name: list(t.dims) for t in model.graph.initializer if len(t.dims) == 4}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert sorted(kernels[node.input[1]][0] for node in convolutions) == [4, 4, 8, 8]
    assert len(kernels) == 4  # the whole kernels are gone
    np.testing.assert_allclose(_run(model, image=image)["y"], expected, rtol=1e-5, atol=1e-6)


def test_a_convolution_that_something_else_reads_stays_whole(rng):
    kernel = rng.standard_normal((3, 3, 2, 8)).astype("f4")

    def network(image):
        both = tf.nn.bias_add(tf.nn.conv2d(image, kernel, 1, "SAME"), np.ones(8, "f4"))
        a, b = tf.split(both, 2, axis=-1)
        return {"gated": a * tf.sigmoid(b), "both": both}

    model = export_onnx.convert(network, {"image": (8, 8, 2)})
    assert _count(model, "Conv") == 1
    image = rng.random((2, 8, 8, 2)).astype("f4")
    for name, value in _run(model, image=image).items():
        np.testing.assert_allclose(value, network(image)[name], rtol=1e-5, atol=1e-6)


def test_constants_have_the_rank_of_what_they_meet():
    model = export_onnx.convert(
        lambda x: {"y": tf.nn.softplus(x), "z": 2.0 * x - 1.0}, {"x": (4, 4, 1)}
    )
    sizes = {t.name: list(t.dims) for t in model.graph.initializer}
    met = [
        sizes[name]
        for node in model.graph.node
        if node.op_type in ("Add", "Sub", "Mul", "Max")
        for name in node.input
        if name in sizes
    ]
    assert len(met) >= 4 and all(size == [1, 1, 1, 1] for size in met)
    x = np.linspace(-30, 30, 32, dtype="f4").reshape(2, 4, 4, 1)
    received = _run(model, x=x)
    np.testing.assert_allclose(received["y"], np.logaddexp(0, x.astype("f8")), rtol=3e-7)
    np.testing.assert_array_equal(received["z"], 2 * x - 1)


def test_a_likelihood_chooses_nothing_and_adds_no_axis_of_one():
    model = export_onnx.convert(
        lambda x: {"y": tf.reduce_sum(tf.nn.softplus(x), [-3, -2, -1])}, {"x": (28, 28, 1)}
    )
    assert _count(model, "Where") == _count(model, "Equal") == 0
    axes = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    sums = [axes[n.input[1]].tolist() for n in model.graph.node if n.op_type == "ReduceSum"]
    assert sums == [[2], [1]]
    onnx.checker.check_model(model, full_check=True)
    x = np.full((3, 28, 28, 1), -20.0, "f4")  # black pixels, of which each adds 2e-9
    expected = 784 * np.log1p(np.exp(-20.0))
    np.testing.assert_allclose(_run(model, x=x)["y"], np.full(3, expected), rtol=1e-6)
