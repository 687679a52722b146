"""Encoders in 8 bits: smaller, near, with the same names, and a clear word where that fails."""

import sys

import light_artifact
import numpy as np
import onnx
import pytest
import tiny_artifact

import zoo
from export import encode, float16, quantize
from zoo.light import runtime
from zoo.light.graph import Graph
from zoo.storage import files


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
    stored = float16.store_graph(content)
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
    # The file is loaded like any encoder.
    encoder = zoo.load_encoder(out)
    np.testing.assert_array_equal(encoder.features(x), found)
    assert repr(encoder) == repr(zoo.load_encoder(run / "artifact"))
    np.testing.assert_array_equal(zoo.FeatureExtractor(str(out)).fit_transform(x), found)
    np.savez(tmp_path / "four.npz", images=x)
    assert encode.encode(out, tmp_path / "four.npz", tmp_path / "codes.npz") == 4
    with np.load(tmp_path / "codes.npz") as codes:
        np.testing.assert_array_equal(codes["features"], found)
        assert codes["encoder_sha256"] == files.sha256(out)
    for place, wrong in ((1, f"--images={tmp_path}/absent.npz"), (2, f"--out={tmp_path}")):
        changed = [*given[:place], wrong, *given[place + 1 :]]
        assert quantize.main(changed) == 1
        assert "error: " in capsys.readouterr().err


def quantised(model, rng, folder, **changes):
    encoder = runtime.load_encoder(model)
    content = (model / "encoder.onnx").read_bytes()
    changed = quantize.quantize(content, rng.random((20, *encoder.image_shape), np.float32))
    path = folder / "encoder.int8.onnx"
    path.write_bytes(quantize.with_card(changed, {**encoder.card, **changes}))
    return path


def test_a_file_of_an_encoder_has_the_preprocessing_and_hash_of_its_card(tmp_path, rng):
    card = {"preprocessing": {"scale": "uint8/255", "binarise": "threshold 0.5", "multiply": 2}}
    model = light_artifact.make(tmp_path, "light", **card)
    path, x = quantised(model, rng, tmp_path), rng.integers(0, 256, (4, 8, 6), np.uint8)
    twos = 2 * (x[..., None] >= 128).astype("f4")
    expected = Graph(path.read_bytes(), "int8")(image=twos)["loc"]
    for name in (path, str(path), f"{path}#sha256={files.sha256(path).upper()}"):
        np.testing.assert_array_equal(zoo.load_encoder(name).features(x), expected)
    assert zoo.load_encoder(path).card["metrics"] == {}  # those were of the float encoder
    for sha256 in ("0" * 64, ""):  # the second as of a shell's variable that is not set
        with pytest.raises(ValueError, match=f"not the file that was published.*={sha256}. Rec"):
            zoo.load_encoder(f"{path}#sha256={sha256}")


def test_a_flow_in_8_bits_gives_its_code_and_needs_its_folder_to_draw(tmp_path, rng):
    flow = {"posterior": {"family": "iaf", "sampler": "posterior"}}
    model = light_artifact.make(tmp_path)
    path = quantised(model, rng, tmp_path, **flow)
    encoder, x = zoo.load_encoder(path), rng.random((2, 8, 6))
    assert encoder.features(x).shape == (2, 3)
    card = files.read_json(model / "card.json")
    sampler = {"file": "decoder.onnx", "inputs": {"z": ["batch", 3]}}
    sampler["outputs"] = {"mean": ["batch", 8, 6, 1]}  # any graph of the folder
    card = {**card, **flow, "graphs": {**card["graphs"], "posterior": sampler}}
    light_artifact.write_card(model, card)
    path.rename(model / path.name)
    assert zoo.load_encoder(model / path.name)._sampler.name == "decoder.onnx"
    with pytest.raises(ValueError, match="the graph 'posterior' of its artifact's folder"):
        encoder.features(x, kind="sample")


def test_files_in_an_artifact_s_folder_have_its_card(tmp_path, rng):
    model = light_artifact.make(tmp_path)
    x = rng.integers(0, 256, (4, 8, 6), np.uint8)
    expected = runtime.load_encoder(model).features(x)
    np.testing.assert_array_equal(zoo.load_encoder(model / "encoder.onnx").features(x), expected)
    images = rng.random((20, 8, 6, 1), np.float32)
    changed = quantize.quantize((model / "encoder.onnx").read_bytes(), images)
    (model / "old.int8.onnx").write_bytes(changed)  # without a card inside
    received = zoo.load_encoder(model / "old.int8.onnx").features(x)
    expected = Graph(changed, "int8")(image=(x / np.float32(255))[..., None])["loc"]
    np.testing.assert_array_equal(received, expected)
    with pytest.raises(ValueError, match="Expected inputs .*'image'.* in decoder.onnx"):
        zoo.load_encoder(model / "decoder.onnx")
    content = (model / "encoder.onnx").read_bytes()
    (tmp_path / "alone.onnx").write_bytes(content)
    with pytest.raises(ValueError, match="with its card inside.*or in its artifact's folder"):
        zoo.load_encoder(tmp_path / "alone.onnx")
    with pytest.raises(FileNotFoundError, match="ONNX file. Received: 'absent.onnx', absent"):
        zoo.load_encoder("absent.onnx")
    (model / "encoder.onnx").write_bytes(content + b" ")
    with pytest.raises(ValueError, match="(is not the file|an ONNX graph)"):
        zoo.load_encoder(model / "encoder.onnx")


def test_a_card_inside_a_file_is_checked(tmp_path, rng):
    path = quantised(light_artifact.make(tmp_path), rng, tmp_path)
    model = onnx.load(path)
    for text, error in (("{", "a card as JSON"), ('{"format": "x"}', "Expected format=")):
        model.metadata_props[-1].value = text
        onnx.save(model, path)
        with pytest.raises(ValueError, match=error):
            zoo.load_encoder(path)


def test_images_are_spread_over_all_of_a_file(tmp_path, monkeypatch):
    run, _ = tiny_artifact.run()
    images = np.zeros((21, *tiny_artifact.IMAGE_SHAPE), np.uint8)
    images[:] = 128 + (np.arange(21) % 2)[:, None, None, None]  # sorted ones would be alike
    images[11:] = 0
    np.savez(tmp_path / "images.npz", images=images)
    monkeypatch.setattr(quantize, "NUM_CALIBRATION", 3)
    _, _, chosen = quantize.read(run / "artifact", tmp_path / "images.npz")
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
