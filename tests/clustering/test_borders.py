"""How sparse the borders between clusters are."""

import numpy as np
import pytest
from graphs import graph_of
from sklearn.datasets import make_blobs

from skae.clustering._borders import (
    border_sparsity,
    rank_within_clusters,
    weakest_border,
)
from skae.clustering._graph import Graph


def test_ranks_count_the_samples_of_a_cluster():
    labels, counts = np.array([1, 0, 1, 0, 1]), np.array([1, 1, 4, 1, 1])
    radii = np.array([3.0, 7.0, 1.0, 2.0, 3.0])
    ranks = rank_within_clusters(Graph(None, counts, radii), labels)
    # The two of equal radius share the upper third of their cluster.
    np.testing.assert_allclose(ranks, [5 / 6, 3 / 4, 2 / 6, 1 / 4, 5 / 6])


def test_mean_rank_of_a_known_graph():
    X = np.array([[0.0], [1.0], [3.0], [6.0], [10.0], [15.0]])
    graph = graph_of(X, 1)
    assert graph.radii.tolist() == [1, 1, 2, 3, 4, 5]
    labels = np.array([0, 0, 0, 1, 1, 1])
    # The one edge leads from the third of its cluster to the first of the other.
    sparsity = border_sparsity(graph, labels)
    assert sparsity == pytest.approx((5 / 6 + 1 / 6) / 2)
    # Each copy of a sample is a member, and has the edges.
    graph = graph_of(X, 1, counts=np.array([1, 1, 4, 1, 1, 1]))
    sparsity = border_sparsity(graph, labels)
    assert sparsity == pytest.approx((4 / 6 + 1 / 6) / 2)
    assert border_sparsity(graph, 0 * labels) == 1


@pytest.mark.parametrize("share", [0.5, 0.2, 0.1])
def test_valleys_are_told_from_hills_whatever_the_sizes(share):
    rng = np.random.default_rng(0)
    n_small = int(1000 * share)
    X = rng.normal(size=(1000, 2))
    cut = np.quantile(X[:, 0], share)
    hill = border_sparsity(graph_of(X), (X[:, 0] > cut).astype(int))
    X[:n_small, 0] += 5
    labels = (np.arange(1000) < n_small).astype(int)
    valley = border_sparsity(graph_of(X), labels)
    assert hill + 0.15 < valley


def test_weakest_border_is_the_smallest_of_the_large_ones():
    X, y = make_blobs([400, 400, 200], centers=[[0], [6], [14]], random_state=0)
    graph = graph_of(X)

    def weakest(labels):
        return weakest_border(graph, labels, labels.max() + 1)

    pair = np.where(y == 2, 1, y)
    # Of one border it is the sparsity of that border.
    sparsity = border_sparsity(graph, pair)
    assert weakest(pair) == pytest.approx(sparsity)
    assert weakest(y) > 0.8
    # A cut through the middle of a blob is the weakest.
    halved = np.where((y == 1) & (X[:, 0] > 6), 3, y)
    assert weakest(halved) < 0.6
    inner = np.isin(halved, [1, 3])
    cut = (halved[inner] == 3).astype(int)
    edges = graph.edges[inner][:, inner]
    expected = border_sparsity(Graph(edges, np.ones(400), graph.radii[inner]), cut)
    assert weakest(halved) == pytest.approx(expected, abs=0.05)
    assert weakest(np.zeros(1000, dtype=int)) == 1
