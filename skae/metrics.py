"""Scores of clusterings and of colours."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils import check_array, check_consistent_length, column_or_1d

__all__ = ["clustering_accuracy", "colorfulness"]


def clustering_accuracy(labels_true, labels_pred):
    """Accuracy of a clustering under the best matching of clusters and classes.

    Clusters have no classes, so each cluster is matched with at most one class and each
    class with at most one cluster, such that the most samples agree (the Hungarian
    algorithm [1]_); the score is the fraction of samples that then agree. If there are
    more clusters than classes, all samples of the clusters without a class count as
    wrong, and likewise for more classes than clusters.

    Parameters
    ----------
    labels_true : array-like of shape (n_samples,)
        The classes, of any type: numbers, strings.

    labels_pred : array-like of shape (n_samples,)
        The clusters, of any type. Only which samples share a label matters. Noise,
        the label -1 of some clusterers, is a cluster like any other.

    Returns
    -------
    accuracy : float
        Between 0 and 1; 1 if the clusters are the classes.

    Raises
    ------
    ValueError
        If the two have different lengths, are empty or are not one-dimensional.

    See Also
    --------
    sklearn.metrics.adjusted_rand_score : Counts pairs of samples instead.
    sklearn.metrics.normalized_mutual_info_score : Mutual information of clusters and
        classes.

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


def colorfulness(X_color):
    """Colourfulness of images.

    The measure of Hasler and Süsstrunk [1]_: standard deviation and distance from gray
    of the differences red - green and (red + green) / 2 - blue, weighted to agree with
    observers' ratings of photographs. 0 is gray, 33 moderately and 82 highly colourful.

    Parameters
    ----------
    X_color : array-like of shape (n_samples, height, width, 3)
        Images with the channels red, green and blue last: uint8 from 0 to 255, else in
        [0, 1].

    Returns
    -------
    ndarray of shape (n_samples,)
        The colourfulness of each image, on the scale of bytes.

    Raises
    ------
    ValueError
        If X_color has another shape, or values that are not finite or not in [0, 1].

    References
    ----------
    .. [1] D. Hasler and S. Süsstrunk, "Measuring colourfulness in natural images",
       Human Vision and Electronic Imaging VIII, 2003.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.metrics import colorfulness
    >>> red, gray = np.zeros((2, 4, 4, 3))
    >>> red[..., 0] = 1.0
    >>> print(colorfulness([red, gray]).round(1))
    [85.5  0. ]
    """
    X_color = check_array(
        X_color,
        dtype=[np.float64, np.float32, np.uint8],
        allow_nd=True,
        input_name="X_color",
    )
    if X_color.ndim != 4 or X_color.shape[3] != 3:
        raise ValueError(
            f"X_color has the shape {X_color.shape}; it must hold colour images of "
            "shape (n_samples, height, width, 3)."
        )
    is_bytes = X_color.dtype == np.uint8
    if not is_bytes and (X_color.min() < 0 or X_color.max() > 1):
        raise ValueError(
            f"X_color has values from {X_color.min()} to {X_color.max()}; they must "
            "lie in [0, 1], or be of uint8, from 0 to 255."
        )
    scale = 1.0 if is_bytes else 255.0
    pixels = scale * X_color.reshape(len(X_color), -1, 3)
    red, green, blue = np.moveaxis(pixels, 2, 0)
    opponents = np.stack([red - green, (red + green) / 2 - blue])
    # Both are lengths in the plane of the two differences.
    spread = np.sqrt(opponents.var(axis=2).sum(axis=0))
    distance = np.sqrt(np.square(opponents.mean(axis=2)).sum(axis=0))
    return spread + 0.3 * distance
