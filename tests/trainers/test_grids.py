"""Grids put every pixel where they say."""

import numpy as np
import pytest

from trainers import grids


def test_grid_puts_each_image_at_its_place(rng):
    images = rng.random((5, 4, 3, 1)).astype("float32")
    grid = grids.image_grid(images, columns=2, padding=1)
    assert grid.shape == (3 * 5 - 1, 2 * 4 - 1, 3) and grid.dtype == np.uint8
    for index, image in enumerate(images):
        top, left = index // 2 * 5, index % 2 * 4
        expected = np.rint(image * 255).repeat(3, axis=-1)
        np.testing.assert_array_equal(grid[top : top + 4, left : left + 3], expected)
    assert (grid[10:, 4:] == 255).all(), "the empty place of the last row is white"
    assert (grid[4] == 255).all() and (grid[:, 3] == 255).all(), "the padding is white"


def test_grid_keeps_colours_and_bytes(rng):
    images = rng.integers(0, 256, (4, 3, 5, 3), dtype=np.uint8)
    grid = grids.image_grid(images, padding=0)
    assert grid.shape == (6, 10, 3)
    np.testing.assert_array_equal(grid[3:, 5:], images[3])


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (4, 2), (5, 3), (64, 8)])
def test_grid_is_square_by_default(count, columns):
    assert grids.image_grid(np.zeros((count, 2, 2, 1)), padding=0).shape[1] == 2 * columns


def test_reconstructions_stand_under_their_originals(rng):
    originals, reconstructions = rng.integers(0, 256, (2, 5, 4, 3, 1), dtype=np.uint8)
    grid = grids.reconstruction_grid(originals, reconstructions, columns=3, padding=1)
    pitch = 2 * 4 + 5
    assert grid.shape == (2 * pitch - 4, 3 * 4 - 1, 3)
    for index in range(5):
        top, left = index // 3 * pitch, index % 3 * 4
        column = grid[:, left : left + 3, :1]
        np.testing.assert_array_equal(column[top : top + 4], originals[index])
        np.testing.assert_array_equal(column[top + 5 : top + 9], reconstructions[index])
    assert (grid[9:pitch] == 255).all(), "pairs of rows are apart"


def test_reconstructions_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"originals\.shape=\(2, 4, 4, 1\)"):
        grids.reconstruction_grid(np.zeros((2, 4, 4, 1)), np.zeros((3, 4, 4, 1)))


def test_pixels_outside_the_range_are_refused():
    images = np.zeros((2, 4, 4, 1))
    images[1, 0, 0] = 1.5
    with pytest.raises(ValueError, match=r"pixels in \[0, 1\].*Received: images in \[0, 1.5\]"):
        grids.image_grid(images)
    with pytest.raises(ValueError, match=r"Received: reconstructions in \[-1.5, -?0\]"):
        grids.reconstruction_grid(images * 0, -images)


def test_rounding_of_a_mean_is_clipped():
    grid = grids.image_grid(np.array([1 + 1e-6, -1e-6]).reshape(2, 1, 1, 1), padding=0)
    np.testing.assert_array_equal(grid[0, :, 0], [255, 0])


def test_nan_pictures_are_counted():
    images = np.zeros((7, 4, 4, 3))
    images[2, 1, 1, 0], images[5], images[6, 0, 0] = np.nan, np.nan, np.inf
    with pytest.raises(ValueError, match="NaN or infinity in 3 of 7 images"):
        grids.image_grid(images)


@pytest.mark.parametrize("shape", [(4, 4, 1), (2, 4, 4, 5), (0, 4, 4, 1)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"\[N, H, W, C\].*Received: images.shape="):
        grids.image_grid(np.zeros(shape))


def test_transparency_is_left_out(rng):
    images = rng.random((2, 3, 3, 4))
    np.testing.assert_array_equal(grids.image_grid(images), grids.image_grid(images[..., :3]))
    grey = images[..., :2]
    np.testing.assert_array_equal(grids.image_grid(grey), grids.image_grid(grey[..., :1]))


@pytest.mark.parametrize("wrong", [{"columns": 0}, {"padding": -1}, {"columns": 1.5}])
def test_wrong_counts_are_refused(wrong):
    name, value = next(iter(wrong.items()))
    with pytest.raises(ValueError, match=f"Received: {name}={value}"):
        grids.image_grid(np.zeros((2, 4, 4, 1)), **wrong)
