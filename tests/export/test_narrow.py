"""`export.narrow`: convolutions to few maps as transposed ones, and which are left alone."""

import keras
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import zoo
from export import narrow
from export import onnx as export_onnx
from zoo.light.runtime import Graph

CHANNELS = 6


def _converted(layer, whole_numbers=None, shape=(9, 7, CHANNELS)):
    layer.build((None, *shape))
    if whole_numbers is not None:
        layer.set_weights([whole_numbers.integers(-8, 9, w.shape) for w in layer.weights])
    return export_onnx.convert(lambda image: {"y": layer(image)}, {"image": shape})


def _ops(model):
    found = [node.op_type for node in model.graph.node]
    return [op for op in found if op.startswith("Conv")]


@pytest.mark.parametrize("maps", [1, 3, 4])
@pytest.mark.parametrize(("size", "padding"), [(5, "same"), (4, "same"), ((3, 1), "valid")])
def test_few_maps_are_a_transposed_convolution_of_the_same_numbers(maps, size, padding, rng):
    layer = keras.layers.Conv2D(maps, size, padding=padding)
    model = _converted(layer, whole_numbers=rng)
    assert _ops(model) == ["ConvTranspose"]
    graph = Graph(model.SerializeToString(), "test")
    for batch in (1, 5):
        # Whole numbers, whose sums are exact in any order.
        image = rng.integers(-8, 9, (batch, 9, 7, CHANNELS)).astype("f4")
        expected = keras.ops.convert_to_numpy(layer(image))
        np.testing.assert_array_equal(graph(image=image)["y"], expected)


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Conv2D(5, 3, padding="same"),
        keras.layers.Conv2D(1, 3, strides=2, padding="same"),
        keras.layers.Conv2D(1, 3, dilation_rate=2, padding="same"),
        keras.layers.Conv2D(1, 1),
    ],
    ids=["maps", "strides", "dilation", "one pixel"],
)
def test_others_are_left_alone(layer):
    assert "ConvTranspose" not in _ops(_converted(layer))


def _graph(names, attributes):
    """Returns a graph of convolutions of two maps that read the kernels of these names."""
    nodes = [
        helper.make_node("Conv", ["x", name], [f"y{i}"], **attributes)
        for i, name in enumerate(names)
    ]
    kernels = [
        numpy_helper.from_array(np.ones((2, 2, 3, 3), "f4"), name)
        for name in dict.fromkeys(names)
        if name != "fed"
    ]
    feeds = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, (1, 2, 5, 5))]
    return helper.make_graph(nodes, "test", feeds, [], kernels)


@pytest.mark.parametrize(
    ("names", "attributes", "op"),
    [
        (["a"], {"pads": [1, 1, 1, 1]}, "ConvTranspose"),
        (["a"], {}, "ConvTranspose"),
        (["a", "a"], {}, "Conv"),  # shared: each would turn it
        (["fed"], {}, "Conv"),
        (["a"], {"pads": [3, 1, 1, 1]}, "Conv"),  # rows that see nothing but padding
        (["a"], {"group": 2}, "Conv"),
        (["a"], {"auto_pad": "SAME_UPPER"}, "Conv"),
    ],
)
def test_kernels_that_cannot_be_turned_are_left_alone(names, attributes, op):
    graph = _graph(names, attributes)
    narrow.transpose(graph)
    assert {node.op_type for node in graph.node} == {op}


def test_the_last_layer_of_a_gated_decoder_is_one(seed):
    keras.utils.set_random_seed(seed)
    decoder = zoo.GatedDeconvDecoder(3, (8, 8, 1), depth=4)
    decoder.build((None, 3))
    model = export_onnx.convert(lambda z: decoder(z), {"z": (3,)})
    # Two of stride 2, and the last one.
    assert _ops(model).count("ConvTranspose") == 3 and _ops(model)[-1] == "ConvTranspose"
