"""Labels of which some are missing; the classifiers' tests have more of them."""

import numpy as np
import pytest

from skae._common.labels import count_classes, split_labels


@pytest.mark.parametrize(
    ("y", "unlabeled", "expected"),
    [
        ([1, 2, "?"], "?", [1, 2]),
        (["a", None, np.nan], np.nan, ["a"]),
        (np.array([3, -1, 2]), -1, [3, 2]),
        ([3, -1, 2], None, [3, -1, 2]),
    ],
)
def test_labels_are_separated_from_what_marks_their_absence(y, unlabeled, expected):
    is_labeled, labels = split_labels(y, unlabeled)
    assert labels.tolist() == expected
    assert is_labeled.sum() == len(expected)
    assert np.array(y, dtype=object)[is_labeled].tolist() == expected


@pytest.mark.parametrize("names", [np.array(["b", "a"]), np.array([7, -2], object)])
def test_classes_are_counted_in_all_clusters(names):
    labels = names[[0, 1, 1, 0, 1]]
    # Clusters 0 and 4 hold no labelled sample.
    classes, contingency = count_classes(labels, np.array([1, 3, 3, 3, 2]), 5)
    np.testing.assert_array_equal(classes, names[::-1])
    assert classes.dtype == names.dtype
    expected = [[0, 0, 1, 2, 0], [0, 1, 0, 1, 0]]
    np.testing.assert_array_equal(contingency, expected)
    assert contingency.dtype == np.int64
