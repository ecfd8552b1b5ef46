"""SpectralKMeans: the graph, its cut, and a choice without labels."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs, make_circles, make_moons
from sklearn.exceptions import ConvergenceWarning

from skae import ClusterClassifier, SpectralKMeans
from skae._spectral_kmeans import (
    _joint_weights,
    _leading_eigenvectors,
    _link_components,
    _mutual_information,
    _neighbor_graph,
    _normalized_cut,
)
from skae.metrics import clustering_accuracy


def test_normalized_cut_of_a_known_graph():
    # Two triangles and one edge between them: each has a volume of 7, and loses 1.
    edges = [(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5), (2, 3)]
    rows, columns = np.array(edges).T
    graph = sp.csr_array((np.ones(7), (rows, columns)), shape=(6, 6))
    graph = sp.csr_array(graph + graph.T)
    labels = np.array([0, 0, 0, 1, 1, 1])
    joint = _joint_weights(graph, labels, 2)
    assert joint.tolist() == [[6, 1], [1, 6]]
    assert _normalized_cut(joint) == pytest.approx(2 / 7)
    p = joint / 14
    expected = 2 * p[0, 0] * np.log(4 * p[0, 0]) + 2 * p[0, 1] * np.log(4 * p[0, 1])
    assert _mutual_information(joint) == pytest.approx(expected)
    # An empty cluster counts as cut off.
    assert _normalized_cut(_joint_weights(graph, 0 * labels, 2)) == pytest.approx(1.0)


def test_graph_is_symmetric_and_weighs_mutual_neighbours_more():
    points = np.array([[0.0], [1.0], [2.5], [10.0], [11.0]])
    graph = _neighbor_graph(points, 1, None).toarray()
    np.testing.assert_array_equal(graph, graph.T)
    assert graph[0, 1] == 1.0  # each is the other's nearest
    assert graph[1, 2] == 0.5  # 1 is the nearest of 2.5, whose is not
    np.testing.assert_array_equal(np.diag(graph), 1.0)


@pytest.mark.parametrize("n_samples", [60, 900])
def test_eigenvectors_are_those_of_the_laplacian(n_samples):
    X, _ = make_blobs(n_samples, centers=3, cluster_std=2.5, random_state=0)
    graph = _neighbor_graph(X, 10, None)
    graph, components = _link_components(graph, X, 3)
    start = np.random.default_rng(0).uniform(-1, 1, n_samples)
    vectors = _leading_eigenvectors(graph, components, 5, start)
    degrees = graph.sum(axis=1)
    similarity = graph.toarray() / np.sqrt(np.outer(degrees, degrees))
    values = np.linalg.eigvalsh(similarity)[::-1][:5]
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(5), atol=1e-6)
    found = vectors.T @ similarity @ vectors
    np.testing.assert_allclose(found, np.diag(values), atol=1e-3)


@pytest.mark.parametrize("make", [make_moons, make_circles])
def test_shapes_that_k_means_cuts_across(make):
    options = {"factor": 0.5} if make is make_circles else {}
    X, y = make(600, noise=0.05, random_state=0, **options)
    clusterer = SpectralKMeans(2, random_state=0).fit(X)
    assert clustering_accuracy(y, clusterer.labels_) > 0.99
    assert clustering_accuracy(y, KMeans(2, random_state=0).fit_predict(X)) < 0.9
    X_new, y_new = make(200, noise=0.05, random_state=1, **options)
    assert clustering_accuracy(y_new, clusterer.predict(X_new)) > 0.99
    np.testing.assert_array_equal(clusterer.predict(X), clusterer.labels_)


@pytest.mark.parametrize("criterion", ["normalized_cut", "mutual_information"])
def test_the_best_of_all_tries_is_kept(criterion):
    X = load_digits().data
    options = {"criterion": criterion, "random_state": 0}
    best = SpectralKMeans(10, **options).fit(X)
    alone = [
        SpectralKMeans(10, n_components=n, **options).fit(X) for n in range(10, 21)
    ]
    sign = 1 if criterion == "normalized_cut" else -1
    costs = [sign * getattr(one, f"{criterion}_") for one in alone]
    # One embedding serves all tries; alone its last digits differ.
    assert sign * getattr(best, f"{criterion}_") <= min(costs) + 0.02
    assert best.n_components_ in range(10, 21)
    assert {one.n_components_ for one in alone} == set(range(10, 21))


def test_digits_are_told_apart():
    X, y = load_digits(return_X_y=True)
    found = SpectralKMeans(10, random_state=0).fit(X)
    k_means = KMeans(10, n_init=10, random_state=0).fit_predict(X)
    accuracy = clustering_accuracy(y, found.labels_)
    assert accuracy > clustering_accuracy(y, k_means) + 0.03
    classifier = ClusterClassifier(clusterer=SpectralKMeans(), random_state=0)
    assert classifier.fit(X, y).score(X, y) == pytest.approx(accuracy, abs=0.1)
    assert classifier.clusterer_.n_clusters == 10


def test_a_graph_in_pieces():
    X, y = make_blobs(300, centers=6, cluster_std=0.05, random_state=0)
    assert clustering_accuracy(y, SpectralKMeans(6, random_state=0).fit_predict(X)) == 1
    # More pieces than clusters: the nearest are joined, and none is torn.
    labels = SpectralKMeans(3, random_state=0).fit_predict(X)
    assert len(np.unique(labels)) == 3
    assert all(len(np.unique(labels[y == blob])) == 1 for blob in range(6))


def test_random_state_alone_decides():
    X, before = load_digits().data, np.random.get_state()[1].tolist()
    first, second = (SpectralKMeans(10, random_state=3).fit(X) for _ in range(2))
    np.testing.assert_array_equal(first.labels_, second.labels_)
    assert first.normalized_cut_ == second.normalized_cut_
    assert np.random.get_state()[1].tolist() == before
    copied = pickle.loads(pickle.dumps(first))
    np.testing.assert_array_equal(copied.predict(X), first.predict(X))


def test_equal_samples_count_as_one():
    X, y = make_moons(300, noise=0.05, random_state=0)
    labels = SpectralKMeans(2, random_state=0).fit_predict(np.repeat(X, 3, axis=0))
    assert clustering_accuracy(np.repeat(y, 3), labels) > 0.99
    with pytest.warns(ConvergenceWarning, match="2 distinct samples, fewer than n_clu"):
        few = SpectralKMeans(3, random_state=0).fit([[0.0], [0.0], [1.0]])
    assert len(np.unique(few.labels_)) == 2


@pytest.mark.parametrize("n_samples", [1, 2, 3, 5])
def test_tiny_sets(n_samples):
    X = np.arange(n_samples, dtype=float)[:, None]
    labels = SpectralKMeans(min(2, n_samples), random_state=0).fit_predict(X)
    assert len(np.unique(labels)) == min(2, n_samples)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_clusters": 30}, "n_samples=20 should be >= n_clusters=30"),
        ({"n_components": 0}, r"'n_components' parameter .*Got 0"),
        ({"n_components": [0, 3]}, r"n_components=\[0, 3\] should be"),
        ({"n_components": [2.5]}, r"n_components=\[2.5\] should be"),
        ({"criterion": "cut"}, r"'criterion' parameter .*Got 'cut'"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    X = np.random.default_rng(0).random((20, 2))
    with pytest.raises(ValueError, match=message):
        SpectralKMeans(**({"n_clusters": 2} | parameters)).fit(X)
