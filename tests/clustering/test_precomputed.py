"""Distances that the user has computed."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.spatial.distance import pdist, squareform
from sklearn.base import clone
from sklearn.cluster import DBSCAN
from sklearn.datasets import load_iris, make_blobs, make_moons
from sklearn.metrics import adjusted_rand_score, pairwise_distances
from sklearn.model_selection import cross_validate
from sklearn.neighbors import KNeighborsTransformer, kneighbors_graph
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from skae import SpectralKMeans
from skae.clustering import _precomputed
from skae.metrics import clustering_accuracy

# They are called with features where a clusterer takes distances.
CHECKS_OF_FEATURES = {
    "check_clustering": "its samples have negative features",
}


@pytest.mark.filterwarnings("ignore:X has . distinct samples")
@parametrize_with_checks(
    [SpectralKMeans(metric="precomputed")],
    expected_failed_checks=lambda _: CHECKS_OF_FEATURES,
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


def test_a_matrix_is_told_to_be_pairwise():
    assert get_tags(SpectralKMeans(metric="precomputed")).input_tags.pairwise
    assert not get_tags(SpectralKMeans()).input_tags.pairwise


@pytest.fixture(scope="module")
def moons():
    return make_moons(500, noise=0.08, random_state=0)


@pytest.mark.parametrize("load", [load_iris, lambda **_: make_moons(500, noise=0.08)])
def test_all_distances_have_the_clusters_of_the_samples(load):
    np.random.seed(0)  # of the moons
    X, y = load(return_X_y=True)
    n_clusters = len(set(y))
    # With Euclidean distances a mixture of the features would have the last word.
    expected = SpectralKMeans(n_clusters, metric="manhattan", random_state=0).fit(X)
    distances = squareform(pdist(X, "cityblock"))
    found = SpectralKMeans(n_clusters, metric="precomputed", random_state=0)
    found.fit(distances)
    assert adjusted_rand_score(expected.labels_, found.labels_) == 1
    np.testing.assert_allclose(found.normalized_cut_, expected.normalized_cut_)
    np.testing.assert_array_equal(found.predict(distances), found.labels_)


@pytest.mark.parametrize("make", [sp.csr_array, sp.csc_matrix, sp.coo_array])
def test_new_samples_get_the_cluster_of_the_nearest(moons, make):
    X, y = moons
    X_new, y_new = make_moons(200, noise=0.08, random_state=1)
    transformer = KNeighborsTransformer(n_neighbors=15).fit(X)
    clusterer = SpectralKMeans(2, metric="precomputed", random_state=0)
    clusterer.fit(make(transformer.transform(X)))
    assert clustering_accuracy(y, clusterer.labels_) > 0.99
    graph = transformer.transform(X_new)
    labels = clusterer.predict(make(graph))
    assert clustering_accuracy(y_new, labels) > 0.99
    every = pairwise_distances(X_new, X)
    np.testing.assert_array_equal(clusterer.predict(every), labels)
    pipeline = make_pipeline(transformer, clone(clusterer)).fit(X)
    np.testing.assert_array_equal(pipeline.predict(X_new), labels)


def test_a_graph_without_the_samples_themselves(moons):
    X, _ = moons
    clusterer = SpectralKMeans(2, metric="precomputed", random_state=0)
    without = clusterer.fit_predict(kneighbors_graph(X, 10, mode="distance"))
    including = kneighbors_graph(X, 11, mode="distance", include_self=True)
    np.testing.assert_array_equal(clusterer.fit_predict(including), without)
    assert clustering_accuracy(SpectralKMeans(2).fit_predict(X), without) == 1


def test_only_the_nearest_of_a_radius_count(moons):
    X, _ = moons
    distances = pairwise_distances(X)
    near = sp.csr_array(np.where(distances < 0.5, distances, 0))
    assert (np.diff(near.indptr) > 10).all()
    clusterer = SpectralKMeans(2, metric="precomputed", random_state=0)
    expected = clusterer.fit_predict(distances)
    np.testing.assert_array_equal(clusterer.fit_predict(near), expected)


@pytest.mark.parametrize("convert", [np.asarray, sp.csr_array])
def test_nearest_columns(convert, monkeypatch):
    monkeypatch.setattr(_precomputed, "BLOCK_SIZE", 8)  # two rows
    distances = [[0, 3, 1, 7], [3, 0, 2, 5], [1, 2, 0, 4], [7, 5, 4, 0]]
    distances = convert(np.array(distances, dtype=np.float64))
    nearest, indices = _precomputed.find_nearest(distances, 2, without_self=True)
    np.testing.assert_array_equal(indices, [[2, 1], [2, 0], [0, 1], [2, 1]])
    np.testing.assert_array_equal(nearest, [[1, 3], [2, 3], [1, 2], [4, 5]])


def test_rows_of_a_graph_may_be_short():
    graph = sp.csr_array(np.array([[0, 3.0, 1], [0, 0, 2], [0, 0, 0]]))
    nearest, indices = _precomputed.find_nearest(graph, 2)
    np.testing.assert_array_equal(nearest, [[1, 3], [2, np.inf], [np.inf, np.inf]])
    np.testing.assert_array_equal(indices, [[2, 1], [2, 0], [0, 0]])


@pytest.mark.parametrize("is_sparse", [False, True])
def test_samples_without_a_distance_between_them_are_one_point(is_sparse):
    X, _ = make_blobs([60, 60, 60], random_state=0)
    copies = np.vstack([X, np.repeat(X[:30], 12, axis=0)])
    # Not Euclidean, where a mixture of Gaussians may change the clusters of the graph.
    expected = SpectralKMeans(3, metric="manhattan", random_state=0).fit(copies)
    distances = pairwise_distances(copies, metric="manhattan")
    clusterer = SpectralKMeans(3, metric="precomputed", random_state=0)
    graph = distances
    if is_sparse:
        search = KNeighborsTransformer(n_neighbors=200, metric="manhattan")
        graph = search.fit_transform(copies)
    clusterer.fit(graph)
    assert adjusted_rand_score(expected.labels_, clusterer.labels_) == 1
    np.testing.assert_allclose(clusterer.normalized_cut_, expected.normalized_cut_)
    np.testing.assert_array_equal(clusterer.predict(distances), clusterer.labels_)


def test_shortest_of_several_distances_between_points():
    rows, columns, values = [0, 1, 0, 2, 1, 3], [1, 0, 2, 1, 3, 2], [0, 0, 5, 4, 6, 1]
    graph = sp.csr_array((np.array(values, float), (rows, columns)), shape=(4, 4))
    points, point_of, counts, first = _precomputed.find_distinct(graph)
    np.testing.assert_array_equal(point_of, [0, 0, 1, 2])
    np.testing.assert_array_equal(counts, [2, 1, 1])
    np.testing.assert_array_equal(first, [0, 2, 3])
    np.testing.assert_array_equal(points.toarray(), [[0, 5, 6], [4, 0, 0], [0, 1, 0]])


@pytest.mark.parametrize("convert", [np.asarray, sp.csr_array])
def test_weights(moons, convert):
    X, _ = moons
    weight = np.tile([2, 1, 0], len(X))[: len(X)]
    distances = convert(pairwise_distances(X))
    expected = SpectralKMeans(2, random_state=0).fit(X, sample_weight=weight)
    clusterer = SpectralKMeans(2, metric="precomputed", random_state=0)
    clusterer.fit(distances, sample_weight=weight)
    assert adjusted_rand_score(expected.labels_, clusterer.labels_) == 1
    np.testing.assert_allclose(clusterer.normalized_cut_, expected.normalized_cut_)
    np.testing.assert_array_equal(clusterer.predict(distances), clusterer.labels_)


def test_pieces_of_all_distances_are_linked():
    X, y = make_blobs([50, 50, 20], centers=[[0, 0], [40, 0], [60, 0]], random_state=0)
    clusterer = SpectralKMeans(2, metric="precomputed", random_state=0)
    labels = clusterer.fit_predict(pairwise_distances(X))
    assert adjusted_rand_score(y > 0, labels) == 1
    graph = kneighbors_graph(X, 10, mode="distance")
    with pytest.raises(ValueError, match=r"more pieces than there are clusters.*dense"):
        clusterer.fit(graph)
    three = clusterer.set_params(n_clusters=3).fit_predict(graph)
    assert adjusted_rand_score(y, three) == 1


def test_cross_validation_takes_rows_and_columns(moons):
    X, _ = moons
    clusterer = SpectralKMeans(2, metric="precomputed", random_state=0)
    result = cross_validate(
        clusterer,
        pairwise_distances(X),
        cv=3,
        scoring=lambda fitted, D: len(set(fitted.predict(D))),
        error_score="raise",
        return_estimator=True,
    )
    np.testing.assert_array_equal(result["test_score"], 2)
    sizes = [fitted.n_features_in_ for fitted in result["estimator"]]
    np.testing.assert_array_equal(sizes, [333, 333, 334])


def test_the_same_graph_serves_other_clusterers(moons):
    X, _ = moons
    graph = KNeighborsTransformer(n_neighbors=30).fit_transform(X)
    density = DBSCAN(0.15, metric="precomputed").fit_predict(graph)
    clusterer = SpectralKMeans(2, metric="precomputed", random_state=0)
    assert adjusted_rand_score(density, clusterer.fit_predict(graph)) > 0.99


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((3, 4)), r"must be square.*\(3, 4\)"),
        (-np.ones((3, 3)), r"values down to -1; .*at least 0"),
        (np.ones((3, 3)), r"up to 1 on the diagonal.*must be 0"),
        (sp.identity(3, format="csr"), r"up to 1 on the diagonal.*must be 0"),
    ],
)
def test_what_is_not_a_distance_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        SpectralKMeans(2, metric="precomputed").fit(X)


def test_new_samples_far_from_all_are_refused(moons):
    X, _ = moons
    clusterer = SpectralKMeans(2, metric="precomputed", random_state=0)
    clusterer.fit(pairwise_distances(X))
    with pytest.raises(ValueError, match=r"Row 1 of X stores no distance"):
        clusterer.predict(sp.csr_array(([0.1], ([0], [3])), shape=(2, 500)))
