"""Graphs as SpectralKMeans makes them."""

import numpy as np

from skae.clustering._graph import Graph, find_neighbors, find_radii, link_neighbors


def graph_of(X, n_neighbors=10, metric="euclidean", counts=None):
    """Link each sample with its nearest neighbours."""
    neighbors = find_neighbors(X, n_neighbors, None, metric)
    counts = np.ones(len(X)) if counts is None else counts
    return Graph(link_neighbors(neighbors), counts, find_radii(neighbors))
