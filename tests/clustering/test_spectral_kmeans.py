"""SpectralKMeans: clusters of any shape, and a choice without labels."""

import pickle
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from graphs import graph_of
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import (
    load_digits,
    load_iris,
    load_wine,
    make_blobs,
    make_circles,
    make_moons,
)
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import scale
from sklearn.utils.estimator_checks import parametrize_with_checks

from skae import ClusterClassifier, SpectralKMeans
from skae.clustering import _gaussians, _partition
from skae.clustering._graph import Graph
from skae.clustering._partition import (
    joint_weights,
    mutual_information,
    normalized_cut,
    random_walk_certainty,
    uncertainty_coefficient,
    vote,
)
from skae.clustering._search import MIN_BORDER_RANK, numbers_to_try
from skae.metrics import clustering_accuracy


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


@pytest.fixture
def no_mixture(monkeypatch):
    """The clusters are those of the graph, also if they are Gaussian."""
    monkeypatch.setattr(_gaussians, "MAX_POINTS", 0)


# Weights are checked on samples of which two are distinct.
@pytest.mark.filterwarnings("ignore:X has . distinct samples")
@parametrize_with_checks(
    [
        SpectralKMeans(),
        SpectralKMeans("auto", n_components=[3, 9], n_neighbors=3, n_init=1, n_jobs=2),
    ]
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


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
    graph = graph_of(X, n_neighbors)
    joint = joint_weights(graph, clusterer.labels_, 6)
    assert clusterer.normalized_cut_ == pytest.approx(normalized_cut(joint))
    assert clusterer.mutual_information_ == pytest.approx(mutual_information(joint))
    coefficient = uncertainty_coefficient(joint)
    assert clusterer.uncertainty_coefficient_ == pytest.approx(coefficient)
    assert clusterer.normalized_cut_ > 0.1
    assert set(clusterer.labels_) == set(range(6))
    assert clusterer.n_features_in_ == 5
    assert clusterer.certainty_.shape == (600,)
    assert clusterer.certainty_.min() > 0
    assert clusterer.certainty_.max() <= 1


@pytest.mark.parametrize("convert", [np.asarray, scale, sp.csr_array])
def test_gaussian_clusters_of_few_samples_are_found_by_their_shape(convert):
    # The samples of two of the three classes touch.
    X, y = load_iris(return_X_y=True)
    for seed in (13, 15851, 31689, 79203):
        clusterer = SpectralKMeans(3, random_state=seed).fit(convert(X))
        assert clustering_accuracy(y, clusterer.labels_) == pytest.approx(
            0.967, abs=0.01
        )
        # The graph alone would part them elsewhere.
        by_graph = clustering_accuracy(y, clusterer.alternative_labels_)
        assert by_graph < 0.93
        assert 0.4 < clusterer.agreement_ < 1


@pytest.mark.usefixtures("no_mixture")
def test_each_copy_of_a_sample_has_all_its_edges():
    points, _ = make_blobs(200, centers=4, cluster_std=3, random_state=0)
    counts = np.where(points[:, 0] > np.median(points[:, 0]), 7, 1)
    point_of = np.repeat(np.arange(200), counts)
    clusterer = SpectralKMeans(4, random_state=0).fit(points[point_of])
    edges = graph_of(points).edges.toarray()
    edges = sp.csr_array(edges[point_of][:, point_of])
    graph = Graph(edges, np.ones(len(point_of)), np.ones(len(point_of)))
    joint = joint_weights(graph, clusterer.labels_, 4)
    assert clusterer.normalized_cut_ == pytest.approx(normalized_cut(joint))
    assert clusterer.mutual_information_ == pytest.approx(mutual_information(joint))
    coefficient = uncertainty_coefficient(joint)
    assert clusterer.uncertainty_coefficient_ == pytest.approx(coefficient)
    certainty = random_walk_certainty(graph, clusterer.labels_, 4)
    # That other partitions differ in details does not change it.
    assert 0.25 < clusterer.agreement_ < 1
    np.testing.assert_allclose(clusterer.certainty_, certainty, rtol=1e-9)
    assert clusterer.normalized_cut_ > 0.1


@pytest.mark.usefixtures("no_mixture")
@pytest.mark.parametrize("seed", [0, 2])
def test_in_the_end_no_vote_of_the_neighbours_would_pay(seed):
    X, _ = make_blobs(600, n_features=3, centers=4, cluster_std=4, random_state=seed)
    labels = SpectralKMeans(4, n_init=1, random_state=0).fit_predict(X)
    graph = graph_of(X)
    np.testing.assert_array_equal(vote(graph, labels, 4), labels)


def test_a_cluster_that_the_samples_do_not_halve():
    X, _ = make_blobs(1000, centers=1, random_state=0)
    clusterer = SpectralKMeans(2, random_state=0)
    with pytest.warns(
        UserWarning, match=r"hardly determine 2 .*\(agreement_=-?0\."
    ) as w:
        clusterer.fit(X)
    assert w[0].filename == __file__
    alternative = clusterer.alternative_labels_
    assert clusterer.agreement_ == adjusted_rand_score(clusterer.labels_, alternative)
    assert clusterer.agreement_ < 0.2
    assert clusterer.certainty_.mean() < 0.8


def test_clusters_that_the_samples_determine():
    X, _ = make_blobs([300, 100], centers=[[0, 0], [8, 0]], random_state=0)
    for n_clusters in (1, 2):
        clusterer = SpectralKMeans(n_clusters, random_state=0).fit(X)
        assert clusterer.agreement_ > 0.99
        assert clusterer.certainty_.min() > 0.9
        alternative = clusterer.alternative_labels_
        assert adjusted_rand_score(clusterer.labels_, alternative) > 0.98


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
        return numbers_to_try(n_components, n_clusters, n_points).tolist()

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
    monkeypatch.setattr(_partition, "MAX_STANDARD_ERRORS", 0)
    cleanest = clone(clusterer).fit(X)
    assert cleanest.uncertainty_coefficient_ > clusterer.uncertainty_coefficient_
    assert clustering_accuracy(y, cleanest.labels_) < 0.9


def test_blobs_of_different_size(monkeypatch):
    sizes = [1000, 300, 100, 50]
    X, y = make_blobs(sizes, n_features=5, cluster_std=2, random_state=0)
    clusterer = SpectralKMeans(4, random_state=0).fit(X)
    assert clustering_accuracy(y, clusterer.labels_) > 0.98
    # The most informative would break the largest apart.
    monkeypatch.setattr(_partition, "MAX_STANDARD_ERRORS", np.inf)
    monkeypatch.setattr(_partition, "MAX_SPARSITY_LOSS", np.inf)
    informative = clone(clusterer).fit(X)
    assert informative.mutual_information_ > clusterer.mutual_information_
    assert clustering_accuracy(y, informative.labels_) < 0.9


@pytest.mark.parametrize(
    ("sizes", "n_sigma"),
    [
        ([1000, 500], 4),
        ([1000, 200], 5),
        ([1000, 20], 6),
        ([1000, 1000, 50], 5),
        ([1000, 300, 300, 50], 5),
    ],
)
def test_clusters_of_any_proportion(sizes, n_sigma):
    centers = n_sigma / np.sqrt(2) * np.identity(len(sizes))
    agreements = []
    for seed in range(3):
        X, y = make_blobs(sizes, centers=centers, random_state=seed)
        labels = SpectralKMeans(len(sizes), random_state=seed).fit_predict(X)
        agreements.append(adjusted_rand_score(y, labels))
    assert min(agreements) > (0.92 if n_sigma > 4 else 0.8)


@pytest.mark.parametrize("seed", range(3))
def test_a_small_piece_of_few_samples_is_not_clearly_cleaner(seed):
    X, y = load_iris(return_X_y=True)
    labels = SpectralKMeans(3, random_state=seed).fit_predict(scale(X))
    assert clustering_accuracy(y, labels) > 0.8


# The number of clusters

FAR_APART = 5 * np.identity(3)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: make_blobs(300, centers=1, random_state=0)[0], 1),
        (lambda: make_blobs([150, 50, 30], centers=FAR_APART, random_state=0)[0], 3),
        (lambda: scale(load_wine().data), 3),
        # Two of the three classes touch.
        (lambda: scale(load_iris().data), 2),
    ],
)
def test_number_of_clusters_is_found(make, expected):
    X = make()
    found = SpectralKMeans("auto", random_state=0).fit(X)
    assert found.n_clusters_ == expected
    n_tried = min(20, len(np.unique(X, axis=0)) // 10)
    assert found.weakest_border_curve_.shape == (n_tried,)
    assert found.weakest_border_curve_[0] == 1
    assert found.weakest_border_curve_[expected - 1] >= MIN_BORDER_RANK
    assert found.weakest_border_curve_[expected:].max() < MIN_BORDER_RANK
    # It is what a fit with the number finds.
    given = SpectralKMeans(expected, random_state=0).fit(X)
    assert given.n_clusters_ == expected
    np.testing.assert_array_equal(found.labels_, given.labels_)
    np.testing.assert_array_equal(found.certainty_, given.certainty_)
    assert not hasattr(given, "weakest_border_curve_")
    assert not hasattr(found.set_params(n_clusters=2).fit(X), "weakest_border_curve_")


def test_number_is_found_inside_a_cluster_classifier():
    X, y = make_blobs(200, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    classifier = ClusterClassifier(None, SpectralKMeans("auto"), random_state=0)
    assert classifier.fit(X, y > 0).clusterer_.n_clusters_ == 3
    assert classifier.score(X, y > 0) > 0.99


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


@pytest.mark.parametrize("convert", [np.asarray, sp.csr_array])
def test_cosine_ignores_the_length_of_rows(convert):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 100)
    X = np.eye(3)[y] + 0.1 * rng.random((300, 3))
    X *= np.exp(3 * rng.normal(size=(300, 1)))
    clusterer = SpectralKMeans(3, metric="cosine", random_state=0).fit(convert(X))
    assert clustering_accuracy(y, clusterer.labels_) == 1
    np.testing.assert_array_equal(clusterer.predict(convert(7 * X)), clusterer.labels_)
    other = SpectralKMeans(3, random_state=0).fit(convert(X))
    assert clustering_accuracy(y, other.labels_) < 0.95


def test_manhattan_neighbours_vote():
    X, _ = make_blobs(300, centers=4, cluster_std=3, random_state=0)
    clusterer = SpectralKMeans(4, metric="manhattan", random_state=0).fit(X)
    new = np.random.default_rng(0).uniform(X.min(), X.max(), size=(500, 2))
    votes = KNeighborsClassifier(10, weights="distance", metric="manhattan")
    expected = votes.fit(X, clusterer.labels_).predict(new)
    np.testing.assert_array_equal(clusterer.predict(new), expected)
    graph = graph_of(X, metric="manhattan")
    joint = joint_weights(graph, clusterer.labels_, 4)
    assert clusterer.normalized_cut_ == pytest.approx(normalized_cut(joint))


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
    assert classifier.score(X, y) > 0.85  # k-means: 0.79
    np.testing.assert_array_equal(
        classifier.predict(X), classifier.cluster_to_class_[classifier.labels_]
    )
    # What is chosen does not depend on the labels.
    shuffled = np.random.default_rng(0).permutation(y)
    permuted = clone(classifier).fit(X, shuffled)
    np.testing.assert_array_equal(permuted.labels_, classifier.labels_)
    assert permuted.clusterer_.n_components_ == classifier.clusterer_.n_components_


def test_pickle(digits):
    X, _ = digits
    clusterer = SpectralKMeans(10, random_state=0).fit(X[:500])
    copied = pickle.loads(pickle.dumps(clusterer))
    np.testing.assert_array_equal(copied.predict(X), clusterer.predict(X))
    with pytest.raises(NotFittedError):
        SpectralKMeans().predict(X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_clusters": 30}, "n_samples=20 should be >= n_clusters=30"),
        ({"n_clusters": 0}, r"'n_clusters' parameter .*\[1, inf\).*'auto'.*Got 0"),
        ({"n_neighbors": 0}, r"'n_neighbors' parameter .*\[1, inf\).*Got 0"),
        ({"metric": "hamming"}, r"'metric' parameter .*'cosine'.*Got 'hamming'"),
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


# Sparse samples and weights


@pytest.mark.parametrize("convert", [sp.csr_matrix, sp.csc_array, sp.coo_matrix])
def test_sparse_samples_have_the_clusters_of_dense_ones(digits, convert):
    X = digits[0][:300]
    dense = SpectralKMeans(10, random_state=0).fit(X)
    X = convert(X)
    sparse = SpectralKMeans(10, random_state=0).fit(X)
    # The points are in another order, from which the random starts differ.
    assert clustering_accuracy(dense.labels_, sparse.labels_) > 0.9
    assert sparse.normalized_cut_ == pytest.approx(dense.normalized_cut_, rel=0.05)
    np.testing.assert_array_equal(sparse.predict(X), sparse.labels_)


def test_stored_zeros_and_copies_of_sparse_samples_are_one_point():
    X = sp.csr_array(np.repeat(np.eye(4), 3, axis=0))
    starts = np.append(X.indptr[:-1], X.nnz + 1)
    stored = sp.csr_array((np.append(X.data, 0.0), np.append(X.indices, 0), starts))
    clusterer = SpectralKMeans(4, random_state=0).fit(stored)
    assert adjusted_rand_score(np.repeat(np.arange(4), 3), clusterer.labels_) == 1.0
    assert stored.nnz == X.nnz + 1  # X stays as it is


@pytest.mark.parametrize("convert", [np.asarray, sp.csr_array])
def test_integer_weights_are_equal_samples(digits, convert):
    X = digits[0][:250]
    weight = np.random.default_rng(0).integers(1, 4, len(X))
    weighted = SpectralKMeans(5, random_state=0).fit(convert(X), sample_weight=weight)
    repeated = SpectralKMeans(5, random_state=0).fit(
        convert(np.repeat(X, weight, axis=0))
    )
    for name in ("labels_", "certainty_", "alternative_labels_"):
        np.testing.assert_array_equal(
            np.repeat(getattr(weighted, name), weight), getattr(repeated, name)
        )
    assert weighted.agreement_ == repeated.agreement_
    assert weighted.normalized_cut_ == repeated.normalized_cut_


def test_samples_of_weight_zero_join_the_nearest(digits):
    X = digits[0][:250]
    weight = np.ones(len(X))
    weight[200:] = 0
    weighted = SpectralKMeans(5, random_state=0).fit(X, sample_weight=weight)
    rest = SpectralKMeans(5, random_state=0).fit(X[:200])
    np.testing.assert_array_equal(weighted.labels_[:200], rest.labels_)
    nearest = KNeighborsClassifier(1).fit(X[:200], rest.labels_)
    np.testing.assert_array_equal(weighted.labels_[200:], nearest.predict(X[200:]))
    assert weighted.certainty_.shape == (250,)


def test_weights_below_one_on_average_only_compare_samples(digits):
    X = digits[0][:250]
    weight = np.random.default_rng(0).integers(1, 4, len(X)) / 2**20
    first, second = (
        SpectralKMeans(5, random_state=0).fit(X, sample_weight=w)
        for w in (weight, weight / 2)
    )
    np.testing.assert_array_equal(first.labels_, second.labels_)
    assert first.agreement_ == second.agreement_
