"""Encoders in 8 bits: smaller, near, with the same names, and a clear word where that fails."""

import sys

import light_artifact
import numpy as np
import onnx
import pytest
import tiny_artifact

from export import half, quantize
from zoo import runtime
from zoo.graph import Graph


@pytest.fixture
def content(tmp_path):
    """An encoder of two dense layers, whose 27,000 weights are most of it, whatever the names."""
    import keras

    from export import onnx as export_onnx

    rng = np.random.default_rng(3)
    weights = [rng.normal(0, 48**-0.5, (48, 512)), rng.normal(0, 512**-0.5, (512, 4))]
    weights = [weight.astype("f2").astype("f4") for weight in weights]

    def encode(image):
        hidden = keras.ops.relu(keras.ops.reshape(image, (-1, 48)) @ weights[0])
        return {"loc": hidden @ weights[1], "scale": keras.ops.softplus(hidden @ weights[1])}

    model = export_onnx.convert(encode, {"image": (8, 6, 1)})
    return model.SerializeToString()


def test_int8_is_smaller_near_and_has_the_same_names(content, rng):
    images = rng.random((200, 8, 6, 1), np.float32)
    changed = quantize.quantize(content, images[:100])
    found = quantize.compare(content, changed, images[100:])
    assert found["bytes"][1] < 0.5 * found["bytes"][0]
    assert set(found["error"]) == {"loc", "scale"}
    assert all(0 < error < 0.1 for error in found["error"].values())
    before, after = (onnx.load_model_from_string(c).graph for c in (content, changed))
    for values in ("input", "output"):
        names = [[v.name for v in getattr(graph, values)] for graph in (before, after)]
        assert names[0] == names[1]
    kinds = {i.data_type for i in after.initializer if np.prod(i.dims) > 1000}
    assert kinds == {onnx.TensorProto.INT8}


def test_errors_are_root_mean_squares_beside_the_widest_spread(monkeypatch):
    before = np.array([[0.0, 1.0], [0.0, 5.0]])  # of which the second has a deviation of 2
    after = before + [[0.3, 0.0], [0.0, 0.1]]
    graphs = {"float": lambda image: {"loc": before}, "int8": lambda image: {"loc": after}}
    monkeypatch.setattr(quantize, "Graph", lambda content, name: graphs[name])
    found = quantize.compare(b"12345", b"123", None)
    assert found["bytes"] == [5, 3]
    assert found["error"]["loc"] == pytest.approx(np.sqrt(0.1 / 4) / 2)


def test_weights_stored_in_float16_are_quantised_too(content, rng):
    images = rng.random((50, 8, 6, 1), np.float32)
    stored = half.store_graph(content)
    assert len(stored) < len(content)
    changed = [Graph(quantize.quantize(c, images), "int8") for c in (content, stored)]
    codes = [graph(image=images)["loc"] for graph in changed]
    np.testing.assert_array_equal(*codes)


def test_no_images_no_calibration(content):
    with pytest.raises(ValueError, match="Expected images to calibrate on. Received: shape="):
        quantize.quantize(content, np.zeros((0, 8, 6, 1), "f4"))


def test_the_command(tmp_path, capsys):
    run, _ = tiny_artifact.run()
    np.savez(tmp_path / "images.npz", images=tiny_artifact.images(20))
    out = tmp_path / "encoder.int8.onnx"
    given = [str(run / "artifact"), f"--images={tmp_path}/images.npz", f"--out={out}"]
    assert quantize.main(given) == 0
    assert "loc: " in capsys.readouterr().out
    x = tiny_artifact.images(4)
    binary = (x >= 127.5).astype("f4")
    expected = runtime.load_encoder(run / "artifact").features(x)
    found = Graph(out.read_bytes(), "int8")(image=binary)["loc"]
    assert np.abs(found - expected).max() < 0.2 * np.abs(expected).max()
    for place, wrong in ((1, f"--images={tmp_path}/absent.npz"), (2, f"--out={tmp_path}")):
        changed = [*given[:place], wrong, *given[place + 1 :]]
        assert quantize.main(changed) == 1
        assert "error: " in capsys.readouterr().err


def test_images_are_spread_over_all_of_a_file(tmp_path, monkeypatch):
    run, _ = tiny_artifact.run()
    images = np.zeros((21, *tiny_artifact.IMAGE_SHAPE), np.uint8)
    images[:] = 128 + (np.arange(21) % 2)[:, None, None, None]  # sorted ones would be alike
    images[11:] = 0
    np.savez(tmp_path / "images.npz", images=images)
    monkeypatch.setattr(quantize, "NUM_CALIBRATION", 3)
    _, chosen = quantize.read(run / "artifact", tmp_path / "images.npz")
    np.testing.assert_array_equal(chosen[:, 0, 0, 0], [1, 1, 0])  # 0, 10 and 20, binarised


def test_without_onnx_it_says_what_to_install(content, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match="pip install onnx"):
        quantize.quantize(content, np.zeros((1, 8, 6, 1), "f4"))


def test_an_encoder_of_one_small_layer_stays_right(tmp_path, rng):
    content = (light_artifact.make(tmp_path) / "encoder.onnx").read_bytes()
    images = rng.random((30, 8, 6, 1), np.float32)
    changed = quantize.quantize(content, images)
    assert quantize.compare(content, changed, images)["error"]["loc"] < 0.1
