"""`export.convert`: each format gives the golden numbers, or nothing is written."""

import numpy as np
import pytest
import tensorflow as tf
import tiny_artifact

from export import convert as command
from export import formats, verify
from export.convert import NotKept, convert
from export.formats.tflite import TooFar
from zoo.light.graph import Graph
from zoo.light.images import prepare_images, resize_images
from zoo.releases import card as cards
from zoo.storage import files


@pytest.fixture
def artifact(tmp_path):
    return tiny_artifact.copy_to(tmp_path)


def test_onnx_of_a_released_model(tmp_path, capsys):
    out = tmp_path / "out"
    assert command.main(["bilbo-mnist-z2", "--to=onnx", f"--out={out}"]) == 0
    assert "encoder.onnx" in capsys.readouterr().out
    assert verify.verify(out).ok
    metadata = Graph((out / "encoder.onnx").read_bytes(), "encoder").metadata
    assert metadata["name"] == "bilbo-mnist-z2" and metadata["part"] == "encoder"
    released = (cards.read_card("artifacts/bilbo-mnist-z2"))["files"]
    for name, entry in cards.read_card(out)["files"].items():
        if name.endswith(".onnx"):  # float16 weights stay so
            assert entry["bytes"] < 1.02 * released[name]["bytes"], name


def test_saved_model_is_laid_out_for_a_server(artifact, tmp_path):
    out = convert(artifact, "saved_model", tmp_path / "out", version=3)
    assert verify.verify(out, "tensorflow").ok
    signatures = tf.saved_model.load(str(out / "3")).signatures
    assert set(signatures) == {"serving_default", "encode", "decode"}
    x = np.zeros((2, *tiny_artifact.IMAGE_SHAPE), "f4")
    default, encode = (signatures[key](image=x) for key in ("serving_default", "encode"))
    assert {key: value.numpy().tolist() for key, value in default.items()} == {
        key: value.numpy().tolist() for key, value in encode.items()
    }


@pytest.mark.slow
def test_tflite_in_three_dtypes_is_proved_by_its_own_card(artifact, tmp_path):
    out = convert(artifact, "tflite", tmp_path / "out", ("float32", "float16", "int8"))
    card = cards.read_card(out)
    assert "encoder.int8.tflite" in card["files"] and card["metrics"] == {}
    forms = card["graphs"]["encoder"]["tflite"]
    assert forms["float32"]["tolerance"] == 1e-5
    assert 1e-5 < forms["float16"]["tolerance"] < forms["int8"]["tolerance"]
    report = verify.verify(out, "tflite")
    assert report.ok and not report.remade
    (out / "encoder.float16.tflite").write_bytes((out / "decoder.float16.tflite").read_bytes())
    assert not verify.verify(out, "tflite").ok


def test_tflite_runs_in_a_second_interpreter(artifact, tmp_path):
    pytest.importorskip("ai_edge_litert", reason="needs the extra [tflite]")
    out = convert(artifact, "tflite", tmp_path / "out")
    report = verify.verify(out, "litert")
    assert report.ok, str(report)
    assert report.runtime.startswith("litert ")
    subjects = {row.subject for row in report.checks if row.check == "load"}
    assert {"encoder.tflite", "decoder.tflite"} <= subjects


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "to", ["onnx", pytest.param("saved_model", marks=SLOW), pytest.param("tflite", marks=SLOW)]
)
def test_preprocessing_inside_takes_pictures_of_any_size(artifact, tmp_path, to, rng):
    out = convert(artifact, to, tmp_path / "out", with_preprocessing=True)
    card = cards.read_card(out)
    assert card["graphs"]["encoder"]["inputs"] == {
        "image": ["batch", "height", "width", "channels"]
    }
    picture = rng.integers(0, 256, (2, 31, 17, 3), np.uint8)
    rules = cards.read_card(artifact)["preprocessing"]
    x = prepare_images(resize_images(picture, tiny_artifact.IMAGE_SHAPE, False), rules, False)
    expected = Graph((artifact / "encoder.onnx").read_bytes(), "encoder")(image=x)["loc"]
    if to == "onnx":
        received = Graph((out / "encoder.onnx").read_bytes(), "encoder")(image=picture)["loc"]
    elif to == "saved_model":
        signatures = tf.saved_model.load(str(out / "1")).signatures
        received = signatures["serving_default"](image=picture)["loc"].numpy()
    else:
        interpreter = tf.lite.Interpreter(str(out / "encoder.tflite"))
        received = interpreter.get_signature_runner("encode")(image=picture)["loc"]
    np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-5)


def test_golden_images_between_grey_levels_are_rounded_to_them(artifact, tmp_path):
    with np.load(artifact / "golden.npz") as arrays:
        golden = dict(arrays)
    card = cards.read_card(artifact)
    card["preprocessing"]["binarise"] = None
    x = np.full_like(golden["encoder.image"], 0.3003)
    golden["encoder.image"] = x
    golden |= {
        f"encoder.{key}": value
        for key, value in Graph((artifact / "encoder.onnx").read_bytes(), "e")(image=x).items()
    }
    np.savez(artifact / "golden.npz", **golden)
    cards.write_card(artifact, {k: v for k, v in card.items() if k != cards.SEAL})
    tiny_artifact.rehash(artifact)
    out = convert(artifact, "onnx", tmp_path / "out", with_preprocessing=True)
    with np.load(out / "golden.npz") as arrays:
        assert arrays["encoder.image"].dtype == np.uint8 and (arrays["encoder.image"] == 77).all()


@pytest.mark.parametrize(
    "to", ["onnx", pytest.param("saved_model", marks=SLOW), pytest.param("tflite", marks=SLOW)]
)
def test_wrong_numbers_are_not_written(artifact, tmp_path, to):
    with np.load(artifact / "golden.npz") as arrays:
        golden = dict(arrays)
    golden["encoder.loc"][1] += 1e-3
    np.savez(artifact / "golden.npz", **golden)
    tiny_artifact.rehash(artifact)
    with pytest.raises(NotKept, match="encoder loc, batch 10 .*FAILED"):
        convert(artifact, to, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_cost_beyond_the_bound_is_refused(artifact, tmp_path, monkeypatch):
    monkeypatch.setitem(formats.tflite.MOST_COST, "float16", 1e-9)
    with pytest.raises(TooFar, match="encoder, float16: Expected outputs within 0% of the spread"):
        convert(artifact, "tflite", tmp_path / "out", ("float16",))
    assert not (tmp_path / "out").exists()


def test_what_is_no_conversion_is_not_replaced(artifact, tmp_path):
    before = tiny_artifact.content(artifact)
    with pytest.raises(ValueError, match="another folder than the model's own"):
        convert(artifact, "onnx", artifact)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    with pytest.raises(ValueError, match="or an earlier conversion to replace"):
        convert(artifact, "onnx", tmp_path / "mine")
    assert tiny_artifact.content(artifact) == before
    out = convert(artifact, "onnx", tmp_path / "out")
    assert convert(artifact, "onnx", out) == out


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"to": "onnxx"}, r"`to` must be one of .*Received: to='onnxx'.*onnx"),
        ({"to": "onnx", "dtypes": ("int8",)}, r"`dtype` of onnx must be some of \['float32'\]"),
        ({"to": "onnx", "version": 0}, "`version` must be a positive"),
    ],
)
def test_wrong_arguments_are_named(artifact, tmp_path, arguments, text):
    with pytest.raises(ValueError, match=text):
        convert(artifact, out=tmp_path / "out", **arguments)


def test_a_card_of_a_conversion_says_where_it_is_from(artifact, tmp_path):
    out = convert(artifact, "onnx", tmp_path / "out")
    converted = files.read_json(out / "card.json")["converted"]
    assert converted["format"] == "onnx" and not converted["with_preprocessing"]
    assert converted["card_sha256"] == files.sha256(artifact / "card.json")
