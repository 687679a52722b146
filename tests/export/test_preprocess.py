"""Preprocessing inside a graph gives the images of the light runtime, to the grey level."""

import numpy as np
import onnx
import pytest
import tensorflow as tf
from onnx import TensorProto, helper

from export import preprocess, preprocess_onnx
from zoo.graph_spec import GraphSpec
from zoo.light.graph import Graph
from zoo.light.images import THRESHOLD, prepare_images, resize_images

PLAIN = {"scale": "uint8/255", "binarise": None}
# Shape of the model, size of the pictures and their channels.
SIZES = [
    ((28, 28, 1), (28, 28, 1)),
    ((28, 28, 1), (64, 48, 3)),
    ((8, 6, 3), (5, 40, 1)),
    ((7, 9, 3), (200, 31, 3)),
    ((5, 4, 1), (1, 1, 1)),
    ((3, 31, 1), (97, 113, 3)),
]


def light(pictures, shape, rules=PLAIN):
    """Returns what the light runtime makes of uint8 pictures."""
    return prepare_images(resize_images(pictures, shape, bits=False), rules, bits=False)


def identity(shape):
    """Returns an ONNX graph that gives its images back."""
    kinds = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])
        for name in ("image", "same")
    ]
    node = helper.make_node("Identity", ["image"], ["same"], name="same")
    graph = helper.make_graph([node], "same", kinds[:1], kinds[1:])
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def test_hundreds_of_sizes_in_numpy(rng):
    for _ in range(100):
        shape = (*map(int, rng.integers(1, 40, 2)), int(rng.choice([1, 3])))
        size = (*map(int, rng.integers(1, 120, 2)), int(rng.choice([1, 3])))
        pictures = rng.integers(0, 256, (2, *size), np.uint8)
        x = preprocess.prepare(pictures.astype("f4"), shape, PLAIN, preprocess.NUMPY)
        np.testing.assert_array_equal(x, light(pictures, shape), err_msg=f"{shape}, {size}")


@pytest.mark.parametrize("rules", [PLAIN, {**PLAIN, "binarise": THRESHOLD, "multiply": 10}])
def test_in_onnx(rng, rules):
    for shape, size in SIZES:
        pictures = rng.integers(0, 256, (3, *size), np.uint8)
        card = {"image_shape": shape, "preprocessing": rules}
        model = preprocess_onnx.put_inside(identity(shape), card)
        graph = Graph(model.SerializeToString(), "same")
        assert graph.inputs == {"image": list(preprocess.SIZES)}
        np.testing.assert_array_equal(graph(image=pictures)["same"], light(pictures, shape, rules))


def test_in_tensorflow(rng):
    for shape, size in SIZES:
        spec = GraphSpec("same", {"image": shape}, lambda x: {"same": x}, None)
        inside = preprocess.inside(spec, {"image_shape": shape, "preprocessing": PLAIN})
        assert inside.inputs == {"image": (None, None, None)}
        signature = [tf.TensorSpec([None] * 4, inside.dtypes["image"])]
        pictures = rng.integers(0, 256, (3, *size), np.uint8)
        same = tf.function(inside.call, signature, autograph=False)(pictures)["same"]
        # The same grey levels: TensorFlow multiplies by 1 / 255 where the others divide.
        np.testing.assert_allclose(same, light(pictures, shape), rtol=3e-7, atol=0)


@pytest.mark.parametrize("channels", [2, 4])
def test_pictures_of_other_channels_are_refused(channels):
    card = {"image_shape": (4, 4, 1), "preprocessing": PLAIN}
    graph = Graph(preprocess_onnx.put_inside(identity((4, 4, 1)), card).SerializeToString(), "same")
    with pytest.raises(Exception, match="(?i)matmul"):
        graph(image=np.zeros((1, 4, 4, channels), np.uint8))


def test_graphs_without_images_stay_as_they_are():
    spec = GraphSpec("decoder", {"z": (2,)}, lambda z: {"mean": z}, None)
    assert preprocess.inside(spec, {}) is spec
    model = onnx.ModelProto()
    assert preprocess_onnx.put_inside(model, {}) is model


def test_levels_of_images_are_found_where_there_are_any(rng):
    levels = rng.integers(0, 256, (3, 4, 4, 1), np.uint8)
    for rules in (PLAIN, {**PLAIN, "multiply": 10}):
        found, is_exact = preprocess.levels(prepare_images(levels, rules, bits=False), rules)
        np.testing.assert_array_equal(found, levels)
        assert is_exact
    assert not preprocess.levels(np.full((1, 2, 2, 1), 0.3003, "f4"), PLAIN)[1]
