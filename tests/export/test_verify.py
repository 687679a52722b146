"""`export.verify`: passes what is whole, and finds every kind of damage."""

import io
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_artifact

from export import onnx as export_onnx
from export import report, verify
from zoo.graph_spec import MAIN
from zoo.releases import card as cards
from zoo.storage import files

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def artifact(tmp_path):
    return tiny_artifact.copy_to(tmp_path)


def failures(found):
    return [
        (check.check, check.subject, check.detail) for check in found.checks if check.ok is False
    ]


def subjects(found, check):
    return [row.subject for row in found.checks if row.check == check]


def change_golden(artifact, **changes):
    with np.load(artifact / "golden.npz") as arrays:
        golden = {**arrays, **changes}
    with open(artifact / "golden.npz", "wb") as file:
        np.savez(file, **{name: value for name, value in golden.items() if value is not None})
    tiny_artifact.rehash(artifact)


@pytest.mark.parametrize("runtime", ["onnxruntime", "tensorflow"])
def test_a_whole_artifact_passes(artifact, runtime):
    found = verify.verify(artifact, runtime)
    assert found.ok and failures(found) == []
    assert 0 <= found.max_error <= 1e-5
    names = ("encoder loc", "encoder scale", "decoder logits", "decoder mean")
    expected = {f"{name}, batch {size}" for name in names for size in (10, 3)}
    assert set(subjects(found, "numbers")) == expected
    listed = set(files.read_json(artifact / "card.json")["files"])
    assert {"encoder.onnx", "README.md", "model.weights.h5", "golden.npz"} < listed
    assert set(subjects(found, "file")) == {*listed, "others"}


def test_the_table_says_what_was_checked_and_how_errors_are_measured(artifact):
    text = str(verify.verify(artifact))
    assert text.startswith("tiny in onnxruntime ")
    for part in (
        "error = max |a - b| / max(1, |b|)",
        "tolerance 1e-05",
        "opset 18, IR version 8",
        "image ['batch', 8, 6, 1]",
        "loc ['batch', 3], scale ['batch', 3]",
    ):
        assert part in text
    assert text.splitlines()[-1].startswith("PASSED: ")


@pytest.mark.parametrize(
    "name", ["encoder.onnx", "decoder.onnx", "README.md", "model.weights.h5", "golden.npz"]
)
@pytest.mark.parametrize("damage", ["changed", "cut", "missing"])
def test_every_damaged_file_is_found(artifact, name, damage, capsys):
    path = artifact / name
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    assert verify.main([str(artifact)]) == 1
    out = capsys.readouterr().out
    assert "FAILED: " in out.splitlines()[-1]
    assert any(
        line.startswith("file") and name in line and "FAILED" in line for line in out.splitlines()
    )


def test_a_changed_saved_model_is_not_loaded(artifact):
    path = artifact / "saved_model" / "saved_model.pb"
    path.write_bytes(path.read_bytes() + b"x")
    found = verify.verify(artifact, "tensorflow")
    assert ("load", "signature encode") in [row[:2] for row in failures(found)]
    assert found.max_error is None and not found.ok


def test_a_saved_model_outside_the_artifact_is_not_loaded(artifact):
    card = files.read_json(artifact / "card.json")
    cards.write_card(artifact, {**card, "saved_model": "../saved_model"})
    found = verify.verify(artifact, "tensorflow")
    assert ("load", "signature decode") in [row[:2] for row in failures(found)]
    assert found.max_error is None


def test_a_file_that_is_not_in_the_card_is_found(artifact):
    (artifact / ".hidden").write_text("a finder's note")
    assert verify.verify(artifact).ok
    (artifact / "extra.bin").write_text("extra")
    assert failures(verify.verify(artifact)) == [("file", "others", "not in the card: extra.bin")]


def test_numbers_that_differ_are_found(artifact):
    with np.load(artifact / "golden.npz") as arrays:
        loc = arrays["encoder.loc"].copy()
    loc[3, 1] += 3e-5 * max(1, abs(loc[3, 1]))
    change_golden(artifact, **{"encoder.loc": loc})
    found = verify.verify(artifact)
    assert {row[:2] for row in failures(found)} == {
        ("numbers", "encoder loc, batch 10"),
        ("numbers", "encoder loc, batch 3"),
    }
    assert found.max_error == pytest.approx(3e-5, rel=0.2)


@pytest.mark.parametrize("value", [None, np.zeros((10, 2), "f4"), np.full((10, 3), np.nan, "f4")])
def test_golden_arrays_that_do_not_fit_are_found(artifact, value):
    change_golden(artifact, **{"encoder.loc": value})
    assert not verify.verify(artifact).ok


def test_a_pickle_in_the_golden_file_is_not_read(artifact):
    change_golden(artifact, **{"encoder.loc": np.array([{"a": 1}], object)})
    (failure,) = failures(verify.verify(artifact))
    assert failure[:2] == ("load", "golden file") and "allow_pickle=False" in failure[2]


def replace_encoder(artifact, function, fixed_batch=None):
    model = export_onnx.convert(function, {"image": (8, 6, 1)})
    if fixed_batch:
        for value in [*model.graph.input, *model.graph.output]:
            value.type.tensor_type.shape.dim[0].dim_value = fixed_batch
    (artifact / "encoder.onnx").write_bytes(model.SerializeToString())
    tiny_artifact.rehash(artifact)


def test_a_batch_that_is_not_dynamic_is_found(artifact):
    model = tiny_artifact.run()[1]
    replace_encoder(artifact, model.encode)
    assert verify.verify(artifact).ok
    replace_encoder(artifact, model.encode, fixed_batch=10)
    found = [row[:2] for row in failures(verify.verify(artifact))]
    assert ("batch", "encoder.onnx") in found and ("run", "encoder.onnx, batch 3") in found


def test_outputs_of_other_names_are_found(artifact):
    model = tiny_artifact.run()[1]

    def swapped(image):
        parameters = model.encode(image)
        return {"loc": parameters["scale"], "scale": parameters["loc"]}

    replace_encoder(artifact, swapped)
    assert ("numbers", "encoder loc, batch 10") in [
        r[:2] for r in failures(verify.verify(artifact))
    ]
    replace_encoder(artifact, lambda image: {"mu": model.encode(image)["loc"]})
    found = [row[:2] for row in failures(verify.verify(artifact))]
    assert ("outputs", "encoder.onnx") in found


def test_the_checker_is_skipped_and_said_so_where_onnx_is_absent(artifact, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    found = verify.verify(artifact)
    skipped = [(row.subject, row.detail) for row in found.checks if row.ok is None]
    assert skipped == [(f"{part}.onnx", "onnx is not installed") for part in MAIN]
    assert found.ok and "skipped" in str(found)


def test_the_command_runs_in_tensorflow_what_has_no_saved_model(artifact, capsys):
    run, _ = tiny_artifact.run()
    assert verify.main([str(run / "artifact"), "--runtime=tensorflow"]) == 0
    card = files.read_json(artifact / "card.json")
    if card["saved_model"]:
        card["files"] = {k: v for k, v in card["files"].items() if not k.startswith("saved_model/")}
        shutil.rmtree(artifact / card["saved_model"])
        cards.write_card(artifact, {**card, "saved_model": ""})
    assert verify.main([str(artifact), "--runtime=tensorflow"]) == 0
    assert "by a SavedModel made from its weights" in capsys.readouterr().out


def test_unknown_runtimes_and_models_are_refused(artifact, capsys):
    with pytest.raises(
        ValueError, match="Received: runtime='tensorfow'. Did you mean \"tensorflow\""
    ):
        verify.verify(artifact, "tensorfow")
    assert verify.main([str(artifact / "absent")]) == 1
    assert "error: Expected an artifact's folder. Received: " in capsys.readouterr().err


BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"tensorflow", "keras", "onnx", "absl", "jax", "PIL", "tqdm"}:
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocked())
from export import verify
sys.exit(verify.main([sys.argv[1]]))
"""


def test_numpy_and_onnx_runtime_are_enough(artifact):
    command = [sys.executable, "-c", BLOCKED, str(artifact)]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert out.returncode == 0, out.stdout + out.stderr
    assert "onnx is not installed" in out.stdout and "PASSED: " in out.stdout


def test_error_is_relative_for_large_and_absolute_for_small_values():
    one = np.ones(1, "f4")
    assert report.relative_error(100 * one, 101 * one) == pytest.approx(1 / 101)
    assert report.relative_error(0 * one, 0.5 * one) == 0.5
    assert report.relative_error(one, one) == 0.0
    with pytest.raises(ValueError, match=r"expected float32\[1\], received float32\[2\]"):
        report.relative_error(np.ones(2, "f4"), one)
    with pytest.raises(ValueError, match=r"expected float32\[1\], received float64\[1\]"):
        report.relative_error(np.ones(1), one)
    with pytest.raises(ValueError, match="expected finite values"):
        report.relative_error(np.nan * one, one)


def test_a_report_without_numbers_is_not_ok():
    empty = report.Report("name", "runtime", [])
    assert not empty.ok and "FAILED" in str(empty)
    empty.add_error("x", 1e-5)
    assert empty.ok
    empty.add_error("y", 1.1e-5)
    assert not empty.ok and empty.max_error == 1.1e-5


def test_golden_file_holds_hard_inputs(artifact):
    golden = np.load(io.BytesIO((artifact / "golden.npz").read_bytes()))
    image, z = golden["encoder.image"], golden["decoder.z"]
    expected = tiny_artifact.images(9, seed=18)[:8] >= 128
    np.testing.assert_array_equal(image[:8], expected)
    assert (image[8] == 0).all() and (image[9] == 1).all()
    assert z.shape == (10, 3) and z[7].tolist() == [0, 0, 0]
    assert z[8].tolist() == [4, 0, 0] and z[9].tolist() == [0, 0, -4]
    assert {array.dtype for array in golden.values()} == {np.dtype("f4")}
