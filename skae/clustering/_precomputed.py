"""Distances that the user has computed: a square matrix, or a sparse graph of them.

A sparse graph stores the distances to some neighbours of each sample. The others are
unknown, and larger.
"""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from skae._common.sparse import BLOCK_SIZE, as_csr, values_of

# Distances up to this part of the largest are zero: so much is left of equal samples by
# rounding, if distances are computed as roots of differences.
ROUNDING = np.sqrt(np.finfo(np.float64).eps)


class PrecomputedNeighbors:
    """Finds neighbours in distances.

    It has the methods of FeatureNeighbors. Points are the distances between distinct
    samples, and it keeps only which these are: all distances would be many.
    """

    def check(self, X):
        """Refuse what cannot be distances, such as similarities."""
        lowest = values_of(X).min()
        if lowest < 0:
            raise ValueError(
                f"Negative values in data: X has values down to {lowest:g}; with "
                'metric="precomputed" they are distances, which must be at least 0.'
            )

    def check_training(self, X):
        """Refuse what cannot be distances between all training samples, as well."""
        self.check(X)
        if X.shape[0] != X.shape[1]:
            raise ValueError(
                f"Precomputed matrix must be square, but X has shape {X.shape}: it has "
                "the distances between all samples."
            )
        own = X.diagonal().max()
        # Distances that are roots of differences are rounded to so many digits.
        if own > np.sqrt(np.finfo(X.dtype).eps) * values_of(X).max():
            raise ValueError(
                f"X has values up to {own:g} on the diagonal; with "
                'metric="precomputed" these are distances of samples to themselves, '
                "which must be 0."
            )

    def fit(self, X, is_counted=slice(None), weight=None):
        """Return the distinct samples, the point that each is, and their counts."""
        points, point_of, counts, first = find_distinct(
            X[is_counted][:, is_counted], weight
        )
        self._columns = np.arange(X.shape[1])[is_counted][first]
        return points, point_of, counts

    def nearest(self, X, n_neighbors):
        """Return the distances to the nearest points, and their numbers."""
        distances, indices = find_nearest(X[:, self._columns], n_neighbors)
        is_alone = np.isinf(distances[:, 0])
        if is_alone.any():
            raise ValueError(
                f"Row {is_alone.argmax()} of X stores no distance to a training sample "
                "that counts; at least one is needed."
            )
        return distances, indices

    def nearest_others(self, points, n_neighbors):
        """Return the distances to the nearest other points, and their numbers."""
        return find_nearest(points, n_neighbors, without_self=True)

    def nearest_outside(self, points, inside, outside):
        """Return which of the outside points is nearest to each of the inside ones."""
        if sp.issparse(points):
            raise ValueError(
                "The graph of the distances that X stores has more pieces than there "
                "are clusters to find, and X does not say how far they are from each "
                "other. Pass a larger n_clusters, more neighbours in X, or a dense "
                "matrix of all distances."
            )
        return points[np.ix_(inside, outside)].argmin(axis=1)


def find_distinct(distances, weight=None):
    """Return the distances between distinct samples, which these are, and their counts.

    Samples at distance zero from each other are one point. Its row is that of the first
    of them. Also returns the number of this sample for each point.
    """
    n_samples = distances.shape[0]
    if sp.issparse(distances):
        stored = as_csr(distances).tocoo()
        rows, columns, values = stored.row, stored.col, stored.data
        is_zero = values <= ROUNDING * values.max(initial=0)
        equal = rows[is_zero], columns[is_zero]
    else:
        equal = np.nonzero(distances <= ROUNDING * distances.max())
    ones = np.ones(len(equal[0]), dtype=bool)
    pairs = sp.coo_array((ones, equal), shape=(n_samples, n_samples))
    n_points, point_of = connected_components(pairs, directed=False)
    _, first = np.unique(point_of, return_index=True)
    if n_points == n_samples:
        points = distances
    elif sp.issparse(distances):
        points = _shortest(point_of[rows], point_of[columns], values, n_points)
    else:
        points = distances[np.ix_(first, first)]
    return points, point_of, np.bincount(point_of, weight), first


def _shortest(rows, columns, values, n_points):
    """Return a sparse graph of the shortest distances stored between two points."""
    order = np.lexsort((values, columns, rows))
    rows, columns, values = rows[order], columns[order], values[order]
    is_first = np.diff(rows, prepend=-1).astype(bool)
    is_first |= np.diff(columns, prepend=-1).astype(bool)
    parts = values[is_first], (rows[is_first], columns[is_first])
    return sp.coo_array(parts, shape=(n_points, n_points)).tocsr()


def find_nearest(distances, n_neighbors, *, without_self=False):
    """Return the smallest distances of each row, in order, and their columns.

    Where a sparse row has fewer, the distances are infinite and the columns 0.
    """
    if sp.issparse(distances):
        return _find_nearest_stored(as_csr(distances), n_neighbors, without_self)
    n_rows, n_columns = distances.shape
    indices = np.empty((n_rows, n_neighbors), dtype=np.intp)
    length = max(1, BLOCK_SIZE // n_columns)
    for start in range(0, n_rows, length):
        block = distances[start : start + length]
        if without_self:
            block = block.copy()
            own = np.arange(len(block))
            block[own, start + own] = np.inf
        found = block.argpartition(n_neighbors - 1, axis=1)[:, :n_neighbors]
        order = np.take_along_axis(block, found, axis=1).argsort(axis=1, kind="stable")
        indices[start : start + length] = np.take_along_axis(found, order, axis=1)
    return np.take_along_axis(distances, indices, axis=1), indices


def _find_nearest_stored(distances, n_neighbors, without_self):
    """Find the nearest in the rows of a sparse graph."""
    n_rows = distances.shape[0]
    stored = distances.tocoo()
    rows, columns, values = stored.row, stored.col, stored.data
    if without_self:
        is_other = rows != columns
        rows, columns, values = rows[is_other], columns[is_other], values[is_other]
    order = np.lexsort((values, rows))
    rows, columns, values = rows[order], columns[order], values[order]
    starts = np.searchsorted(rows, np.arange(n_rows))
    place = np.arange(len(rows)) - starts[rows]
    is_near = place < n_neighbors
    where = rows[is_near], place[is_near]
    nearest = np.full((n_rows, n_neighbors), np.inf, dtype=values.dtype)
    indices = np.zeros((n_rows, n_neighbors), dtype=np.intp)
    nearest[where], indices[where] = values[is_near], columns[is_near]
    return nearest, indices
