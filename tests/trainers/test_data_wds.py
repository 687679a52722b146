"""Shards of WebDataset: the pictures of a folder, in other files, streamed."""

import itertools
import json
import os
import re
import struct
import tarfile
import tracemalloc
import zlib

import numpy as np
import pytest
import resumed_run
import shard_files
from PIL import Image

from benchmarks import streams
from trainers import callbacks, checkpoints, data
from trainers.data import shards
from trainers.data.sources import wds
from zoo.storage import tars

pytest.importorskip("webdataset")
IMAGES, LABELS = shard_files.random_images(50), np.arange(50) % 5


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Returns the cache of the test, empty."""
    monkeypatch.setenv("ELBO_ZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path):
    """Returns a folder of three shards of train and one of test."""
    shard_files.shard_set(tmp_path / "set", IMAGES, LABELS)
    shard_files.shard_set(tmp_path / "set", IMAGES[:9] // 2, LABELS[:9], 1, "test")
    return tmp_path / "set"


def stored(path, images, labels):
    """Writes the same pictures as a folder with subfolders of classes; returns its splits."""
    for row, (image, label) in enumerate(zip(images, labels)):
        file = path / str(label) / f"{row:05d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    return data.load_splits({"name": f"folder:{path}", "test_fraction": 0.2})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"image_size": [6, 4], "channels": 3},
        {"crop": 5, "limit": 20, "test_limit": 3},
        {"rotations": True, "limit": 30},
        {"distinct": True, "binarisation": "dynamic"},
    ],
)
def test_batches_are_bit_for_bit_those_of_the_same_pictures_in_a_folder(tmp_path, changes):
    images, labels = np.concatenate([IMAGES, IMAGES[:3]]), np.sort(np.arange(53) % 5)
    stored(tmp_path / "pictures", images, labels)
    members = shard_files.samples(images, labels)
    shard_files.write(tmp_path / "a.tar", members)
    names = {"wds": f"wds:{tmp_path}/*.tar", "folder": f"folder:{tmp_path / 'pictures'}"}
    ours, theirs = (data.load_splits({"name": name, **changes}) for name in names.values())
    for role, dataset in theirs.items():
        np.testing.assert_array_equal(ours[role].labels, dataset.labels)
        np.testing.assert_array_equal(ours[role].float_images(), dataset.float_images())
    for step in (0, 3, 17, 40):
        ours_batch, theirs_batch = (
            data.training_batch(splits["train"], 8, 17, step, labels=True)
            for splits in (ours, theirs)
        )
        for our, their in zip(ours_batch, theirs_batch):
            np.testing.assert_array_equal(our, their)
    assert ours["train"].describe()["preprocessing"] == theirs["train"].preprocessing
    assert ours["train"].split == theirs["train"].split and ours["train"].part == (
        theirs["train"].part
    )


@pytest.mark.parametrize("framework", ["numpy", "tensorflow"])
def test_a_stream_entered_at_any_step_goes_on_as_it_would_have(folder, framework):
    if framework == "tensorflow":
        pytest.importorskip("tensorflow")
    train = data.load(f"wds:{folder}")
    whole = [data.training_batch(train, 8, 17, step) for step in range(20)]
    again = data.load(f"wds:{folder}")
    for first in (0, 5, 13):
        stream = iter(data.training_batches(again, 8, 17, first, framework))
        for step in range(first, first + 7):
            np.testing.assert_array_equal(np.asarray(next(stream)), whole[step])
    seen = np.concatenate(whole[:7])
    assert sorted(map(bytes, seen)) == sorted(map(bytes, train.float_images()))


class _Killed(BaseException):
    pass


@pytest.mark.slow
def test_a_run_on_shards_that_was_killed_is_the_run_on_the_same_array(tmp_path, monkeypatch):
    images = shard_files.random_images(36, (6, 6))
    shard_files.shard_set(tmp_path / "set", images, np.zeros(36, int))
    np.savez(tmp_path / "same.npz", x_train=images)

    def config(name):
        run = resumed_run.config(tmp_path)
        run.data.name, run.train.epochs = name, 1
        return run

    class Kill(callbacks.Progress):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            if int(self.model.step) >= 6:
                raise _Killed

    monkeypatch.setattr(callbacks, "Progress", Kill)
    streamed, workdir = config(f"wds:{tmp_path / 'set'}"), tmp_path / "run"
    with pytest.raises(_Killed):
        resumed_run.trained(streamed, workdir)
    monkeypatch.undo()
    assert checkpoints.newest(workdir / "checkpoints").step == 6
    resumed = resumed_run.trained(streamed, workdir)
    array = resumed_run.trained(config(f"npz:{tmp_path / 'same.npz'}"), tmp_path / "array")
    resumed_run.same(resumed, array)


def test_evaluation_batches_are_in_order_and_read_in_blocks(folder):
    test = data.load(f"wds:{folder}", "test")
    batches = list(data.evaluation_batches(test, 4))
    assert [len(images) for images, _ in batches] == [4, 4, 1]
    joined = np.concatenate([images for images, _ in batches])
    np.testing.assert_array_equal(joined[..., 0], (IMAGES[:9] // 2) / np.float32(255))
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in batches]), LABELS[:9])


def test_memory_holds_batches_and_an_index_but_never_the_set(tmp_path):
    grey = np.repeat(np.arange(256, dtype=np.uint8), 4)
    images = np.broadcast_to(grey[:, None, None, None], (1024, 64, 64, 3))  # 12.6 MB
    shard_files.shard_set(tmp_path, images, grey.astype(int), 2)
    data.load(f"wds:{tmp_path}")  # lists the shards
    tracemalloc.start()
    train = data.load(f"wds:{tmp_path}")
    for step in range(64):
        batch = data.training_batch(train, 16, 17, step)
    for evaluated, _ in data.evaluation_batches(train, 16):
        assert evaluated.shape == (16, 64, 64, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert batch.shape == (16, 64, 64, 3) and train.images.size == 1024 * 64 * 64 * 3
    assert peak < 4e6, peak


# Which shards, and which splits.


def sizes(name, **options):
    loaded = data.load_splits({"name": name, **options})
    return {role: len(part) for role, part in loaded.items() if part}


def test_patterns_and_folders_name_the_same_shards(folder, tmp_path, monkeypatch):
    expected = {"train": 50, "test": 9}
    assert sizes(f"wds:{folder}") == sizes(str(folder)) == expected
    assert sizes(f"wds:{folder}/train-{{000..002}}.tar::{folder}/test-000.tar") == expected
    assert sizes(f"wds:{folder}/{{train,test}}-*.tar") == expected
    assert sizes(f"wds:{folder}/train-{{000..001}}.tar") == {"train": 34}
    monkeypatch.chdir(folder)
    assert sizes("test-000.tar", train_split="test") == {"train": 9, "test": 9}
    for name in ("train", "val"):
        shard_files.shard_set(tmp_path / "deep" / name, IMAGES[:6], LABELS[:6], 1, "shard")
    assert sizes(f"wds:{tmp_path / 'deep'}") == {"train": 6, "validation": 6}
    shard_files.shard_set(tmp_path / "plain", IMAGES, LABELS, 2, "digits")
    assert sizes(f"wds:{tmp_path / 'plain'}") == {"train": 40, "validation": 5, "test": 5}
    assert data.load(f"wds:{folder}/train-*.tar", "train[:10%]").images[:].shape == (5, 8, 8, 1)


@pytest.mark.parametrize(
    ("pattern", "error", "text"),
    [
        ("/train-{000..003}.tar", FileNotFoundError, r"train-003.tar', which is absent"),
        ("/none-*.tar", FileNotFoundError, r"none-\*.tar', which matches no file"),
        ("/none", FileNotFoundError, r"Expected shards that are files here"),
        ("/{0..99999999999}.tar", ValueError, r"at most 1000 shards"),
        ("/" + "{a,b}" * 24 + ".tar", ValueError, r"at most 1000 shards"),
        ("/{0..3.tar", ValueError, r"Unbalanced braces"),
        ("/train-{000..002}.tar::/other.tar", ValueError, r"train, validation, test each.*other"),
        ("/train-000.tar::/train-*.tar", ValueError, r"each shard once.*train-000.tar' 2 times"),
        ("/train-test.tar", ValueError, r"train, validation, test each.*train-test"),
    ],
)
def test_a_pattern_that_names_no_clear_set_is_refused(folder, pattern, error, text, monkeypatch):
    monkeypatch.setattr(wds, "MOST_SHARDS", 1000)
    for name in ("other", "train-test"):
        shard_files.write(folder / f"{name}.tar", shard_files.samples(IMAGES[:2]))
    name = "::".join(f"{folder}{part}" for part in pattern.split("::"))
    with pytest.raises(error, match=text):
        data.load(f"wds:{name}")


def test_an_address_is_no_shard():
    for name in ("http://localhost/a.tar", "pipe:cat a.tar"):
        with pytest.raises(FileNotFoundError, match="files here"):
            data.load(f"wds:{name}")


# Labels.


def label_set(path, *contents):
    """Writes a sample for each {suffix: content}; returns the data set."""
    members = {}
    for row, (image, extra) in enumerate(zip(IMAGES, contents)):
        members[f"{row}.png"] = shard_files.picture(image)
        members.update({f"{row}.{suffix}": content for suffix, content in extra.items()})
    shard_files.write(path / "train-0.tar", members)
    return data.load(f"wds:{path}")


def test_labels_are_numbers_or_names_in_cls_or_json(tmp_path):
    numbers = label_set(tmp_path / "a", {"cls": b"3\n"}, {"json": b'{"label": 1}'}, {"json": b"2"})
    assert (numbers.labels.tolist(), numbers.class_names) == ([3, 1, 2], None)
    names = label_set(tmp_path / "b", {"json": b'{"class": "dog"}'}, {"CLS": b"cat"})
    assert (names.labels.tolist(), names.class_names) == ([1, 0], ("cat", "dog"))
    other = {"json": json.dumps({"caption": "a cat", "url": 1}).encode(), "txt": b"a cat"}
    assert label_set(tmp_path / "c", other, {"cls": b"1"}).labels is None


def test_names_of_classes_are_those_of_all_shards(tmp_path):
    for name, classes in (("train-0", "ba"), ("train-1", "ca"), ("test-0", "d")):
        members = shard_files.samples(IMAGES[: len(classes)], classes)
        shard_files.write(tmp_path / f"{name}.tar", members)
    loaded = data.load_splits({"name": f"wds:{tmp_path}"})
    assert loaded["train"].class_names == ("a", "b", "c", "d")
    assert loaded["train"].labels.tolist() == [1, 0, 2, 0]
    assert loaded["test"].labels.tolist() == [3]


def test_what_is_not_used_is_counted_in_a_warning(tmp_path, caplog):
    link = tarfile.TarInfo("00002.jpg")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    members = {**shard_files.samples(IMAGES[:2]), "00000.cls": b"1", "00002.jpg": link}
    members = {**members, "00003.pyd": b"pickled", "__meta__": b"", "a/": tarfile.TarInfo("a")}
    members["a/"].type = tarfile.DIRTYPE
    shard_files.write(tmp_path / "train-0.tar", dict(sorted(members.items())))
    loaded = data.load(f"wds:{tmp_path}")
    text = "1 entries that are no files, 1 samples without a picture, 1 pictures without a label"
    assert len(loaded) == 2 and loaded.labels is None
    assert text in caplog.text and loaded.source.endswith(text)


@pytest.mark.parametrize(
    ("extra", "text"),
    [
        ({"jpg": b"", "cls": b"1"}, r"one picture a sample.*0.png', '0.jpg"),
        ({"cls": b""}, r"Expected a label.*'0.cls'"),
        ({"cls": b"\xff"}, r"Expected a label.*'0.cls'"),
        ({"json": b'{"label": 1.5}'}, r"Expected a label.*'0.json'.*'1.5'"),
        ({"json": b'{"label": ' + b"[" * 5000}, r"Expected a label.*'0.json'.*nested"),
        ({"json": b"1" * 5000}, r"Expected a label.*'0.json'"),
        ({"cls": bytes(shards.LARGEST_LABEL + 1)}, r"at most 1048576 bytes"),
        ({"cls": b"a"}, r"all numbers or all texts"),
    ],
)
def test_a_label_that_is_none_is_refused(tmp_path, extra, text):
    with pytest.raises(ValueError, match=text):
        label_set(tmp_path, extra, {"cls": b"1"})


# The index.


def test_a_shard_is_listed_once_until_it_changes(folder, monkeypatch, cache):
    listed, members = [], tars.members
    monkeypatch.setattr(tars, "members", lambda path: listed.append(path) or members(path))
    before = data.fingerprint(data.load(f"wds:{folder}"))
    assert len(listed) == 4
    assert data.fingerprint(data.load(f"wds:{folder}")) == before and len(listed) == 4
    kept = sorted((cache / "shards").iterdir())
    assert len(kept) == 4
    kept[0].write_bytes(kept[0].read_bytes()[:-50])  # damaged
    assert data.fingerprint(data.load(f"wds:{folder}")) == before and len(listed) == 5
    other = shard_files.samples(IMAGES[1:18], LABELS[:17])
    shard_files.write(folder / "train-000.tar", other)
    os.utime(folder / "train-000.tar", ns=(1, 1))
    changed = data.fingerprint(data.load(f"wds:{folder}"))
    assert len(listed) == 6 and len(list((cache / "shards").iterdir())) == 4
    assert data.changes({"train": before}, {"train": changed}) == ["the images of train"]


def test_an_index_that_cannot_be_kept_is_no_error(folder, cache, caplog):
    cache.write_text("a file where the folder should be")
    assert len(data.load(f"wds:{folder}")) == 50
    assert "is not kept" in caplog.text


def test_a_shard_that_changes_while_it_is_read_is_refused(folder):
    train = data.load(f"wds:{folder}")
    shard_files.write(folder / "train-001.tar", shard_files.samples(IMAGES[:40]))
    data.training_batch(train.take(10), 4, 17, 0)
    with pytest.raises(ValueError, match=r"does not change.*train-001.tar', changed since"):
        train.images[:]
    (folder / "train-001.tar").unlink()
    with pytest.raises(FileNotFoundError, match=r"train-001.tar"):
        train.images[:]


def test_pictures_that_differ_or_are_damaged_are_named(tmp_path):
    for name, content in (("b", shard_files.picture(IMAGES[0][:4])), ("c", b"GIF89a, I promise")):
        members = {"x/0.png": shard_files.picture(IMAGES[0]), f"x/{name}.png": content}
        shard_files.write(tmp_path / f"{name}.tar", members)
        train = data.load(f"wds:{tmp_path / name}.tar", "all")
        with pytest.raises(ValueError, match=rf"{name}.tar: x/{name}.png"):
            train.images[:]


def test_without_the_package_the_error_names_the_extra(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "webdataset", None)
    with pytest.raises(ImportError, match=r'pip install "elbo-zoo\[wds\]"'):
        data.load(f"wds:{folder}")


def test_the_benchmark_reads_its_shards_in_both_ways(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(streams, "SHARD_BYTES", 1 << 17)
    monkeypatch.setattr(streams, "BATCH", 16)
    streams.write(tmp_path, megabytes=0, side=8)
    streams.forget(tmp_path)
    for way in streams.WAYS:
        streams.measure(tmp_path, way, seconds=0)
        assert re.match(r"\d+ examples/s, .* MB\n", capsys.readouterr().out)
    (batch, *_), others = (list(itertools.islice(read(tmp_path), 2)) for read in streams.READ)
    assert batch.shape == others[0].shape == (16, 8, 8, 3) and batch.max() <= 1


def test_a_picture_that_is_a_bomb_is_refused(tmp_path):
    content = bytearray(shard_files.picture(IMAGES[0]))
    content[16:24] = struct.pack(">II", 20000, 20000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    shard_files.write(tmp_path / "a.tar", {"0.png": bytes(content)})
    with pytest.raises(ValueError, match=r"ordinary size.*a.tar: 0.png"):
        data.load(f"wds:{tmp_path / 'a.tar'}")
