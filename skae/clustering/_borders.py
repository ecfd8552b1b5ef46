"""How sparse the borders between clusters are, a measure that ignores their sizes.

The radius of a point, the distance to the farthest of its neighbours, is small where
points are dense. The measure takes its rank within the cluster of the point: a border
through one hill of points has ranks of about 1/2 or less, one through a valley more.
"""

import numpy as np


def rank_within_clusters(labels, counts, radii):
    """Return the share of its cluster whose radii are smaller than that of a point.

    Of equal radii half are counted as smaller.
    """
    order = np.lexsort((radii, labels))
    is_next = np.diff(labels[order]).astype(bool) | np.diff(radii[order]).astype(bool)
    equal = np.concatenate([[0], is_next.cumsum()])
    weights = np.bincount(equal, counts[order])
    ranks = np.empty(len(labels))
    ranks[order] = (np.cumsum(weights) - weights / 2)[equal]
    sizes = np.bincount(labels, counts)
    before = np.cumsum(sizes) - sizes
    return (ranks - before[labels]) / sizes[labels]


def border_sparsity(graph, labels, counts, radii):
    """Return the mean rank of the ends of the edges between clusters.

    It is from 0 to 1, and 1 if there is no such edge.
    """
    rows = np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr))
    is_cut = labels[rows] != labels[graph.indices]
    if not is_cut.any():
        return 1.0
    weights = np.bincount(rows[is_cut], graph.data[is_cut], len(labels))
    ranks = rank_within_clusters(labels, counts, radii)
    return float(np.average(ranks, weights=weights))
