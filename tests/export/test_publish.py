"""`export.publish`: a whole artifact, or nothing and the earlier one untouched."""

import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import own_parts
import pytest
import tensorflow as tf
import tiny_artifact

import zoo
from export import golden, publish, verify
from export import onnx as export_onnx
from trainers import runs
from zoo import weights
from zoo.storage import files

ROOT = Path(__file__).resolve().parents[2]


# The fewest graphs, where a test is not about them.
LEAST = {"saved_model": False, "probability": False}


@pytest.fixture
def run(tmp_path):
    """A run of a test's own, whose artifact is an earlier one."""
    return Path(shutil.copytree(tiny_artifact.run()[0], tmp_path / "run"))


def test_metrics_of_an_earlier_step_are_not_those_of_the_weights(run, capsys):
    evaluation = files.read_json(run / "evaluation.json")
    files.write_json(run / "evaluation.json", {**evaluation, "step": 3})
    out = publish.publish(run, "tiny", **LEAST, licence="CC0")
    card = files.read_json(out / "card.json")
    assert card["metrics"] == {} and card["evaluation"] == {} and card["step"] == 7
    assert "those of its run are of step 3, its weights of step 7" in capsys.readouterr().err
    assert "CC0, code and weights." in (out / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("ends_in", ["encoder", "decoder"])
def test_parts_of_a_user_s_own_that_end_in_plain_layers_are_published(ends_in, tmp_path):
    room, cls = {
        "encoder": (zoo.registry.ENCODERS, own_parts.MyEncoder),
        "decoder": (zoo.registry.DECODERS, own_parts.MyDecoder),
    }[ends_in]
    own = {"encoder": {"latent_dim": 3}, "decoder": {"latent_dim": 3, "image_shape": [8, 6, 1]}}
    room.register("of_my_own")(cls)
    try:
        parts = tiny_artifact.model_config()
        parts[ends_in] = {"name": "of_my_own", **own[ends_in]}
        run = runs.Run(tiny_artifact.make_model(parts), {}, None, 7, [])
        data = {"name": "tiny", "binarisation": "none"}
        images = tiny_artifact.images(8).astype("float32") / 255
        publish.write_artifact(tmp_path, run, "own", data, images, True, with_probability=True)
        publish.prove(tmp_path)
    finally:
        del room._classes["of_my_own"]


def test_publishing_again_replaces_the_artifact(run):
    assert publish.publish(run, "second") == run / "artifact"
    assert files.read_json(run / "artifact" / "card.json")["name"] == "second"
    assert sorted(path.name for path in run.iterdir()) == [
        *("artifact", "checkpoints", "config.json", "evaluation.json")
    ]


def test_data_that_is_not_at_hand_gives_random_golden_images(run, tmp_path):
    config = files.read_json(run / "config.json")
    config["config"]["data"]["name"] = f"npz:{tmp_path / 'absent.npz'}"
    files.write_json(run / "config.json", config)
    (run / "evaluation.json").unlink()
    out = publish.publish(run, "no-data", tmp_path / "out", **LEAST)
    card = files.read_json(out / "card.json")
    assert card["data"]["golden"].startswith("random (the data was not at hand)")
    assert card["preprocessing"]["binarise"] == "threshold 0.5"
    assert card["metrics"] == {} and "Not evaluated." in (out / "README.md").read_text()


def test_what_the_model_takes_is_said_without_its_data_too():
    config = {"name": "npz:/nowhere/x.npz", "binarisation": "none", "pixel_scale": 10.0}
    described, images = publish.describe_data({"data": config})
    assert images is None and described["pixel_scale"] == 10.0
    assert "pixel_scale" not in publish.describe_data({"data": {**config, "pixel_scale": 1.0}})[0]


def test_a_run_whose_data_has_changed_is_not_published(run, tmp_path):
    config = files.read_json(run / "config.json")
    config["num_examples"] = {"train": 19, "test": 9, "source": 28}
    files.write_json(run / "config.json", config)
    with pytest.raises(ValueError, match="data has changed"):
        publish.publish(run, "tiny", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_a_saved_model(run, tmp_path):
    out = publish.publish(run, "tiny", tmp_path / "light", **LEAST)
    assert not (out / "saved_model").exists()
    assert "saved_model" not in (out / "README.md").read_text()
    assert verify.verify(out).ok
    report = verify.verify(out, "tensorflow")
    assert not report.ok
    assert "published without a SavedModel" in str(report)


def full_disk(*arguments, **options):
    raise OSError(28, "No space left on device")


STAGES = {
    "weights": (weights, "save_weights"),
    "saved_model": (tf.saved_model, "save"),
    "golden": (np, "savez_compressed"),
    "card": (files, "write_json"),
    "onnx": (files, "atomic_write"),
}


@pytest.mark.faults("full disks")
@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_leaves_the_earlier_artifact_whole(run, stage, monkeypatch):
    before = tiny_artifact.content(run)
    options = {**LEAST, "saved_model": stage == "saved_model"}
    with monkeypatch.context() as patch:
        patch.setattr(*STAGES[stage], full_disk)
        with pytest.raises(OSError, match="No space left on device"):
            publish.publish(run, "tiny", **options)
    assert tiny_artifact.content(run) == before
    assert [path for path in run.iterdir() if path.name.startswith(".")] == []
    assert verify.verify(run / "artifact").ok


def with_decoder(function, monkeypatch):
    """Makes every run's model decode by `function(decode, z)`."""
    read = runs.load_run

    def load_run(workdir):
        found = read(workdir)
        decode = found.model.decode
        object.__setattr__(found.model, "decode", lambda z, training=False: function(decode, z))
        return found

    monkeypatch.setattr(runs, "load_run", load_run)


def test_an_op_without_onnx_form_is_named_and_leaves_nothing(run, monkeypatch, tmp_path):
    before = tiny_artifact.content(run)
    with_decoder(lambda decode, z: {"mean": tf.math.lgamma(decode(z)["mean"])}, monkeypatch)
    text = "the decoder uses TensorFlow ops that have no ONNX form.*Received: Lgamma"
    with pytest.raises(ValueError, match=text):
        publish.publish(run, "tiny")
    with pytest.raises(ValueError, match=text):
        publish.publish(run, "tiny", tmp_path / "elsewhere")
    assert tiny_artifact.content(run) == before and not (tmp_path / "elsewhere").exists()


def test_outputs_that_are_not_finite_are_refused(run, monkeypatch):
    before = tiny_artifact.content(run)
    with_decoder(lambda decode, z: {"mean": tf.math.log(z[:, 0] - 9)}, monkeypatch)
    monkeypatch.setattr(golden, "exact", lambda model: model)
    with pytest.raises(ValueError, match="Received: decoder.mean with 10 of 10 values not finite"):
        publish.publish(run, "tiny")
    assert tiny_artifact.content(run) == before


@pytest.mark.parametrize("only", ["", "density"])
def test_graphs_with_other_numbers_are_refused(run, monkeypatch, only):
    before = tiny_artifact.content(run)
    export = export_onnx.export

    def wrong(function, inputs, path, *rest):
        def shifted(*tensors):
            off = 1e-3 if only in path.name else 0.0
            return {k: v + off * (1 + abs(v)) for k, v in function(*tensors).items()}

        export(shifted, inputs, path, *rest)

    monkeypatch.setattr(export_onnx, "export", wrong)
    table = "encoder loc, batch 10 .*FAILED"
    if only:
        table = "--noprobability publishes it without.*density log_prior, batch 10 .*FAILED"
    text = f"does not give Keras's numbers; nothing is kept.*{table}"
    with pytest.raises(ValueError, match=f"(?s){text}") as raised:
        publish.publish(run, "tiny", saved_model=False, probability=bool(only))
    assert ("--noprobability" in str(raised.value)) == bool(only)
    assert tiny_artifact.content(run) == before


def test_weights_with_other_numbers_are_refused(run, monkeypatch):
    before = tiny_artifact.content(run)
    monkeypatch.setattr(publish, "released", lambda model: zoo.build(zoo.vae_config(model)))
    with pytest.raises(ValueError, match="The saved weights do not give the model's numbers"):
        publish.publish(run, "tiny", **LEAST)
    assert tiny_artifact.content(run) == before


@pytest.mark.parametrize("name", ["", "Big", "a/b", "../a", ".a", "a b", None, "x" * 101])
def test_names_that_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match="Expected a name of lower-case letters.*Received: name="):
        publish.publish(tmp_path, name)


def test_nothing_but_an_artifact_is_replaced(run, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "card.json").write_text('{"format": "playing cards"}')
    for out in (precious, precious / "card.json"):
        with pytest.raises(ValueError, match="an earlier artifact to replace. Received: out="):
            publish.publish(run, "tiny", out)
    assert tiny_artifact.content(precious) == {"card.json": b'{"format": "playing cards"}'}


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="Expected a run's folder.*Received: workdir="):
        publish.publish(tmp_path / "absent", "tiny")
    assert not (tmp_path / "absent").exists()


def test_another_backend_is_refused(run, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="KERAS_BACKEND=tensorflow. Received: KERAS_BACKEND='jax'"):
        publish.publish(run, "tiny")


def test_the_commands_publish_verify_and_encode(run, tmp_path):
    np.save(tmp_path / "images.npy", tiny_artifact.images(5))
    out, features = tmp_path / "out", tmp_path / "features.npz"
    images = tmp_path / "images.npy"
    for command in (
        [
            *("export.publish", f"--workdir={run}", "--name=tiny", f"--out={out}"),
            *("--nosaved_model", "--noprobability"),
        ],
        ["export.verify", str(out)],
        ["export.encode", f"--model={out}", f"--images={images}", f"--out={features}"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    with np.load(features) as found:
        assert found["features"].shape == (5, 3)


@pytest.mark.slow
def test_tensorflow_lite_files_are_published_on_request(run, tmp_path):
    out = publish.publish(run, "tiny", tmp_path / "out", False, False, tflite=["float32"])
    card = files.read_json(out / "card.json")
    assert card["graphs"]["encoder"]["file"] == "encoder.onnx"
    assert card["graphs"]["encoder"]["tflite"]["float32"]["file"] == "encoder.tflite"
    report = verify.verify(out, "tflite")
    assert report.ok and not report.remade
    with pytest.raises(ValueError, match=r"`dtype` of tflite must be some of .*Received: .*'int4'"):
        publish.publish(run, "tiny", tmp_path / "other", False, False, tflite=["int4"])
    assert not (tmp_path / "other").exists()
