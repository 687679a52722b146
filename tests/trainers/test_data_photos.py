"""Patches of the two photographs, and the rules that bring pictures to one size."""

import numpy as np
import pytest
from PIL import Image

from trainers import data
from trainers.data.images import Preparation


def test_photos_are_patches_that_share_no_pixel_between_splits():
    from sklearn.datasets import load_sample_images

    china, flower = load_sample_images().images
    loaded = data.load_splits({"name": "photos"})
    sizes = {role: len(part) for role, part in loaded.items()}
    # 46 rows of places; 49 columns of places in 448 pixels, 5 in 96.
    assert sizes == {"train": 2 * 46 * 49, "validation": 2 * 46 * 5, "test": 2 * 46 * 5}
    train, test = loaded["train"], loaded["test"]
    assert train.image_shape == (64, 64, 3) and train.class_names == ("china", "flower")
    np.testing.assert_array_equal(train.images[50], china[8 : 8 + 64, 8 : 8 + 64])
    np.testing.assert_array_equal(test.images[-1], flower[360 : 360 + 64, 576 : 576 + 64])
    assert train.labels.mean() == 0.5
    assert data.load("photos", image_size=32, channels=1).image_shape == (32, 32, 1)


def test_a_padded_picture_is_whole():
    image = np.full((1, 20, 40, 3), 200, "uint8")
    padded = Preparation((16, 16), fit="pad")(image)[0]
    assert (padded[4:12] == 200).all() and not padded[:4].any() and not padded[12:].any()
    cropped = Preparation((16, 16))(image)[0]
    assert (cropped == 200).all()
    assert "whole, black around it" in Preparation((16, 16), fit="pad").text((20, 40, 3))
    long = Preparation((16, 16), fit="pad")(np.full((1, 1, 400, 1), 9, "uint8"))[0]
    assert (long[7] == 9).all() and long.sum() == 9 * 16


def test_pictures_of_several_sizes_are_padded_to_one(tmp_path):
    for number, size in enumerate([(30, 20), (10, 40), (25, 25), (7, 7), (64, 3)]):
        Image.new("RGB", size, (255, 10, 10)).save(tmp_path / f"{number}.png")
    config = {"name": f"folder:{tmp_path}", "image_size": (12, 16), "fit": "pad"}
    loaded = data.load_splits({**config, "train_split": "all"})
    assert loaded["train"].images.shape == (5, 12, 16, 3)
    assert (loaded["train"].images.max(axis=(1, 2, 3)) == 255).all()
    with pytest.raises(ValueError, match=r"Received: fit='padd'.*Did you mean \"pad\""):
        data.load_splits({**config, "fit": "padd"})
    with pytest.raises(ValueError, match="one size .*set image_size"):
        data.load_splits({"name": f"folder:{tmp_path}", "train_split": "all"})
