"""`export.saved_model`: the two signatures, their names, a dynamic batch, Keras's numbers."""

import numpy as np
import pytest
import tensorflow as tf
import tiny_artifact

from export import saved_model
from export.report import relative_error
from zoo.backend import to_numpy


@pytest.fixture(scope="module")
def model():
    return tiny_artifact.make_model()


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    saved_model.export(model, folder)
    return folder


def test_signatures_name_inputs_and_outputs(folder):
    signatures = tf.saved_model.load(str(folder)).signatures
    assert set(signatures) == {"encode", "decode", "serving_default"}
    encode, decode = signatures["encode"], signatures["decode"]
    (image,) = encode.structured_input_signature[1].values()
    assert image.name == "image" and image.shape.as_list() == [None, 8, 6, 1]
    assert set(encode.structured_outputs) == {"loc", "scale"}
    (z,) = decode.structured_input_signature[1].values()
    assert z.name == "z" and z.shape.as_list() == [None, 3]
    assert set(decode.structured_outputs) == {"mean", "scale"}


@pytest.mark.faults("full disks")
def test_a_full_disk_is_an_error_of_the_system(model, small_disk):
    with pytest.raises(OSError, match="No space left on device: .*model"):
        saved_model.export(model, small_disk(40_000) / "model")


def test_numbers_are_those_of_keras_in_two_batch_sizes(model, folder, rng):
    loaded = saved_model.SavedModel(folder)
    for size in (1, 5):
        image = rng.random((size, 8, 6, 1)).astype("f4")
        z = rng.standard_normal((size, 3)).astype("f4")
        for received, expected in (
            (loaded.call("encode", image=image), to_numpy(model.encode(image))),
            (loaded.call("decode", z=z), to_numpy(model.decode(z))),
        ):
            assert set(received) == set(expected)
            for name, value in received.items():
                assert relative_error(value, expected[name]) <= 1e-6


def test_it_holds_no_optimiser_and_no_paths(model, folder):
    variables = tf.train.list_variables(str(folder / "variables" / "variables"))
    numbers = sum(int(np.prod(shape)) for name, shape in variables if "OBJECT_GRAPH" not in name)
    expected = sum(
        int(np.prod(weight.shape))
        for part in (model.encoder, model.decoder)
        for weight in part.weights
    )
    assert numbers == expected
    for path in folder.rglob("*"):
        if path.is_file():
            assert b"saved_model.py" not in path.read_bytes(), path


@pytest.mark.faults("full disks")
def test_an_earlier_one_is_replaced_whole(model, folder, tmp_path, monkeypatch):
    target = tmp_path / "model"
    saved_model.export(model, target)
    before = (target / "saved_model.pb").read_bytes()

    def full_disk(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        saved_model.export(model, target)
    assert (target / "saved_model.pb").read_bytes() == before
    assert list(tmp_path.iterdir()) == [target]


def test_what_is_no_saved_model_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="Expected a SavedModel. Received: folder="):
        saved_model.SavedModel(tmp_path)
    module = tf.Module()
    module.f = tf.function(lambda z: {"y": z}, [tf.TensorSpec([None], tf.float32)])
    tf.saved_model.save(module, str(tmp_path), {"decode": module.f})
    with pytest.raises(ValueError, match=r"signatures \['decode', 'encode'\].*\['decode'\]"):
        saved_model.SavedModel(tmp_path)
