"""Fingerprints of data: every change of an image or a label shows, and where it is."""

import dataclasses
import shutil

import numpy as np
import pytest
import small_run
from absl import logging

from trainers import data, loop, runs
from trainers.data import Dataset, fingerprint
from trainers.data.fingerprint import changes
from zoo.storage import files


def _dataset(rng, count=40, dtype="uint8"):
    images = rng.integers(0, 255, (count, 4, 4, 1)).astype("uint8")
    images = images if dtype == "uint8" else (images / 255).astype(dtype)
    return Dataset("some", "train", images, np.arange(count) % 3)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_every_pixel_and_label_and_their_order_matter(rng, dtype):
    dataset = _dataset(rng, dtype=dtype)
    same = fingerprint(dataclasses.replace(dataset, images=dataset.images.copy(), name="other"))
    assert same == fingerprint(dataset)
    pixel, label = dataset.images.copy(), dataset.labels.copy()
    pixel[17, 2, 1, 0] = 1 - pixel[17, 2, 1, 0] if dtype == "float32" else 255
    label[17] = 7
    others = {
        "images": [{"images": pixel}, {"images": dataset.images[::-1]}],
        "labels": [{"labels": label}, {"labels": dataset.labels[::-1]}, {"labels": None}],
    }
    for part, replaced in others.items():
        for replacement in replaced:
            now = fingerprint(dataclasses.replace(dataset, **replacement))
            assert changes({"train": same}, {"train": now}) == [f"the {part} of train"]


def test_large_data_is_sampled_at_even_distances(rng):
    dataset = _dataset(rng, count=100)
    sampled = fingerprint(dataset, most_bytes=10 * 16)
    for row, is_sampled in ((0, True), (99, True), (11, True), (50, False)):
        images = dataset.images.copy()
        images[row] = 255 - images[row]
        now = fingerprint(dataclasses.replace(dataset, images=images), most_bytes=10 * 16)
        assert (now["images"] != sampled["images"]) is is_sampled, row
    order = rng.permutation(100)
    swapped = dataclasses.replace(dataset, images=dataset.images[order])
    assert fingerprint(swapped, most_bytes=10 * 16)["images"] != sampled["images"]


def test_what_the_blocks_are_makes_no_difference(rng, monkeypatch):
    dataset = _dataset(rng)
    whole = fingerprint(dataset)
    monkeypatch.setattr(data.fingerprint.__globals__["np"], "ascontiguousarray", np.array)
    monkeypatch.setitem(data.fingerprint.__globals__, "BLOCK_BYTES", 48)
    assert fingerprint(dataset) == whole


@pytest.fixture
def changed(run, tmp_path):
    """Returns a copy of a run, its config, and a function that changes its data."""
    shutil.copytree(run[0] / "run", tmp_path / "run")
    config = small_run.config(tmp_path)
    path = tmp_path / "bars.npz"

    def change(**arrays):
        with np.load(path) as file:
            np.savez(path, **{**file, **arrays})

    with np.load(path) as file:
        arrays = dict(file)
    return tmp_path / "run", config, arrays, change


def test_replaced_images_and_labels_are_refused_everywhere(changed):
    from trainers import reevaluate

    workdir, config, arrays, change = changed
    config_file = files.read_json(workdir / "config.json")
    config_file["config"]["data"]["name"] = config.data.name
    files.write_json(workdir / "config.json", config_file)
    loop.train_and_evaluate(config, workdir, progress=False)  # unchanged
    images = arrays["images"].copy()
    images[-1, 0, 0, 0] ^= 1
    change(images=images)
    message = "data has changed since this run was begun: the images of [a-z]+ differ. Bring"
    for attempt in (
        lambda: loop.train_and_evaluate(config, workdir, progress=False),
        lambda: reevaluate.reevaluate(workdir, progress=False),
        lambda: _describe(config, workdir),
    ):
        with pytest.raises(ValueError, match=message):
            attempt()
    change(images=arrays["images"], labels=(arrays["labels"] + 1) % 3)
    with pytest.raises(ValueError, match="was begun: .*the labels of train and .*differ"):
        loop.train_and_evaluate(config, workdir, progress=False)


def _describe(config, workdir):
    from export import publish

    return publish.describe_data(config, workdir)


def test_a_run_of_an_earlier_version_resumes_with_a_warning(changed, monkeypatch):
    workdir, config, arrays, change = changed
    origin = files.read_json(workdir / "config.json")
    del origin["fingerprint"]
    files.write_json(workdir / "config.json", origin)
    change(labels=(arrays["labels"] + 1) % 3)
    warnings = []
    monkeypatch.setattr(logging, "warning", lambda text, *values: warnings.append(text % values))
    runs.check_data(workdir, data.load_splits(config.data))
    (warning,) = warnings
    assert "has no fingerprint of its data" in warning
