"""The user's own files: folders of pictures, npz and IDX, whole and broken."""

import gzip
import os
import struct

import numpy as np
import pytest
from PIL import Image

from trainers import data


def picture(path, value=200, size=(6, 8), mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (size[1], size[0]), value).save(path)


def idx(array, magic=b"\0\0\x08"):
    shape = struct.pack(f">{array.ndim}I", *array.shape)
    return magic + bytes([array.ndim]) + shape + array.astype(np.uint8).tobytes()


@pytest.fixture
def arrays(rng):
    return rng.integers(0, 256, (40, 5, 4), dtype=np.uint8), np.arange(40) % 4


def test_folder_with_classes_is_cut_by_class(tmp_path):
    for name, value in (("ant", 10), ("bee", 90)):
        for i in range(10):
            picture(tmp_path / name / f"{i}.png", value + i)
    everything = data.load(f"folder:{tmp_path}", "all")
    assert everything.class_names == ("ant", "bee")
    assert everything.image_shape == (6, 8, 1)
    np.testing.assert_array_equal(everything.images[:, 0, 0, 0], [*range(10, 20), *range(90, 100)])
    np.testing.assert_array_equal(everything.labels, [0] * 10 + [1] * 10)
    assert everything.name == f"folder:{tmp_path.name}"
    parts = [data.load(str(tmp_path), split) for split in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [16, 2, 2]
    seen = np.concatenate([part.images[:, 0, 0, 0] for part in parts])
    np.testing.assert_array_equal(np.sort(seen), everything.images[:, 0, 0, 0])
    again = data.load(str(tmp_path), "test")
    np.testing.assert_array_equal(again.images, parts[2].images)
    halves = data.load(str(tmp_path), "train[:50%]+test")
    assert len(halves) == 10


def test_folder_with_splits_shares_its_classes(tmp_path):
    picture(tmp_path / "train" / "ant" / "a.png")
    picture(tmp_path / "train" / "bee" / "b.jpg")
    picture(tmp_path / "val" / "bee" / "c.bmp")
    splits = data.load_splits({"name": f"folder:{tmp_path}"})
    assert [len(splits[key]) for key in ("train", "validation")] == [2, 1]
    assert splits["test"] is None
    assert list(splits["validation"].labels) == [1]


def test_a_split_without_classes_leaves_the_others_theirs(tmp_path):
    picture(tmp_path / "training" / "ant" / "a.png")
    picture(tmp_path / "training" / "bee" / "b.png")
    picture(tmp_path / "testing" / "c.png")
    splits = data.load_splits({"name": f"folder:{tmp_path}"})
    assert list(splits["train"].labels) == [0, 1]
    assert splits["train"].class_names == ("ant", "bee")
    assert len(splits["test"]) == 1 and splits["test"].labels is None
    assert data.load(str(tmp_path), "train+test").labels is None


def test_one_stray_picture_leaves_no_split_half_labelled(tmp_path):
    for i in range(20):
        picture(tmp_path / "ab"[i % 2] / f"{i}.png")
    picture(tmp_path / "cover.png")
    for seed in range(3):
        splits = data.load_splits({"name": f"folder:{tmp_path}", "split_seed": seed})
        assert all(split.labels is None for split in splits.values())
    assert splits["train"].source_examples == 21


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_a_folder_that_may_not_be_read_is_not_left_out(tmp_path):
    picture(tmp_path / "ant" / "a.png")
    picture(tmp_path / "bee" / "b.png")
    (tmp_path / "bee").chmod(0)
    try:
        with pytest.raises(PermissionError, match="bee"):
            data.load(str(tmp_path), "all")
    finally:
        (tmp_path / "bee").chmod(0o700)


def test_no_folder_of_pictures_is_left_out_in_silence(tmp_path):
    picture(tmp_path / "train" / "a.png")
    (tmp_path / "notes").mkdir()
    picture(tmp_path / ".thumbnails" / "a.png")
    assert len(data.load(str(tmp_path), "train")) == 1
    picture(tmp_path / "bus" / "b.png")
    with pytest.raises(ValueError, match=r"Received: \['train'\] and \['bus'\]"):
        data.load(str(tmp_path), "train")
    picture(tmp_path / "training" / "b.png")
    with pytest.raises(ValueError, match=r"one folder of the split 'train'.*'training'"):
        data.load(str(tmp_path), "train")


@pytest.mark.faults("hostile files")
def test_links_to_folders_are_followed_and_circles_end(tmp_path):
    picture(tmp_path / "elsewhere" / "inner" / "a.png")
    picture(tmp_path / "data" / "bee" / "b.png")
    (tmp_path / "data" / "ant").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "inner" / "back").symlink_to(tmp_path / "elsewhere")
    loaded = data.load(f"folder:{tmp_path / 'data'}", "all")
    assert loaded.class_names == ("ant", "bee") and list(loaded.labels) == [0, 1]


def test_folder_without_classes_has_no_labels_and_skips_other_files(tmp_path):
    for suffix in ("png", "jpg", "webp", "bmp", "gif"):
        picture(tmp_path / f"one.{suffix}")
    picture(tmp_path / ".hidden.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    loaded = data.load(f"folder:{tmp_path}", "all", channels=1)
    assert len(loaded) == 5
    assert loaded.labels is None and loaded.class_names is None


def test_pictures_are_read_by_documented_rules(tmp_path):
    picture(tmp_path / "a.png", (255, 0, 0), mode="RGB")
    picture(tmp_path / "b.png", (200, 100, 50, 0), mode="RGBA")
    Image.fromarray(np.full((6, 8), 65535, np.uint16)).save(tmp_path / "c.png")
    loaded = data.load(f"folder:{tmp_path}", "all", channels=1)
    # Red has luma 0.299, a transparent pixel is black, 16 bits are scaled to 8.
    np.testing.assert_array_equal(loaded.images[:, 0, 0, 0], [round(0.299 * 255), 0, 255])
    colour = data.load(f"folder:{tmp_path}", "all", channels=3)
    np.testing.assert_array_equal(colour.images[0, 0, 0], [255, 0, 0])
    np.testing.assert_array_equal(colour.images[2, 0, 0], [255, 255, 255])


def test_every_level_of_8_bits_is_the_same_in_16(tmp_path):
    levels = np.arange(256).reshape(16, 16)
    Image.fromarray((257 * levels).astype(np.uint16)).save(tmp_path / "a.png")  # 255 at 65535
    loaded = data.load(f"folder:{tmp_path}", "all")
    np.testing.assert_array_equal(loaded.images[0, ..., 0], levels)


def test_resizing_crops_the_middle_first(tmp_path):
    wide = np.zeros((4, 12), np.uint8)
    wide[:, 4:8] = 240  # the middle square, all that is kept
    Image.fromarray(wide).save(tmp_path / "a.png")
    loaded = data.load(f"folder:{tmp_path}", "all", image_size=2)
    np.testing.assert_array_equal(loaded.images, np.full((1, 2, 2, 1), 240))
    assert loaded.preprocessing == "resized to 2x2 (centre crop, antialiased bilinear)"


def test_several_sizes_need_an_image_size(tmp_path):
    picture(tmp_path / "a.png", size=(6, 8))
    picture(tmp_path / "b.png", size=(9, 9))
    message = (
        r"set image_size.*Received: 'b.png' of shape \(9, 9, 1\), 'a.png' of shape \(6, 8, 1\)"
    )
    with pytest.raises(ValueError, match=message):
        data.load(f"folder:{tmp_path}", "all")
    assert data.load(f"folder:{tmp_path}", "all", image_size=(4, 5)).image_shape == (4, 5, 1)


def test_several_channel_counts_need_channels(tmp_path):
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png", (1, 2, 3), mode="RGB")
    with pytest.raises(ValueError, match=r"number of channels.*'b.png' of shape \(6, 8, 3\)"):
        data.load(f"folder:{tmp_path}", "all")


@pytest.mark.faults("hostile files")
def test_broken_pictures_and_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"folder of images.*nowhere"):
        data.load(f"folder:{tmp_path}/nowhere")
    with pytest.raises(FileNotFoundError, match=r"Expected images .*without any"):
        data.load(f"folder:{tmp_path}", "all")
    noise = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    for name, content in (("text.png", b"hello"), ("short.png", whole[:300]), ("empty.png", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"readable image. Received: path=.*{name}"):
            data.load(f"folder:{tmp_path}", "all")
        (tmp_path / name).unlink()


@pytest.mark.parametrize("folder", ["", "train/"])
def test_only_the_pictures_asked_for_are_read(tmp_path, folder):
    for i in range(10):
        picture(tmp_path / f"{folder}{i}.png", value=i)
    if folder:
        picture(tmp_path / "test" / "a.png")
    (tmp_path / f"{folder}9.png").write_bytes(b"broken")
    with pytest.raises(ValueError, match="readable image.*9.png"):
        data.load(str(tmp_path), "train", validation_fraction=0.0, test_fraction=0.0)
    split = {"test_split": "test" if folder else "none", "validation_split": "none"}
    cut = {"validation_fraction": 0.0, "test_fraction": 0.0}
    config = {"name": str(tmp_path), "train_split": "train[2:9]", **split, **cut}
    assert data.load_splits(config)["train"].images[:, 0, 0, 0].tolist() == [2, 3, 4, 5, 6, 7, 8]
    config = {"name": str(tmp_path), "limit": 4, "train_split": "train[:9]", **split, **cut}
    drawn = data.load_splits(config)["train"].images[:, 0, 0, 0].tolist()
    assert len(drawn) == 4 and drawn == sorted(set(drawn))
    for i in {*range(9)} - {*drawn}:
        (tmp_path / f"{folder}{i}.png").write_bytes(b"broken")
    assert data.load_splits(config)["train"].images[:, 0, 0, 0].tolist() == drawn


def test_npz_of_images_is_cut_by_label(tmp_path, arrays):
    images, labels = arrays
    path = tmp_path / "mine.npz"
    np.savez(path, images=images, labels=labels, class_names=np.array(list("abcd")))
    splits = data.load_splits({"name": f"npz:{path}", "test_fraction": 0.2, "limit": 7})
    assert {key: len(part) for key, part in splits.items()} == {
        "train": 7,
        "validation": 4,
        "test": 8,
    }
    assert splits["test"].class_names == ("a", "b", "c", "d")
    np.testing.assert_array_equal(np.bincount(splits["test"].labels), [2, 2, 2, 2])
    np.testing.assert_array_equal(data.load(str(path), "all").images[..., 0], images)
    assert data.load(str(path), "all").describe()["name"] == "npz:mine.npz"


def test_npz_with_splits(tmp_path, arrays):
    images, labels = arrays
    path = tmp_path / "mine.npz"
    np.savez(path, x_train=images / 255.0, y_train=labels, x_val=images[:3], x_test=images[:2])
    splits = data.load_splits({"name": f"npz:{path}", "test_split": "none"})
    assert len(splits["train"]) == 40 and splits["train"].images.dtype == np.float32
    assert len(splits["validation"]) == 3 and splits["validation"].labels is None
    assert splits["test"] is None
    with pytest.raises(
        ValueError, match=r"\['test', 'train', 'validation'\].*split='tset'.*\"test\""
    ):
        data.load(f"npz:{path}", "tset")


@pytest.mark.faults("hostile files")
def test_broken_npz_is_refused(tmp_path, arrays):
    path = tmp_path / "mine.npz"
    with pytest.raises(FileNotFoundError, match=r"data file. Received: path=.*mine.npz"):
        data.load(f"npz:{path}")
    np.savez(path, images=np.array([{"code": 1}], dtype=object))
    with pytest.raises(ValueError, match=r"objects are never unpickled.*mine.npz"):
        data.load(f"npz:{path}")
    np.save(tmp_path / "mine.npy", arrays[0])
    with pytest.raises(ValueError, match=r"whole npz archive.*mine.npy.*it is a single array"):
        data.load(f"npz:{tmp_path / 'mine.npy'}")
    np.savez(path, pictures=arrays[0])
    with pytest.raises(ValueError, match=r"called images and labels.*\['pictures'\]"):
        data.load(f"npz:{path}")
    np.savez(path, images=arrays[0], labels=arrays[1][:9])
    with pytest.raises(ValueError, match=r"each of the 40 images in 'npz:mine.npz'.*\(9,\)"):
        data.load(f"npz:{path}")
    np.savez_compressed(path, images=arrays[0], labels=arrays[1])
    content = path.read_bytes()
    for broken in (
        content[: len(content) // 2],
        b"",
        b"hello",
        content[:200] + b"x" + content[201:],
    ):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=r"whole npz archive.*mine.npz"):
            data.load(f"npz:{path}")


@pytest.mark.parametrize("zipped", [False, True])
def test_idx_folder_and_file(tmp_path, arrays, zipped):
    images, labels = arrays
    suffix, pack = (".gz", gzip.compress) if zipped else ("", bytes)
    for stem, array in (("images-idx3", images), ("labels-idx1", labels)):
        (tmp_path / f"train-{stem}-ubyte{suffix}").write_bytes(pack(idx(array)))
        (tmp_path / f"t10k-{stem}-ubyte{suffix}").write_bytes(pack(idx(array[:6])))
    for name in (f"idx:{tmp_path}", str(tmp_path)):
        splits = data.load_splits({"name": name})
        np.testing.assert_array_equal(splits["train"].images[..., 0], images)
        np.testing.assert_array_equal(splits["test"].labels, labels[:6])
        assert splits["validation"] is None
    single = data.load(str(tmp_path / f"train-images-idx3-ubyte{suffix}"), "all")
    np.testing.assert_array_equal(single.labels, labels)


def test_idx_files_that_are_not_used_are_named(tmp_path, arrays, caplog):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(arrays[0]))
    assert len(data.load(f"idx:{tmp_path}", "train")) == 40 and not caplog.text
    (tmp_path / "valid-images-idx3-ubyte").write_bytes(idx(arrays[0]))
    data.load(f"idx:{tmp_path}", "train")
    assert "1 files that are not used: ['valid-images-idx3-ubyte']" in caplog.text


@pytest.mark.faults("hostile files")
def test_a_picture_starts_no_program(tmp_path, monkeypatch):
    """Pillow hands PostScript to the program `gs`, whatever the file's suffix."""
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    # It looks for the program once; earlier versions look each time.
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None, raising=False)
    content = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 6\n%%EndComments\nshowpage\n%%EOF\n"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"readable image. Received: path=.*a\.png"):
        data.load(f"folder:{tmp_path / 'data'}", "all")
    assert not (tmp_path / "started").exists()


@pytest.mark.faults("hostile files")
def test_broken_idx_is_refused(tmp_path, arrays):
    path = tmp_path / "train-images-idx3-ubyte"
    whole = idx(arrays[0])
    broken = {
        r"begins with 0, 0, type, rank.*beginning with '01 00 08 03'": b"\1" + whole[1:],
        r"begins with 0, 0, type, rank.*beginning with '00 00 07 03'": b"\0\0\7" + whole[3:],
        r"Expected 816 bytes.*shape \(40, 5, 4\).*with 716 bytes": whole[:-100],
        r"Expected 816 bytes.*with 817 bytes": whole + b"x",
        r"whole IDX header.*with 9 bytes": whole[:9],
        r"whole gzip file.*train-images": gzip.compress(whole)[:-30],
        r"beginning with ''": b"",
    }
    for message, content in broken.items():
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            data.load(f"idx:{tmp_path}")
    with pytest.raises(FileNotFoundError, match="absent"):
        data.load(f"idx:{tmp_path}/other-images-idx3-ubyte")
    path.unlink()
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte or t10k"):
        data.load(f"idx:{tmp_path}")


@pytest.mark.parametrize(
    "names",
    [
        ("X_train", "y_train", "X_test", "Y_Test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("x_Training", "y_Training", "x_eval", "y_eval"),
    ],
)
def test_npz_arrays_are_recognised_whatever_their_spelling(tmp_path, arrays, names):
    images, labels = arrays
    np.savez(tmp_path / "a.npz", **dict(zip(names, (images, labels, images[:6], labels[:6]))))
    loaded = data.load_splits({"name": f"npz:{tmp_path / 'a.npz'}"})
    np.testing.assert_array_equal(loaded["train"].images[..., 0], images)
    np.testing.assert_array_equal(loaded["train"].labels, labels)
    np.testing.assert_array_equal(loaded["test"].labels, labels[:6])
    assert loaded["validation"] is None


def test_npz_arrays_that_are_not_used_are_named(tmp_path, arrays, caplog):
    images, labels = arrays
    path = tmp_path / "a.npz"
    np.savez(path, images=images, labels=labels, masks=images, y_test=labels)
    assert len(data.load(f"npz:{path}", "all")) == 40
    assert "a.npz: arrays that are not used: ['masks', 'y_test']" in caplog.text
    for names in (("images", "x_test"), ("x_train", "X_train"), ("y_train", "masks")):
        np.savez(path, **dict.fromkeys(names, images))
        with pytest.raises(ValueError, match=r"called images and labels.*each once. Received"):
            data.load(f"npz:{path}", "all")
