"""Class labels of which some may be missing."""

import math

import numpy as np
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils._missing import is_pandas_na
from sklearn.utils.multiclass import type_of_target

from skae._common.warn import warn_user


def _is_missing(value):
    """Return whether a value marks a missing one: None, NaN, NA, NaT."""
    return value is None or is_pandas_na(value) or bool(value != value)


def _find_missing(y):
    """Return which labels are missing."""
    if y.dtype == object:
        return np.array([_is_missing(value) for value in y], dtype=bool)
    return y != y  # only NaN and NaT differ from themselves


def _reads_like(label, unlabeled):
    """Whether a label has the text of the mark, or stands for the same number."""
    try:
        return float(label) == float(unlabeled)
    except (TypeError, ValueError):
        return str(label) == str(unlabeled)


def _refuse_lookalikes(labels, unlabeled):
    """Refuse labels that read like the mark of a missing one, but are another type."""
    if labels.dtype.kind in "US" and not isinstance(unlabeled, str | bytes):
        raise ValueError(
            f"y has labels that are strings, none of which can be unlabeled="
            f"{unlabeled!r}; mark samples without a label by a string, or pass y with "
            "dtype=object."
        )
    for label in np.unique(labels) if labels.dtype != object else set(labels):
        if _reads_like(label, unlabeled):
            raise ValueError(
                f"y has the label {label!r}, which is of another type than unlabeled="
                f"{unlabeled!r}; mark samples without a label by {unlabeled!r} itself."
            )


def split_labels(y, unlabeled):
    """Separate the samples that have a label from those that have none.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels of any type.
    unlabeled : object
        The value that marks a sample without a label; NaN stands for all missing
        values, such as None and ``pandas.NA``. None means that all samples have a
        label.

    Returns
    -------
    is_labeled : ndarray of bool of shape (n_samples,)
        Which samples have a label.
    labels : ndarray of shape (n_labeled,)
        The labels of those.

    Raises
    ------
    ValueError
        If no sample is labelled, if a label reads like ``unlabeled`` but is of another
        type, or if y does not hold class labels.
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
        _refuse_lookalikes(y[is_labeled & ~is_missing], unlabeled)
    if is_missing[is_labeled].any():
        raise ValueError(
            "Input y contains NaN, None or another missing value. If it marks samples "
            "without a label, pass unlabeled=np.nan."
        )
    labels = y[is_labeled]
    if len(labels) == 0:
        raise ValueError(
            "y has no labelled sample: at least one needs a label"
            + (f" other than unlabeled={unlabeled!r}." if len(y) else ".")
        )

    if labels.dtype == object:
        are_strings = [isinstance(label, str) for label in labels]
        if any(are_strings) and not all(are_strings):
            other = labels[are_strings.index(False)]
            raise ValueError(
                f"y has strings and the label {other!r}, which is not one; labels must "
                "be all strings or all numbers."
            )
        if is_list or not any(are_strings):
            labels = np.array(labels.tolist())
    assert_all_finite(labels, input_name="y")
    # Not check_classification_targets: it warns of a regression problem where there are
    # few samples per class, and one label per class is a case to support.
    kind = type_of_target(labels, input_name="y")
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"Unknown label type: {kind}. y must hold one class label per sample."
        )
    return is_labeled, labels


def warn_without_unlabeled(is_labeled, unlabeled):
    """Warn where a mark of missing labels is set, but no sample has it.

    Parameters
    ----------
    is_labeled : ndarray of bool of shape (n_samples,)
        Which samples have a label.
    unlabeled : object
        The value that marks a sample without a label, or None.

    Warns
    -----
    UserWarning
        If all samples have a label.
    """
    if unlabeled is not None and is_labeled.all():
        warn_user(f"y has no samples without a label: none is unlabeled={unlabeled!r}.")


def can_stratify(labels, fraction):
    """Return whether both parts of a division can have a sample of each class.

    Parameters
    ----------
    labels : ndarray of int of shape (n_samples,)
        Classes by number; -1 for a sample without a label.
    fraction : float
        Share of the samples in one part.

    Returns
    -------
    bool
        False where a sample has no label.
    """
    if labels.min() < 0:
        return False
    counts = np.bincount(labels)
    n_held_out = math.ceil(fraction * len(labels))
    return counts.min() > 1 and min(n_held_out, len(labels) - n_held_out) >= len(counts)


def count_classes(labels, clusters, n_clusters, weight=None):
    """Count the samples of each class in each cluster.

    Parameters
    ----------
    labels : ndarray of shape (n_labeled,)
        The classes of samples.
    clusters : ndarray of shape (n_labeled,)
        Their clusters, from 0.
    n_clusters : int
        Number of clusters, also of those in which no sample is labelled.
    weight : ndarray of shape (n_labeled,), default=None
        Weights of the samples.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        The classes, sorted.
    contingency : ndarray of shape (n_classes, n_clusters)
        The counts, or the sums of the weights.
    """
    if weight is not None:
        classes, numbers = np.unique(labels, return_inverse=True)
        contingency = np.zeros((len(classes), n_clusters))
        np.add.at(contingency, (numbers, clusters), weight)
        return classes, contingency
    classes = np.unique(labels)
    contingency = np.zeros((len(classes), n_clusters), dtype=np.int64)
    counts = contingency_matrix(labels, clusters, dtype=np.int64)
    contingency[:, np.unique(clusters)] = counts
    return classes, contingency
