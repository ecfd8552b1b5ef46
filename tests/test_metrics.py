"""Tests of skae.metrics."""

from itertools import permutations

import numpy as np
import pytest

from skae.metrics import clustering_accuracy, colorfulness


def test_names_do_not_matter():
    y = np.repeat([0, 1, 2], 5)
    assert clustering_accuracy(y, (y + 1) % 3) == 1.0
    assert clustering_accuracy(y, -10 * y) == 1.0
    assert isinstance(clustering_accuracy(y, y), float)


@pytest.mark.parametrize("seed", range(5))
def test_is_the_best_of_all_one_to_one_namings(seed):
    rng = np.random.default_rng(seed)
    y, clusters = rng.integers(4, size=(2, 30))
    best = max(np.mean(np.array(p)[clusters] == y) for p in permutations(range(4)))
    assert clustering_accuracy(y, clusters) == pytest.approx(best)


@pytest.mark.parametrize(
    "as_type",
    [
        list,
        np.asarray,
        lambda y: np.asarray(y, dtype=object),
        lambda y: pytest.importorskip("pandas").Series(y, dtype="category"),
        lambda y: pytest.importorskip("polars").Series(y),
    ],
)
def test_labels_of_any_type(as_type):
    y = as_type(["cat", "cat", "dog", "bird"])
    assert clustering_accuracy(y, [-1, -1, 7, 0.5]) == 1.0
    assert clustering_accuracy([True, True, False, False], y) == 0.75


def test_surplus_clusters_and_surplus_classes_count_as_wrong():
    assert clustering_accuracy([0, 0, 0, 1], [0, 0, 2, 1]) == 0.75
    assert clustering_accuracy([0, 1, 2, 2], [0, 0, 0, 0]) == 0.5


def test_noise_is_a_cluster_like_any_other():
    assert clustering_accuracy([0, 0, 1, 1], [-1, -1, 0, 0]) == 1.0


def test_arguments_are_left_alone():
    y, clusters = np.array([1, 0, 1]), np.array([0, 0, 1])
    clustering_accuracy(y, clusters)
    np.testing.assert_array_equal(y, [1, 0, 1])
    np.testing.assert_array_equal(clusters, [0, 0, 1])


@pytest.mark.parametrize(
    ("labels_true", "labels_pred", "message"),
    [
        ([0, 1], [0, 1, 1], r"inconsistent numbers of samples: \[2, 3\]"),
        ([], [], "labels_true and labels_pred are empty"),
        ([[0, 1], [1, 0]], [0, 1], "should be a 1d array"),
        ([0, 1], [[0, 1], [1, 0]], "should be a 1d array"),
    ],
)
def test_bad_input(labels_true, labels_pred, message):
    with pytest.raises(ValueError, match=message):
        clustering_accuracy(labels_true, labels_pred)


def test_colorfulness_is_that_of_hasler_and_suesstrunk():
    bytes_ = np.random.default_rng(0).integers(256, size=(3, 5, 7, 3), dtype=np.uint8)
    expected = []
    for red, green, blue in np.moveaxis(bytes_.astype(float), -1, 1):
        rg, yb = red - green, 0.5 * (red + green) - blue
        spread = np.sqrt(rg.std() ** 2 + yb.std() ** 2)
        expected.append(spread + 0.3 * np.sqrt(rg.mean() ** 2 + yb.mean() ** 2))
    np.testing.assert_allclose(colorfulness(bytes_), expected)
    np.testing.assert_allclose(colorfulness(bytes_ / 255), expected)
    gray = np.repeat(bytes_[..., :1], 3, axis=-1)
    np.testing.assert_array_equal(colorfulness(gray), 0.0)


@pytest.mark.parametrize("shape", [(2, 4, 4), (2, 4, 4, 1), (2, 48)])
def test_colorfulness_needs_colour_images(shape):
    with pytest.raises(ValueError, match="must hold colour images of shape"):
        colorfulness(np.zeros(shape))
    with pytest.raises(ValueError, match="Input X_color contains NaN"):
        colorfulness(np.full((1, 2, 2, 3), np.nan))


def test_colorfulness_takes_other_floats_and_no_large_integers():
    red = np.zeros((1, 2, 2, 3))
    red[..., 0] = 1.0
    np.testing.assert_allclose(colorfulness(red.astype(np.float16)), colorfulness(red))
    with pytest.raises(ValueError, match=r"values from 0.0 to 255.0; they must lie in"):
        colorfulness((255 * red).astype(np.int64))
