"""Dataset: conversion of stored images, binarisation, and what it refuses."""

import numpy as np
import pytest

from trainers import data
from trainers.data.dataset import convert_images, convert_labels, uniform_noise


def grey_ramp(copies=1):
    """All 256 grey levels as 16x16 images."""
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    return np.repeat(ramp, copies, axis=0)


def test_uint8_is_divided_by_255():
    floats = data.Dataset("ramp", "all", grey_ramp()).float_images()
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(
        floats.ravel(), np.arange(256, dtype=np.float32) / np.float32(255)
    )


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_static_is_a_threshold_at_one_half(kind):
    images = grey_ramp()
    stored = images if kind == "uint8" else (images / 255).astype(np.float32)
    ones = data.Dataset("ramp", "all", stored, binarisation="static").float_images().ravel()
    np.testing.assert_array_equal(ones, (np.arange(256) / 255 >= 0.5).astype(np.float32))


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_dynamic_draws_each_pixel_with_its_grey_level(kind, seed):
    copies = 4000
    images = grey_ramp(copies)
    stored = images if kind == "uint8" else (images / 255).astype(np.float32)
    bits = data.Dataset("ramp", "all", stored, binarisation="dynamic").float_images(seed=seed)
    assert set(np.unique(bits)) == {0.0, 1.0}
    mean, p = bits.mean(axis=0).ravel(), np.arange(256) / 255
    assert mean[0] == 0 and mean[255] == 1  # black and white pixels are certain
    # 5.5 standard errors: one of 256 pixels beyond it once in 100,000 runs.
    assert np.all(np.abs(mean - p) <= 5.5 * np.sqrt(p * (1 - p) / copies))


def test_byte_noise_is_uniform_below_255(seed):
    noise = uniform_noise((255 * 4000,), np.dtype(np.uint8), seed, 1, 0)
    counts = np.bincount(noise, minlength=256)
    assert counts[255] == 0
    # Chi-squared with 254 degrees of freedom: mean 254, standard deviation 22.5; 6 of them.
    assert np.sum((counts[:255] - 4000) ** 2 / 4000) < 254 + 6 * 22.5


def test_evaluation_noise_belongs_to_the_example_and_the_seed(rng):
    images = rng.integers(0, 256, (20, 6, 6, 1), dtype=np.uint8)
    dataset = data.Dataset("noise", "all", images, binarisation="dynamic")
    whole = dataset.float_images()
    np.testing.assert_array_equal(whole, dataset.float_images(seed=data.EVALUATION_SEED))
    np.testing.assert_array_equal(whole[[7, 3]], dataset.float_images([7, 3]))
    np.testing.assert_array_equal(whole[5:9], dataset.float_images(slice(5, 9)))
    assert np.any(whole != dataset.float_images(seed=data.EVALUATION_SEED + 1))
    assert dataset.float_images([]).shape == (0, 6, 6, 1)


@pytest.mark.parametrize(
    "count, indices", [(2, [0, 2]), (3, [0, 1, 3]), (5, range(5)), (9, range(5))]
)
def test_spaced_examples_reach_every_part(count, indices):
    dataset = data.Dataset("five", "test", np.zeros((5, 4, 6, 1), np.uint8))
    assert dataset.spaced(count).tolist() == list(indices)


def test_describe_is_complete_and_take_says_so(rng):
    images = rng.integers(0, 256, (5, 4, 6, 3), dtype=np.uint8)
    dataset = data.Dataset("five", "test", images, np.array([0, 0, 1, 1, 2]), source="here")
    assert dataset.describe() == {
        "name": "five",
        "split": "test",
        "number": 5,
        "shape": [4, 6, 3],
        "classes": 3,
        "binarisation": "none",
        "binarisation_rule": "none: pixels as stored, in [0, 1]",
        "preprocessing": "none",
        "source": "here",
    }
    first = dataset.take(2)
    assert (len(first), list(first.labels), first.split) == (2, [0, 0], "first 2 of test")
    assert dataset.take(99) is dataset
    with pytest.raises(ValueError, match=r"at least one example.*count=0"):
        dataset.take(0)


def test_conversion_rules():
    bits = np.array([[[0, 1]]], np.uint8)
    np.testing.assert_array_equal(convert_images(bits, "x").ravel(), [0, 255])
    np.testing.assert_array_equal(convert_images(bits.astype(bool), "x").ravel(), [0, 255])
    wide = convert_images(np.array([[[0, 65535, 13107]]], np.uint16), "x")
    assert wide.dtype == np.float32
    np.testing.assert_allclose(wide.ravel(), [0, 1, 0.2], rtol=1e-6)
    assert convert_images(np.array([[[0.0, 0.5]]]), "x").dtype == np.float32
    np.testing.assert_array_equal(convert_labels(np.array([[3], [4]], np.uint8), 2, "x"), [3, 4])


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 4, 4, 1), np.int64), r"no known white level.*dtype=int64"),
        (np.zeros((2, 16)), r"\[N, H, W, C\].*shape=\(2, 16\)"),
        (np.zeros((2, 3, 8, 8), np.uint8), r"1 to 4 channels last.*shape=\(2, 3, 8, 8\)"),
        (np.zeros((0, 4, 4, 1), np.uint8), r"at least one image.*shape=\(0, 4, 4, 1\)"),
        (np.full((1, 2, 2), np.nan), r"without NaN in the place"),
        (np.full((1, 2, 2), 7.5), r"in \[0, 1\] in the place.*from 7.5 to 7.5"),
        (np.full((1, 2, 2), -0.5), r"in \[0, 1\].*from -0.5 to -0.5"),
    ],
)
def test_bad_images_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        convert_images(images, "the place")


def test_bad_labels_and_binarisations_are_refused():
    images = np.zeros((2, 4, 4, 1), np.uint8)
    with pytest.raises(ValueError, match=r"each of the 2 images.*shape \(3,\)"):
        data.Dataset("x", "all", images, labels=np.arange(3))
    with pytest.raises(ValueError, match=r"integer labels.*float64"):
        data.Dataset("x", "all", images, labels=np.zeros(2))
    with pytest.raises(ValueError, match=r'binarisation=\'dynamik\'.*Did you mean "dynamic"'):
        data.Dataset("x", "all", images, binarisation="dynamik")
    with pytest.raises(ValueError, match=r"for grey images: set channels=1.*\(4, 4, 3\)"):
        data.Dataset("x", "all", np.zeros((2, 4, 4, 3), np.uint8), binarisation="static")
