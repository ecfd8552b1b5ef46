"""Tests of the patches cut from scikit-learn's photographs."""

import inspect

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.datasets import load_sample_image

from skae.datasets import load_color_patches

BORDER = 480  # three quarters of 640 columns


def atlas(name):
    """An image of a photograph's size whose pixels say where they are."""
    row, column = np.indices((427, 640))
    rest = row // 256 + 2 * (column // 256) + 8 * (name == "flower.jpg")
    return np.stack([row % 256, column % 256, rest], axis=-1).astype(np.uint8)


def read_places(patches):
    """Photograph, row and column of each pixel of patches of an atlas."""
    low_row, low_column, rest = np.moveaxis(patches.astype(int), -1, 0)
    row, column = low_row + 256 * (rest % 2), low_column + 256 * (rest // 2 % 4)
    return rest // 8, row, column


@pytest.fixture
def atlases(monkeypatch):
    names = inspect.unwrap(load_color_patches).__globals__
    monkeypatch.setitem(names, "load_sample_image", atlas)


def test_patches_are_cut_from_the_photographs():
    for name in ("china", "flower"):
        patches = load_color_patches(
            n_patches=20, patch_size=(5, 7), photographs=[name]
        )
        windows = sliding_window_view(load_sample_image(f"{name}.jpg"), (5, 7, 3))
        assert patches.dtype == np.uint8
        for patch in patches:
            corner = windows[:, :, 0, 0, 0] == patch[0, 0]
            candidates = windows[:, :, 0][corner.all(axis=2)]
            assert (candidates == patch).all(axis=(1, 2, 3)).any()


@pytest.mark.parametrize(
    ("subset", "first", "last"),
    [("train", 0, BORDER - 1), ("test", BORDER, 639), ("all", 0, 639)],
)
def test_places_are_uniform_over_their_part(atlases, subset, first, last):
    n, height, width = 4000, 9, 7
    patches = load_color_patches(n_patches=n, patch_size=(height, width), subset=subset)
    assert patches.shape == (n, height, width, 3)
    photograph, row, column = read_places(patches)
    np.testing.assert_array_equal(row[:, 1:] - row[:, :-1], 1)
    np.testing.assert_array_equal(column[..., 1:] - column[..., :-1], 1)
    assert photograph[:, 0, 0].mean() == 0.5
    for corner, low, high in (
        (row[:, 0, 0], 0, 427 - height),
        (column[:, 0, 0], first, last + 1 - width),
    ):
        assert low <= corner.min()
        assert corner.max() <= high
        n_values = high - low + 1
        spread = np.sqrt((n_values**2 - 1) / 12 / n)
        assert abs(corner.mean() - (low + high) / 2) < 5 * spread


def test_training_and_test_patches_reach_up_to_the_border_and_not_across():
    # A patch as large as its part leaves one column only for its place.
    for subset, width in (("train", BORDER), ("test", 640 - BORDER)):
        patch = load_color_patches(
            n_patches=1, patch_size=(427, width), subset=subset, photographs=["china"]
        )
        photograph = load_sample_image("china.jpg")
        start = 0 if subset == "train" else BORDER
        np.testing.assert_array_equal(patch[0], photograph[:, start : start + width])
        with pytest.raises(ValueError, match=f"subset='{subset}'.* patch_size="):
            load_color_patches(n_patches=1, patch_size=width + 1, subset=subset)


@pytest.mark.parametrize("n_patches", [1, 2, 301])
def test_as_many_of_each_photograph(atlases, n_patches):
    flower, _, _ = read_places(load_color_patches(n_patches=n_patches))
    assert flower[:, 0, 0].sum() == n_patches // 2


def test_photographs_are_mixed(atlases):
    flower, _, _ = read_places(load_color_patches(n_patches=200))
    # The first 100 of 200, drawn without replacement, half of them flowers.
    spread = np.sqrt(100 * 0.5 * 0.5 * 100 / 199)
    assert abs(flower[:100, 0, 0].sum() - 50) < 5 * spread


def test_the_same_patches_each_time_by_default():
    first, again = (load_color_patches(n_patches=50) for _ in range(2))
    other = load_color_patches(n_patches=50, random_state=1)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_patches": 0},
        {"patch_size": 0},
        {"patch_size": (3,)},
        {"patch_size": (3, 0)},
        {"patch_size": (3, 2.5)},
        {"photographs": []},
        {"photographs": ["tower"]},
        {"subset": "validation"},
        {"n_patches": 10**6},
    ],
)
def test_errors_name_parameter_and_value(parameters):
    ((name, value),) = parameters.items()
    with pytest.raises(ValueError, match=name) as error:
        load_color_patches(**parameters)
    assert repr(value) in str(error.value)
