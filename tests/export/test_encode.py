"""`export.encode`: every kind of file gives the features of the light encoder, in its order."""

import gzip
import sys
import zipfile

import light_artifact
import numpy as np
import pytest
import shard_files
import tiny_artifact
from PIL import Image

from export import encode, pictures
from trainers import data
from zoo.light import runtime
from zoo.storage import files

SHAPE = tiny_artifact.IMAGE_SHAPE


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return tiny_artifact.copy_to(tmp_path_factory.mktemp("encode"))


@pytest.fixture(scope="module")
def expected(artifact):
    return runtime.load_encoder(artifact).features(tiny_artifact.images(7))


@pytest.fixture
def images():
    return tiny_artifact.images(7)


def run(artifact, source, tmp_path, **options):
    out = tmp_path / "features.npz"
    count = encode.encode(artifact, source, out, progress=False, **options)
    with np.load(out, allow_pickle=False) as found:
        found = dict(found)
    assert len(found["features"]) == count
    return found


def idx(images):
    shape = images.shape[:-1]
    header = bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
    return header + images.tobytes()


def write(kind, folder, images):
    """Writes images as one kind of file and returns its path."""
    path = folder / f"images.{kind}"
    if kind == "npy":
        np.save(path, images[..., 0])
    elif kind == "npz":
        np.savez(path, images=images, labels=np.arange(len(images)))
    elif kind == "compressed.npz":
        np.savez_compressed(path, anything=images / 255)
    elif kind == "idx3-ubyte":
        path.write_bytes(idx(images))
    elif kind == "idx3-ubyte.gz":
        path.write_bytes(gzip.compress(idx(images)))
    return path


KINDS = ("npy", "npz", "compressed.npz", "idx3-ubyte", "idx3-ubyte.gz")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_size", [3, 256])
def test_arrays_in_every_kind_of_file(artifact, images, expected, tmp_path, kind, batch_size):
    found = run(artifact, write(kind, tmp_path, images), tmp_path, batch_size=batch_size)
    assert set(found) == {"features", "encoder_sha256"}
    assert found["features"].dtype == np.float32
    np.testing.assert_allclose(found["features"], expected, atol=1e-6)
    assert found["encoder_sha256"] == files.sha256(artifact / "encoder.onnx")


def write_pictures(folder, images):
    folder.mkdir()
    for i, image in enumerate(images):
        place = folder / ("b" if i % 2 else "a")
        place.mkdir(exist_ok=True)
        Image.fromarray(image[..., 0]).save(place / f"{i}.png")


def test_bytes_are_bits_by_the_whole_file_and_never_in_pictures(artifact, images, tmp_path):
    images[-1] = images[-1] > 127  # a nearly black image, in a block of its own
    expected = runtime.load_encoder(artifact).features(images)
    np.save(tmp_path / "all.npy", images)
    (tmp_path / "all.idx").write_bytes(idx(images))
    for name in ("all.npy", "all.idx"):
        found = run(artifact, tmp_path / name, tmp_path, batch_size=2)["features"]
        np.testing.assert_allclose(found, expected, atol=1e-6)
    write_pictures(tmp_path / "pictures", images[-1:])
    found = run(artifact, tmp_path / "pictures", tmp_path)["features"]
    np.testing.assert_allclose(found, expected[-1:], atol=1e-6)
    np.save(tmp_path / "bits.npy", images[-1:])
    found = run(artifact, tmp_path / "bits.npy", tmp_path)["features"]
    assert np.abs(found - expected[-1:]).max() > 0.01


def test_a_folder_in_the_order_of_its_paths(artifact, images, expected, tmp_path):
    write_pictures(tmp_path / "pictures", images)
    found = run(artifact, tmp_path / "pictures", tmp_path, batch_size=2)
    order = [0, 2, 4, 6, 1, 3, 5]
    assert found["files"].tolist() == [f"{'b' if i % 2 else 'a'}/{i}.png" for i in order]
    np.testing.assert_allclose(found["features"], expected[order], atol=1e-6)


def test_links_to_folders_are_followed_as_in_training(artifact, images, tmp_path):
    for place, image in (("else/a.png", images[0]), ("data/b.png", images[1])):
        (tmp_path / place).parent.mkdir()
        Image.fromarray(image[..., 0]).save(tmp_path / place)
    (tmp_path / "data" / "ant").symlink_to(tmp_path / "else")
    (tmp_path / "data" / "self").symlink_to(tmp_path / "data")  # a circle
    count = encode.encode(artifact, tmp_path / "data", tmp_path / "out.npz", progress=False)
    with np.load(tmp_path / "out.npz") as found:
        assert count == 2 and list(found["files"]) == ["ant/a.png", "b.png"]
    (tmp_path / "data" / "lost.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(
        FileNotFoundError, match=r"links that lead.*lost.png', a link to '.*nowhere"
    ):
        encode.encode(artifact, tmp_path / "data", tmp_path / "out.npz", progress=False)


def test_rows_are_in_the_order_of_the_training_data(artifact, images, tmp_path):
    names = ["a/0.png", "a-b.png", "a.png", "B.png", "a/c/0.png"]
    for name, image in zip(names, images):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(tmp_path / "data" / name)
    found = run(artifact, tmp_path / "data", tmp_path)["files"].tolist()
    pixels = {images[names.index(name)].tobytes(): name for name in names}
    trained = data.load(f"folder:{tmp_path / 'data'}", "all").images
    assert found == [pixels[image.tobytes()] for image in trained]


def test_a_streamed_data_set_is_encoded_by_its_name(artifact, images, expected, tmp_path):
    pytest.importorskip("webdataset")
    shard_files.shard_set(tmp_path / "set", images[:5, ..., 0], np.zeros(5, int), 2)
    shard_files.shard_set(tmp_path / "set", images[5:, ..., 0], np.zeros(2, int), 1, "test")
    found = run(artifact, f"wds:{tmp_path}/set/{{train,test}}-*.tar", tmp_path, batch_size=2)
    assert "files" not in found
    np.testing.assert_allclose(found["features"], expected, atol=1e-6)
    larger = shard_files.random_images(3, (12, 12, 3))
    shard_files.write(tmp_path / "large.tar", shard_files.samples(larger))
    name = f"wds:{tmp_path / 'large.tar'}"
    with pytest.raises(ValueError, match=r"--resize.*wds:.*of shape \(12, 12, 3\)"):
        run(artifact, name, tmp_path)
    encoder = runtime.load_encoder(artifact)
    resized = run(artifact, name, tmp_path, resize=True)["features"]
    np.testing.assert_allclose(resized, encoder.features(larger, resize=True), atol=1e-6)
    source = pictures.open_images(name, SHAPE, resize=True)
    some, chosen = pictures.evenly_spaced(source, 2, SHAPE)
    assert chosen.tolist() == [0, 2] and some.shape == (2, *SHAPE)
    with pytest.raises(FileNotFoundError, match=r"none.tar', which is absent"):
        run(artifact, f"wds:{tmp_path / 'none.tar'}", tmp_path)


def test_the_help_lists_the_sources_that_exist(capsys):
    with pytest.raises(SystemExit):
        encode.main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "a data set: folder:PATH, " in text and "wds:PATTERN" in text


def test_one_picture(artifact, images, expected, tmp_path):
    write_pictures(tmp_path / "pictures", images[:1])
    found = run(artifact, tmp_path / "pictures" / "a" / "0.png", tmp_path)
    assert found["files"].tolist() == ["0.png"]
    np.testing.assert_allclose(found["features"], expected[:1], atol=1e-6)


def test_what_is_left_out_is_said(artifact, images, tmp_path, capsys):
    write_pictures(tmp_path / "pictures", images)
    (tmp_path / "pictures" / "labels.csv").write_text("a,b")
    (tmp_path / "pictures" / ".hidden.png").write_text("not a picture")
    encode.encode(artifact, tmp_path / "pictures", tmp_path / "out.npz")
    assert "1 files are no pictures: labels.csv" in capsys.readouterr().err


def test_pictures_of_another_size_need_fit(artifact, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    big = np.random.default_rng(3).integers(0, 256, (40, 50, 3), np.uint8)
    Image.fromarray(big).save(folder / "big.png")
    text = r"8 x 6 with 1 channel.*--resize.*Received: '.*big.png' of shape \(40, 50, 3\)"
    with pytest.raises(ValueError, match=text):
        run(artifact, folder, tmp_path)
    assert not (tmp_path / "features.npz").exists()
    found = run(artifact, folder, tmp_path, resize=True)
    prepared = pictures.Preparation((8, 6), 1)(big[None])
    expected = runtime.load_encoder(artifact).features(prepared)
    np.testing.assert_allclose(found["features"], expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["npy", "npz", "idx3-ubyte.gz"])
def test_arrays_of_another_size_are_resized_as_by_the_encoder(artifact, tmp_path, kind):
    big = np.random.default_rng(3).integers(0, 256, (7, 20, 30, 1), np.uint8)
    source = write(kind, tmp_path, big)
    with pytest.raises(ValueError, match="resize=True brings images of any size to the model"):
        run(artifact, source, tmp_path)
    expected = runtime.load_encoder(artifact).features(big, resize=True)
    received = run(artifact, source, tmp_path, resize=True, batch_size=3)["features"]
    np.testing.assert_allclose(received, expected, atol=1e-6)
    write(kind, tmp_path, big % 2)  # bits
    expected = runtime.load_encoder(artifact).features(big % 2, resize=True)
    received = run(artifact, source, tmp_path, resize=True, batch_size=3)["features"]
    np.testing.assert_allclose(received, expected, atol=1e-6)


def test_fit_is_the_earlier_name_of_resize(artifact, images, tmp_path, capsys):
    write_pictures(tmp_path / "pictures", np.repeat(images, 3, axis=1))
    arguments = [f"--model={artifact}", f"--images={tmp_path}/pictures", "--out"]
    for word in ("--fit", "--resize"):
        assert encode.main([*arguments, f"{tmp_path}/{word}.npz", word]) == 0
    with np.load(tmp_path / "--fit.npz") as fit, np.load(tmp_path / "--resize.npz") as resize:
        np.testing.assert_array_equal(fit["features"], resize["features"])
    with pytest.warns(DeprecationWarning, match="`fit` is now `resize`"):
        encode.encode(artifact, tmp_path / "pictures", tmp_path / "o.npz", fit=True)
    with pytest.raises(SystemExit):
        encode.main(["--help"])
    assert "--resize" in capsys.readouterr().out


def test_integers_of_any_width_are_bytes(artifact, images, expected, tmp_path):
    np.save(tmp_path / "images.npy", images.astype(np.int64))
    received = run(artifact, tmp_path / "images.npy", tmp_path, batch_size=2)["features"]
    np.testing.assert_allclose(received, expected, atol=1e-6)


def test_a_model_of_four_channels_takes_arrays_and_its_pictures_are_refused(tmp_path, rng):
    model = light_artifact.make(tmp_path, "four", image_shape=(8, 6, 4))
    colours = rng.integers(0, 256, (3, 8, 6, 4), np.uint8)
    (tmp_path / "pictures").mkdir()
    Image.fromarray(colours[0]).save(tmp_path / "pictures" / "0.png")
    for resize in (False, True):
        with pytest.raises(ValueError, match=r"an .npy or .npz file for a model of 4 channels"):
            run(model, tmp_path / "pictures", tmp_path, resize=resize)
    # What the message says.
    np.savez(tmp_path / "images.npz", images=colours)
    received = run(model, tmp_path / "images.npz", tmp_path)["features"]
    encoder = runtime.load_encoder(model)
    np.testing.assert_array_equal(received, encoder.features(colours))
    big = rng.integers(0, 256, (3, 16, 12, 4), np.uint8)
    np.savez(tmp_path / "images.npz", images=big)
    received = run(model, tmp_path / "images.npz", tmp_path, resize=True)["features"]
    np.testing.assert_array_equal(received, encoder.features(big, resize=True))


def test_only_one_block_is_in_memory(images, tmp_path):
    for kind in KINDS:
        source = pictures.open_images(write(kind, tmp_path, images), SHAPE)
        assert [len(block) for block in source.blocks(3)] == [3, 3, 1], kind
        assert source.count == 7


def test_a_damaged_picture_is_named_and_nothing_is_written(artifact, images, tmp_path):
    write_pictures(tmp_path / "pictures", images)
    (tmp_path / "pictures" / "b" / "3.png").write_bytes(b"\x89PNG and then nothing")
    (tmp_path / "features.npz").write_bytes(b"earlier")
    with pytest.raises(ValueError, match="Expected a readable image. Received: path='.*3.png'"):
        run(artifact, tmp_path / "pictures", tmp_path, batch_size=2)
    assert (tmp_path / "features.npz").read_bytes() == b"earlier"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_cut_short_is_named(artifact, tmp_path, kind):
    path = write(kind, tmp_path, tiny_artifact.images(60))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="Cannot read images from '.*images"):
        run(artifact, path, tmp_path, batch_size=7)
    assert not (tmp_path / "features.npz").exists()


def test_a_file_that_goes_on_is_refused(artifact, images, tmp_path):
    (tmp_path / "x-idx3-ubyte").write_bytes(idx(images) + b"more")
    with pytest.raises(ValueError, match="expected 7 images; it goes on after them"):
        run(artifact, tmp_path / "x-idx3-ubyte", tmp_path)


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        (
            {"a": np.zeros((2, 8, 6)), "b": np.zeros(2)},
            r"an array `images`, or one array; .*'a', 'b'",
        ),
        ({"images": np.zeros((2, 6, 8), "u1")}, r"8 x 6 with 1 channel.*shape=\(2, 6, 8\)"),
        ({"images": np.zeros((0, 8, 6), "u1")}, "at least one image"),
        ({"images": np.array([{}], object)}, "expected numbers in C order; received object"),
        ({"images": np.asfortranarray(np.zeros((2, 8, 6)))}, "fortran_order=True"),
    ],
)
def test_npz_files_that_are_refused(artifact, tmp_path, arrays, text):
    np.savez(tmp_path / "images.npz", **arrays)
    with pytest.raises(ValueError, match=f"images.npz'. Received: .*{text}"):
        run(artifact, tmp_path / "images.npz", tmp_path)


def test_values_that_are_refused_write_nothing(artifact, tmp_path):
    np.save(tmp_path / "images.npy", np.full((2, 8, 6), 3.0))
    with pytest.raises(ValueError, match=r"values in \[0, 1\]"):
        run(artifact, tmp_path / "images.npy", tmp_path)
    np.save(tmp_path / "images.npy", np.full((2, 8, 6), -1, np.int32))
    with pytest.raises(ValueError, match="Received: dtype=int32, values from -1 to -1"):
        run(artifact, tmp_path / "images.npy", tmp_path)
    np.save(tmp_path / "images.npy", np.array([{}], object))
    with pytest.raises(ValueError, match="Cannot read images from .*images.npy"):
        run(artifact, tmp_path / "images.npy", tmp_path)
    assert not (tmp_path / "features.npz").exists()


def test_paths_and_arguments_that_are_refused(artifact, tmp_path, images):
    source = write("npy", tmp_path, images)
    own = write("npz", tmp_path, images)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("text")
    for arguments, error, text in (
        (
            (tmp_path / "absent", tmp_path / "o.npz"),
            FileNotFoundError,
            "a folder or a file of images",
        ),
        (
            (tmp_path / "empty", tmp_path / "o.npz"),
            FileNotFoundError,
            "Expected images .*without any",
        ),
        (
            (tmp_path / "text.txt", tmp_path / "o.npz"),
            ValueError,
            "or an IDX file of bytes. Received",
        ),
        ((source, tmp_path / "o.npy"), ValueError, "ends in .npz. Received: out="),
        ((own, own), ValueError, "another file than the images'"),
        ((source, tmp_path / "o.npz", False, 0), ValueError, "`batch_size` must be a positive int"),
    ):
        with pytest.raises(error, match=text):
            encode.encode(artifact, *arguments, progress=False)
        assert not (tmp_path / "o.npz").exists()


@pytest.mark.faults("full disks")
def test_a_full_disk_leaves_the_earlier_features(artifact, images, tmp_path, monkeypatch):
    source = write("npy", tmp_path, images)
    (tmp_path / "features.npz").write_bytes(b"earlier")
    kept = zipfile.ZipFile.open

    def full_disk(self, name, mode="r", **options):
        if mode == "w":
            raise OSError(28, "No space left on device")
        return kept(self, name, mode, **options)

    monkeypatch.setattr(zipfile.ZipFile, "open", full_disk)
    with pytest.raises(OSError, match="No space left"):
        encode.encode(artifact, source, tmp_path / "features.npz", progress=False)
    assert (tmp_path / "features.npz").read_bytes() == b"earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["features.npz", "images.npy"]


def test_main_says_what_is_wrong_in_one_line(artifact, images, tmp_path, capsys):
    source, out = write("npy", tmp_path, images), tmp_path / "out.npz"
    arguments = [f"--model={artifact}", f"--images={source}", f"--out={out}"]
    assert encode.main(arguments) == 0
    assert f"7 images -> {out}" in capsys.readouterr().out
    assert encode.main([*arguments[:1], "--images=absent", arguments[2]]) == 1
    assert capsys.readouterr().err == (
        "error: Expected a folder or a file of images. Received: 'absent'\n"
    )


def test_pictures_need_pillow_and_arrays_do_not(artifact, images, tmp_path, monkeypatch, capsys):
    array, folder, out = write("npy", tmp_path, images), tmp_path / "pictures", tmp_path / "out.npz"
    write_pictures(folder, images)
    for package in ("tqdm", "PIL"):
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert encode.main([f"--model={artifact}", f"--images={array}", f"--out={out}"]) == 0
    out.unlink()
    assert encode.main([f"--model={artifact}", f"--images={folder}", f"--out={out}"]) == 1
    assert "Pictures need Pillow: pip install pillow" in capsys.readouterr().err
    assert not out.exists()
