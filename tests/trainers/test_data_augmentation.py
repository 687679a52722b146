"""Flips and shifts: of training batches alone, by the seed and the step."""

import dataclasses

import numpy as np
import pytest

from trainers import data
from trainers.data.augmentation import Augmentation


def dataset(rng, count=12, side=6, **options):
    images = rng.integers(0, 256, (count, side, side + 1, 3)).astype("uint8")
    whole = data.Dataset("it", "train", images)
    return dataclasses.replace(whole, augmentation=Augmentation(**options))


def batches(part, seed, first, count=4, framework="numpy"):
    stream = iter(data.training_batches(part, 5, seed, first, framework))
    return [np.asarray(next(stream)) for _ in range(count)]


def test_resuming_gives_the_batches_of_the_uninterrupted_stream(rng, seed):
    part = dataset(rng, flips=True, shifts=2)
    whole, resumed = batches(part, seed, 0), batches(part, seed, 2, 2)
    np.testing.assert_array_equal(np.concatenate(whole[2:]), np.concatenate(resumed))
    plain = batches(dataclasses.replace(part, augmentation=None), seed, 0)
    assert not any(np.array_equal(a, b) for a, b in zip(whole, plain))
    assert not np.array_equal(whole[0], batches(part, seed + 1, 0, 1)[0])
    tensors = batches(part, seed, 0, framework="tensorflow")
    np.testing.assert_array_equal(np.concatenate(whole), np.concatenate(tensors))


def test_evaluation_sees_images_as_they_are(rng):
    part = dataset(rng, flips=True, shifts=2)
    ((images, _),) = data.evaluation_batches(part, 100)
    np.testing.assert_array_equal(images, part.images.astype("float32") / 255)
    np.testing.assert_array_equal(part.float_images(), images)


def test_a_flip_is_the_image_or_its_mirror_image(rng):
    part = dataset(rng, count=400, flips=True)
    varied = part.augmentation(part.images, rng)
    same = (varied == part.images).all(axis=(1, 2, 3))
    mirrored = (varied == part.images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (same ^ mirrored).all() and 0.35 < same.mean() < 0.65


def test_a_shift_moves_the_image_by_whole_pixels(rng):
    part = dataset(rng, count=300, shifts=2)
    padded = np.pad(part.images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    places = np.zeros((5, 5), int)
    for image, source in zip(part.augmentation(part.images, rng), padded):
        fits = [
            (top, left)
            for top in range(5)
            for left in range(5)
            if np.array_equal(source[top : top + 6, left : left + 7], image)
        ]
        assert len(fits) == 1
        places[fits[0]] += 1
    assert (places > 0).all()


def test_a_config_varies_the_training_split_alone():
    loaded = data.load_splits({"name": "digits", "flips": True, "shifts": 3})
    assert loaded["train"].augmentation == Augmentation(True, 3)
    assert loaded["validation"].augmentation is None and loaded["test"].augmentation is None
    assert data.load_splits({"name": "digits"})["train"].augmentation is None


@pytest.mark.parametrize("shifts", [-1, 2.5, True])
def test_bad_shifts(shifts):
    with pytest.raises(ValueError, match="Received: data.shifts="):
        data.load_splits({"name": "digits", "shifts": shifts, "flips": True})


def test_shifts_beyond_the_image_are_refused():
    with pytest.raises(ValueError, match=r"below both sides.* Received: data.shifts=28, .*28, 28"):
        data.load_splits({"name": "digits", "shifts": 28})
