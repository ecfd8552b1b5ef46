"""Labels of which some are missing; the classifiers' tests have more of them."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

from skae import ClusterClassifier, PseudoLabelClassifier
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


@pytest.mark.parametrize(
    ("y", "unlabeled", "message"),
    [
        (np.array(["a", "b", "-1"]), -1, "strings.*unlabeled=-1.*dtype=object"),
        (np.array(["a", "b"]), -1, "strings.*unlabeled=-1"),
        (np.array([b"a", b"-1"]), -1, "strings.*unlabeled=-1"),
        (np.array(["a", "-1"], object), -1, r"'-1'.*unlabeled=-1"),
        (["a", "-1.0", -1], -1, r"'-1\.0'.*unlabeled=-1"),
        ([0, 1, -1], "-1", r"-1.*unlabeled='-1'"),
        (np.array([0.0, 1.0, -1.0]), "-1", r"-1\.0.*unlabeled='-1'"),
    ],
)
def test_a_label_that_only_looks_like_the_mark_is_refused(y, unlabeled, message):
    with pytest.raises(ValueError, match=message):
        split_labels(y, unlabeled)


def test_a_mark_among_labels_of_another_type():
    is_labeled, labels = split_labels(np.array(["a", -1, "b"], object), -1)
    assert labels.tolist() == ["a", "b"]
    assert is_labeled.tolist() == [True, False, True]
    is_labeled, labels = split_labels(np.array(["a", "b"]), np.nan)
    assert is_labeled.all()


@pytest.mark.parametrize(
    "classifier", [ClusterClassifier(), PseudoLabelClassifier(max_epochs=1)], ids=str
)
def test_a_mark_that_no_sample_has_is_told(classifier):
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    with pytest.raises(ValueError, match="strings"):
        classifier.set_params(unlabeled=-1).fit(X, names)
    with pytest.warns(UserWarning, match="none is unlabeled='other'"):
        classifier.set_params(unlabeled="other", random_state=0).fit(X, names)
    names[::2] = "other"
    assert len(classifier.fit(X, names).classes_) == 3


def test_a_refiner_gets_a_mark_where_it_gets_samples_without_a_label():
    X, y = load_iris(return_X_y=True)
    refiner = PseudoLabelClassifier(max_epochs=1, unlabeled="?")
    classifier = ClusterClassifier(refiner=refiner, random_state=0).fit(X, y)
    assert classifier.refiner_.unlabeled is None
    # Only labelled samples are passed here, whatever marks the others of the fit.
    classifier.set_params(unlabeled=-1).map_labels(X, y)
