"""Graphs as SpectralKMeans makes them."""

import numpy as np
import scipy.sparse as sp
from sklearn.neighbors import kneighbors_graph

from skae.clustering._graph import Graph, find_radii, link_neighbors


def graph_of(X, n_neighbors=10, metric="euclidean", counts=None):
    """Link each sample with its nearest neighbours."""
    found = kneighbors_graph(X, n_neighbors, mode="distance", metric=metric)
    distances = sp.csr_array(found)
    counts = np.ones(len(X)) if counts is None else counts
    return Graph(link_neighbors(distances), counts, find_radii(distances))
