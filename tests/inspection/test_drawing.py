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
    find_image_shape,
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
