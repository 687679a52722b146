"""Files of weights hold their own numbers: whatever refers to other files is refused."""

import zipfile

import h5py
import keras
import numpy as np
import pytest
import tiny_artifact

import zoo
from trainers import checkpoints
from zoo.storage import hdf5

pytestmark = pytest.mark.faults("hostile files")


def replace(file, key, make):
    """Replaces the dataset `key` by what `make(file, key, shape)` makes."""
    shape = file[key].shape
    del file[key]
    make(file, key, shape)


def external_link(file, key, shape):
    file[key] = h5py.ExternalLink("secret.h5", "secret")


def soft_link(file, key, shape):
    file["aside"] = np.zeros(shape, "f4")
    file[key] = h5py.SoftLink("/aside")


def second_path(file, key, shape):
    file["aside"] = np.zeros(shape, "f4")
    file[key] = file["aside"]


def circle(file, key, shape):
    file[key] = file["/"]


def virtual(file, key, shape):
    layout = h5py.VirtualLayout(shape, "f4")
    layout[:] = h5py.VirtualSource("secret.h5", "secret", shape)
    file.create_virtual_dataset(key, layout)


def external_storage(file, key, shape):
    file.create_dataset(key, shape, "f4", external=[("secret.bin", 0, 4 * int(np.prod(shape)))])


def compressed(file, key, shape):
    file.create_dataset(key, data=np.zeros(shape, "f4"), compression="gzip")


def never_written(file, key, shape):
    file.create_dataset(key, (10**12,), "f4")


def in_chunks_never_written(file, key, shape):
    file.create_dataset(key, (10**12,), "f4", chunks=(1000,))


def text(file, key, shape):
    file.create_dataset(key, data="weights", dtype=h5py.string_dtype())


def reference(file, key, shape):
    file.create_dataset(key, data=file.ref, dtype=h5py.ref_dtype)


def named_type(file, key, shape):
    file[key] = np.dtype("f4")


def deep(file, key, shape):
    group = file.create_group(key)
    for _ in range(200):
        group = group.create_group("a")


HOSTILE = {
    external_link: "a link to another place or file",
    soft_link: "a link to another place or file",
    second_path: "a second path to an object",
    circle: "a second path to an object",
    virtual: "a virtual dataset",
    external_storage: "external storage",
    compressed: "a filter",
    never_written: "4,000,000,000,000 bytes of numbers, of which it stores fewer",
    in_chunks_never_written: "4,000,000,000,000 bytes of numbers, of which it stores fewer",
    text: "values of type object",
    reference: "values of type object",
    named_type: "neither a group nor a dataset",
    deep: "groups nested deeper than 100",
}


def first_dataset(file):
    keys = []
    file.visititems(lambda key, item: keys.append(key) if isinstance(item, h5py.Dataset) else None)
    return keys[0]


def damage(path, make):
    with h5py.File(path.parent / "secret.h5", "w") as file:
        file["secret"] = np.full(1000, 7, "f4")
    (path.parent / "secret.bin").write_bytes(np.full(1000, 7, "f4").tobytes())
    with h5py.File(path, "r+") as file:
        replace(file, first_dataset(file), make)


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_an_artifact_s_weights_refer_to_nothing_else(make, tmp_path):
    artifact = tiny_artifact.copy_to(tmp_path)
    damage(artifact / "model.weights.h5", make)
    tiny_artifact.rehash(artifact)
    with pytest.raises(ValueError, match=f"stored in .* itself. Received: .*{HOSTILE[make]}"):
        zoo.load(artifact)


@pytest.mark.parametrize("make", [external_link, virtual], ids=lambda make: make.__name__)
def test_a_checkpoint_s_weights_refer_to_nothing_else(make, tmp_path):
    model = tiny_artifact.make_model()
    model.compile("adam")
    folder = checkpoints.save(tmp_path, model, 7, [])
    checkpoints.restore(checkpoints.newest(tmp_path), model)
    path = folder / checkpoints.WEIGHTS
    damage(path, make)
    with pytest.raises(ValueError, match=f"Received: .*{HOSTILE[make]}"):
        checkpoints.restore(checkpoints.Checkpoint(folder, 7, []), model)


def test_a_model_loads_no_weights_that_refer_elsewhere(tmp_path):
    model = tiny_artifact.make_model()
    path = tmp_path / "model.weights.h5"
    model.save_weights(path)
    model.load_weights(path)
    damage(path, external_link)
    with pytest.raises(ValueError, match="a link to another place or file"):
        model.load_weights(path)
    with pytest.raises(FileNotFoundError, match="Expected a file of weights. Received: "):
        model.load_weights(tmp_path / "absent.weights.h5")


def test_a_keras_archive_is_checked_inside(tmp_path):
    model = tiny_artifact.make_model()
    path = tmp_path / "model.keras"
    model.save(path)
    hdf5.check_weights(path)
    before = model.get_weights()
    model.load_weights(path)
    assert all(map(np.array_equal, before, model.get_weights()))
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    (tmp_path / "model.weights.h5").write_bytes(members["model.weights.h5"])
    damage(tmp_path / "model.weights.h5", external_link)
    hostile = (tmp_path / "model.weights.h5").read_bytes()
    for name, content in (("model.weights.h5", hostile), ("../x.h5", b""), ("/x.h5", b"")):
        with zipfile.ZipFile(path, "w") as archive:
            for key, value in {**members, name: content}.items():
                archive.writestr(key, value)
        with pytest.raises(ValueError, match="link to another|names inside the archive"):
            model.load_weights(path)


@pytest.mark.faults("whole files and answers, which pass")
def test_what_keras_writes_passes(tmp_path):
    model = tiny_artifact.make_model()
    model.compile(keras.optimizers.Adam(use_ema=True))
    model.fit(np.zeros((4, *tiny_artifact.IMAGE_SHAPE), "f4"), epochs=1, verbose=0)
    path = tmp_path / "model.weights.h5"
    model.save_weights(path)
    hdf5.check_weights(path)


def test_flipped_bits_end_in_one_error(tmp_path, seed):
    path, rng = tmp_path / "model.weights.h5", np.random.default_rng(seed)
    tiny_artifact.make_model().save_weights(path)
    content = np.frombuffer(path.read_bytes(), "u1")
    refused = 0
    for _ in range(60):
        changed = content.copy()
        # Half of them in the first 2 kB, where the structure is.
        changed[rng.integers(2048 if rng.random() < 0.5 else len(changed))] ^= 1 << rng.integers(8)
        path.write_bytes(changed.tobytes())
        try:
            hdf5.check(path)
        except ValueError as error:
            assert str(path) in str(error)
            refused += 1
    assert 0 < refused < 60


def test_a_swap_after_the_check_changes_nothing(tmp_path, monkeypatch):
    artifact = tiny_artifact.copy_to(tmp_path)
    expected = zoo.load(artifact).get_weights()

    def swapped(self, path):
        (artifact / "model.weights.h5").write_bytes(b"swapped")
        return real(self, path)

    real = zoo.VAE.load_weights
    monkeypatch.setattr(zoo.VAE, "load_weights", swapped)
    assert all(map(np.array_equal, zoo.load(artifact).get_weights(), expected))
    with pytest.raises(ValueError, match="is not the file that was published"):
        zoo.load(artifact)
