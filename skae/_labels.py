"""Class labels of which some may be missing."""

import numpy as np
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils._missing import is_pandas_na
from sklearn.utils.multiclass import type_of_target


def _is_missing(value):
    """Whether a value stands for one that is not there: None, NaN, NA, NaT."""
    return value is None or is_pandas_na(value) or bool(value != value)


def _find_missing(y):
    """Tell which labels are missing."""
    if y.dtype == object:
        return np.array([_is_missing(value) for value in y], dtype=bool)
    return y != y  # as only those do that are not there


def split_labels(y, unlabeled):
    """Part the samples that have a label from those that have none.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels of any type.
    unlabeled : object
        The value that marks a sample without a label; NaN stands for all that are
        missing, such as None and ``pandas.NA``. None means that all have one.

    Returns
    -------
    is_labeled : ndarray of bool of shape (n_samples,)
        Which samples have a label.
    labels : ndarray of shape (n_labeled,)
        The labels of those.

    Raises
    ------
    ValueError
        If no sample is labelled, or y is not a list of class labels.
    """
    is_list = not hasattr(y, "dtype")
    if is_list:
        # [1, 2, "?"] would become strings, and the classes 1 and 2 with them.
        y = np.array(y, dtype=object)
    y = column_or_1d(y, warn=True)
    if np.ndim(unlabeled):
        raise ValueError(f"unlabeled={unlabeled!r} must be one value.")
    is_missing = _find_missing(y)
    is_labeled = np.ones(len(y), dtype=bool)
    if unlabeled is None:
        pass
    elif _is_missing(unlabeled):
        is_labeled = ~is_missing
    else:
        is_labeled[~is_missing] = y[~is_missing] != unlabeled
    if is_missing[is_labeled].any():
        raise ValueError(
            "Input y contains NaN, None or another missing value. If it marks samples "
            "without a label, say so by unlabeled=np.nan."
        )
    labels = y[is_labeled]
    if len(labels) == 0:
        raise ValueError(
            "y labels no sample: at least one needs a label"
            + (f" other than unlabeled={unlabeled!r}." if len(y) else ".")
        )

    if labels.dtype == object:
        are_strings = [isinstance(label, str) for label in labels]
        if any(are_strings) and not all(are_strings):
            raise ValueError("y mixes strings with labels of other types.")
        if is_list or not any(are_strings):
            labels = np.array(labels.tolist())
    assert_all_finite(labels, input_name="y")
    # Not check_classification_targets: it warns of a regression where there are few
    # samples a class, and one label a class is how this classifier is meant to be used.
    kind = type_of_target(labels, input_name="y")
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"Unknown label type: {kind}. y must hold one class label a sample."
        )
    return is_labeled, labels


def count_classes(labels, clusters, n_clusters):
    """Count the samples of each class in each cluster.

    Parameters
    ----------
    labels : ndarray of shape (n_labeled,)
        The classes of samples.
    clusters : ndarray of shape (n_labeled,)
        Their clusters, from 0.
    n_clusters : int
        Number of clusters.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        The classes, sorted.
    contingency : ndarray of shape (n_classes, n_clusters)
        The counts.
    """
    classes, rows = np.unique(labels, return_inverse=True)
    contingency = np.zeros((len(classes), n_clusters), dtype=np.int64)
    np.add.at(contingency, (rows, clusters), 1)
    return classes, contingency
