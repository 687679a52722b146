"""Folders of pictures as people have them: splits, classes, links, and files that are not used."""

import logging
import os

import numpy as np
import pytest
from PIL import Image

from trainers import data
from trainers.data import split_names


def picture(path, value=200):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 3), value).save(path)


def tree(root, *names):
    for value, name in enumerate(names):
        picture(root / name, value)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        *[(name, "train") for name in ("train", "TRAIN", "Training", "train_set", "TrainSet")],
        *[(name, "train") for name in ("train2017", "training-images", "1_train", "x_train")],
        *[(name, "validation") for name in ("Val", "VALID", "validation", "dev", "val_data")],
        *[(name, "test") for name in ("Test", "testing", "eval", "Test Images", "testset")],
        *[(name, None) for name in ("seg_train", "test_tube", "images", "cat", "latest", "2017")],
    ],
)
def test_a_name_is_that_of_a_split_in_any_usual_spelling(name, role):
    assert split_names.role(name) == role


@pytest.mark.parametrize("top", ["", "faces/", "archive/faces/"])
@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [("Train", "Val", "Test"), ("training_set", "DEV", "eval"), ("trainset", "valid", "TESTING")],
)
def test_splits_are_recognised_whatever_their_spelling(tmp_path, top, train, validation, test):
    tree(
        tmp_path,
        *(f"{top}{split}/{name}/1.png" for split in (train, validation, test) for name in "ab"),
    )
    loaded = data.load_splits({"name": f"folder:{tmp_path}"})
    assert {role: part.images[:, 0, 0, 0].tolist() for role, part in loaded.items()} == {
        "train": [0, 1],
        "validation": [2, 3],
        "test": [4, 5],
    }
    for part in loaded.values():
        assert part.class_names == ("a", "b") and part.labels.tolist() == [0, 1]


def test_a_split_in_a_folder_of_its_own_name_is_one_split(tmp_path):
    tree(tmp_path, "Train/Train/a/1.png", "Train/Train/b/2.png", "Test/test/a/3.png")
    loaded = data.load_splits({"name": f"folder:{tmp_path}"})
    assert loaded["train"].class_names == ("a", "b") and len(loaded["test"]) == 1


def test_a_class_may_have_a_name_that_splits_have(tmp_path):
    tree(tmp_path, "train/train/1.png", "train/bus/2.png", "test/train/3.png", "test/bus/4.png")
    loaded = data.load_splits({"name": f"folder:{tmp_path}"})
    assert loaded["train"].class_names == ("bus", "train")
    assert loaded["test"].labels.tolist() == [0, 1]
    tree(tmp_path / "vehicles", "road/bus/1.png", "rail/train/2.png", "rail/tram/3.png")
    assert data.load(f"folder:{tmp_path / 'vehicles'}", "all").class_names == ("rail", "road")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("Test/a/1.png", "Test/b/2.png"), r"the split 'train'.*Received: \['Test'\] in"),
        (("val/1.png", "TEST/2.png"), r"the split 'train'.*Received: \['TEST', 'val'\] in"),
        (("Test/1.png", "a/2.png", "b/3.png"), r"Received: \['Test'\] and \['a', 'b'\] in"),
        (("Train/1.png", "bus/2.png"), r"Received: \['Train'\] and \['bus'\] in"),
        (("x/train/a/1.png", "x/b/1.png"), r"Received: \['train'\] and \['b'\] in '.*x'"),
        (("train/1.png", "Training/2.png"), r"one folder .*'train'.*\['Training', 'train'\]"),
        (
            ("a/train/1.png", "a/test/2.png", "b/train/3.png"),
            r"on top .*\['test', 'train'\] in 'a'",
        ),
        (("a/x/Train/1.png", "a/x/Val/2.png", "b/3.png"), r"\['Train', 'Val'\] in 'a/x'"),
        (("a/Test/1.png", "b/2.png"), r"on top of those of classes.*\['Test'\] in 'a'"),
        (("seg_train/a/1.png", "seg_test/a/2.png"), r"Received: \['seg_test', 'seg_train'\]"),
        (("seg_train/1.png", "seg_test/2.png", "pred/3.png"), r"\['pred', 'seg_test', 'seg_t"),
        (("train/test/a/1.png", "val/a/2.png"), r"Received: \['test'\] in '.*train', a folder of"),
        (("train/cat/1.png", "test/Cat/2.png"), r"one spelling.*'cat' in 'train', 'Cat' in 'test'"),
    ],
)
def test_splits_that_are_not_clear_are_no_classes(tmp_path, names, message):
    tree(tmp_path, *names)
    with pytest.raises(ValueError, match=message):
        data.load(f"folder:{tmp_path}", "train")


def test_a_split_without_pictures_is_refused(tmp_path):
    tree(tmp_path, "train/1.png", "test/2.png")
    (tmp_path / "Val").mkdir()
    with pytest.raises(FileNotFoundError, match=r"Expected images .*Val', without any"):
        data.load(f"folder:{tmp_path}", "train")


def test_pictures_of_all_usual_suffixes_are_read(tmp_path):
    suffixes = ["PNG", "JPG", "jpeg", "tif", "TIFF", "webp", "bmp", "gif", "pgm"]
    for suffix in suffixes:
        picture(tmp_path / "a" / f"{suffix}.{suffix}")
    picture(tmp_path / "a" / "deeper" / "than" / "that" / "1.png")
    picture(tmp_path / "b" / "1.png")
    loaded = data.load(f"folder:{tmp_path}", "all", channels=1)
    assert len(loaded) == len(suffixes) + 2
    assert np.bincount(loaded.labels).tolist() == [len(suffixes) + 1, 1]
    assert abs(loaded.images.astype(int) - 200).max() <= 2


def test_files_that_are_not_used_are_counted_and_some_are_named(tmp_path, caplog):
    tree(tmp_path, "train/a/1.png", "train/b/2.png", "test/a/3.png", "cover.png")
    for name in ("train/a/1.psd", "train/b/2.heic", "notes.txt", "train/labels.csv", ".DS_Store"):
        (tmp_path / name).write_bytes(b"")
    picture(tmp_path / "train" / ".thumbnails" / "1.png")
    os.mkfifo(tmp_path / "test" / "pipe.png")
    with caplog.at_level(logging.WARNING):
        loaded = data.load(f"folder:{tmp_path}", "train")
    expected = (
        "4 not pictures ('notes.txt', 'train/a/1.psd', 'train/b/2.heic', ...)",
        "2 hidden ('.DS_Store', 'train/.thumbnails')",
        "1 not a file ('test/pipe.png')",
        "1 next to the folders of splits ('cover.png')",
    )
    for text in expected:
        assert text in caplog.text and text in loaded.describe()["source"]
    assert loaded.class_names == ("a", "b")


def test_pictures_without_class_are_named(tmp_path, caplog):
    tree(tmp_path, "a/1.png", "b/2.png", "cover.png")
    assert data.load(f"folder:{tmp_path}", "all").labels is None
    assert "no labels: 1 next to the folders of classes ('cover.png')" in caplog.text


def test_a_folder_of_pictures_alone_says_nothing(tmp_path, caplog):
    tree(tmp_path, "a/1.png", "b/2.png")
    assert data.load(f"folder:{tmp_path}", "all").source == "pictures of a folder"
    assert not caplog.text


@pytest.mark.parametrize("link", ["a/2.png", "a/more", "a/notes.txt", "c"])
def test_a_link_that_leads_nowhere_is_an_error(tmp_path, link):
    tree(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / link).symlink_to(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match=rf"links that lead.*{link}', a link to '.*absent'"):
        data.load(f"folder:{tmp_path}", "all")


@pytest.mark.parametrize(
    ("link", "target", "names"),
    [
        ("b/2.png", "a/1.png", r"\['a/1.png', 'b/2.png'\]"),  # another class
        ("a/2.png", "a/1.png", r"\['a/1.png', 'a/2.png'\]"),  # twice in its own
        ("c", "a", r"\['a/1.png', 'c/1.png'\]"),
        ("b/again", "a", r"\['a/1.png', 'b/again/1.png'\]"),
    ],
)
def test_no_picture_is_in_two_classes_by_a_link(tmp_path, link, target, names):
    tree(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / link).symlink_to(tmp_path / target)
    with pytest.raises(ValueError, match=f"each picture once.*Received: {names}"):
        data.load(f"folder:{tmp_path}", "all")


def test_no_picture_is_in_two_splits_by_a_link(tmp_path):
    tree(tmp_path, "train/1.png", "train/2.png", "test/3.png")
    os.link(tmp_path / "train" / "1.png", tmp_path / "test" / "4.png")
    with pytest.raises(ValueError, match=r"Received: \['test/4.png', 'train/1.png'\]"):
        data.load(f"folder:{tmp_path}", "train")
    (tmp_path / "test" / "4.png").unlink()
    (tmp_path / "val").symlink_to(tmp_path / "test")
    with pytest.raises(ValueError, match=r"Received: \['test/3.png', 'val/3.png'\]"):
        data.load(f"folder:{tmp_path}", "train")


def test_links_to_pictures_elsewhere_are_read(tmp_path):
    tree(tmp_path / "store", "1.png", "2.png")
    for name, target in (("a", "1.png"), ("b", "2.png")):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "x.png").symlink_to(tmp_path / "store" / target)
    loaded = data.load(f"folder:{tmp_path / 'data'}", "all")
    assert loaded.images[:, 0, 0, 0].tolist() == [0, 1] and loaded.labels.tolist() == [0, 1]


def test_an_empty_file_is_named(tmp_path):
    tree(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "b" / "2.JPG").write_bytes(b"")
    with pytest.raises(ValueError, match=r"readable image.*2.JPG' \(a file of 0 bytes\)"):
        data.load(f"folder:{tmp_path}", "all")
