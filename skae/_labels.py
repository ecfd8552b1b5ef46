"""Class labels of which some may be missing."""

import numpy as np
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils._missing import is_pandas_na, is_scalar_nan
from sklearn.utils.multiclass import type_of_target


def split_labels(y, unlabeled):
    """Part the samples that have a label from those that have none.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels of any type.
    unlabeled : object
        The value that marks a sample without a label; NaN stands for None and
        ``pandas.NA`` too. None means that all have one.

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
    if unlabeled is None:
        is_labeled = np.ones(len(y), dtype=bool)
    elif not (is_scalar_nan(unlabeled) or is_pandas_na(unlabeled)):
        is_labeled = np.asarray(y != unlabeled, dtype=bool)
    elif y.dtype == object:
        is_missing = [v is None or is_scalar_nan(v) or is_pandas_na(v) for v in y]
        is_labeled = ~np.array(is_missing, dtype=bool)
    else:
        is_labeled = y == y  # only NaN differs from itself
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
