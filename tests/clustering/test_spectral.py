"""Eigenvectors of a graph, and k-means on their rows."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from skae.clustering._graph import find_neighbors, link_components, make_neighbor_graph
from skae.clustering._spectral import k_means_labels, leading_eigenvectors


@pytest.mark.parametrize("n_samples", [60, 900])
@pytest.mark.parametrize("std", [0.3, 2.5])
def test_eigenvectors_are_those_of_the_laplacian(n_samples, std):
    # Dense and sparse, in pieces and in one.
    X, _ = make_blobs(n_samples, centers=3, cluster_std=std, random_state=0)
    graph, components = link_components(
        make_neighbor_graph(find_neighbors(X, 10, None)), X, 3
    )
    assert components.max() == (2 if std < 1 else 0)
    start = np.random.default_rng(0).uniform(-1, 1, n_samples)
    vectors = leading_eigenvectors(graph, components, 5, start)
    degrees = graph.sum(axis=1)
    similarity = graph.toarray() / np.sqrt(np.outer(degrees, degrees))
    values = np.linalg.eigvalsh(similarity)[::-1][:5]
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(5), atol=1e-5)
    found = vectors.T @ similarity @ vectors
    np.testing.assert_allclose(found, np.diag(values), atol=1e-3)


def test_k_means_counts_each_copy():
    # Forty values on a line are cut in the middle; one that occurs a thousand times
    # holds its centre, and the cut is a third of the way to the other one's end.
    rows = np.arange(40.0)[:, np.newaxis]
    counts = np.ones(40)
    for n_copies, first, last in ((1, 18, 22), (1000, 11, 15)):
        counts[0] = n_copies
        for seed in range(3):
            labels = k_means_labels(rows, counts, 2, seed)
            assert first <= (labels == labels[0]).sum() <= last


def test_k_means_on_some_of_many_rows_is_that_on_all():
    rows, _ = make_blobs(6000, n_features=4, centers=5, random_state=0)
    rows = rows[np.argsort(rows[:, 0])]
    every = KMeans(5, n_init=5, random_state=0).fit(rows)
    agreements = []
    for seed in range(3):
        labels = k_means_labels(rows, np.ones(6000), 5, seed)
        agreements.append(adjusted_rand_score(every.labels_, labels))
    assert max(agreements) > 0.98
