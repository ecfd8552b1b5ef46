"""How sparse the borders between clusters are, a measure that ignores their sizes.

The radius of a point, the distance to the farthest of its neighbours, is small where
points are dense. The measure takes its rank within the cluster of the point: a border
through one hill of points has ranks of about 1/2 or less, one through a valley more.
"""

import numpy as np

from skae.clustering._graph import cut_edges, joint_weights, sum_by_pairs

# Borders with less than this part of the largest share of the edges of a cluster do not
# tell how many clusters there are: their few edges may be anywhere by chance.
MIN_SHARE = 0.5


def rank_within_clusters(graph, labels):
    """Return the share of its cluster whose radii are smaller than that of a point.

    Of equal radii half are counted as smaller.
    """
    # NumPy sorts short integers by radix, in linear time.
    short = labels.astype(np.min_scalar_type(labels.max()))
    order = graph.by_radius[short[graph.by_radius].argsort(kind="stable")]
    is_next = np.diff(labels[order]).astype(bool)
    is_next |= np.diff(graph.radii[order]).astype(bool)
    equal = np.concatenate([[0], is_next.cumsum()])
    weights = np.bincount(equal, graph.counts[order])
    ranks = np.empty(len(labels))
    ranks[order] = (np.cumsum(weights) - weights / 2)[equal]
    sizes = np.bincount(labels, graph.counts)
    before = np.cumsum(sizes) - sizes
    return (ranks - before[labels]) / sizes[labels]


def border_sparsity(graph, labels, cut=None):
    """Return the mean rank of the ends of the edges between clusters.

    It is from 0 to 1, and 1 if there is no such edge. ``cut`` are these edges, where
    they are known already.
    """
    _, ends, weights = cut_edges(graph, labels) if cut is None else cut
    if not ends.size:
        return 1.0
    ranks = rank_within_clusters(graph, labels)
    return float(np.average(ranks[ends], weights=weights))


def weakest_border(graph, labels, n_clusters):
    """Return the mean rank of the ends of the edges of one border, the smallest.

    A border is all edges between two clusters. Only those count that have a large share
    of the edges of the smaller of the two. It is 1 if no clusters touch.
    """
    first, ends, weights = cut = cut_edges(graph, labels)
    if not ends.size:
        return 1.0
    ranks = rank_within_clusters(graph, labels)[ends] * weights
    sums = sum_by_pairs(first, labels[ends], ranks, n_clusters)
    joint = joint_weights(graph, labels, n_clusters, cut)
    sizes = joint.sum(axis=1)
    shares = np.triu(joint, 1) / np.minimum.outer(sizes, sizes)
    is_large = shares >= MIN_SHARE * shares.max()
    # Half of the ends of a border are in each of its clusters.
    return float(((sums + sums.T)[is_large] / (2 * joint[is_large])).min())
