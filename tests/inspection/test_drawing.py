"""Tests of what the Displays share."""

import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib import colors
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from skae.inspection._drawing import (
    COLORS,
    as_floats,
    as_images,
    as_panels,
    draw_tiles,
    find_image_shape,
    mosaic,
    new_axes,
    takes_images,
    value_range,
)
from skae.inspection._point_labels import place_labels


def test_imports_no_autoencoder_and_pyplot_for_new_figures_only():
    code = """
import sys
import types

import numpy as np

# A package without its __init__, which imports the autoencoders.
sys.modules["skae"] = skae = types.ModuleType("skae")
skae.__path__ = ["skae"]
from skae.inspection import *

assert not {"matplotlib", "torch"} & sys.modules.keys()

rng = np.random.default_rng(0)
displays = [
    ClusterDisplay(cluster_to_class=[0, 1], images=rng.random((2, 3, 4, 4))),
    ColorizationDisplay({"truth": rng.random((3, 4, 4, 3))}),
    LatentSpaceDisplay(codes=rng.random((9, 2)), y=[0, 1, 2] * 3),
    LossCurveDisplay(loss_curve=[3, 2, 1]),
    ManifoldDisplay(images=rng.random((2, 2, 4, 4)), values=rng.random((2, 2))),
    ReconstructionDisplay({"original": rng.random((3, 4, 4))}),
]
assert "matplotlib" not in sys.modules

from matplotlib.figure import Figure

for display in displays:
    figure = Figure()
    assert display.plot(figure.subplots()) is display
    assert display.figure_ is figure
    figure.draw_without_rendering()
assert "matplotlib.pyplot" not in sys.modules
"""
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=root)


def test_new_axes_are_a_figure_of_pyplot():
    import matplotlib.pyplot as plt

    ax = new_axes(5, 3)
    assert plt.get_fignums() == [ax.figure.number]
    assert ax.figure.get_size_inches().tolist() == [5, 3]
    plt.close(ax.figure)


def test_colors_stay_apart_in_all_kinds_of_colour_vision():
    # Machado, Oliveira and Fernandes 2009, severity 1; on linear RGB.
    kinds = {
        "normal": np.eye(3),
        "protan": [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        "deutan": [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
        "tritan": [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ],
    }
    rgb = np.array([colors.to_rgb(color) for color in COLORS])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    white = to_xyz.sum(axis=1)
    for kind, matrix in kinds.items():
        seen = (linear @ np.transpose(matrix)).clip(0, 1)
        f = np.cbrt((seen @ to_xyz.T / white).clip(0.008856))
        lab = np.stack(
            [116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])],
            axis=1,
        )
        nearest = min(np.linalg.norm(a - b) for a, b in combinations(lab, 2))
        assert nearest > 8, kind


@pytest.mark.parametrize(
    ("image_shape", "X_shape", "expected"),
    [
        ((8, 8), (5, 64), (8, 8)),
        ([8, 8, 3], (5, 192), (8, 8, 3)),
        (None, (5, 4, 7), (4, 7)),
        (None, (5, 4, 7, 3), (4, 7, 3)),
        ((2, 14), (5, 4, 7), (2, 14)),
        (None, (5, 4, 7, 2), (4, 7, 2)),
        ((4, 4, 4), (5, 64), (4, 4, 4)),
    ],
)
def test_image_shape_is_what_the_user_says_or_the_samples_have(
    image_shape, X_shape, expected
):
    assert find_image_shape(image_shape, np.zeros(X_shape), PCA()) == expected


def test_image_shape_is_what_the_estimator_or_its_first_step_knows(
    digits, row_autoencoder
):
    X, _ = digits
    assert find_image_shape(None, X, row_autoencoder) == (8, 8)
    pipeline = make_pipeline("passthrough", row_autoencoder, PCA())
    assert find_image_shape(None, X, pipeline) == (8, 8)
    with pytest.raises(
        ValueError, match=r"image_shape=None, and Pipeline takes rows of a table"
    ):
        find_image_shape(None, X, make_pipeline(PCA(), row_autoencoder))
    with pytest.raises(
        ValueError, match=r"image_shape=None, and PCA takes rows of a table"
    ):
        find_image_shape(None, X, PCA())
    with pytest.raises(
        ValueError, match=r"image_shape=None, and Pipeline takes rows of a table"
    ):
        find_image_shape(None, X, make_pipeline("passthrough"))


@pytest.mark.parametrize(
    "image_shape",
    [8, (8,), (0, 8), (8.0, 8), (8, 8, 0), (1, 8, 8, 1), "ab", (True, "8")],
)
def test_what_is_no_shape_of_an_image_is_named(image_shape):
    with pytest.raises(ValueError, match=r"image_shape=.* must be \(height, width\)"):
        find_image_shape(image_shape, np.zeros((2, 64)), PCA())
    with pytest.raises(ValueError, match=r"image_shape=.* must be \(height, width\)"):
        as_images(np.zeros((2, 64)), image_shape)


def test_channels_that_come_first_are_refused():
    with pytest.raises(ValueError, match=r"channels must come last.*np\.moveaxis"):
        find_image_shape(None, np.zeros((2, 3, 8, 8)), PCA())


def test_samples_of_another_size_are_named():
    with pytest.raises(ValueError, match=r"\(8, 9\) does not fit .* shape \(64,\)"):
        as_images(np.zeros((2, 64)), (8, 9))
    with pytest.raises(ValueError, match=r"image_shape=\(64,\) must be"):
        as_images(np.zeros((2, 64)))


@pytest.mark.parametrize(
    ("shape", "image_shape", "expected"),
    [
        ((2, 12), (3, 4), (2, 3, 4)),
        ((2, 12), (3, 4, 1), (2, 3, 4)),
        ((2, 12), [2, 2, 3], (2, 2, 2, 3)),
        ((2, 3, 4, 1), None, (2, 3, 4)),
        ((2, 3, 4, 3), None, (2, 3, 4, 3)),
        ((2, 30), (3, 5, 2), (2, 3, 5, 2)),
    ],
)
def test_samples_become_images_without_a_copy(shape, image_shape, expected):
    rows = np.arange(np.prod(shape)).reshape(shape)
    images = as_images(rows, image_shape)
    assert images.shape == expected
    assert np.shares_memory(images, rows)
    np.testing.assert_array_equal(images.ravel(), rows.ravel())


def test_a_data_frame_becomes_images():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(np.arange(24.0).reshape(2, 12))
    np.testing.assert_array_equal(
        as_images(frame, (3, 4)), np.arange(24.0).reshape(2, 3, 4)
    )


def test_bytes_are_shares_in_images_and_numbers_in_tables():
    X = np.array([[0, 51, 255]], dtype=np.uint8)
    shares = as_floats(X)
    assert shares.dtype == np.float32
    np.testing.assert_allclose(shares, [[0, 0.2, 1]])
    numbers = as_floats(X, are_images=False)
    assert numbers.dtype == np.float32
    np.testing.assert_array_equal(numbers, [[0, 51, 255]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_are_not_copied(dtype):
    X = np.ones((2, 3), dtype=dtype)
    assert as_floats(X) is X


def test_integers_become_floats():
    assert as_floats(np.arange(3)).dtype == np.float64
    assert as_floats(np.arange(3, dtype=np.int8)).dtype == np.float32


def test_images_are_known_by_their_shape_or_by_the_estimator(digits, row_autoencoder):
    X, _ = digits
    assert takes_images(PCA(), X.reshape(-1, 8, 8))
    assert takes_images(row_autoencoder, X)
    assert takes_images(make_pipeline(row_autoencoder, PCA()), X)
    assert not takes_images(PCA(), X)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ([0.2, 0.7], (0, 1)),
        ([0, 1], (0, 1)),
        ([0, 16], (0, 16)),
        ([-1, 0.5], (-1, 0.5)),
        ([np.nan, 3, 5], (3, 5)),
    ],
)
def test_value_range(images, expected):
    assert value_range(np.array(images)) == expected


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


def test_labels_stand_among_their_class():
    points, members = make_blobs(
        n_samples=300, centers=[[0, 0], [9, 0], [0, 9], [9, 9]], random_state=0
    )
    places = place_labels(points, members, list("abcd"))
    for own, place in enumerate(places):
        mean = points[members == own].mean(axis=0)
        assert np.linalg.norm(place - mean) < 1.5


def test_label_of_a_class_in_two_places_stands_in_the_purer_one():
    # The first class has more members at (20, 0), but there the second has yet more.
    sizes = [100, 150, 300]
    members = np.repeat([0, 0, 1], sizes)
    points = np.random.default_rng(0).normal(size=(550, 2))
    points += np.repeat([[0, 0], [20, 0], [20, 0]], sizes, axis=0)
    (place, _) = place_labels(points, members, ["a", "b"])
    assert np.linalg.norm(place) < 3
