"""How sparse the borders between clusters are, a measure that ignores their sizes.

The radius of a point, the distance to the last of its neighbours, is small where points
are dense. The measures take its rank within a cluster: a border that runs through one
hill of points has ranks of about 1/2 or less, one through a valley has higher ranks.
"""

import numpy as np


def _ranks(labels, counts, radii):
    """Return the share of a point's cluster whose radii are smaller than its own."""
    order = np.argsort(radii, kind="stable")
    order = order[np.argsort(labels[order], kind="stable")]
    sizes = np.bincount(labels, counts)
    before = np.cumsum(sizes) - sizes
    ranks = np.empty(len(labels))
    ranks[order] = np.cumsum(counts[order]) - counts[order] / 2
    return (ranks - before[labels]) / sizes[labels]


def _find_edges(graph):
    """Return the two ends of each edge."""
    return np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr)), graph.indices


def border_sparsity(graph, labels, counts, radii):
    """Return the mean rank of the ends of edges between clusters, and its error.

    The mean is from 0 to 1, and 1 if there is no such edge. The standard error is that
    of points drawn again: copies of a sample say nothing new about where it lies.
    """
    rows, columns = _find_edges(graph)
    is_cut = labels[rows] != labels[columns]
    if not is_cut.any():
        return 1.0, 0.0
    weights = np.bincount(rows[is_cut], graph.data[is_cut], len(labels))
    ranks = _ranks(labels, counts, radii)
    mean = np.average(ranks, weights=weights)
    residuals = weights * (ranks - mean)
    return float(mean), float(np.linalg.norm(residuals) / weights.sum())


def merge_at_dense_borders(graph, labels, counts, radii, n_clusters):
    """Merge the two clusters with the least sparse border until n_clusters are left.

    The graph has at most n_clusters components, so there are always two that touch.
    """
    rows, columns = _find_edges(graph)
    is_cut = labels[rows] != labels[columns]  # mergers only make fewer
    rows, columns, weights = rows[is_cut], columns[is_cut], graph.data[is_cut]
    for n_left in range(labels.max() + 1, n_clusters, -1):
        ranks = _ranks(labels, counts, radii)[rows]
        pairs = labels[rows] * n_left + labels[columns]
        cut = np.bincount(pairs, weights, n_left**2).reshape(n_left, n_left)
        ranks = np.bincount(pairs, weights * ranks, n_left**2).reshape(cut.shape)
        # Each edge is there in both directions, with an end in each of two clusters.
        i, j = np.nonzero(np.triu(cut, 1))
        means = ranks[i, j] / cut[i, j] + ranks[j, i] / cut[j, i]
        kept, removed = i[means.argmin()], j[means.argmin()]
        labels = np.where(labels == removed, kept, labels)
        labels = labels - (labels > removed)
    return labels
