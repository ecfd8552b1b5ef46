"""The best of many partitions of a graph, and the number of its clusters."""

from typing import NamedTuple

import numpy as np

from skae.clustering import _graph, _k_means, _partition, _spectral
from skae.clustering._borders import weakest_border
from skae.clustering._threads import thread_controller

# Limit of how many numbers of eigenvectors are tried if the user gives none.
MAX_TRIED = 11
# How often k-means is run for each of them if the user does not say so. Few points have
# as many local optima, and cost little.
N_INIT, N_INIT_FEW, MAX_FEW_POINTS = 5, 20, 500
# Limit of the surplus clusters that are found and merged again.
MAX_SURPLUS = 8
# Limits of the number of clusters that is found: in total, and points per cluster.
MAX_FOUND_CLUSTERS = 20
MIN_POINTS_PER_CLUSTER = 10
# Mean rank that borders need if there are to be so many clusters. It is 1/2 or less
# where a border runs through one dense region. Chosen with the classes of digits, wine,
# iris and blobs in sight.
MIN_BORDER_RANK = 0.59


class Partition(NamedTuple):
    """A partition, and what it was chosen from."""

    graph: _graph.Graph  # what it divides
    labels: np.ndarray  # the cluster of each point
    chosen: np.ndarray  # the same before the vote of the neighbours
    others: list  # the partitions that are about as good, the chosen one included
    n_clusters: int
    n_components: int


def numbers_to_try(n_components, n_clusters, n_points):
    """Return the numbers of eigenvectors to try, checked."""
    if n_components is None:
        largest = min(max(2 * n_clusters, n_clusters + 5), n_points)
        n_tried = min(largest - n_clusters + 1, MAX_TRIED)
        return np.linspace(n_clusters, largest, n_tried).astype(int)
    requested = np.atleast_1d(n_components)
    if (
        requested.ndim != 1
        or not requested.size
        or requested.dtype.kind not in "iu"
        or requested.min() < 1
    ):
        raise ValueError(
            f"n_components={n_components!r} should be an int of at least 1, "
            "a list of them, or None."
        )
    # Products of narrow integers would overflow.
    return np.unique(requested.astype(np.intp).clip(n_clusters, n_points))


class PartitionSearch:
    """Searches for partitions of one graph into any number of clusters.

    Each search draws from a generator of its own, so a partition does not depend on
    which others were searched for.
    """

    def __init__(
        self, neighbors, points, counts, n_neighbors, n_components, n_init, seed
    ):
        self.neighbors = neighbors
        self.points = points
        self.counts = counts
        self.n_components = n_components
        if n_init == "auto":
            n_init = N_INIT_FEW if points.shape[0] <= MAX_FEW_POINTS else N_INIT
        self.n_init = n_init
        self.seed = seed
        distances = _graph.neighbor_distances(neighbors, points, n_neighbors)
        self.radii = _graph.find_radii(distances)
        self.edges = _graph.link_neighbors(distances)

    def find(self, n_clusters):
        """Return the best partition into a number of clusters."""
        # The products are so small that a second thread would only slow them down.
        with thread_controller("scipy.linalg").limit(limits=1, user_api="blas"):
            return self._find(n_clusters)

    def _find(self, n_clusters):
        n_points = self.points.shape[0]
        tried = numbers_to_try(self.n_components, n_clusters, n_points)
        edges, components = _graph.link_components(
            self.edges, self.neighbors, self.points, n_clusters
        )
        edges = _graph.scale_edges(edges, self.counts)
        graph = _graph.Graph(edges, self.counts, self.radii)
        if n_clusters == 1:
            labels = np.zeros(n_points, dtype=np.intp)
            return Partition(graph, labels, labels, [labels], 1, int(tried[0]))
        rng = np.random.RandomState(self.seed)
        start = rng.uniform(-1, 1, n_points)
        vectors = _spectral.leading_eigenvectors(graph, components, max(tried), start)
        seed = rng.randint(np.iinfo(np.int32).max)
        found, merged, numbers = [], [], []
        n_with_surplus = 0
        for n_components in tried:
            rows = _spectral.scale_to_unit_length(vectors[:, :n_components])
            partitions = _k_means.find_partitions(
                rows, self.counts, n_clusters, self.n_init, seed
            )
            found += partitions
            numbers += [n_components] * len(partitions)
            # More eigenvectors make more rows distinct, never fewer.
            if n_with_surplus < n_clusters + MAX_SURPLUS:
                n_distinct = _spectral.count_distinct_rows(rows, rng)
                n_with_surplus = min(n_clusters + MAX_SURPLUS, n_distinct)
            labels = found[-1]
            if n_with_surplus > n_clusters:
                (labels,) = _k_means.find_partitions(
                    rows, self.counts, n_with_surplus, 1, seed
                )
                labels = _partition.merge_clusters(graph, labels, n_clusters)
            merged.append(labels)
        best, is_good = _partition.choose_partition(graph, found, merged, n_clusters)
        partitions = found + merged
        labels = _partition.vote(graph, partitions[best], n_clusters)
        others = [partitions[i] for i in np.flatnonzero(is_good)]
        n_components = int([*numbers, *tried][best])
        return Partition(
            graph, labels, partitions[best], others, n_clusters, n_components
        )

    def find_number(self):
        """Return the best partition into as many clusters as the graph has.

        It is the largest number whose borders all run through sparse regions. Also
        returns the mean rank at the weakest border for each number from 1 on.
        """
        largest = self.points.shape[0] // MIN_POINTS_PER_CLUSTER
        ranks = []
        for n_clusters in range(1, min(max(largest, 1), MAX_FOUND_CLUSTERS) + 1):
            found = self.find(n_clusters)
            rank = weakest_border(found.graph, found.labels, n_clusters)
            if rank >= MIN_BORDER_RANK:
                best = found
            ranks.append(rank)
        return best, np.array(ranks)
