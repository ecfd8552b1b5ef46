"""Samples that are given by their features: which are equal, which are near."""

from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from scipy.spatial import KDTree
from sklearn.metrics import pairwise_distances_argmin
from sklearn.neighbors import NearestNeighbors

from skae._common.sparse import as_csr, column_range, values_of
from skae.clustering._approximate import can_approximate, find_approximate_neighbors


class FeatureNeighbors:
    """Finds neighbours of samples by their features.

    It has the methods of PrecomputedNeighbors.
    """

    def __init__(self, metric="euclidean", n_jobs=None):
        self.metric = metric
        self.n_jobs = n_jobs

    def check(self, X):
        """Refuse values whose squares are infinite: distances are made of squares."""
        largest = float(np.abs(values_of(X)).max())
        # Up to four squared lengths are added.
        if 4 * X.shape[1] * largest * largest == np.inf:
            raise ValueError(
                f"X has values up to {largest:g}, whose squares are infinite; scale X."
            )

    def check_training(self, X):
        """Refuse values that differ, but too little to be squared, as well."""
        self.check(X)
        low, high = column_range(X)
        largest = (high.astype(np.float64) - low).max()
        if largest > 0 and largest * largest < np.finfo(np.float64).tiny:
            raise ValueError(
                f"X has values that differ by {largest:g} at most, too little to be "
                "squared; scale X."
            )

    def fit(self, X, is_counted=slice(None), weight=None):
        """Return the distinct samples, the point that each is, and their counts."""
        points, point_of, counts = find_distinct(X[is_counted], weight)
        self._search = NearestNeighbors(metric=self.metric, n_jobs=self.n_jobs)
        self._search.fit(points)
        return points, point_of, counts

    def nearest(self, X, n_neighbors):
        """Return the distances to the nearest points, and their numbers."""
        return self._search.kneighbors(X, n_neighbors)

    def nearest_others(self, points, n_neighbors):
        """Return the distances to the nearest other points, and their numbers."""
        if self.metric != "euclidean" or not can_approximate(points, n_neighbors):
            return self._search.kneighbors(n_neighbors=n_neighbors)
        distances, indices = find_approximate_neighbors(
            points, n_neighbors, self.n_jobs
        )
        missing = np.flatnonzero((indices < 0).any(axis=1))
        if missing.size:
            found = self._search.kneighbors(points[missing], n_neighbors + 1)
            distances[missing], indices[missing] = (part[:, 1:] for part in found)
        return distances, indices

    def nearest_outside(self, points, inside, outside):
        """Return which of the outside points is nearest to each of the inside ones."""
        return pairwise_distances_argmin(
            points[inside], points[outside], metric=self.metric
        )


def find_distinct(X, weight=None):
    """Return the distinct samples, the point that each sample is, and their counts.

    Copies would be each other's only neighbours. Points that are near each other stand
    near each other in memory, which makes the search for neighbours two to three times
    faster; their order does not depend on that of the samples. With weights of the
    samples a count is the sum of them.
    """
    if sp.issparse(X):
        points, point_of = _find_distinct_rows(X)
    else:
        points, point_of = np.unique(X, axis=0, return_inverse=True)
        order = KDTree(points).indices
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        points, point_of = points[order], place[point_of.ravel()]
    return points, point_of, np.bincount(point_of, weight)


def _find_distinct_rows(X):
    """Return the distinct rows of a sparse X, and which of them each row is."""
    rows = as_csr(X)
    if not rows.data.all():
        rows = rows.copy()
        rows.eliminate_zeros()
    keys = np.empty(rows.shape[0], dtype=object)
    for i, (start, stop) in enumerate(pairwise(rows.indptr)):
        part = slice(start, stop)
        keys[i] = rows.indices[part].tobytes() + rows.data[part].tobytes()
    _, first, point_of = np.unique(keys, return_index=True, return_inverse=True)
    return rows[first], point_of.ravel()
