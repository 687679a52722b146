"""Names: digits, TFDS, configs; and that files need no TensorFlow."""

import os
import re
import shutil
import subprocess
import sys

import ml_collections
import numpy as np
import pytest

from trainers import data
from trainers.data import splits, tfds_reader


def test_digits_are_a_stable_partition():
    parts = {name: data.load("digits", name) for name in ("train", "validation", "test")}
    assert {name: len(part) for name, part in parts.items()} == {
        "train": 1438,
        "validation": 179,
        "test": 180,
    }
    whole = data.load("digits", "all")
    assert whole.images.shape == (1797, 28, 28, 1) and whole.images.dtype == np.uint8
    assert sum(part.images.sum(dtype=int) for part in parts.values()) == whole.images.sum(dtype=int)
    assert all(16 <= count <= 20 for count in np.bincount(parts["test"].labels))
    assert whole.images[:, :4].max() == 0 and whole.images.max() == 255
    # Resizing keeps the mean level: 20 x 20 of the 28 x 28 pixels hold the 8 x 8 picture.
    from sklearn.datasets import load_digits

    expected = load_digits().images.mean() / 16 * (20 / 28) ** 2
    np.testing.assert_allclose(whole.float_images().mean(), expected, rtol=0.02)
    np.testing.assert_array_equal(whole.labels, load_digits().target)


def test_digits_can_be_resized_and_coloured():
    loaded = data.load("digits", "test", image_size=32, channels=3)
    assert loaded.image_shape == (32, 32, 3)
    assert "resized to 32x32" in loaded.preprocessing


def test_per_cents_are_rounded_to_the_nearest_example_and_cut_without_a_gap():
    for text, expected in (("a[:29%]", 3), ("a[:24%]", 2), ("a[29%:]", 7)):
        images, _ = splits.evaluate(text, lambda name: (np.arange(10), None))
        assert len(images) == expected, text


def test_config_chooses_splits_and_limit():
    config = ml_collections.ConfigDict(
        {
            "name": "digits",
            "data_dir": "",
            "binarisation": "dynamic",
            "image_size": 0,
            "channels": 0,
            "train_split": "train+validation",
            "validation_split": "none",
            "test_split": "",
            "download": True,
            "limit": 0,
        }
    )
    loaded = data.load_splits(config)
    assert (len(loaded["train"]), loaded["validation"], len(loaded["test"])) == (1617, None, 180)
    assert loaded["train"].binarisation == "dynamic"
    with pytest.raises(ValueError, match=r'train_spilt=.*Did you mean "train_split"'):
        data.load_splits({"name": "digits", "train_spilt": "train"})
    with pytest.raises(ValueError, match=r"Received: name=None"):
        data.load_splits({})


def test_splits_of_several_sizes_are_refused(tmp_path):
    sizes = {"x_train": (5, 8, 8), "x_test": (5, 10, 10)}
    np.savez(tmp_path / "a.npz", **{k: np.zeros(s, "uint8") for k, s in sizes.items()})
    config = {"name": f"npz:{tmp_path / 'a.npz'}"}
    with pytest.raises(ValueError, match=r"one size.*train \(8, 8, 1\), test \(10, 10, 1\)"):
        data.load_splits(config)
    assert data.load_splits({**config, "image_size": [8, 8]})["test"].image_shape == (8, 8, 1)


def test_distinct_keeps_each_picture_in_the_first_split_that_has_it(tmp_path):
    values = {"train": [1, 2, 2, 3], "valid": [3, 4], "test": [4, 1, 5, 5, 6]}
    arrays = {}
    for name, grey in values.items():
        arrays[f"x_{name}"] = np.array([np.full((4, 4), g, "uint8") for g in grey])
        arrays[f"y_{name}"] = np.array(grey)
    np.savez(tmp_path / "few.npz", **arrays)
    config = {"name": f"npz:{tmp_path / 'few.npz'}", "distinct": True}
    loaded = data.load_splits(config)
    assert {role: d.labels.tolist() for role, d in loaded.items()} == {
        "train": [1, 2, 3],
        "validation": [4],
        "test": [5, 6],
    }
    for dataset in loaded.values():
        assert dataset.images[:, 0, 0, 0].tolist() == dataset.labels.tolist()
    assert loaded["test"].split == "test, each picture once"
    with pytest.raises(ValueError, match="test that are not in an earlier split"):
        data.load_splits({**config, "test_split": "train"})


def test_unknown_names_offer_the_nearest(tmp_path):
    pytest.importorskip("tensorflow_datasets")
    with pytest.raises(ValueError, match=r'name=\'mnits\'. Did you mean "mnist"'):
        data.load("mnits", data_dir=tmp_path)
    with pytest.raises(ValueError, match=r'name=\'digit\'. Did you mean "digits"'):
        data.load("digit", data_dir=tmp_path)
    with pytest.raises(FileNotFoundError, match=r"exists. Received: name='./nowhere'"):
        data.load("./nowhere")
    with pytest.raises(ValueError, match=r"kind cannot be told.*words.txt"):
        (tmp_path / "words.txt").write_text("")
        data.load(str(tmp_path / "words.txt"))


def test_unknown_splits_and_expressions_are_refused():
    with pytest.raises(ValueError, match=r'digits.*split=\'trian\'.*Did you mean "train"'):
        data.load("digits", "trian")
    for wrong in ("train[", "train[1:2:3]", "", "train[x:]"):
        with pytest.raises(ValueError, match="Expected a split such as"):
            data.load("digits", wrong)
    with pytest.raises(ValueError, match=r"at least one image in 'digits', split 'train\[:0\]'"):
        data.load("digits", "train[:0]")
    with pytest.raises(ValueError, match="channels=2"):
        data.load("digits", channels=2)
    with pytest.raises(ValueError, match="together below 1"):
        data.load("digits", validation_fraction=0.5, test_fraction=0.5)


def test_partition_covers_everything_once(seed):
    for count, labels in ((10, None), (101, np.arange(101) % 7), (1, None)):
        parts = splits.partition(count, 0.2, 0.1, seed, labels)
        union = np.concatenate([parts[name] for name in ("train", "validation", "test")])
        np.testing.assert_array_equal(np.sort(union), np.arange(count))
        assert len(parts["test"]) + len(parts["validation"]) == round(0.3 * count)
    assert len(splits.partition(10, 0, 0, seed)["train"]) == 10


@pytest.mark.parametrize(
    ("name", "split", "shape", "mean"),
    [
        ("mnist", "test", (10000, 28, 28, 1), 33.7912),
        ("mnist", "train", (60000, 28, 28, 1), 33.3184),
        ("binarized_mnist", "test", (10000, 28, 28, 1), 0.132512 * 255),
        ("fashion_mnist", "test", (10000, 28, 28, 1), 73.1466),
    ],
)
def test_tfds_pixels_are_the_known_ones(tfds_dir, name, split, shape, mean):
    loaded = data.load(name, split, data_dir=tfds_dir, download=False)
    assert loaded.images.shape == shape
    assert abs(loaded.images.mean() - mean) < 1e-3
    assert (loaded.labels is None) == (name == "binarized_mnist")
    assert loaded.source.startswith(f"TensorFlow Datasets {name}/")


def test_cifar10_has_colours_and_classes(tfds_dir):
    loaded = data.load("cifar10", "test[:2000]", data_dir=tfds_dir, download=False)
    assert loaded.images.shape == (2000, 32, 32, 3)
    assert loaded.class_names[:2] == ("airplane", "automobile")
    means = loaded.float_images().mean(axis=(0, 1, 2))
    np.testing.assert_allclose(means, [0.487, 0.482, 0.441], atol=0.02)
    grey = data.load("cifar10", "test[:10]", data_dir=tfds_dir, download=False, channels=1)
    luma = loaded.images[:10].astype(float) @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(grey.images[..., 0], luma, atol=0.51)
    with pytest.raises(ValueError, match="for grey images"):
        data.load("cifar10", "test[:10]", data_dir=tfds_dir, binarisation="dynamic")


def test_omniglot_is_light_ink_on_black_of_28_pixels(tfds_dir):
    loaded = data.load("omniglot", "small1+small2", data_dir=tfds_dir, download=False)
    assert loaded.images.shape == (5840, 28, 28, 1)
    stored = data.load("omniglot", "small1[:40]", data_dir=tfds_dir, image_size=105, channels=3)
    assert stored.image_shape == (105, 105, 3)
    assert set(np.unique(stored.images)) == {0, 255}
    assert 15 < loaded.images.mean() < 25  # little ink on much black
    import tensorflow as tf

    expected = tf.image.resize(stored.images[..., :1], (28, 28), "bilinear", antialias=True)
    np.testing.assert_allclose(loaded.images[:40], expected, atol=1.01)  # both round to levels
    assert loaded.preprocessing.startswith("made grey; inverted (ink is 1); resized to 28x28")
    with pytest.raises(ValueError, match=r"'omniglot' has no split called 'train' here.*small1"):
        data.load_splits({"name": "omniglot", "data_dir": tfds_dir, "download": False})


def test_tfds_slices_sum_to_the_whole(tfds_dir):
    whole = data.load("mnist", "test", data_dir=tfds_dir)
    head, tail = (
        data.load("mnist", part, data_dir=tfds_dir) for part in ("test[:7000]", "test[7000:]")
    )
    np.testing.assert_array_equal(whole.labels, np.concatenate([head.labels, tail.labels]))
    np.testing.assert_array_equal(whole.images[6990:7000], head.images[-10:])
    assert data.load("mnist", "test", data_dir=tfds_dir).images is whole.images  # decoded once
    assert not whole.images.flags.writeable


def test_a_limit_reads_no_more_pictures_than_it_needs(tfds_dir, monkeypatch):
    counts, convert = [], tfds_reader.convert_images
    monkeypatch.setattr(
        tfds_reader, "convert_images", lambda *a: counts.append(len(a[0])) or convert(*a)
    )
    tfds_reader._read.cache_clear()
    config = {"name": "cifar10", "data_dir": tfds_dir, "test_split": "none", "limit": 30}
    loaded = data.load_splits(config)["train"]
    assert counts == [30] and loaded.split == "first 30 of train"
    first = data.load("cifar10", "train[:30]", data_dir=tfds_dir)
    np.testing.assert_array_equal(loaded.images, first.images)
    np.testing.assert_array_equal(loaded.labels, first.labels)
    turned = data.load_splits({**config, "rotations": True})["train"]
    assert len(turned) == 30 and turned.split.startswith("first 30 of train, each picture in")
    whole = data.load_splits({**config, "train_split": "train[:30]"})["train"]
    assert (len(whole), whole.split) == (30, "train[:30]")


def test_default_splits_are_those_that_the_data_has(tfds_dir):
    config = {"name": "binarized_mnist", "data_dir": tfds_dir, "limit": 100}
    loaded = data.load_splits(config)
    assert [len(loaded[key]) for key in ("train", "validation", "test")] == [100, 10000, 10000]
    assert loaded["test"].describe()["preprocessing"] == "pixels are 0 or 1 as shipped"
    assert {part.binarisation for part in loaded.values()} == {"static"}
    assert set(np.unique(loaded["test"].images)) == {0, 255}
    with pytest.raises(ValueError, match="binary as shipped; for dynamic binarisation take mnist"):
        data.load_splits({**config, "binarisation": "dynamic"})
    mnist = data.load_splits({"name": "mnist", "data_dir": tfds_dir, "train_split": "train[:50]"})
    assert (len(mnist["train"]), mnist["validation"], len(mnist["test"])) == (50, None, 10000)


def test_tfds_says_what_is_wrong(tfds_dir, tmp_path):
    with pytest.raises(ValueError, match=r"\['test', 'train'\].*split='tests'.*\"test\""):
        data.load("mnist", "tests", data_dir=tfds_dir, download=False)
    with pytest.raises(FileNotFoundError, match=r"not prepared in .*TFDS_DATA_DIR.*download=False"):
        data.load("kmnist", data_dir=tmp_path, download=False)
    with pytest.raises(ValueError, match=r"the feature `image`.*'imdb_reviews' with.*text"):
        data.load("imdb_reviews", data_dir=tmp_path, download=False)


def test_a_crop_that_does_not_fit_is_no_damage(tfds_dir):
    config = {"name": "cifar10", "data_dir": tfds_dir, "crop": 140, "limit": 3}
    with pytest.raises(ValueError, match=r"pictures of 32x32.*crop=140 for 'cifar10'") as raised:
        data.load_splits(config)
    assert "damaged" not in str(raised.value)


def test_damaged_tfds_files_are_reported(tfds_dir, tmp_path):
    shutil.copytree(os.path.join(tfds_dir, "omniglot"), tmp_path / "omniglot")
    (record,) = tmp_path.rglob("*small1*tfrecord*")
    record.chmod(0o644)
    record.write_bytes(record.read_bytes()[:-1000])
    with pytest.raises(ValueError, match=r"files of 'omniglot' in .* are damaged or incomplete"):
        data.load("omniglot", "small1", data_dir=str(tmp_path), download=False)


def test_failed_download_says_how_to_get_the_data(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")
    manual = re.escape(str(tmp_path / "downloads" / "manual"))
    how = rf"trainers.prepare --name=kmnist`.*train-labels-idx1-ubyte.gz.*{manual}.*Received: "
    nowhere = ModuleNotFoundError("No module named 'nowhere'", name="nowhere")
    for error, expected, message in (
        (ConnectionError("no\nnetwork"), FileNotFoundError, how + "ConnectionError: no network$"),
        (AssertionError("by hand"), FileNotFoundError, how + "AssertionError: by hand$"),
        (nowhere, ImportError, "`pip install nowhere`. Received: ModuleNotFoundError: No module"),
    ):

        def fail(self, error=error, **_):
            raise error

        monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
        with pytest.raises(expected, match=message) as raised:
            data.load("kmnist", data_dir=tmp_path)
        assert raised.value.__cause__ is error and "\n" not in str(raised.value)


def test_what_tfds_cannot_open_keeps_its_reason(tmp_path):
    pytest.importorskip("tensorflow_datasets")
    for name, message in (
        ("emnist/lettres", "cannot open 'emnist/lettres'. Received: ValueError: .*not found"),
        ("mnist:9.9.9", "cannot open 'mnist:9.9.9'. Received: AssertionError: .*only: 3.0"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            data.load(name, data_dir=tmp_path)


def test_files_and_digits_need_no_tensorflow(tmp_path):
    np.savez(tmp_path / "mine.npz", images=np.arange(40 * 16, dtype=np.uint16).reshape(40, 4, 4))
    code = f"""
import sys
for name in ("tensorflow", "tensorflow_datasets", "keras"):
    sys.modules[name] = None
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda n, *a: None if sys.modules.get(n, 0) is None else find(n, *a)
from trainers import data
for name in ("digits", "npz:{tmp_path}/mine.npz"):
    dataset = data.load_splits({{"name": name}})["train"]
    print(next(data.training_batches(dataset, 4, 17)).shape)
try:
    data.load("mnits")
except ValueError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["(4, 28, 28, 1)", "(4, 4, 4, 1)"]
    assert 'pip install "elbo-zoo[train]"' in lines[2] and 'Did you mean "mnist"' in lines[2]


def test_rotations_stand_behind_each_picture_with_its_label():
    plain = data.load_splits({"name": "digits"})
    turned = data.load_splits({"name": "digits", "rotations": True})
    assert len(turned["train"]) == 4 * len(plain["train"])
    for row in range(8):
        expected = np.rot90(plain["train"].images[row // 4, ..., 0], row % 4)
        np.testing.assert_array_equal(turned["train"].images[row, ..., 0], expected)
    np.testing.assert_array_equal(turned["test"].labels[::4], plain["test"].labels)
    np.testing.assert_array_equal(turned["test"].labels[3::4], plain["test"].labels)
    assert "four rotations" in turned["test"].split
    few = data.load_splits({"name": "digits", "limit": 3})["train"]
    limited = data.load_splits({"name": "digits", "rotations": True, "limit": 9})["train"]
    expected = [np.rot90(few.images[row // 4], row % 4) for row in range(9)]
    np.testing.assert_array_equal(limited.images, expected)
    assert limited.split == "9 of train, each picture in four rotations, drawn with seed 17"


def test_rotations_need_square_pictures():
    with pytest.raises(ValueError, match=r"square.* Received: .*\(20, 28, 1\)"):
        data.load_splits({"name": "digits", "image_size": (20, 28), "rotations": True})


def test_a_crop_is_taken_before_resizing(tmp_path):
    images = np.zeros((10, 22, 18, 1), np.uint8)
    images[:, 6:16, 4:14] = 255  # the middle 10 x 10 pixels
    np.savez(tmp_path / "faces.npz", x_train=images, x_test=images)
    config = {"name": f"npz:{tmp_path / 'faces.npz'}", "crop": 10, "image_size": 5}
    loaded = data.load_splits(config)["test"]
    assert loaded.image_shape == (5, 5, 1) and loaded.images.min() == 255
    assert "middle 10x10 pixels; resized to 5x5" in loaded.preprocessing
    with pytest.raises(ValueError, match="22x18, or 0 for whole ones. Received: crop=19"):
        data.load_splits({**config, "crop": 19})
    with pytest.raises(ValueError, match="positive crop. Received: crop=-1"):
        data.load_splits({**config, "crop": -1})
