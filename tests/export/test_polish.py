"""`export.polish`: names of layers, folded constants, metadata; the numbers stay."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export import float16, polish
from export.quantize import in_float32
from zoo.light.graph import Graph
from zoo.releases import card as cards
from zoo.releases import catalogue


def outputs(content, folder, part):
    """Returns the outputs of a graph of its golden inputs, and the golden ones."""
    graph = Graph(content, part)
    with np.load(folder / "golden.npz") as golden:
        inputs = {name: golden[f"{part}.{name}"] for name in graph.inputs}
        return graph(**inputs), {name: golden[f"{part}.{name}"] for name in graph.outputs}


@pytest.mark.parametrize(
    "name, part",
    [
        ("bilbo-mnist-z2", "density"),
        ("muvae1-mnist", "encoder"),
        ("broken-elbo-mnist-iaf-maf", "prior"),  # loops, whose bodies read weights around them
        ("infovae-mnist-pixelcnn-z5", "sampler"),
    ],
)
def test_released_graphs_keep_their_numbers_and_size(name, part):
    folder, card = catalogue.open_artifact(name)
    before = cards.read_file(folder, card, card["graphs"][part]["file"])
    model = polish.polish(in_float32(onnx.load_model_from_string(before)))
    after = float16.store_graph(model.SerializeToString())
    assert len(after) < 1.1 * len(before)
    received, expected = outputs(after, folder, part)
    for key, value in expected.items():
        np.testing.assert_allclose(received[key], value, rtol=1e-5, atol=1e-5)
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    assert not [name for name in names if "__" in name or ":" in name or "ReadVariable" in name]


def test_layers_are_counted_within_their_parent_and_weights_have_roles():
    folder, card = catalogue.open_artifact("bilbo-mnist-z2")
    content = cards.read_file(folder, card, "encoder.onnx")
    model = polish.rename(in_float32(onnx.load_model_from_string(content)))
    names = {node.name for node in model.graph.node}
    assert {"mlp_encoder/dense/MatMul", "mlp_encoder/dense_1/MatMul"} <= names
    weights = {tensor.name for tensor in model.graph.initializer}
    assert {"mlp_encoder/dense/kernel", "mlp_encoder/dense/bias"} <= weights
    assert [value.name for value in model.graph.input] == ["image"]


def test_names_do_not_depend_on_what_the_process_built_before():
    def graph(first, second):
        nodes = [
            helper.make_node("Relu", ["x"], [f"{first}:0"], name=first),
            helper.make_node("Relu", [f"{first}:0"], ["y"], name=second),
        ]
        kinds = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch"]) for n in "xy"]
        made = helper.make_graph(nodes, "g", kinds[:1], kinds[1:])
        return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)

    one = polish.rename(graph("mlp_1/dense_131_1/Relu__17", "mlp_1/dense_132_1/Relu__18"))
    other = polish.rename(graph("mlp_7/dense_4_1/Relu", "mlp_7/dense_9_1/Relu"))
    assert one.SerializeToString() == other.SerializeToString()
    assert [node.name for node in one.graph.node] == ["mlp/dense/Relu", "mlp/dense_1/Relu"]


def test_constants_are_folded():
    pytest.importorskip("onnxslim", reason="needs the extra [onnx]")
    nodes = [
        helper.make_node("Mul", ["a", "b"], ["c"], name="product"),
        helper.make_node("Add", ["x", "c"], ["y"], name="sum"),
    ]
    kinds = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", 2]) for n in "xy"]
    weights = [numpy_helper.from_array(np.array([2.0, 3.0], "f4"), n) for n in "ab"]
    graph = helper.make_graph(nodes, "g", kinds[:1], kinds[1:], weights)
    opsets = [helper.make_opsetid("", 18)]
    model = polish.fold(helper.make_model(graph, opset_imports=opsets, ir_version=8))
    assert [node.op_type for node in model.graph.node] == ["Add"] and model.ir_version == 8
    x = np.ones((3, 2), "f4")
    np.testing.assert_array_equal(Graph(model.SerializeToString(), "g")(x=x)["y"], x + [4, 9])


def test_metadata_say_which_model_it_is():
    folder, card = catalogue.open_artifact("bilbo-mnist-z2")
    content = cards.read_file(folder, card, "encoder.onnx")
    content = polish.stamp(polish.stamp(content, card, "encoder"), card, "encoder")
    metadata = Graph(content, "encoder").metadata
    assert set(metadata) == set(polish.METADATA)
    assert metadata["name"] == "bilbo-mnist-z2" and metadata["paper"] == "bilbo"
    assert metadata["licence"] == "Apache-2.0" and metadata["part"] == "encoder"
    assert json.loads(metadata["preprocessing"]) == card["preprocessing"]
    assert metadata["card_sha256"] == polish.card_sha256({**card, "metrics": {}, "files": {}})
    assert metadata["card_sha256"] != polish.card_sha256({**card, "latent_dim": 3})
