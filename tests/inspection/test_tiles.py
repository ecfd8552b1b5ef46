"""Tests of images as tiles of one picture."""

import numpy as np
import pytest

from skae.inspection._tiles import as_panels, draw_tiles, mosaic


def test_mosaic_of_gray_images():
    images = np.array([[[[0.0, 1.0]], [[0.5, 2.0]], [[np.nan, np.nan]]]])
    picture = mosaic(images, (0, 1), "gray")
    # One row of pixels: two, a blank one, two, a blank one, and a blank image.
    assert picture.shape == (1, 8, 4)
    np.testing.assert_array_equal(picture[0, :, 3], [1, 1, 0, 1, 1, 0, 0, 0])
    np.testing.assert_allclose(
        picture[0, [0, 1, 3, 4], 0], [0, 1, 0.5, 1], atol=1 / 255
    )


def test_mosaic_of_colour_images():
    images = np.zeros((2, 1, 2, 2, 3))
    images[0, 0] = [4, 8, 12]
    images[1, 0] = np.nan
    picture = mosaic(images, (4, 12), "viridis")
    assert picture.shape == (5, 2, 4)
    np.testing.assert_allclose(picture[:2], np.full((2, 2, 4), [0, 0.5, 1, 1]))
    assert (picture[2:, :, 3] == 0).all()


@pytest.mark.parametrize("n_channels", [2, 4, 5])
def test_channels_become_panels_from_the_left(n_channels):
    images = np.random.default_rng(0).random((2, 3, 4, 5, n_channels))
    panels = as_panels(images)
    assert panels.shape == (2, 3, 4, n_channels * 6 + 1)
    for channel in range(n_channels):
        left = 1 + 6 * channel
        np.testing.assert_array_equal(
            panels[..., left : left + 5], images[..., channel]
        )
    assert np.isnan(panels[..., ::6]).all()
    assert np.isnan(panels).sum() == 2 * 3 * 4 * (n_channels + 1)


def test_one_channel_and_three_are_no_panels():
    gray, color = np.ones((1, 2, 4, 5, 1)), np.ones((1, 2, 4, 5, 3))
    assert as_panels(gray).shape == (1, 2, 4, 5)
    assert as_panels(gray[..., 0]).shape == (1, 2, 4, 5)
    assert as_panels(color) is color


def test_panels_of_bytes_keep_their_numbers():
    images = np.full((1, 1, 2, 2, 2), 200, dtype=np.uint8)
    assert np.nanmin(as_panels(images)) == np.nanmax(as_panels(images)) == 200


def test_mosaic_of_images_of_one_value():
    picture = mosaic(np.full((1, 1, 2, 2), 7.0), (7.0, 7.0), "gray")
    assert np.isfinite(picture).all()


def test_tiles_have_their_middles_at_the_columns_and_rows(ax):
    images = np.random.default_rng(0).random((3, 4, 5, 9))
    image, middles = draw_tiles(ax, images, (0, 1), "gray", "nearest")
    left, right, bottom, top = image.get_extent()
    height, width, _ = image.get_array().shape
    assert (height, width) == (3 * 6 - 1, 4 * 10 - 1)
    pixel = (right - left) / width
    assert pixel == pytest.approx((bottom - top) / height)  # square pixels
    assert top < bottom
    # The middle pixel of each image is where the tick will be.
    np.testing.assert_allclose(left + (np.arange(4) * 10 + 4.5) * pixel, np.arange(4))
    np.testing.assert_allclose(top + (np.arange(3) * 6 + 2.5) * pixel, middles)


def test_tiles_begin_where_they_are_told(ax):
    image, middles = draw_tiles(
        ax, np.zeros((2, 2, 4, 4)), (0, 1), "gray", "nearest", top=9.5
    )
    np.testing.assert_allclose(middles, [10, 11])
    assert image.get_extent()[3] == pytest.approx(9.5 + 0.1)


def test_smooth_tiles_lie_where_the_blocks_lie(ax):
    images = np.random.default_rng(0).random((3, 4, 5, 9))
    blocks, middles = draw_tiles(ax, images, (0, 1), "gray", "nearest")
    smooth, same_middles = draw_tiles(ax, images, (0, 1), "gray", "bicubic")
    assert smooth.get_extent() == blocks.get_extent()
    np.testing.assert_array_equal(same_middles, middles)
    # Pixels of 13 x 13, since the shorter side of an image then has more than 64.
    height, width, _ = blocks.get_array().shape
    assert smooth.get_array().shape == (13 * height, 13 * width, 4)


def test_smooth_tiles_are_not_mixed_with_their_neighbours():
    images = np.zeros((2, 2, 8, 8))
    images[0, 1] = 1
    images[1, 0] = np.nan
    picture = mosaic(images, (0, 1), "gray", 4)
    assert picture.shape == (4 * 17, 4 * 17, 4)
    np.testing.assert_array_equal(picture[:32, :32], [[[0, 0, 0, 1]] * 32] * 32)
    np.testing.assert_allclose(picture[:32, 36:], 1, atol=1e-12)
    np.testing.assert_array_equal(picture[36:, :32], 0)
    np.testing.assert_array_equal(picture[36:, 36:], [[[0, 0, 0, 1]] * 32] * 32)
    # The gap keeps its share of the picture.
    np.testing.assert_array_equal(picture[32:36, :, 3], 0)


def test_smooth_tiles_keep_a_slope_and_the_middles_of_pixels():
    slope = np.linspace(0, 1, 8)
    picture = mosaic(np.tile(slope, (1, 1, 8, 1)), (0, 1), "gray", 5)
    middles = picture[2::5, 2::5, 0]
    np.testing.assert_allclose(middles, np.tile(slope, (8, 1)), atol=1 / 255)
    assert (np.diff(picture[0, 10:-10, 0]) > 0).all()


def test_a_missing_pixel_has_no_colour_in_a_smooth_tile():
    images = np.full((1, 1, 8, 8), 0.5)
    images[0, 0, 4, 4] = np.nan
    picture = mosaic(images, (0, 1), "gray", 4)
    assert picture[18, 18, 3] < 0.5  # blank
    assert picture[2, 2, 3] == 1
    gray = picture[..., 0][picture[..., 3] > 0.01]
    np.testing.assert_allclose(gray, 0.5, atol=1 / 255)


def test_an_unknown_interpolation_is_named(ax):
    with pytest.raises(ValueError, match="interpolation='cubic' must be 'nearest' or"):
        draw_tiles(ax, np.zeros((1, 1, 4, 4)), (0, 1), "gray", "cubic")
