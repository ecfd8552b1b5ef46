"""How sparse the borders between clusters are."""

import numpy as np
import pytest

from skae.clustering._borders import border_sparsity, merge_at_dense_borders
from skae.clustering._graph import find_neighbors, find_radii, make_neighbor_graph


def graph_of(X, n_neighbors=10):
    neighbors = find_neighbors(X, n_neighbors, None)
    return make_neighbor_graph(neighbors), find_radii(neighbors)


def test_mean_rank_of_a_known_graph():
    X = np.array([[0.0], [1.0], [3.0], [6.0], [10.0], [15.0]])
    graph, radii = graph_of(X, 1)
    assert radii.tolist() == [1, 1, 2, 3, 4, 5]
    labels = np.array([0, 0, 0, 1, 1, 1])
    # The one edge leads from the third of its cluster to the first of the other.
    sparsity, error = border_sparsity(graph, labels, np.ones(6), radii)
    assert sparsity == pytest.approx((5 / 6 + 1 / 6) / 2)
    assert error == pytest.approx(np.hypot(1 / 3, 1 / 3) / 2)
    # Each copy of a sample is a member, and has the edges.
    counts = np.array([1, 1, 4, 1, 1, 1])
    sparsity, _ = border_sparsity(graph, labels, counts, radii)
    assert sparsity == pytest.approx((4 / 6 + 1 / 6) / 2)
    assert border_sparsity(graph, 0 * labels, counts, radii) == (1, 0)


def test_error_is_that_of_samples_drawn_again():
    rng = np.random.default_rng(0)
    found, errors = [], []
    for _ in range(60):
        X = rng.normal(size=(500, 2))
        graph, radii = graph_of(X)
        labels = (X[:, 0] > 0).astype(int)
        sparsity, error = border_sparsity(graph, labels, np.ones(500), radii)
        found.append(sparsity)
        errors.append(error)
    # Neighbours have about the same rank, so that the true error is somewhat larger.
    assert np.mean(errors) < np.std(found) < 2.5 * np.mean(errors)


@pytest.mark.parametrize("share", [0.5, 0.2, 0.1])
def test_valleys_are_told_from_hills_whatever_the_sizes(share):
    rng = np.random.default_rng(0)
    n_small = int(1000 * share)
    X = rng.normal(size=(1000, 2))
    cut = np.quantile(X[:, 0], share)
    graph, radii = graph_of(X)
    counts = np.ones(1000)
    hill, _ = border_sparsity(graph, (X[:, 0] > cut).astype(int), counts, radii)
    X[:n_small, 0] += 5
    graph, radii = graph_of(X)
    labels = (np.arange(1000) < n_small).astype(int)
    valley, _ = border_sparsity(graph, labels, counts, radii)
    assert hill + 0.15 < valley


def test_merges_where_the_border_is_densest():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(900, 2)), rng.normal((5, 0), 1, (40, 2))])
    # The large blob in four pieces of different size, and the small one.
    labels = np.digitize(X[:, 0], [-1.5, -0.5, 0.8])
    labels[900:] = 4
    graph, radii = graph_of(X)
    merged = merge_at_dense_borders(graph, labels, np.ones(940), radii, 2)
    np.testing.assert_array_equal(merged, np.repeat([0, 1], [900, 40]))
    same = merge_at_dense_borders(graph, labels, np.ones(940), radii, 5)
    np.testing.assert_array_equal(same, labels)
