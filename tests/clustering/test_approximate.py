"""Approximate neighbours of many points."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import make_blobs
from sklearn.neighbors import NearestNeighbors

from skae import SpectralKMeans
from skae.clustering import _approximate
from skae.clustering._neighbors import FeatureNeighbors
from skae.metrics import clustering_accuracy

pytest.importorskip("faiss")


@pytest.fixture(scope="module")
def blobs():
    centers = np.random.default_rng(0).normal(scale=6, size=(5, 8))
    return make_blobs(10_000, centers=centers, cluster_std=2, random_state=0)


def recall(found, expected):
    shared = [np.isin(a, b).mean() for a, b in zip(found, expected, strict=True)]
    return np.mean(shared)


@pytest.mark.parametrize(("offset", "dtype"), [(0, np.float32), (1e8, np.float64)])
def test_most_neighbours_are_found_at_their_distance(blobs, offset, dtype):
    points = (blobs[0] + offset).astype(dtype)
    distances, indices = _approximate.find_approximate_neighbors(points, 10, None)
    assert indices.shape == (10_000, 10)
    assert (indices != np.arange(10_000)[:, np.newaxis]).all()
    some = np.arange(0, 10_000, 20)
    exact = NearestNeighbors(n_neighbors=10).fit(points)
    expected = exact.kneighbors(points[some], 11, return_distance=False)[:, 1:]
    assert recall(indices[some], expected) > 0.97
    between = points[some, np.newaxis].astype(float) - points[indices[some]]
    np.testing.assert_allclose(
        distances[some], np.linalg.norm(between, axis=2), rtol=1e-4
    )
    two = _approximate.find_approximate_neighbors(points, 10, 2)
    np.testing.assert_array_equal(two, (distances, indices))


def test_points_with_too_few_in_their_cells_are_searched_exactly(monkeypatch):
    # Most cells have a single point.
    far = 1e3 * np.random.default_rng(0).normal(size=(40, 6))
    points = np.concatenate([far, np.random.default_rng(1).normal(size=(60, 6))])
    neighbors = FeatureNeighbors()
    points, *_ = neighbors.fit(points)
    exact, _ = neighbors.nearest_others(points, 10)
    monkeypatch.setattr(_approximate, "MIN_POINTS", 50)
    monkeypatch.setattr(_approximate, "N_SEARCHED_CELLS", 2)
    _, indices = _approximate.find_approximate_neighbors(points, 10, None)
    assert (indices < 0).any()
    found, _ = neighbors.nearest_others(points, 10)
    assert found.min() > 0
    is_missing = (indices < 0).any(axis=1)
    np.testing.assert_allclose(found[is_missing], exact[is_missing])


def test_only_many_dense_points_have_approximate_neighbours(monkeypatch):
    points = np.zeros((_approximate.MIN_POINTS, _approximate.MIN_FEATURES))
    assert _approximate.can_approximate(points, 10)
    assert not _approximate.can_approximate(points[1:], 10)
    assert not _approximate.can_approximate(points[:, 1:], 10)
    assert not _approximate.can_approximate(points, 100)
    assert not _approximate.can_approximate(sp.csr_array(points), 10)
    monkeypatch.setattr(_approximate, "find_spec", lambda name: None)
    assert not _approximate.can_approximate(points, 10)


def test_clusters_are_those_of_exact_neighbours(blobs, monkeypatch):
    X, y = blobs
    approximate = SpectralKMeans(5, n_init=1, random_state=0).fit(X)
    again = SpectralKMeans(5, n_init=1, n_jobs=2, random_state=0).fit(X)
    np.testing.assert_array_equal(approximate.labels_, again.labels_)
    np.testing.assert_array_equal(approximate.predict(X[:500]), again.labels_[:500])
    monkeypatch.setattr(_approximate, "find_spec", lambda name: None)
    exact = SpectralKMeans(5, n_init=1, random_state=0).fit(X)
    found, expected = (
        clustering_accuracy(y, clusterer.labels_) for clusterer in (approximate, exact)
    )
    assert found == pytest.approx(expected, abs=0.005)
