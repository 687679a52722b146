"""The runtime `tflite`: signatures of a SavedModel, converted to TensorFlow Lite."""

import re

import numpy as np
import pytest
import tensorflow as tf
import tiny_artifact

from export import runtimes, verify
from export.runtimes.base import Unsupported
from export.runtimes.tflite import TFLiteGraph


@pytest.fixture
def artifact(tmp_path):
    return tiny_artifact.copy_to(tmp_path)


def saved(folder, function, shape=(None, 3)):
    """Writes a SavedModel with a signature `f` of x, float32 of `shape`; returns its folder."""
    module = tf.Module()
    module.f = tf.function(function, [tf.TensorSpec(shape, tf.float32, name="x")])
    signatures = {"f": module.f.get_concrete_function()}
    tf.saved_model.save(module, str(folder), signatures)
    return folder


def test_every_signature_gives_the_golden_numbers(artifact):
    report = verify.verify(artifact, "tflite")
    assert report.ok, str(report)
    assert report.runtime == f"tflite {tf.__version__}" and not report.remade
    checks = {(row.check, row.subject) for row in report.checks}
    names = ("encoder loc", "encoder scale", "decoder logits", "decoder mean")
    assert {row for row in checks if row[0] == "numbers"} == {
        ("numbers", f"{name}, batch {size}") for name in names for size in (10, 3)
    }
    for signature in ("signature encode", "signature decode"):
        assert {("load", signature), ("inputs", signature), ("batch", signature)} <= checks
    assert all(
        c.detail.startswith("converted to built-in op") for c in report.checks if c.check == "load"
    )


def test_a_wrong_number_is_found(artifact):
    with np.load(artifact / "golden.npz") as arrays:
        golden = dict(arrays)
    golden["decoder.mean"][2] += 1e-4
    np.savez(artifact / "golden.npz", **golden)
    tiny_artifact.rehash(artifact)
    failed = [row.subject for row in verify.verify(artifact, "tflite").checks if row.ok is False]
    assert failed == ["decoder mean, batch 10", "decoder mean, batch 3"]


def test_operations_of_tensorflow_are_taken_where_needed_and_named(tmp_path):
    folder = saved(tmp_path / "product", lambda x: {"y": tf.math.cumprod(x, axis=1)})
    try:
        graph = TFLiteGraph(folder, "f")
    except Unsupported as reason:  # the interpreter of TensorFlow 2.21 comes without them
        assert re.search("converted to select operations of TensorFlow: .*Flex", str(reason))
        return
    assert graph.detail.startswith("converted to select operations of TensorFlow, ")
    for rows in (4, 2):
        np.testing.assert_array_equal(
            graph(x=np.full((rows, 3), 2.0, "f4"))["y"], [[2, 4, 8]] * rows
        )


def test_shapes_tell_a_fixed_batch_from_a_dynamic_one(tmp_path):
    any_size = TFLiteGraph(saved(tmp_path / "any", lambda x: {"y": x + 1.0}), "f")
    assert any_size.inputs == {"x": [None, 3]} and any_size.outputs == {"y": [None, 3]}
    fixed = TFLiteGraph(saved(tmp_path / "fixed", lambda x: {"y": x + 1.0}, (2, 3)), "f")
    assert fixed.inputs == {"x": [2, 3]} and fixed.outputs == {"y": [2, 3]}


def test_what_it_cannot_convert_is_skipped_with_the_reason(artifact, tmp_path, monkeypatch):
    def python(x):
        return {"y": tf.ensure_shape(tf.numpy_function(np.sin, [x], tf.float32), [None, 3])}

    folder = saved(tmp_path / "python", python)
    with pytest.raises(Unsupported, match="TensorFlow Lite cannot convert it: .*PyFunc"):
        TFLiteGraph(folder, "f")

    def load(folder):
        return lambda name: TFLiteGraph(*((folder, name) if name == "encode" else (other, "f")))

    other = folder
    monkeypatch.setattr(runtimes.get("tflite"), "load", load)
    report = verify.verify(artifact, "tflite")
    skipped = {row.subject: row.detail for row in report.checks if row.ok is None}
    assert list(skipped) == ["signature decode"] and "PyFunc" in skipped["signature decode"]
    assert report.ok


def test_an_artifact_without_a_saved_model_is_run_by_one_of_its_weights(capsys):
    model = "bilbo-mnist-z2-constant"  # released models have none
    report = verify.verify(model, "tflite")
    assert not report.ok and "without a SavedModel" in str(report)
    assert verify.main([model, "--runtime=tflite"]) == 0
    assert "by a SavedModel made from its weights" in capsys.readouterr().out
