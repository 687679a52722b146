"""`export.float16`: rounded once, stored exactly, refused where a metric would change."""

import h5py
import light_artifact
import numpy as np
import onnx
import pytest
import tiny_artifact
from onnx import numpy_helper

from export import float16, publish, verify
from zoo.light import runtime
from zoo.storage import files


def rounded(value):
    return value.astype(np.float16).astype(np.float32)


@pytest.fixture
def graph(tmp_path):
    """The bytes of an encoder whose weights are of float16's values, and a constant that is not."""
    model = onnx.load_model(light_artifact.make(tmp_path) / "encoder.onnx")
    model.graph.node.add(op_type="Add", input=["loc", "third"], output=["shifted"])
    model.graph.initializer.append(numpy_helper.from_array(np.full((1, 3), 1 / 3, "f4"), "third"))
    for i, initializer in enumerate(model.graph.initializer):
        if initializer.name == "w":
            value = rounded(numpy_helper.to_array(initializer))
            model.graph.initializer[i].CopyFrom(numpy_helper.from_array(value, "w"))
    return model.SerializeToString()


def test_a_stored_graph_gives_the_same_numbers_bit_for_bit(graph, rng):
    stored = float16.store_graph(graph)
    image = rng.random((5, 8, 6, 1), np.float32)
    expected = runtime.Graph(graph, "graph")(image=image)
    for name, value in runtime.Graph(stored, "stored")(image=image).items():
        np.testing.assert_array_equal(value, expected[name])
    kinds = {i.name: i.data_type for i in onnx.load_model_from_string(stored).graph.initializer}
    assert kinds["w__half"] == onnx.TensorProto.FLOAT16 and "w" not in kinds
    assert kinds["third"] == onnx.TensorProto.FLOAT  # 1/3 is not of float16: it stays
    assert kinds["rows"] == onnx.TensorProto.INT64


def test_one_example_says_nothing_of_what_may_change():
    entry = {"elbo": {"value": -1.0, "stderr": None}}
    with pytest.raises(float16.Refused, match="at least two examples.*elbo without"):
        float16.compare(entry, entry)


def test_weights_files_keep_groups_attributes_and_what_is_not_exact(tmp_path):
    path = tmp_path / "model.weights.h5"
    exact, other = np.arange(6, dtype="f4").reshape(2, 3) / 4, np.full(3, 1 / 3, "f4")
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "3"
        file.create_group("layers/empty").attrs["name"] = "empty"
        file["layers/dense/vars/0"] = exact
        file["layers/dense/vars/1"] = other
        file["seed"] = np.array([1, 2], np.uint32)
    float16.store_weights(path)
    with h5py.File(path) as file:
        assert file.attrs["keras_version"] == "3"
        assert file["layers/empty"].attrs["name"] == "empty"
        assert file["layers/dense/vars/0"].dtype == np.float16
        np.testing.assert_array_equal(file["layers/dense/vars/0"][()], exact)
        np.testing.assert_array_equal(file["layers/dense/vars/1"][()], other)
        assert file["seed"].dtype == np.uint32


def test_a_metric_may_change_by_its_standard_error_and_no_more():
    before = {
        "elbo": {"value": -100.0, "stderr": 0.5},
        "nll": {"value": None, "stderr": None, "note": "not of this model"},
    }
    found = float16.compare(before, {"elbo": {"value": -100.4}, "nll": {"value": None}})
    assert found == {"elbo": {"float32": -100.0, "float16": -100.4, "stderr": 0.5}}
    for value in (-100.6, -99.4, float("nan")):
        with pytest.raises(ValueError, match="would change elbo by more than its standard error"):
            float16.compare(before, {"elbo": {"value": value}, "nll": {"value": None}})


def test_weights_too_large_for_float16_are_refused():
    with pytest.raises(ValueError, match="at most 65504 for float16. Received: kernel with 70000"):
        float16._rounded(np.array([1.0, -70000.0], "f4"), "kernel")


def test_an_artifact_in_float16_is_half_as_large_and_verified(tmp_path):
    run, _ = tiny_artifact.run()
    out = publish.publish(run, "tiny", tmp_path / "half", probability=False, storage="float16")
    card, before = (files.read_json(p / "card.json") for p in (out, run / "artifact"))
    assert verify.verify(out).ok
    assert card["storage"]["dtype"] == "float16" and card["storage"]["num_examples"] == 9
    for metric in card["storage"]["metrics"].values():
        assert 0 < abs(metric["float16"] - metric["float32"]) <= metric["stderr"]
    with h5py.File(out / "model.weights.h5") as file:
        kinds = []
        file.visititems(lambda name, item: kinds.append(getattr(item, "dtype", None)))
    assert np.dtype("f2") in kinds and np.dtype("f4") not in kinds
    assert before["storage"] == {"dtype": "float32"}
    images = tiny_artifact.images(5)
    changed = runtime.load_encoder(out).features(images)
    original = runtime.load_encoder(run / "artifact").features(images)
    assert 0 < np.abs(changed - original).max() < 0.02
    with pytest.raises(ValueError, match="`storage` must be .* Received: storage='int8'"):
        publish.publish(run, "tiny", tmp_path / "x", storage="int8")
