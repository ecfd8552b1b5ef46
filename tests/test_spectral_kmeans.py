"""SpectralKMeans: the graph, how it is divided, and a choice without labels."""

import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs, make_circles, make_moons
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from skae import ClusterClassifier, SpectralKMeans, _spectral_kmeans
from skae._spectral_kmeans import (
    _best_merger,
    _certainty,
    _choose,
    _joint_weights,
    _k_means,
    _leading_eigenvectors,
    _link_components,
    _merge,
    _mutual_information,
    _neighbor_graph,
    _normalized_cut,
    _standard_error,
    _uncertainty_coefficient,
    _vote,
)
from skae.metrics import clustering_accuracy


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


@parametrize_with_checks(
    [
        SpectralKMeans(),
        SpectralKMeans(n_components=[3, 9], n_neighbors=3, n_init=1, n_jobs=2),
    ]
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


# The graph, and measures of its partitions


@pytest.fixture
def triangles():
    """Two triangles and one edge between them."""
    edges = [(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5), (2, 3)]
    rows, columns = np.array(edges).T
    graph = sp.csr_array((np.ones(7), (rows, columns)), shape=(6, 6))
    return sp.csr_array(graph + graph.T)


def test_measures_of_a_known_graph(triangles):
    labels = np.array([0, 0, 0, 1, 1, 1])
    joint = _joint_weights(triangles, labels, 2)
    # A triangle's edges count from both ends, that between them once for each.
    assert joint.tolist() == [[6, 1], [1, 6]]
    assert _normalized_cut(joint) == pytest.approx(1 / 7 + 1 / 7)
    expected = 12 / 14 * np.log(6 / 14 * 4) + 2 / 14 * np.log(1 / 14 * 4)
    assert _mutual_information(joint) == pytest.approx(expected)
    # Half of the edges' ends are in each cluster.
    coefficient = expected / np.log(2)
    assert _uncertainty_coefficient(joint) == pytest.approx(coefficient)

    joint = _joint_weights(triangles, np.array([0, 0, 1, 1, 2, 2]), 3)
    assert joint.tolist() == [[2, 2, 0], [2, 2, 2], [0, 2, 2]]
    assert _normalized_cut(joint) == pytest.approx(2 / 4 + 4 / 6 + 2 / 4)
    sizes = np.array([4, 6, 4]) / 14
    entropy = -sizes @ np.log(sizes)
    coefficient = _mutual_information(joint) / entropy
    assert _uncertainty_coefficient(joint) == pytest.approx(coefficient)


def test_standard_error_is_that_of_samples_drawn_again(digits):
    # Bootstrap: the points drawn with replacement, each with the edges that it has.
    X = digits[0][:600]
    labels = SpectralKMeans(10, random_state=0).fit_predict(X)
    graph = _neighbor_graph(X, 10, None)
    members = np.eye(10)[labels]
    edges_to = graph @ members
    rng = np.random.default_rng(0)
    coefficients = []
    for _ in range(2000):
        drawn = np.bincount(rng.integers(600, size=600), minlength=600)
        joint = members.T @ (drawn[:, np.newaxis] * edges_to)
        p = joint / joint.sum()
        ends = np.outer(p.sum(axis=1), p.sum(axis=0))
        information = np.sum(
            p * np.log(np.where(p > 0, p, 1) / ends, where=p > 0, out=np.zeros_like(p))
        )
        coefficients.append(information / -(p.sum(axis=1) @ np.log(p.sum(axis=1))))
    error = _standard_error(graph, labels, np.ones(600), 10)
    assert error == pytest.approx(np.std(coefficients), rel=0.05)
    # A hundred samples at each point: the error of a hundred times as many.
    error_of_many = _standard_error(1e4 * graph, labels, np.full(600, 100), 10)
    assert error_of_many == pytest.approx(error / 10)


def test_nothing_is_unsure_where_no_edge_leaves_a_cluster():
    pieces = sp.csr_array(sp.block_diag([np.ones((3, 3)), np.ones((9, 9))]))
    labels = np.repeat([0, 1], [3, 9])
    joint = _joint_weights(pieces, labels, 2)
    assert _uncertainty_coefficient(joint) == pytest.approx(1)
    error = _standard_error(pieces, labels, np.ones(12), 2)
    assert error == pytest.approx(0, abs=1e-12)


def link_cliques(sizes, n_edges):
    """Graph of cliques with so many edges between each and the next."""
    graph = sp.lil_array(sp.block_diag([np.ones((n, n)) for n in sizes]))
    starts = np.cumsum([0, *sizes])
    for clique, n in enumerate(n_edges):
        for t in range(n):
            left = starts[clique] + t % sizes[clique]
            right = starts[clique + 1] + (t // sizes[clique] + t) % sizes[clique + 1]
            graph[left, right] = graph[right, left] = 1
    return sp.csr_array(graph)


@pytest.mark.parametrize(
    ("sizes", "n_edges", "expected"),
    [
        # The small group has the fewest edges, but hardly fewer in relation: the two
        # large ones are parted.
        ([30, 30, 6], [12, 1], 0),
        # The two large ones are as good as one.
        ([40, 40, 10], [400, 2], 1),
    ],
)
def test_sizes_count_where_the_edges_do_not_decide(sizes, n_edges, expected):
    graph = link_cliques(sizes, n_edges)
    partitions = [np.repeat(labels, sizes) for labels in ([0, 1, 1], [0, 0, 1])]
    joints = [_joint_weights(graph, labels, 2) for labels in partitions]
    assert np.argmax([_mutual_information(joint) for joint in joints]) == 0
    assert np.argmax([_uncertainty_coefficient(joint) for joint in joints]) == 1
    counts = np.ones(sum(sizes))
    assert _choose(graph, partitions, [], counts, 2) == expected
    # A cluster without members is none.
    nothing = np.zeros(sum(sizes), dtype=int)
    assert _choose(graph, [nothing, *partitions], [], counts, 2) == expected + 1
    # A merged partition that is cleaner does not raise what is asked of the others.
    assert _choose(graph, partitions[:1], partitions[1:], counts, 2) == 0
    # A hundred samples at each point: the edges decide.
    assert _choose(1e4 * graph, partitions, [], 100 * counts, 2) == 1


@pytest.mark.parametrize("n_clusters", [3, 6, 12])
def test_merger_is_the_best_of_all(n_clusters):
    rng = np.random.default_rng(n_clusters)
    joint = np.triu(rng.random((n_clusters, n_clusters)))
    joint[0, -1] = 0  # these two do not touch
    joint = joint + joint.T

    def merged(i, j):
        labels = np.where(np.arange(n_clusters) == j, i, np.arange(n_clusters))
        labels = np.unique(labels, return_inverse=True)[1]
        return _joint_weights(sp.csr_array(joint), labels, n_clusters - 1)

    expected = max(
        (pair for pair in combinations(range(n_clusters), 2) if joint[pair]),
        key=lambda pair: _uncertainty_coefficient(merged(*pair)),
    )
    assert _best_merger(joint) == expected


def test_merging_brings_pieces_together():
    graph = link_cliques([30, 30, 20, 20], [90, 2, 60])
    labels = np.repeat([2, 0, 3, 1], [30, 30, 20, 20])
    merged = _merge(graph, labels, 2)
    np.testing.assert_array_equal(merged, np.repeat(merged[[0, -1]], [60, 40]))
    assert set(merged) == {0, 1}
    np.testing.assert_array_equal(_merge(graph, labels, 4), labels)


def test_certainty_is_that_of_a_random_walk(triangles):
    labels = np.array([0, 0, 0, 1, 1, 1])
    steps = triangles.toarray() / triangles.toarray().sum(axis=1, keepdims=True)
    ends = np.linalg.matrix_power(steps, 10)
    expected = [ends[i, labels == labels[i]].sum() for i in range(6)]
    certainty = _certainty(triangles, labels, 2)
    np.testing.assert_allclose(certainty, expected, rtol=1e-12)
    assert certainty.argmin() in (2, 3)  # where the clusters touch


def test_a_partition_without_a_cut(triangles):
    triangles = triangles.tolil()
    triangles[2, 3] = triangles[3, 2] = 0
    joint = _joint_weights(triangles.tocsr(), np.array([0, 0, 0, 1, 1, 1]), 2)
    assert _normalized_cut(joint) == 0
    assert _mutual_information(joint) == pytest.approx(np.log(2))


def test_votes_bring_strays_home(triangles):
    loops = sp.csr_array(sp.identity(6, format="csr"))
    labels = np.array([0, 0, 1, 1, 1, 1])
    voted = _vote(triangles + loops, labels, 2)
    np.testing.assert_array_equal(voted, [0, 0, 0, 1, 1, 1])
    # The vote may not outvote a whole cluster.
    labels = np.array([0, 0, 2, 1, 1, 1])
    voted = _vote(triangles, labels, 3)
    np.testing.assert_array_equal(voted, labels)


def test_graph_weighs_mutual_neighbours_twice():
    points = np.array([[0.0], [1.0], [2.5], [10.0], [11.0]])
    graph = _neighbor_graph(points, 1, None).toarray()
    expected = np.identity(5)
    expected[0, 1] = expected[1, 0] = 1  # each is the other's nearest
    expected[1, 2] = expected[2, 1] = 0.5  # 1 is the nearest of 2.5, but not vice versa
    expected[3, 4] = expected[4, 3] = 1
    np.testing.assert_array_equal(graph, expected)


def test_neighbours_are_at_most_half_of_the_others():
    points = np.arange(9.0)[:, np.newaxis]
    many = _neighbor_graph(points, 100, None).toarray()
    np.testing.assert_array_equal(many, _neighbor_graph(points, 4, None).toarray())
    assert (many == 0).any()


@pytest.mark.parametrize("n_samples", [60, 900])
@pytest.mark.parametrize("std", [0.3, 2.5])
def test_eigenvectors_are_those_of_the_laplacian(n_samples, std):
    # Dense and sparse, in pieces and in one.
    X, _ = make_blobs(n_samples, centers=3, cluster_std=std, random_state=0)
    graph, components = _link_components(_neighbor_graph(X, 10, None), X, 3)
    assert components.max() == (2 if std < 1 else 0)
    start = np.random.default_rng(0).uniform(-1, 1, n_samples)
    vectors = _leading_eigenvectors(graph, components, 5, start)
    degrees = graph.sum(axis=1)
    similarity = graph.toarray() / np.sqrt(np.outer(degrees, degrees))
    values = np.linalg.eigvalsh(similarity)[::-1][:5]
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(5), atol=1e-6)
    found = vectors.T @ similarity @ vectors
    np.testing.assert_allclose(found, np.diag(values), atol=1e-3)


# The choice


def test_the_best_of_all_tries_is_kept(digits):
    X = digits[0][:400]
    best = SpectralKMeans(10, random_state=0).fit(X)
    alone = [
        SpectralKMeans(10, n_components=n, random_state=0).fit(X) for n in range(10, 21)
    ]
    assert [one.n_components_ for one in alone] == list(range(10, 21))
    information = np.array([one.mutual_information_ for one in alone])
    assert len(set(information)) > 3
    kept = alone[best.n_components_ - 10]
    np.testing.assert_array_equal(best.labels_, kept.labels_)


@pytest.mark.parametrize("n_neighbors", [3, 10])
def test_attributes_describe_the_partition(n_neighbors):
    X, _ = make_blobs(600, n_features=5, centers=6, cluster_std=4, random_state=0)
    clusterer = SpectralKMeans(6, n_neighbors=n_neighbors, random_state=0).fit(X)
    graph = _neighbor_graph(X, n_neighbors, None)
    joint = _joint_weights(graph, clusterer.labels_, 6)
    assert clusterer.normalized_cut_ == pytest.approx(_normalized_cut(joint))
    assert clusterer.mutual_information_ == pytest.approx(_mutual_information(joint))
    coefficient = _uncertainty_coefficient(joint)
    assert clusterer.uncertainty_coefficient_ == pytest.approx(coefficient)
    assert clusterer.normalized_cut_ > 0.1
    assert set(clusterer.labels_) == set(range(6))
    assert clusterer.n_features_in_ == 5
    assert clusterer.certainty_.shape == (600,)
    assert clusterer.certainty_.min() > 0
    assert clusterer.certainty_.max() <= 1


def test_each_copy_of_a_sample_has_all_its_edges():
    points, _ = make_blobs(200, centers=4, cluster_std=3, random_state=0)
    counts = np.where(points[:, 0] > np.median(points[:, 0]), 7, 1)
    point_of = np.repeat(np.arange(200), counts)
    clusterer = SpectralKMeans(4, random_state=0).fit(points[point_of])
    graph = _neighbor_graph(points, 10, None).toarray()
    graph = sp.csr_array(graph[point_of][:, point_of])
    joint = _joint_weights(graph, clusterer.labels_, 4)
    assert clusterer.normalized_cut_ == pytest.approx(_normalized_cut(joint))
    assert clusterer.mutual_information_ == pytest.approx(_mutual_information(joint))
    coefficient = _uncertainty_coefficient(joint)
    assert clusterer.uncertainty_coefficient_ == pytest.approx(coefficient)
    certainty = _certainty(graph, clusterer.labels_, 4)
    np.testing.assert_allclose(clusterer.certainty_, certainty, rtol=1e-9)
    assert clusterer.normalized_cut_ > 0.1


def test_k_means_counts_each_copy():
    # Forty values on a line are cut in the middle; one that occurs a thousand times
    # holds its centre, and the cut is a third of the way to the other one's end.
    rows = np.arange(40.0)[:, np.newaxis]
    counts = np.ones(40)
    for n_copies, first, last in ((1, 18, 22), (1000, 11, 15)):
        counts[0] = n_copies
        for seed in range(3):
            labels = _k_means(rows, counts, 2, seed)
            assert first <= (labels == labels[0]).sum() <= last


@pytest.mark.parametrize("seed", [0, 2])
def test_in_the_end_no_vote_of_the_neighbours_would_pay(seed):
    X, _ = make_blobs(300, n_features=3, centers=4, cluster_std=4, random_state=seed)
    labels = SpectralKMeans(4, n_init=1, random_state=0).fit_predict(X)
    graph = _neighbor_graph(X, 10, None)
    np.testing.assert_array_equal(_vote(graph, labels, 4), labels)


def test_uncertain_samples_are_more_often_wrong(digits):
    X, y = digits
    clusterer = SpectralKMeans(10, random_state=0).fit(X)
    is_certain = clusterer.certainty_ > np.median(clusterer.certainty_)
    certain, uncertain = (
        clustering_accuracy(y[some], clusterer.labels_[some])
        for some in (is_certain, ~is_certain)
    )
    assert 1 - certain < (1 - uncertain) / 2


def test_numbers_of_eigenvectors():
    X, _ = make_blobs(60, centers=3, random_state=0)

    def tried(n_clusters, n_components=None, n_points=1000):
        clusterer = SpectralKMeans(n_clusters, n_components=n_components)
        return clusterer._numbers_to_try(n_clusters, n_points).tolist()

    assert tried(10) == list(range(10, 21))
    assert tried(2) == list(range(2, 8))
    assert tried(100) == list(range(100, 201, 10))
    assert tried(10, n_points=12) == [10, 11, 12]
    assert tried(10, [30, 4, 12, 4]) == [10, 12, 30]
    assert tried(10, np.array([2000, 11])) == [11, 1000]
    assert SpectralKMeans(3, n_components=5, random_state=0).fit(X).n_components_ == 5


def test_digits_are_told_apart(digits, monkeypatch):
    X, y = digits
    clusterer = SpectralKMeans(10, random_state=0).fit(X)
    assert clustering_accuracy(y, clusterer.labels_) > 0.93
    # The cleanest would part a small group of ones from the others and leave two digits
    # together.
    monkeypatch.setattr(_spectral_kmeans, "_STANDARD_ERRORS", 0)
    cleanest = clone(clusterer).fit(X)
    assert cleanest.uncertainty_coefficient_ > clusterer.uncertainty_coefficient_
    assert clustering_accuracy(y, cleanest.labels_) < 0.9


def test_blobs_of_different_size(monkeypatch):
    sizes = [1000, 300, 100, 50]
    X, y = make_blobs(sizes, n_features=5, cluster_std=2, random_state=0)
    clusterer = SpectralKMeans(4, random_state=0).fit(X)
    assert clustering_accuracy(y, clusterer.labels_) > 0.98
    # The most informative would break the largest apart.
    monkeypatch.setattr(_spectral_kmeans, "_STANDARD_ERRORS", np.inf)
    informative = clone(clusterer).fit(X)
    assert informative.mutual_information_ > clusterer.mutual_information_
    assert clustering_accuracy(y, informative.labels_) < 0.9


# Shapes, and new samples


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", [make_moons, make_circles])
def test_shapes_that_k_means_cuts_across(make, seed):
    options = {"factor": 0.5} if make is make_circles else {}
    X, y = make(600, noise=0.05, random_state=seed, **options)
    clusterer = SpectralKMeans(2, random_state=seed).fit(X)
    assert clustering_accuracy(y, clusterer.labels_) == 1
    assert clustering_accuracy(y, KMeans(2, random_state=0).fit_predict(X)) < 0.9
    X_new, y_new = make(200, noise=0.05, random_state=seed + 10, **options)
    assert clustering_accuracy(y_new, clusterer.predict(X_new)) == 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("make", "noise"), [(make_moons, 0.1), (make_circles, 0.07)])
def test_shapes_that_touch(make, noise, seed):
    options = {"factor": 0.5} if make is make_circles else {}
    X, y = make(3000, noise=noise, random_state=seed, **options)
    clusterer = SpectralKMeans(2, random_state=seed).fit(X)
    assert clustering_accuracy(y, clusterer.labels_) > 0.99


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_features", [1, 2, 64])
def test_training_samples_get_their_own_label(n_features, dtype):
    # One, two and many features are searched by different algorithms.
    rng = np.random.default_rng(0)
    X = (1000 + rng.normal(size=(300, n_features))).astype(dtype)
    clusterer = SpectralKMeans(5, random_state=0).fit(X)
    np.testing.assert_array_equal(clusterer.predict(X), clusterer.labels_)
    one_by_one = [clusterer.predict(X[i : i + 1])[0] for i in range(0, 300, 20)]
    np.testing.assert_array_equal(one_by_one, clusterer.labels_[::20])


def test_prediction_is_that_of_the_fit():
    X, _ = make_blobs(200, centers=5, random_state=0)
    clusterer = SpectralKMeans(5, random_state=0).fit(X)
    clusterer.set_params(n_clusters=2)  # waits for the next fit
    np.testing.assert_array_equal(clusterer.predict(X), clusterer.labels_)


def test_new_samples_follow_the_nearest():
    X = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]])
    clusterer = SpectralKMeans(2, random_state=0).fit(X)
    left, right = clusterer.labels_[0], clusterer.labels_[-1]
    new = [[-100.0], [1.5], [5.9], [6.1], [1e6]]
    expected = [left, left, left, right, right]
    np.testing.assert_array_equal(clusterer.predict(new), expected)


@pytest.mark.parametrize("n_neighbors", [3, 10])
def test_nearest_samples_vote_by_the_inverse_of_their_distance(n_neighbors):
    X, _ = make_blobs(300, centers=4, cluster_std=3, random_state=0)
    clusterer = SpectralKMeans(4, n_neighbors=n_neighbors, random_state=0).fit(X)
    new = np.random.default_rng(0).uniform(X.min(), X.max(), size=(500, 2))
    votes = KNeighborsClassifier(n_neighbors, weights="distance")
    expected = votes.fit(X, clusterer.labels_).predict(new)
    np.testing.assert_array_equal(clusterer.predict(new), expected)
    # Neither the very nearest alone nor another number would do.
    for other in (1, 6):
        votes.set_params(n_neighbors=other)
        assert (votes.predict(new) != expected).any()


def test_held_out_digits(digits):
    X_train, X_test, y_train, y_test = train_test_split(*digits, random_state=0)
    clusterer = SpectralKMeans(10, random_state=0)
    trained = clustering_accuracy(y_train, clusterer.fit_predict(X_train))
    assert clustering_accuracy(y_test, clusterer.predict(X_test)) > trained - 0.03


# Graphs in pieces, copies, few samples


@pytest.mark.parametrize("n_samples", [120, 1200])
def test_pieces_are_the_clusters(n_samples):
    X, y = make_blobs(n_samples, centers=6, cluster_std=0.05, random_state=0)
    clusterer = SpectralKMeans(6, random_state=0).fit(X)
    assert clustering_accuracy(y, clusterer.labels_) == 1
    assert clusterer.normalized_cut_ == 0
    assert clusterer.mutual_information_ == pytest.approx(np.log(6))


@pytest.mark.parametrize("n_samples", [120, 1200])
def test_more_pieces_than_clusters(n_samples):
    X, y = make_blobs(n_samples, centers=6, cluster_std=0.05, random_state=0)
    labels = SpectralKMeans(3, random_state=0).fit_predict(X)
    assert set(labels) == {0, 1, 2}
    assert all(len(set(labels[y == blob])) == 1 for blob in range(6))


def test_small_pieces_join_what_is_nearest():
    rng = np.random.default_rng(0)
    large = [rng.normal((20 * i, 0), 0.5, (200, 2)) for i in range(3)]
    small = [rng.normal((20 * i, 6), 0.1, (12, 2)) for i in range(3)]
    X = np.concatenate(large + small)
    y = np.repeat([0, 1, 2, 0, 1, 2], [200] * 3 + [12] * 3)
    labels = SpectralKMeans(3, random_state=0).fit_predict(X)
    assert clustering_accuracy(y, labels) == 1


def test_fewer_pieces_than_clusters():
    X, y = make_blobs(
        [300, 300, 300], centers=[[0, 0], [4, 0], [50, 0]], random_state=0
    )
    clusterer = SpectralKMeans(3, random_state=0).fit(X)
    assert clustering_accuracy(y, clusterer.labels_) > 0.97
    assert 0 < clusterer.normalized_cut_ < 0.3


def test_copies_stay_together():
    X, y = make_moons(300, noise=0.05, random_state=0)
    # More copies than neighbours: each sample is a piece of the graph.
    copies = np.repeat(np.arange(300), 15)
    labels = SpectralKMeans(2, random_state=0).fit_predict(X[copies])
    assert clustering_accuracy(y[copies], labels) == 1
    np.testing.assert_array_equal(labels, np.repeat(labels[::15], 15))


def test_copies_have_weight():
    # Evenly spread values; how often each occurs shows the valley between two hills.
    values = np.arange(40.0)
    counts = 1 + 50 * np.exp(-((values - 8) ** 2) / 20)
    counts += 50 * np.exp(-((values - 28) ** 2) / 40)
    X = np.repeat(values, counts.astype(int))[:, np.newaxis]
    labels = SpectralKMeans(2, random_state=0).fit_predict(X)
    border = X[labels == labels[0]].max()
    assert 12 <= border <= 20
    assert X[labels != labels[0]].min() == border + 1


@pytest.mark.parametrize("n_samples", [1, 2, 3, 5, 9])
def test_tiny_sets(n_samples):
    X = np.random.default_rng(0).normal(size=(n_samples, 1))
    for n_clusters in range(1, n_samples + 1):
        clusterer = SpectralKMeans(n_clusters, random_state=0)
        labels = clusterer.fit_predict(X)
        assert set(labels) == set(range(n_clusters))
        np.testing.assert_array_equal(clusterer.predict(X), labels)
        assert n_clusters <= clusterer.n_components_ <= n_samples


def test_small_integers():
    # Copies, ties, pieces, and almost as many clusters as samples; warnings are errors.
    rng = np.random.default_rng(0)
    for seed in range(60):
        size = rng.integers(1, 40), rng.integers(1, 4)
        X = rng.integers(rng.integers(2, 8), size=size) + 50 * (seed % 2) * (
            rng.integers(3, size=(size[0], 1))
        )
        n_clusters = rng.integers(1, len(np.unique(X, axis=0)), endpoint=True)
        clusterer = SpectralKMeans(n_clusters, n_init=1, random_state=seed).fit(X)
        assert set(clusterer.labels_) == set(range(n_clusters))
        np.testing.assert_array_equal(clusterer.predict(X), clusterer.labels_)


def test_fewer_distinct_samples_than_clusters():
    clusterer = SpectralKMeans(3, random_state=0)
    with pytest.warns(ConvergenceWarning, match="2 distinct samples, fewer than n_cl"):
        clusterer.fit([[0.0], [0.0], [1.0]])
    assert clusterer.labels_[0] == clusterer.labels_[1] != clusterer.labels_[2]
    np.testing.assert_array_equal(
        clusterer.predict([[-1.0], [2.0]]), clusterer.labels_[[0, 2]]
    )


# Seeds


def test_random_state_alone_decides(digits):
    X, _ = digits
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    first, second = (SpectralKMeans(10, random_state=3).fit(X) for _ in range(2))
    generator = np.random.RandomState(0)
    SpectralKMeans(10, random_state=generator).fit(X).predict(X)
    with pytest.raises(ValueError, match="n_clusters"):
        SpectralKMeans(10, random_state=3).fit(X[:5])
    assert random.getstate() == states[0]
    np.testing.assert_array_equal(np.random.get_state()[1], states[1][1])
    assert np.random.get_state()[2] == states[1][2]
    assert torch.equal(torch.get_rng_state(), states[2])
    np.testing.assert_array_equal(first.labels_, second.labels_)
    assert first.normalized_cut_ == second.normalized_cut_
    assert first.n_components_ == second.n_components_


def test_neither_order_nor_threads_matter(digits):
    X, _ = digits
    clusterer = SpectralKMeans(10, random_state=0)
    labels = clusterer.fit_predict(X)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_array_equal(clone(clusterer).fit_predict(X[order]), labels[order])
    threaded = clone(clusterer).set_params(n_jobs=2)
    np.testing.assert_array_equal(threaded.fit_predict(X), labels)
    with ThreadPoolExecutor(3) as pool:
        fits = pool.map(lambda _: clone(clusterer).fit_predict(X), range(3))
        for found in fits:
            assert clustering_accuracy(labels, found) > 0.999


# The rest of scikit-learn


def test_clusterer_of_a_cluster_classifier(digits):
    X, y = digits
    clusterer = SpectralKMeans()
    classifier = ClusterClassifier(clusterer=clusterer, random_state=0).fit(X, y)
    assert clusterer.n_clusters == 8
    assert classifier.clusterer_.n_clusters == 10
    assert classifier.score(X, y) > 0.93
    np.testing.assert_array_equal(
        classifier.predict(X), classifier.cluster_to_class_[classifier.labels_]
    )
    # What is chosen does not depend on the labels.
    shuffled = np.random.default_rng(0).permutation(y)
    permuted = clone(classifier).fit(X, shuffled)
    np.testing.assert_array_equal(permuted.labels_, classifier.labels_)
    assert permuted.clusterer_.n_components_ == classifier.clusterer_.n_components_


def test_pickle_and_sparse(digits):
    X, _ = digits
    clusterer = SpectralKMeans(10, random_state=0).fit(X[:500])
    copied = pickle.loads(pickle.dumps(clusterer))
    np.testing.assert_array_equal(copied.predict(X), clusterer.predict(X))
    with pytest.raises(TypeError, match="Sparse data was passed"):
        SpectralKMeans().fit(sp.csr_array(X))
    with pytest.raises(NotFittedError):
        SpectralKMeans().predict(X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_clusters": 30}, "n_samples=20 should be >= n_clusters=30"),
        ({"n_clusters": 0}, r"'n_clusters' parameter .*\[1, inf\).*Got 0"),
        ({"n_neighbors": 0}, r"'n_neighbors' parameter .*\[1, inf\).*Got 0"),
        ({"n_init": 0}, r"'n_init' parameter .*\[1, inf\).*Got 0"),
        ({"n_components": 0}, r"'n_components' parameter .*Got 0"),
        ({"n_components": []}, r"n_components=\[\] should be an int of at least 1"),
        ({"n_components": [0, 3]}, r"n_components=\[0, 3\] should be an int of at le"),
        ({"n_components": [2.5]}, r"n_components=\[2.5\] should be an int of at least"),
        ({"n_components": [[2]]}, r"n_components=\[\[2\]\] should be an int of at le"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    X = np.random.default_rng(0).random((20, 2))
    with pytest.raises(ValueError, match=message):
        SpectralKMeans(**({"n_clusters": 2} | parameters)).fit(X)


def test_values_too_large_to_be_squared():
    X = np.random.default_rng(0).random((20, 2))
    for too_large in (X * 1e160, -X * 1e160, 1e160 + X * 1e150):
        with pytest.raises(ValueError, match=r"X has values up to 1?.*scale X"):
            SpectralKMeans(2).fit(too_large)


def test_predicted_values_too_large_to_be_squared():
    X = np.random.default_rng(0).random((20, 2))
    clusterer = SpectralKMeans(2, random_state=0).fit(X)
    with pytest.raises(ValueError, match=r"X has values up to 1e\+200.*scale X"):
        clusterer.predict([[1e200, 0.0], [-1e200, 0.0]])


def test_values_too_small_to_be_squared():
    X = np.random.default_rng(0).random((20, 2))
    with pytest.raises(ValueError, match=r"X has values that differ by 9\..*scale X"):
        SpectralKMeans(2).fit(X * 1e-165)
    with pytest.warns(ConvergenceWarning, match="1 distinct samples"):
        SpectralKMeans(2).fit(np.ones((20, 2)))


def test_narrow_integers_are_integers(digits):
    X = digits[0][:200]
    wide = SpectralKMeans(3, n_neighbors=10, n_components=60, random_state=0).fit(X)
    narrow = SpectralKMeans(
        np.uint8(3),
        n_neighbors=np.uint8(10),
        n_components=np.uint8(60),
        n_init=np.int8(5),
        random_state=0,
    ).fit(X)
    np.testing.assert_array_equal(narrow.labels_, wide.labels_)


def test_large_numbers_of_float32():
    X, _ = make_blobs(60, centers=[[-1, 0], [1, 0]], cluster_std=0.01, random_state=0)
    expected = SpectralKMeans(2, random_state=0).fit(X).labels_
    large = (X * 1e30).astype(np.float32)
    labels = SpectralKMeans(2, random_state=0).fit(large).labels_
    assert clustering_accuracy(expected, labels) == 1
