"""A limit of a split takes examples that stand for all of it, whatever the source's order."""

import numpy as np
import pytest
from PIL import Image

from trainers import data
from trainers.config import complete, default_config
from trainers.data import splits

CLASSES, EACH = 4, 30


def arrays():
    """Images [N, 4, 4] sorted by class, each of its own grey level, and their labels."""
    labels = np.repeat(np.arange(CLASSES), EACH)
    return np.arange(len(labels), dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), "u1"), labels


def folder(path, top=""):
    for level, (image, label) in enumerate(zip(*arrays())):
        place = path / top / f"class {label}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{level:03}.png")
    return f"folder:{path}"


def npz(path):
    images, labels = arrays()
    np.savez(path / "a.npz", images=images, labels=labels)
    return f"npz:{path / 'a.npz'}"


def idx(path):
    images, labels = arrays()
    for stem, array, kind in (("images", images, 3), ("labels", labels, 1)):
        head = b"\0\0\x08" + bytes([kind]) + np.array(array.shape, ">u4").tobytes()
        content = head + array.astype(np.uint8).tobytes()
        (path / f"train-{stem}-idx{kind}-ubyte").write_bytes(content)
    return f"idx:{path}"


SOURCES = {
    "folder": folder,
    "folder of splits": lambda path: folder(path, "train"),
    "npz": npz,
    "idx": idx,
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_class_has_its_share(tmp_path, source):
    name = SOURCES[source](tmp_path)
    whole = data.load_splits({"name": name})["train"]
    share = len(whole) // CLASSES
    for limit in (4, 20, 47):
        part = data.load_splits({"name": name, "limit": limit})["train"]
        counts = np.bincount(part.labels, minlength=CLASSES)
        assert len(part) == limit and abs(counts - limit / CLASSES).max() < 1
        grey = part.images[:, 0, 0, 0]
        np.testing.assert_array_equal(grey // EACH, part.labels)  # labels went with images
        assert len(np.unique(grey)) == limit and (np.diff(grey.astype(int)) > 0).all()
        assert np.isin(grey, whole.images[:, 0, 0, 0]).all()
        again = data.load_splits({"name": name, "limit": limit})["train"]
        np.testing.assert_array_equal(again.images, part.images)
        assert part.split == f"{limit} of train, drawn with seed 17" and part.part == "drawn"
    everything = data.load_splits({"name": name, "limit": 4 * share})["train"]
    assert len(everything) == len(whole) and everything.part == "" and everything.split == "train"


def test_the_draw_follows_the_seed_of_splits(tmp_path):
    name = folder(tmp_path, "train")
    first, second = (
        data.load_splits({"name": name, "limit": 20, "split_seed": seed})["train"].images
        for seed in (17, 18)
    )
    assert (first != second).any()


def test_a_limit_is_within_the_split_that_is_asked_for(tmp_path):
    config = {"name": folder(tmp_path, "train"), "train_split": "train[:50%]+train[75%:]"}
    part = data.load_splits({**config, "limit": 30})["train"]
    assert np.bincount(part.labels).tolist() == [10, 10, 0, 10]
    whole = data.load_splits({**config, "limit": 90})["train"]
    assert len(whole) == 90 and whole.part == ""
    with pytest.raises(ValueError, match="at least one example, or 0 for all. Received: limit=-1"):
        data.load_splits({**config, "limit": -1})


def test_a_part_is_the_same_with_and_without_distinct(tmp_path):
    config = {"name": folder(tmp_path, "train"), "limit": 20}
    loaded = data.load_splits({**config, "distinct": True})["train"]
    np.testing.assert_array_equal(loaded.images, data.load_splits(config)["train"].images)
    assert loaded.split == "20 of train, each picture once, drawn with seed 17"


def test_images_without_labels_are_drawn_from_all(tmp_path):
    images, _ = arrays()
    np.savez(tmp_path / "a.npz", x_train=images)
    config = {"name": f"npz:{tmp_path / 'a.npz'}", "limit": 40}
    grey = data.load_splits(config)["train"].images[:, 0, 0, 0]
    # 40 of 120, as of a hypergeometric draw: each quarter has 10, standard deviation 2.3.
    assert np.bincount(grey // EACH, minlength=CLASSES).min() >= 1


def test_tiny_trains_validates_and_tests_on_every_class(tmp_path):
    config = default_config()
    config.data.name = folder(tmp_path)
    config.data.validation_fraction = config.data.test_fraction = 0.25
    config.train.batch_size = 4
    config = complete(config, "tiny")
    loaded = data.load_splits(config.data)
    assert np.bincount(loaded["train"].labels, minlength=CLASSES).min() >= 2  # of 9
    rows = loaded["validation"].rows(8)
    assert np.bincount(loaded["validation"].labels[rows], minlength=CLASSES).min() >= 1
    test = data.load_splits({**config.data.to_dict(), "test_limit": 8})["test"]
    assert np.bincount(test.labels, minlength=CLASSES).min() >= 1
    assert test.split == "8 of test, drawn with seed 17"


def test_tiny_needs_no_test_split(tmp_path):
    config = default_config()
    config.data.name = folder(tmp_path, "train")
    loaded = data.load_splits(complete(config, "tiny").data)
    assert loaded["test"] is None and len(loaded["train"]) == 120


def test_what_tfds_has_shuffled_keeps_its_first_examples(tfds_dir):
    config = {"name": "mnist", "data_dir": tfds_dir, "validation_split": "none"}
    loaded = data.load_splits({**config, "limit": 50, "test_limit": 30})
    for role, number in (("train", 50), ("test", 30)):
        first = data.load("mnist", f"{role}[:{number}]", data_dir=tfds_dir)
        np.testing.assert_array_equal(loaded[role].images, first.images)
        assert loaded[role].split == f"first {number} of {role}" and loaded[role].part == "first"
    assert loaded["test"].rows(7) == slice(0, 7)
    whole = data.load_splits({**config, "train_split": "train[:50]", "limit": 50})["train"]
    assert whole.split == "train[:50]" and whole.part == ""


def test_what_tfds_has_not_shuffled_is_drawn(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")

    class SortedPictures(tfds.core.GeneratorBasedBuilder):
        """Pictures that TFDS keeps in their order."""

        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(
                    {
                        "image": tfds.features.Image(shape=(4, 4, 1)),
                        "label": tfds.features.ClassLabel(num_classes=CLASSES),
                    }
                ),
                disable_shuffling=True,
            )

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for i, (image, label) in enumerate(zip(*arrays())):
                yield i, {"image": image[..., None], "label": label}

    config = {"name": "sorted_pictures", "data_dir": str(tmp_path), "limit": 20}
    part = data.load_splits(config)["train"]
    assert np.bincount(part.labels).tolist() == [5, 5, 5, 5]
    np.testing.assert_array_equal(part.images[:, 0, 0, 0] // EACH, part.labels)
    assert part.split == "20 of train, drawn with seed 17"


def test_a_draw_is_of_the_given_number_and_within_the_share(seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice(5, 1000, p=[0.5, 0.3, 0.15, 0.04, 0.01])
    for number in (1, 10, 333, 999):
        rows = splits.Limit(number, seed).rows(1000, labels)
        assert len(np.unique(rows)) == number
        shares = np.bincount(labels, minlength=5) * number / 1000
        assert abs(np.bincount(labels[rows], minlength=5) - shares).max() < 1 + 1e-9


def test_sizes_of_expressions():
    sizes = {"train": 10, "test": 7}
    for text, expected in (("train", 10), ("train[2:5]+test", 10), ("train[:29%]+test[-2:]", 5)):
        assert splits.size(text, sizes) == expected
