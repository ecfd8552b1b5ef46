"""The graph that links each sample with its nearest neighbours."""

from functools import cached_property

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

# About how many members of a component are linked to the points nearest to them; of a
# larger component every second, third, ... member is.
MAX_LINKED_MEMBERS = 1000


class Graph:
    """Points that stand for samples, linked by edges.

    Parameters
    ----------
    edges : csr_array of shape (n_points, n_points)
        The symmetric weights of the edges.

    counts : ndarray of shape (n_points,)
        How many samples each point is.

    radii : ndarray of shape (n_points,)
        The distance from each point to the farthest of its neighbours.
    """

    def __init__(self, edges, counts, radii):
        self.edges = edges
        self.counts = counts
        self.radii = radii

    @cached_property
    def degrees(self):
        """The weight of all edges of each point."""
        return self.edges.sum(axis=1)

    @cached_property
    def pairs(self):
        """The two points of each edge, the larger number last, and its weight."""
        edges = self.edges
        first = np.repeat(
            np.arange(len(self.counts), dtype=edges.indices.dtype),
            np.diff(edges.indptr),
        )
        once = np.flatnonzero(first < edges.indices)
        return first[once], edges.indices[once], edges.data[once]

    @cached_property
    def by_radius(self):
        """The points in the order of their radii."""
        return self.radii.argsort()


def neighbor_distances(neighbors, points, n_neighbors):
    """Return the distances from each point to its nearest neighbours, and to no other.

    There are at most half as many neighbours as other points: a graph in which every
    point is a neighbour of every other has no structure.
    """
    n_points = points.shape[0]
    if n_points == 1:
        return sp.csr_array((1, 1))
    n_neighbors = min(n_neighbors, max((n_points - 1) // 2, 1))
    distances, indices = neighbors.nearest_others(points, n_neighbors)
    is_found = np.isfinite(distances)
    # Short integers save time wherever the graph is read.
    dtype = np.int32 if indices.size < 2**31 else np.int64
    starts = np.zeros(n_points + 1, dtype=dtype)
    np.cumsum(is_found.sum(axis=1), out=starts[1:])
    parts = distances[is_found], indices[is_found].astype(dtype), starts
    return sp.csr_array(parts, shape=(n_points, n_points))


def find_radii(distances):
    """Return the distance from each point to the farthest of its neighbours."""
    return distances.max(axis=1).toarray().ravel()


def link_neighbors(distances):
    """Link each point with its nearest neighbours and with itself.

    The weight of an edge is 1 if each point is among the other's neighbours, otherwise
    1/2.
    """
    directed = sp.csr_array(distances, copy=True)
    directed.data = np.ones(directed.nnz)
    loops = sp.csr_array(sp.identity(directed.shape[0], format="csr"))
    return 0.5 * (directed + directed.T) + loops


def link_components(edges, neighbors, points, n_clusters):
    """Link the smallest components to the nearest points until n_clusters are left.

    Returns the edges and the component of each point.
    """
    while True:
        n_components, components = connected_components(edges, directed=False)
        if n_components <= n_clusters:
            return edges, components
        by_size = np.argsort(-np.bincount(components), kind="stable")
        rows, columns = [], []
        for component in by_size[n_clusters:]:
            inside = np.flatnonzero(components == component)
            inside = inside[:: 1 + len(inside) // MAX_LINKED_MEMBERS]
            outside = np.flatnonzero(components != component)
            nearest = neighbors.nearest_outside(points, inside, outside)
            rows.append(inside)
            columns.append(outside[nearest])
        rows, columns = np.concatenate(rows), np.concatenate(columns)
        weights = np.full(len(rows), 0.5)
        links = sp.csr_array((weights, (rows, columns)), shape=edges.shape)
        edges = edges + links + links.T


def scale_edges(edges, factors):
    """Return the edges, each multiplied by the factors of its two ends.

    With counts as factors it is the graph of the samples: each copy of a point has all
    edges of it.
    """
    weights = edges.data * np.repeat(factors, np.diff(edges.indptr))
    weights *= factors[edges.indices]
    return sp.csr_array((weights, edges.indices, edges.indptr), shape=edges.shape)


def cut_edges(graph, labels):
    """Return the edges that lead from one cluster to another, each from both ends.

    Returns the cluster at the first end, the point at the second, and the weight.
    Mostly these are few edges.
    """
    # Single bytes are moved in less time.
    short = labels.astype(np.min_scalar_type(labels.max()))
    first, second, weights = graph.pairs
    cut = np.flatnonzero(short.take(first) != short.take(second))
    first, second, weights = first[cut], second[cut], weights[cut]
    ends = np.concatenate([second, first])
    others = np.concatenate([first, second])
    return labels[others], ends, np.concatenate([weights, weights])


def joint_weights(graph, labels, n_clusters, cut=None):
    """Return the weight of the edges from each cluster to each cluster.

    ``cut`` are the edges between clusters, where they are known already.
    """
    first, ends, weights = cut_edges(graph, labels) if cut is None else cut
    joint = sum_by_pairs(first, labels[ends], weights, n_clusters)
    degrees = np.bincount(labels, graph.degrees, minlength=n_clusters)
    return joint + np.diag(degrees - joint.sum(axis=1))


def sum_by_pairs(first, second, values, n_clusters):
    """Return the sum of the values for each pair of clusters."""
    sums = np.bincount(first * n_clusters + second, values, minlength=n_clusters**2)
    return sums.reshape(n_clusters, n_clusters)
