"""Data sets of Hugging Face's library: saved ones and parquet files, streamed."""

import json
import sys

import numpy as np
import pytest
import shard_files

from trainers import data

datasets = pytest.importorskip("datasets")
IMAGES, LABELS = shard_files.random_images(30), np.arange(30) % 3


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Sets the cache of the test, empty, and keeps the network away."""
    monkeypatch.setenv("ELBO_ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("socket.socket.connect", lambda *arguments: pytest.fail("network"))


def table(rows=slice(None), images=IMAGES, labels=LABELS, **kinds):
    """Returns a `Dataset` of some rows; by default labels are of three classes."""
    kinds = {
        "image": datasets.Image(),
        "label": datasets.ClassLabel(names=["a", "b", "c"]),
        **kinds,
    }
    columns = {"image": [{"bytes": shard_files.picture(x), "path": None} for x in images[rows]]}
    columns["label"] = list(labels[rows])
    columns.update({name: columns["image"] for name in kinds if name not in columns})
    return datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))


def save(folder, **splits):
    datasets.DatasetDict(splits).save_to_disk(str(folder))
    return f"hf:{folder}"


def equal(loaded, rows):
    np.testing.assert_array_equal(loaded.images[:][..., 0], IMAGES[rows])
    np.testing.assert_array_equal(loaded.labels, LABELS[rows])


def test_saved_splits_are_streamed_and_batches_are_those_of_arrays(tmp_path):
    name = save(tmp_path / "set", train=table(slice(20)), test=table(slice(20, 30)))
    loaded = data.load_splits({"name": name})
    equal(loaded["train"], slice(20))
    equal(loaded["test"], slice(20, 30))
    assert loaded["train"].class_names == ("a", "b", "c") and loaded["validation"] is None
    np.savez(tmp_path / "same.npz", x_train=IMAGES[:20], y_train=LABELS[:20])
    same = data.load(f"npz:{tmp_path / 'same.npz'}")
    for step in (0, 4, 11):
        ours, theirs = (data.training_batch(x, 6, 17, step) for x in (loaded["train"], same))
        np.testing.assert_array_equal(ours, theirs)
    assert data.load(str(tmp_path / "set"), "train+test", channels=3).image_shape == (8, 8, 3)


def test_a_saved_set_without_splits_is_cut_in_three(tmp_path):
    table().save_to_disk(str(tmp_path / "set"))
    loaded = data.load_splits({"name": str(tmp_path / "set"), "limit": 8})
    assert {role: len(part) for role, part in loaded.items()} == {
        "train": 8,
        "validation": 3,
        "test": 3,
    }
    equal(data.load(f"hf:{tmp_path / 'set'}", "all"), slice(None))


def test_parquet_files_are_read_by_the_splits_in_their_names(tmp_path):
    for name in ("data", "plain"):
        (tmp_path / name).mkdir()
    for name, rows in (("train-00000", (0, 9)), ("train-00001", (9, 20)), ("valid-0", (20, 30))):
        table(slice(*rows)).to_parquet(str(tmp_path / "data" / f"{name}-of-00002.parquet"))
    (tmp_path / "data" / "README.md").write_text(
        "---\nconfigs: [{data_files: 'https://localhost/x'}]\n---"
    )
    loaded = data.load_splits({"name": f"hf:{tmp_path / 'data'}"})
    equal(loaded["train"], slice(20))
    equal(loaded["validation"], slice(20, 30))
    assert loaded["train"].class_names == ("a", "b", "c")
    one = str(tmp_path / "data" / "valid-0-of-00002.parquet")
    equal(data.load(one, "validation"), slice(20, 30))
    table().to_parquet(str(tmp_path / "plain" / "digits.parquet"))
    assert len(data.load(str(tmp_path / "plain"), "train")) == 24
    equal(data.load(str(tmp_path / "plain" / "digits.parquet"), "all"), slice(None))


@pytest.mark.parametrize(
    ("labels", "kind", "values", "classes"),
    [
        (LABELS, datasets.Value("int32"), LABELS.tolist(), None),
        (np.array(["dog", "cat"] * 15), datasets.Value("string"), [1, 0] * 15, ("cat", "dog")),
        (np.array([None, *LABELS[1:]]), datasets.Value("int64"), None, None),
        (LABELS / 2, datasets.Value("float32"), None, None),
        (np.array([-1, *LABELS[1:]]), datasets.ClassLabel(3), None, ("0", "1", "2")),
    ],
)
def test_labels_are_numbers_or_names_of_classes(tmp_path, labels, kind, values, classes):
    loaded = data.load(save(tmp_path / "set", train=table(labels=labels, label=kind)))
    assert (loaded.labels is None) == (values is None)
    assert values is None or loaded.labels.tolist() == values
    assert loaded.class_names == classes


def test_the_columns_of_images_and_of_labels_are_found_or_refused(tmp_path):
    other = table().rename_columns({"image": "scan", "label": "kind"})
    equal(data.load(save(tmp_path / "a", train=other)), slice(None))
    two = table(extra=datasets.Image())
    equal(data.load(save(tmp_path / "b", train=two)), slice(None))
    with pytest.raises(ValueError, match=r"one column of pictures.*\['extra', 'label', 'scan'\]"):
        data.load(save(tmp_path / "c", train=two.rename_column("image", "scan")))
    with pytest.raises(ValueError, match=r"one column of pictures.*\['label'\] in 'train'"):
        data.load(save(tmp_path / "d", train=table().remove_columns("image")))


@pytest.mark.faults("hostile files")
def test_a_picture_that_is_a_path_is_not_opened(tmp_path):
    columns = {"image": [{"bytes": None, "path": "/etc/passwd"}], "label": [0]}
    path = datasets.Dataset.from_dict(columns, features=table(slice(1)).features)
    path.to_parquet(str(tmp_path / "train.parquet"), batch_size=1)
    with pytest.raises(ValueError, match=r"stored in the data set.*train, row 0' without bytes"):
        data.load(f"hf:{tmp_path}")


@pytest.mark.faults("hostile files")
@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("dataset_dict.json", {"splits": ["../other"]}),
        ("dataset_dict.json", {}),
        ("train/state.json", {"_data_files": [{"filename": "/etc/passwd"}]}),
        ("train/state.json", {"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}),
        ("train/data-00000-of-00001.arrow", "no arrows"),
        ("train/dataset_info.json", {"features": {"image": {"_type": "Nothing"}}}),
    ],
)
def test_a_damaged_or_hostile_folder_is_refused_with_its_path(tmp_path, file, content):
    name = save(tmp_path / "mine", train=table())
    (tmp_path / "mine" / file).write_text(
        content if isinstance(content, str) else json.dumps(content)
    )
    with pytest.raises(ValueError, match=r"data set that `datasets` reads. Received: path=.*mine'"):
        data.load(name)


def test_what_is_absent_is_said(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"folder of a data set.*none'"):
        data.load(f"hf:{tmp_path / 'none'}")
    with pytest.raises(FileNotFoundError, match=r"Expected .parquet files"):
        data.load(f"hf:{tmp_path}")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ImportError, match=r'pip install "elbo-zoo\[hf\]"'):
        data.load(f"hf:{tmp_path}")
