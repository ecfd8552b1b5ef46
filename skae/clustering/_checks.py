"""Checks of samples and of distances before clusters are searched for."""

import numpy as np

from skae._common.sparse import column_range, values_of


def check_squares_are_finite(X):
    """Refuse values whose squares are infinite, since distances are made of squares."""
    largest = float(np.abs(values_of(X)).max())
    # Up to four squared lengths are added.
    if 4 * X.shape[1] * largest * largest == np.inf:
        raise ValueError(
            f"X has values up to {largest:g}, whose squares are infinite; scale X."
        )


def check_differences_have_squares(X):
    """Refuse values that differ, but by so little that the squares are not normal."""
    low, high = column_range(X)
    largest = (high.astype(np.float64) - low).max()
    if largest > 0 and largest * largest < np.finfo(np.float64).tiny:
        raise ValueError(
            f"X has values that differ by {largest:g} at most, too little to be "
            "squared; scale X."
        )


def check_distances(X, *, is_square):
    """Refuse what cannot be precomputed distances, such as similarities."""
    values = values_of(X)
    lowest, highest = values.min(), values.max()
    if lowest < 0:
        raise ValueError(
            f"Negative values in data: X has values down to {lowest:g}; with "
            'metric="precomputed" they are distances, which must be at least 0.'
        )
    if not is_square:
        return
    if X.shape[0] != X.shape[1]:
        raise ValueError(
            f"Precomputed matrix must be square, but X has shape {X.shape}: it has the "
            "distances between all samples."
        )
    own = X.diagonal().max()
    # Distances that are roots of differences are rounded to so many digits.
    if own > np.sqrt(np.finfo(X.dtype).eps) * highest:
        raise ValueError(
            f'X has values up to {own:g} on the diagonal; with metric="precomputed" '
            "these are distances of samples to themselves, which must be 0."
        )
