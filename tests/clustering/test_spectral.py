"""Eigenvectors of a graph."""

import numpy as np
import pytest
from graphs import graph_of
from sklearn.datasets import make_blobs

from skae.clustering._graph import link_components
from skae.clustering._neighbors import FeatureNeighbors
from skae.clustering._spectral import leading_eigenvectors


@pytest.mark.parametrize("n_samples", [60, 900])
@pytest.mark.parametrize("std", [0.3, 2.5])
def test_eigenvectors_are_those_of_the_laplacian(n_samples, std):
    # Dense and sparse, in pieces and in one.
    X, _ = make_blobs(n_samples, centers=3, cluster_std=std, random_state=0)
    graph = graph_of(X)
    graph.edges, components = link_components(graph.edges, FeatureNeighbors(), X, 3)
    assert components.max() == (2 if std < 1 else 0)
    start = np.random.default_rng(0).uniform(-1, 1, n_samples)
    vectors = leading_eigenvectors(graph, components, 5, start)
    degrees = graph.edges.sum(axis=1)
    similarity = graph.edges.toarray() / np.sqrt(np.outer(degrees, degrees))
    values = np.linalg.eigvalsh(similarity)[::-1][:5]
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(5), atol=1e-5)
    found = vectors.T @ similarity @ vectors
    np.testing.assert_allclose(found, np.diag(values), atol=1e-3)
