"""Scores that compare a clustering with classes."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils import check_consistent_length, column_or_1d

__all__ = ["clustering_accuracy"]


def clustering_accuracy(labels_true, labels_pred):
    """Accuracy of a clustering under the best naming of its clusters.

    Clusters carry no names, so every cluster is matched with one class and every
    class with one cluster, in the way that makes the most samples agree (the Hungarian
    algorithm [1]_); the score is the fraction of samples that then agree. Where there
    are more clusters than classes the surplus clusters match nothing, and all their
    samples count as wrong; in the same way for more classes than clusters.

    Parameters
    ----------
    labels_true : array-like of shape (n_samples,)
        The classes, of any type: numbers, strings.

    labels_pred : array-like of shape (n_samples,)
        The clusters, of any type. Only which samples share a label matters. Noise,
        the label -1 of some clusterers, is a cluster like any other here.

    Returns
    -------
    accuracy : float
        Between 0 and 1; 1 where the clusters are the classes.

    Raises
    ------
    ValueError
        If the two have different lengths, are empty or are not one-dimensional.

    See Also
    --------
    sklearn.metrics.adjusted_rand_score : Counts pairs of samples instead.
    sklearn.metrics.normalized_mutual_info_score : Information the clusters give.

    References
    ----------
    .. [1] H. W. Kuhn, "The Hungarian method for the assignment problem", Naval
       Research Logistics Quarterly 2, 1955.

    Examples
    --------
    >>> from skae.metrics import clustering_accuracy
    >>> clustering_accuracy(["cat", "cat", "dog", "dog"], [1, 1, 0, 0])
    1.0
    >>> clustering_accuracy(["cat", "cat", "dog", "dog"], [2, 1, 0, 0])
    0.75
    """
    labels_true = column_or_1d(labels_true)
    labels_pred = column_or_1d(labels_pred)
    check_consistent_length(labels_true, labels_pred)
    if len(labels_true) == 0:
        raise ValueError(
            "labels_true and labels_pred are empty; at least one sample is needed."
        )
    counts = contingency_matrix(labels_true, labels_pred, dtype=np.int64)
    matched = counts[linear_sum_assignment(counts, maximize=True)].sum()
    return float(matched / len(labels_true))
