"""The graph of nearest neighbours."""

import numpy as np

from skae.clustering._graph import find_radii, link_neighbors, neighbor_distances
from skae.clustering._neighbors import FeatureNeighbors


def distances_of(points, n_neighbors):
    neighbors = FeatureNeighbors()
    neighbors.fit(points)
    return neighbor_distances(neighbors, points, n_neighbors)


def test_graph_weighs_mutual_neighbours_twice():
    points = np.array([[0.0], [1.0], [2.5], [10.0], [11.0]])
    distances = distances_of(points, 1)
    np.testing.assert_array_equal(find_radii(distances), [1, 1, 1.5, 1, 1])
    graph = link_neighbors(distances).toarray()
    expected = np.identity(5)
    expected[0, 1] = expected[1, 0] = 1  # each is the other's nearest
    expected[1, 2] = expected[2, 1] = 0.5  # 1 is the nearest of 2.5, but not vice versa
    expected[3, 4] = expected[4, 3] = 1
    np.testing.assert_array_equal(graph, expected)


def test_neighbours_are_at_most_half_of_the_others():
    points = np.arange(9.0)[:, np.newaxis]
    many = distances_of(points, 100).toarray()
    np.testing.assert_array_equal(many, distances_of(points, 4).toarray())
    np.testing.assert_array_equal((many > 0).sum(axis=1), 4)
