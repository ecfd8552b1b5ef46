"""Labels of points in a plane."""

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

# The labels of the classes are placed on a grid of this number of fields per side.
N_FIELDS = 24


def find_classes(y, samples):
    """Return the classes, and the class of each sample.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        The classes, numbers or names.
    samples : array-like
        The samples.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        The classes, sorted.
    members : ndarray of shape (n_samples,)
        The class of each sample, as index into ``classes``.

    Raises
    ------
    ValueError
        If ``y`` does not hold one class per sample.
    """
    y = column_or_1d(y)
    check_consistent_length(samples, y)
    check_classification_targets(y)
    return np.unique(y, return_inverse=True)


def place_labels(points, members, labels):
    """Find the place where each class is densest and purest.

    Places have some distance from each other, so that the labels stay legible; there
    may be no place left for a label.

    Parameters
    ----------
    points : ndarray of shape (n_samples, 2)
        The points.
    members : ndarray of shape (n_samples,)
        The class of each point, as index into ``labels``.
    labels : list of str
        The labels of the classes.

    Returns
    -------
    ndarray of shape (n_classes, 2)
        Centers of the labels; NaN for a label without a place.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    # The fields are squares, as both axes have one scale.
    side = (high - low).max() / N_FIELDS or 1e-9
    corner = (low + high - N_FIELDS * side) / 2
    fields = ((points - corner) / side).astype(int).clip(0, N_FIELDS - 1)
    counts = np.zeros((len(labels), N_FIELDS, N_FIELDS))
    np.add.at(counts, (members, *fields.T), 1)
    density = gaussian_filter(counts, sigma=(0, 1, 1))
    worth = density**2 / density.sum(axis=0).clip(min=1e-9)

    x, y = np.indices((N_FIELDS, N_FIELDS))
    placed = []
    for class_worth, label in zip(worth, labels, strict=True):
        width = 0.7 + 0.6 * len(label)  # in fields, for Axes of about 4 inches
        is_inside = abs(x + 0.5 - N_FIELDS / 2) <= (N_FIELDS - width) / 2
        free = class_worth * is_inside
        for other_x, other_y, other_width in placed:
            is_near = abs(x - other_x) < (width + other_width) / 2
            free[is_near & (abs(y - other_y) < 2)] = 0
        if free.any():
            best = np.argmax(free)
            placed.append((x.flat[best], y.flat[best], width))
        else:
            placed.append((np.nan, np.nan, 0.0))
    return corner + (np.array(placed)[:, :2] + 0.5) * side
