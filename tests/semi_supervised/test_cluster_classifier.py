"""Tests of ClusterClassifier."""

import pickle
import random

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClusterMixin,
    TransformerMixin,
    clone,
)
from sklearn.cluster import (
    DBSCAN,
    AffinityPropagation,
    AgglomerativeClustering,
    Birch,
    BisectingKMeans,
    FeatureAgglomeration,
    KMeans,
    MeanShift,
)
from sklearn.datasets import load_digits, make_blobs
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_estimator,
    check_inplace_ensure_writeable,
    check_param_validation,
)

from skae import (
    AutoEncoderTransformer,
    ClusterClassifier,
    PseudoLabelClassifier,
    SpectralKMeans,
)
from skae._training.checkpoint import Checkpoint
from skae.metrics import clustering_accuracy

CENTERS = np.array([[0.0, 0.0, 0.0], [8.0, 0.0, 0.0], [0.0, 8.0, 8.0]])


@pytest.fixture
def blobs():
    return make_blobs(90, centers=CENTERS, random_state=0)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)


class Flatten(TransformerMixin, BaseEstimator):
    """An encoder of images; it remembers the shape that it was given."""

    def fit(self, X, y=None):
        assert y is None
        self.seen_ = X.shape
        return self

    def transform(self, X):
        return X.reshape(len(X), -1) / 16


class Numbered(ClusterMixin, BaseEstimator):
    """Cluster by the first feature's place in `numbers`, and report those numbers."""

    def __init__(self, numbers=(7, 3, -1), predicts=None):
        self.numbers = numbers
        self.predicts = predicts

    def fit(self, X, y=None):
        assert y is None
        self.labels_ = np.array(self.numbers)[X[:, 0].astype(int)]
        return self

    def predict(self, X):
        numbers = self.numbers if self.predicts is None else self.predicts
        return np.array(numbers)[X[:, 0].astype(int)]


def assert_consistent(classifier, X):
    """Probabilities are ones, agree with predict and with the assigned clusters."""
    probabilities = classifier.predict_proba(X)
    assert probabilities.shape == (len(X), len(classifier.classes_))
    assert probabilities.dtype == np.float64
    assert np.isfinite(probabilities).all()
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    prediction = classifier.predict(X)
    np.testing.assert_array_equal(
        classifier.classes_[probabilities.argmax(axis=1)], prediction
    )
    clusters = classifier._clusters.assign(classifier._encode(X))
    np.testing.assert_array_equal(classifier.cluster_to_class_[clusters], prediction)


# fit, predict, attributes


def test_attributes(blobs):
    X, y = blobs
    classifier = ClusterClassifier(random_state=0)
    assert classifier.fit(X, y) is classifier
    np.testing.assert_array_equal(classifier.classes_, [0, 1, 2])
    assert classifier.encoder_ is None
    assert isinstance(classifier.clusterer_, KMeans)
    assert classifier.clusterer_.n_init == 10
    assert classifier.labels_.shape == (90,)
    assert set(classifier.labels_) == {0, 1, 2}
    assert classifier.cluster_to_class_.shape == (3,)
    assert classifier.n_features_in_ == 3
    counts = [
        [np.sum((y == c) & (classifier.labels_ == k)) for k in range(3)]
        for c in range(3)
    ]
    np.testing.assert_array_equal(classifier.contingency_matrix_, counts)
    assert classifier.score(X, y) == 1.0
    assert_consistent(classifier, X)


def test_training_accuracy_is_clustering_accuracy(digits):
    X, _, y, _ = digits
    classifier = ClusterClassifier(random_state=0).fit(X, y)
    assert classifier.score(X, y) == clustering_accuracy(y, classifier.labels_)
    majority = clone(classifier).set_params(assignment="majority").fit(X, y)
    assert majority.score(X, y) >= classifier.score(X, y)


@pytest.mark.parametrize("assignment", ["hungarian", "majority"])
@pytest.mark.parametrize("n_clusters", [1, 2, 5, 12])
def test_more_or_fewer_clusters_than_classes(blobs, n_clusters, assignment):
    X, y = blobs
    classifier = ClusterClassifier(
        n_clusters=n_clusters, assignment=assignment, random_state=0
    ).fit(X, y)
    assert classifier.contingency_matrix_.shape == (3, n_clusters)
    assert classifier.score(X, y) >= min(n_clusters, 3) / 3
    assert len(set(classifier.predict(X))) == min(n_clusters, 3)
    assert_consistent(classifier, X)


@pytest.mark.parametrize(
    "names",
    [
        np.array(["no", "maybe", "yes"]),
        np.array(["no", "maybe", "yes"], dtype=object),
        np.array([-1, 1, 5]),
        np.array([1.0, 2.0, -3.0]),
        np.array([30, 2, 7], dtype=np.uint8),
    ],
)
def test_labels_of_any_type(blobs, names):
    X, y = blobs
    classifier = ClusterClassifier(random_state=0).fit(X, names[y])
    np.testing.assert_array_equal(classifier.classes_, np.sort(names))
    assert classifier.classes_.dtype == names.dtype
    np.testing.assert_array_equal(classifier.predict(X), names[y])
    from_list = ClusterClassifier(random_state=0).fit(X, names[y].tolist())
    np.testing.assert_array_equal(from_list.predict(X), names[y])
    assert from_list.classes_.dtype == np.array(names.tolist()).dtype


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_labels_as_series(blobs, kind):
    frames = pytest.importorskip(kind)
    X, y = blobs
    names = np.array(["a", "b", "c"])[y]
    classifier = ClusterClassifier(random_state=0).fit(X, frames.Series(names.tolist()))
    np.testing.assert_array_equal(classifier.predict(X), names)


def test_one_class(blobs):
    X, _ = blobs
    classifier = ClusterClassifier(random_state=0).fit(X, ["a"] * 90)
    assert set(classifier.predict(X)) == {"a"}
    np.testing.assert_array_equal(classifier.predict_proba(X), np.ones((90, 1)))


def test_without_y_the_classes_are_the_clusters(blobs):
    X, y = blobs
    classifier = ClusterClassifier(n_clusters=3, random_state=0).fit(X)
    np.testing.assert_array_equal(classifier.classes_, [0, 1, 2])
    np.testing.assert_array_equal(classifier.cluster_to_class_, [0, 1, 2])
    np.testing.assert_array_equal(classifier.predict(X), classifier.labels_)
    np.testing.assert_array_equal(
        classifier.contingency_matrix_, np.diag(np.bincount(classifier.labels_))
    )
    assert clustering_accuracy(y, classifier.labels_) == 1.0


@pytest.mark.parametrize("clusterer", [None, KMeans(), GaussianMixture()])
def test_without_y_and_number_of_clusters(blobs, clusterer):
    message = "requires y to be passed, but the target y is None.*n_clusters=10"
    with pytest.raises(ValueError, match=message):
        ClusterClassifier(clusterer=clusterer).fit(blobs[0])


def test_y_is_required_only_if_it_tells_the_number_of_clusters():
    assert get_tags(ClusterClassifier()).target_tags.required
    assert not get_tags(ClusterClassifier(n_clusters=3)).target_tags.required
    assert not get_tags(ClusterClassifier(clusterer=DBSCAN())).target_tags.required


@pytest.mark.parametrize("n_clusters", [None, 5])
def test_clustering_does_not_look_at_y(digits, n_clusters):
    X, _, y, _ = digits
    classifier = ClusterClassifier(PCA(8), n_clusters=n_clusters, random_state=0)
    plain = clone(classifier).fit(X, y)
    permuted = clone(classifier).fit(X, np.random.default_rng(0).permutation(y))
    np.testing.assert_array_equal(plain.labels_, permuted.labels_)
    np.testing.assert_array_equal(plain.exemplar_indices_, permuted.exemplar_indices_)
    np.testing.assert_array_equal(
        plain.clusterer_.cluster_centers_, permuted.clusterer_.cluster_centers_
    )


# Samples without labels, exemplars, map_labels


@pytest.mark.parametrize("as_list", [False, True])
@pytest.mark.parametrize(
    ("names", "unlabeled"),
    [
        (np.array([0, 1, 2]), -1),
        (np.array([0, 1, 2]), "?"),
        (np.array([1, -1, 0]), -7),
        (np.array([0.0, 1.0, 2.0]), np.nan),
        (np.array(["a", "b", "c"]), "?"),
        (np.array(["a", "b", "c"]), -1),
        (np.array(["a", "b", "c"]), np.nan),
        (np.array(["a", "b", "c"]), ""),
    ],
)
def test_unlabeled(blobs, names, unlabeled, as_list):
    X, y = blobs
    y_few = names[y].astype(object)
    y_few[np.flatnonzero(np.arange(90) % 7)] = unlabeled
    y_few = y_few.tolist() if as_list else y_few
    classifier = ClusterClassifier(unlabeled=unlabeled, random_state=0).fit(X, y_few)
    np.testing.assert_array_equal(classifier.classes_, np.sort(names))
    assert classifier.contingency_matrix_.sum() == 13
    assert classifier.labels_.shape == (90,)
    np.testing.assert_array_equal(classifier.predict(X), names[y])


def test_unlabeled_nan_in_a_float_array(blobs):
    X, y = blobs
    y_few = np.where(np.arange(90) % 7, np.nan, y)
    classifier = ClusterClassifier(unlabeled=np.nan, random_state=0).fit(X, y_few)
    np.testing.assert_array_equal(classifier.predict(X), y)


@pytest.mark.parametrize("dtype", ["Int64", "string", "category", "object", "str"])
def test_unlabeled_missing_in_a_series(blobs, dtype):
    pandas = pytest.importorskip("pandas")
    X, y = blobs
    names = np.array([3, 4, 5]) if dtype == "Int64" else np.array(["a", "b", "c"])
    y_few = pandas.Series(names[y].tolist(), dtype=dtype)
    y_few[np.arange(90) % 7 > 0] = None
    assert y_few.isna().sum() == 77
    classifier = ClusterClassifier(unlabeled=np.nan, random_state=0).fit(X, y_few)
    np.testing.assert_array_equal(classifier.predict(X), names[y])


def test_minus_one_is_a_class_unless_it_is_the_mark(blobs):
    X, y = blobs
    X, y = X[y < 2], np.where(y[y < 2] == 0, -1, 1)
    both = ClusterClassifier(random_state=0).fit(X, y)
    np.testing.assert_array_equal(both.classes_, [-1, 1])
    assert both.score(X, y) == 1.0
    one = ClusterClassifier(unlabeled=-1, random_state=0).fit(X, y)
    np.testing.assert_array_equal(one.classes_, [1])
    assert one.contingency_matrix_.sum() == np.sum(y == 1)


def test_few_samples_a_class_do_not_warn_of_a_regression():
    X, y = make_blobs(300, centers=30, cluster_std=0.01, random_state=0)
    classifier = ClusterClassifier(n_clusters=30, random_state=0).fit(X)
    exemplars = classifier.exemplar_indices_
    assert classifier.map_labels(X[exemplars], y[exemplars]).score(X, y) == 1.0


@pytest.mark.parametrize(
    ("y", "unlabeled", "message"),
    [
        ([-1, -1, -1], -1, "y has no labelled sample.*other than unlabeled=-1"),
        ([np.nan] * 3, np.nan, "y has no labelled sample.*unlabeled=nan"),
        ([0, 1], None, r"inconsistent numbers of samples: \[3, 2\]"),
        ([0, 1, 2, 3], None, r"inconsistent numbers of samples: \[3, 4\]"),
        ([0.5, 1.5, 2.5], None, "Unknown label type: continuous"),
        ([0.0, np.nan, 1.0], None, "Input y contains NaN"),
        ([0.0, np.inf, 1.0], None, "Input y contains infinity"),
        (np.array(["a", np.nan, "b"], dtype=object), None, "Input y contains NaN"),
        (pd.Series(["a", None, "b"], dtype="string"), None, "unlabeled=np.nan"),
        (pd.Series(["a", None, "?"], dtype="string"), "?", "Input y contains NaN"),
        (pd.Series(pd.to_datetime(["2026-01-01", None, None])), None, "contains NaN"),
        ([0, 1, -1], [-1, -2], r"unlabeled=\[-1, -2\] must be one value"),
        ([0, "a", 1], None, "y has strings and the label 0"),
        ([0, None, 1], None, "Input y contains NaN, None"),
        ([[0, 1], [1, 0], [1, 1]], None, "y should be a 1d array"),
        ("abc", None, "y should be a 1d array"),
        ([], None, "y has no labelled sample"),
    ],
)
def test_bad_y(y, unlabeled, message):
    X = np.array([[0.0], [1.0], [2.0]])
    with pytest.raises(ValueError, match=message):
        ClusterClassifier(unlabeled=unlabeled, random_state=0).fit(X, y)
    fitted = ClusterClassifier(n_clusters=2, unlabeled=unlabeled, random_state=0).fit(X)
    with pytest.raises(ValueError, match=message):
        fitted.map_labels(X, y)
    np.testing.assert_array_equal(fitted.classes_, [0, 1])


def test_exemplars_are_the_members_nearest_to_the_heart(digits):
    X, _, y, _ = digits
    classifier = ClusterClassifier(random_state=0).fit(X, y)
    assert classifier.exemplar_indices_.shape == (10,)
    for cluster, exemplar in enumerate(classifier.exemplar_indices_):
        members = np.flatnonzero(classifier.labels_ == cluster)
        distances = np.linalg.norm(X[members] - X[members].mean(axis=0), axis=1)
        heart = X[members][distances <= np.median(distances)].mean(axis=0)
        distances = np.linalg.norm(X[members] - heart, axis=1)
        assert exemplar in members[distances <= distances.min() * 1.05]


def test_exemplars_are_not_led_astray_by_another_class():
    # One cluster: most of it about 0, a stray quarter about 10, one sample between.
    X = np.r_[np.linspace(-1, 1, 31), np.linspace(9, 11, 10), 2.4][:, np.newaxis]
    assert np.abs(X - X.mean()).argmin() == 41
    classifier = ClusterClassifier(n_clusters=1, random_state=0).fit(X)
    assert np.abs(X[classifier.exemplar_indices_]) < 0.5


def test_exemplar_ties_go_to_the_lowest_index():
    X = np.array([[9.0], [1.0], [0.0], [1.0], [0.0], [9.0]])
    classifier = ClusterClassifier(n_clusters=2, random_state=0).fit(X)
    assert set(classifier.exemplar_indices_) == {0, 1}


def test_map_labels(blobs):
    X, y = blobs
    classifier = ClusterClassifier(n_clusters=3, random_state=0).fit(X)
    clusters = classifier.labels_.copy()
    exemplars = classifier.exemplar_indices_.copy()
    names = np.array(["a", "b", "c"])
    assert classifier.map_labels(X[exemplars], names[y[exemplars]]) is classifier
    np.testing.assert_array_equal(classifier.classes_, names)
    np.testing.assert_array_equal(classifier.contingency_matrix_.sum(axis=0), 1)
    np.testing.assert_array_equal(classifier.predict(X), names[y])
    np.testing.assert_array_equal(classifier.labels_, clusters)
    np.testing.assert_array_equal(classifier.exemplar_indices_, exemplars)
    assert_consistent(classifier, X)
    # All labels again, and it is what fit would have made of them.
    classifier.map_labels(X, y)
    fitted = ClusterClassifier(random_state=0).fit(X, y)
    np.testing.assert_array_equal(
        classifier.contingency_matrix_, fitted.contingency_matrix_
    )
    np.testing.assert_array_equal(classifier.predict_proba(X), fitted.predict_proba(X))


def test_map_labels_leaves_the_unlabeled_out(blobs):
    X, y = blobs
    classifier = ClusterClassifier(n_clusters=3, unlabeled=-1, random_state=0).fit(X)
    y_few = np.full(90, -1)
    y_few[classifier.exemplar_indices_] = y[classifier.exemplar_indices_]
    classifier.map_labels(X, y_few)
    assert classifier.contingency_matrix_.sum() == 3
    assert classifier.score(X, y) == 1.0


@pytest.mark.parametrize("numbers", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
@pytest.mark.parametrize(("middle", "nearest"), [(3.0, "left"), (7.0, "right")])
def test_map_labels_names_a_cluster_without_labels_like_its_neighbour(
    numbers, middle, nearest
):
    # Whatever the numbers of the clusters are.
    X = np.array([[0.0, 0.0], [1.0, middle], [2.0, 10.0]])
    classifier = ClusterClassifier(clusterer=Numbered(numbers)).fit(X)
    classifier.map_labels(X[[0, 2]], ["left", "right"])
    np.testing.assert_array_equal(classifier.predict(X), ["left", nearest, "right"])


def test_map_labels_checks_the_parameters(blobs):
    X, y = blobs
    classifier = ClusterClassifier(random_state=0).fit(X, y)
    classifier.set_params(assignment="best")
    with pytest.raises(ValueError, match="The 'assignment' parameter"):
        classifier.map_labels(X, y)


def test_few_labels_are_nearly_as_good_as_all(digits):
    X, X_test, y, y_test = digits
    lost_by_ten, lost_by_hundred = [], []
    for seed in range(5):
        classifier = ClusterClassifier(
            PCA(16),
            n_clusters=10,
            assignment="majority",
            unlabeled=-1,
            random_state=seed,
        )
        complete = clone(classifier).set_params(unlabeled=None).fit(X, y)
        everything = complete.score(X_test, y_test)
        exemplars = clone(classifier).fit(X).exemplar_indices_
        y_few = np.full_like(y, -1)
        y_few[exemplars] = y[exemplars]
        few = clone(classifier).fit(X, y_few)
        np.testing.assert_array_equal(few.exemplar_indices_, exemplars)
        lost_by_ten.append(everything - few.score(X_test, y_test))

        order = np.random.default_rng(seed).permutation(len(y))
        drawn = np.concatenate([order[y[order] == digit][:10] for digit in range(10)])
        y_few = np.full_like(y, -1)
        y_few[drawn] = y[drawn]
        few = clone(classifier).fit(X, y_few)
        lost_by_hundred.append(everything - few.score(X_test, y_test))
        assert everything > 0.7
    assert np.mean(lost_by_ten) <= 0.02
    assert np.mean(lost_by_hundred) <= 0.02


# Clusterers


@pytest.mark.parametrize(
    "clusterer",
    [
        KMeans(),
        BisectingKMeans(),
        Birch(),
        GaussianMixture(),
        BayesianGaussianMixture(),
        AgglomerativeClustering(),
        AgglomerativeClustering(n_clusters=None, distance_threshold=20),
        MeanShift(bandwidth=4),
        MeanShift(bandwidth=2, cluster_all=False),
        AffinityPropagation(),
        DBSCAN(eps=1.5),
        Pipeline([("scale", StandardScaler()), ("kmeans", KMeans(3, n_init=10))]),
    ],
    ids=lambda clusterer: type(clusterer).__name__,
)
@pytest.mark.parametrize("assignment", ["hungarian", "majority"])
def test_clusterers(blobs, clusterer, assignment):
    X, y = blobs
    before = clone(clusterer)
    classifier = ClusterClassifier(
        clusterer=clusterer, assignment=assignment, random_state=0
    ).fit(X[::2], y[::2])
    assert classifier.score(X[1::2], y[1::2]) > 0.9
    n_clusters = len(classifier.cluster_to_class_)
    np.testing.assert_array_equal(np.unique(classifier.labels_), np.arange(n_clusters))
    assert classifier.contingency_matrix_.sum() == 45
    assert_consistent(classifier, X)
    assert repr(clusterer) == repr(before)  # the user's own is never touched
    assert not hasattr(clusterer, "labels_")


@pytest.mark.parametrize(
    "clusterer", [BisectingKMeans(10), Birch(n_clusters=10), GaussianMixture(10)]
)
def test_the_clusterer_has_the_last_word(digits, clusterer):
    X, X_test, y, _ = digits
    classifier = ClusterClassifier(PCA(8), clusterer, random_state=0).fit(X, y)
    codes = classifier.encoder_.transform(X_test)
    clusters = classifier.clusterer_.predict(codes)
    nearest = (
        ((codes[:, np.newaxis] - classifier._clusters.means) ** 2).sum(axis=2).argmin(1)
    )
    assert (clusters != nearest).any()
    np.testing.assert_array_equal(
        classifier.predict(X_test), classifier.cluster_to_class_[clusters]
    )
    assert_consistent(classifier, X_test)


def test_noise_takes_the_nearest_cluster():
    # Noise first: the places among the other samples are not those in X.
    X = np.array([[2.0], [3.9], [100.0], [0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    y = ["a", "b", "b", "a", "a", "a", "b", "b", "b"]
    classifier = ClusterClassifier(clusterer=DBSCAN(eps=0.5, min_samples=2)).fit(X, y)
    assert (classifier.clusterer_.labels_ == -1).sum() == 3
    np.testing.assert_array_equal(classifier.classes_, ["a", "b"])
    np.testing.assert_array_equal(classifier.labels_, [0, 1, 1, 0, 0, 0, 1, 1, 1])
    assert set(classifier.exemplar_indices_) <= set(range(3, 9))  # noise is not typical
    np.testing.assert_array_equal(
        classifier.labels_[classifier.exemplar_indices_], [0, 1]
    )
    np.testing.assert_array_equal(classifier.predict(X), y)
    without_y = ClusterClassifier(clusterer=DBSCAN(eps=0.5, min_samples=2)).fit(X)
    np.testing.assert_array_equal(without_y.classes_, [0, 1])


def test_all_noise(blobs):
    X, y = blobs
    with pytest.raises(ValueError, match=r"DBSCAN.* found no cluster.*all 90 samples"):
        ClusterClassifier(clusterer=DBSCAN(eps=1e-9)).fit(X, y)


@pytest.mark.parametrize(
    ("numbers", "left", "right"), [((7, 3, -1), 1, 0), ((3, 7, -1), 0, 1)]
)
def test_clusterers_may_number_as_they_like(numbers, left, right):
    X = np.array([[2.0], [0.0], [0.0], [1.0], [1.0]])
    classifier = ClusterClassifier(clusterer=Numbered(numbers)).fit(X, [6, 5, 5, 6, 6])
    # 7 and 3 become 1 and 0; the noise joins the nearest, whichever that is.
    np.testing.assert_array_equal(classifier.labels_, [right, left, left, right, right])
    np.testing.assert_array_equal(classifier.cluster_to_class_[[left, right]], [5, 6])
    np.testing.assert_array_equal(
        classifier.labels_[classifier.exemplar_indices_], [0, 1]
    )
    np.testing.assert_array_equal(classifier.predict(X), [6, 5, 5, 6, 6])
    assert_consistent(classifier, X)


@pytest.mark.parametrize("numbers", [(7, 3), (3, 7)])
@pytest.mark.parametrize("new", [-1, 0, 5, 9])
def test_a_number_never_seen_in_training_takes_the_nearest_cluster(numbers, new):
    X = np.array([[0.0], [0.0], [1.0], [1.0]])
    clusterer = Numbered(numbers, predicts=(*numbers, new))
    classifier = ClusterClassifier(clusterer=clusterer).fit(X, [5, 5, 6, 6])
    np.testing.assert_array_equal(classifier.predict([[2.0], [0.0]]), [6, 5])


def test_without_predict_the_five_nearest_samples_decide():
    # One of the right cluster is nearest, but four of the left are hardly farther.
    left = np.array([[-0.1, 0.0], [-0.1, 0.1], [-0.2, 0.0], [-0.1, -0.1]])
    X = np.concatenate([left, [[2.0, 0.0], [3.0, 0.0], [4.0, 0.0]]])
    y = np.repeat(["left", "right"], [4, 3])
    classifier = ClusterClassifier(clusterer=AgglomerativeClustering()).fit(X, y)
    np.testing.assert_array_equal(classifier.predict(X), y)
    assert classifier.predict([[1.0, 0.0]]) == "left"
    assert classifier.predict([[1.9, 0.0]]) == "right"  # near ones count more


def test_fewer_neighbours_than_five():
    X = np.array([[0.0], [1.0], [9.0]])
    classifier = ClusterClassifier(clusterer=AgglomerativeClustering()).fit(
        X, [0, 0, 1]
    )
    np.testing.assert_array_equal(classifier.predict([[-3.0], [8.0]]), [0, 1])


@pytest.mark.parametrize(
    ("clusterer", "n_clusters", "expected"),
    [
        (None, None, 3),
        (None, 5, 5),
        (KMeans(), None, 3),
        (KMeans(n_clusters=4), None, 4),
        (KMeans(n_clusters=4), 6, 6),
        (Birch(), None, 3),
        (AgglomerativeClustering(), None, 3),
        (AgglomerativeClustering(), 4, 4),
        (GaussianMixture(), None, 3),
        (GaussianMixture(n_components=4), None, 4),
        (GaussianMixture(n_components=4), 5, 5),
        (DBSCAN(eps=3), 7, 3),
    ],
)
def test_number_of_clusters(blobs, clusterer, n_clusters, expected):
    X, y = blobs
    classifier = ClusterClassifier(
        clusterer=clusterer, n_clusters=n_clusters, random_state=0
    ).fit(X, y)
    assert len(classifier.cluster_to_class_) == expected


def test_number_of_clusters_is_that_of_the_labelled_classes(blobs):
    X, y = blobs
    y = np.where(y == 2, -1, y)
    classifier = ClusterClassifier(unlabeled=-1, random_state=0).fit(X, y)
    assert len(classifier.cluster_to_class_) == 2


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"clusterer": FeatureAgglomeration()}, "The 'clusterer' parameter"),
        ({"clusterer": "kmeans"}, "The 'clusterer' parameter"),
        ({"encoder": "pca"}, "The 'encoder' parameter"),
        ({"encoder": DBSCAN()}, "The 'encoder' parameter"),
        ({"n_clusters": 0}, "The 'n_clusters' parameter"),
        ({"assignment": "best"}, "The 'assignment' parameter"),
        ({"random_state": "x"}, "The 'random_state' parameter"),
        ({"n_clusters": 91}, "should be >= n_clusters=91"),
    ],
)
def test_bad_parameters(blobs, parameters, message):
    with pytest.raises(ValueError, match=message):
        ClusterClassifier(**parameters).fit(*blobs)


# predict_proba


def test_probabilities_follow_the_distance():
    X = np.array([[-1.0], [1.0], [9.0], [11.0]])
    classifier = ClusterClassifier(random_state=0).fit(X, [0, 0, 1, 1])
    # The means are 0 and 10, the variance within clusters is 1.
    x = np.array([[4.0], [5.2], [10.0]])
    ratio = np.exp(-(x.ravel() ** 2 - (x.ravel() - 10) ** 2) / 2)
    np.testing.assert_allclose(
        classifier.predict_proba(x)[:, 0], ratio / (1 + ratio), rtol=1e-5
    )


def test_the_spread_is_the_mean_over_samples_and_dimensions():
    # Two clusters two apart, with a variance of 1 along one of two dimensions.
    X = np.array([[0.0, -1.0], [0.0, 1.0], [2.0, -1.0], [2.0, 1.0]])
    classifier = ClusterClassifier(clusterer=Numbered((0, 0, 1))).fit(X, [0, 0, 1, 1])
    variance = 1 / 2
    ratio = np.exp(2**2 / (2 * variance))
    np.testing.assert_allclose(
        classifier.predict_proba([[0.0, 0.0]]),
        [[ratio / (1 + ratio), 1 / (1 + ratio)]],
        rtol=1e-5,
    )


def test_the_score_of_a_class_is_that_of_its_best_cluster():
    # Clusters one apart, the variance is 1/2; the right class has two of the three.
    X = np.array([[i, j] for i in (0.0, 1.0, 2.0) for j in (-1.0, 1.0)])
    y = np.repeat(["left", "right", "right"], 2)
    classifier = ClusterClassifier(clusterer=Numbered((0, 1, 2))).fit(X, y)
    left, right = classifier.predict_proba([[1.0, 0.0]])[0]
    assert left / right == pytest.approx(np.exp(-1.0), rel=1e-5)


def test_ties():
    X = np.array([[-1.0], [1.0]])
    classifier = ClusterClassifier(random_state=0).fit(X, ["b", "a"])
    assert_consistent(classifier, np.array([[0.0], [-1.0], [1.0]]))


def test_a_class_without_a_cluster_has_probability_zero(blobs):
    X, y = blobs
    classifier = ClusterClassifier(n_clusters=2, random_state=0).fit(X, y)
    unnamed = ~np.isin(classifier.classes_, classifier.cluster_to_class_)
    assert unnamed.sum() == 1
    assert (classifier.predict_proba(X)[:, unnamed] == 0).all()


def test_samples_on_their_means_and_samples_far_away():
    X = np.repeat([[0.0, 0.0], [1.0, 1.0]], 4, axis=0)
    y = np.repeat(["a", "b"], 4)
    classifier = ClusterClassifier(random_state=0).fit(X, y)
    np.testing.assert_allclose(
        classifier.predict_proba(X), np.repeat(np.eye(2), 4, axis=0)
    )
    far = np.array([[1e100, 1e100], [-1e200, -1e200], [0.4, 0.4], [0.5, 0.5]])
    assert_consistent(classifier, far)
    one = ClusterClassifier(random_state=0).fit(np.ones((3, 2)), [7, 7, 7])
    np.testing.assert_array_equal(one.predict_proba(np.zeros((2, 2))), [[1], [1]])


@pytest.mark.parametrize("first", [np.float32, np.float64])
def test_both_types_of_numbers(blobs, first):
    X, y = blobs
    classifier = ClusterClassifier(random_state=0).fit(X.astype(first), y)
    encoded = ClusterClassifier(PCA(2), random_state=0).fit(X.astype(first), y)
    for dtype in (np.float32, np.float64):
        assert_consistent(classifier, X.astype(dtype))
        assert_consistent(encoded, X.astype(dtype))
        assert encoded.score(X.astype(dtype), y) == 1.0


def test_sample_weight_of_score(blobs):
    X, y = blobs
    classifier = ClusterClassifier(n_clusters=2, random_state=0).fit(X, y)
    weight = np.arange(90.0)
    assert classifier.score(X, y, sample_weight=weight) == accuracy_score(
        y, classifier.predict(X), sample_weight=weight
    )


# Encoders


def test_encoder_is_cloned_and_its_features_counted(blobs):
    pandas = pytest.importorskip("pandas")
    X, y = blobs
    X = pandas.DataFrame(X, columns=["u", "v", "w"])
    encoder = PCA(2)
    classifier = ClusterClassifier(encoder, random_state=0).fit(X, y)
    assert not hasattr(encoder, "components_")
    assert classifier.encoder_.components_.shape == (2, 3)
    assert classifier.n_features_in_ == 3
    np.testing.assert_array_equal(classifier.feature_names_in_, ["u", "v", "w"])
    assert classifier.score(X, y) == 1.0
    classifier.fit(X.to_numpy()[:, :2], y)
    assert classifier.n_features_in_ == 2
    assert not hasattr(classifier, "feature_names_in_")
    classifier.set_params(encoder=None).fit(X, y)
    assert classifier.encoder_ is None
    np.testing.assert_array_equal(classifier.feature_names_in_, ["u", "v", "w"])


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_codes_as_a_frame(blobs, kind):
    pytest.importorskip(kind)
    X, y = blobs
    encoder = PCA(2).set_output(transform=kind)
    classifier = ClusterClassifier(encoder, random_state=0).fit(X, y)
    plain = ClusterClassifier(PCA(2), random_state=0).fit(X, y)
    np.testing.assert_array_equal(classifier.predict_proba(X), plain.predict_proba(X))


def test_images_go_to_the_encoder_as_they_came():
    digits = load_digits()
    images, y = digits.images[:600], digits.target[:600]
    classifier = ClusterClassifier(Flatten(), random_state=0).fit(images, y)
    assert classifier.encoder_.seen_ == (600, 8, 8)
    assert not hasattr(classifier, "n_features_in_")
    flat = ClusterClassifier(random_state=0).fit(images.reshape(600, -1) / 16, y)
    np.testing.assert_array_equal(classifier.labels_, flat.labels_)
    exemplars = classifier.exemplar_indices_
    classifier.map_labels(images[exemplars], y[exemplars])
    assert classifier.score(images, y) > 0.6


def test_frozen_encoder():
    digits = load_digits()
    images, y = digits.images[:600], digits.target[:600]
    encoder = make_pipeline(Flatten(), PCA(8, random_state=None)).fit(images)
    components = encoder[-1].components_.copy()
    classifier = ClusterClassifier(FrozenEstimator(encoder), random_state=0)
    classifier.fit(images[:300], y[:300])
    assert encoder[-1].random_state is None
    assert encoder[0].seen_ == (600, 8, 8)
    np.testing.assert_array_equal(encoder[-1].components_, components)
    assert classifier.score(images[300:], y[300:]) > 0.5


def test_frozen_clusterer(blobs):
    X, y = blobs
    kmeans = KMeans(5, n_init=1, random_state=0).fit(X)
    centers = kmeans.cluster_centers_.copy()
    classifier = ClusterClassifier(clusterer=FrozenEstimator(kmeans), random_state=0)
    classifier.fit(X[:60], y[:60])
    np.testing.assert_array_equal(kmeans.cluster_centers_, centers)
    np.testing.assert_array_equal(classifier.labels_, kmeans.labels_[:60])
    assert classifier.score(X, y) == 1.0


def test_encoder_of_texts():
    X = ["red apple", "red cherry apple", "blue sea", "blue sea sky"] * 3
    y = ["fruit", "fruit", "water", "water"] * 3
    encoder = make_pipeline(TfidfVectorizer(), TruncatedSVD(2))
    classifier = ClusterClassifier(encoder, random_state=0).fit(X, y)
    assert classifier.predict(["apple", "sky"]).tolist() == ["fruit", "water"]


def test_a_part_that_takes_no_sparse_samples_refuses_them(blobs):
    X, y = blobs
    classifier = ClusterClassifier(clusterer=MeanShift())
    with pytest.raises(TypeError, match="Sparse data was passed"):
        classifier.fit(sp.csr_array(X), y)


def test_bad_x(blobs):
    X, y = blobs
    classifier = ClusterClassifier(random_state=0)
    with pytest.raises(NotFittedError):
        classifier.predict(X)
    with pytest.raises(NotFittedError):
        classifier.map_labels(X, y)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        classifier.fit(np.full_like(X, np.nan), y)
    with pytest.raises(ValueError, match="expecting 3 features"):
        classifier.fit(X, y).predict(X[:, :2])
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        classifier.predict(X[0])


# Seeds


def test_seeds_reach_the_inner_estimators(blobs):
    X, y = blobs
    encoder = make_pipeline(PCA(2), PCA(2, random_state=5))
    clusterer = KMeans(n_init=1)
    classifier = ClusterClassifier(encoder, clusterer, random_state=0).fit(X, y)
    assert encoder[0].random_state is None
    assert clusterer.random_state is None
    first = classifier.encoder_[0].random_state
    second = classifier.clusterer_.random_state
    assert isinstance(first, int)
    assert isinstance(second, int)
    assert first != second
    assert classifier.encoder_[1].random_state == 5
    again = clone(classifier).fit(X, y)
    assert again.encoder_[0].random_state == first
    assert again.clusterer_.random_state == second
    other = clone(classifier).set_params(random_state=1).fit(X, y)
    assert other.clusterer_.random_state != second


def test_fits_with_one_seed_are_equal(digits):
    X, X_test, y, _ = digits
    classifier = ClusterClassifier(
        PCA(8, svd_solver="randomized"), KMeans(n_init=1), random_state=0
    )
    first = clone(classifier).fit(X, y)
    second = clone(classifier).fit(X, y)
    np.testing.assert_array_equal(first.labels_, second.labels_)
    np.testing.assert_array_equal(
        first.predict_proba(X_test), second.predict_proba(X_test)
    )


def test_global_generators_are_left_alone(blobs):
    X, y = blobs
    numpy_state, python_state = np.random.get_state(), random.getstate()
    for encoder in (None, PCA(2)):
        classifier = ClusterClassifier(encoder, random_state=0).fit(X, y)
        classifier.map_labels(X, y).predict(X)
        classifier.score(X, y)
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            classifier.fit(X, y[:3])
        with pytest.raises(ValueError, match="should be >= n_clusters=100"):
            clone(classifier).set_params(n_clusters=100).fit(X, y)
    assert random.getstate() == python_state
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state[1])
    assert np.random.get_state()[2] == numpy_state[2]


# The rest of scikit-learn


def test_pickle(blobs):
    X, y = blobs
    for clusterer in (None, AgglomerativeClustering()):
        classifier = ClusterClassifier(PCA(2), clusterer, random_state=0).fit(X, y)
        again = pickle.loads(pickle.dumps(classifier))
        np.testing.assert_array_equal(
            again.predict_proba(X), classifier.predict_proba(X)
        )


def test_nested_parameters():
    classifier = ClusterClassifier(PCA(2), KMeans())
    classifier.set_params(encoder__n_components=3, clusterer__n_init=2, n_clusters=4)
    assert classifier.encoder.n_components == 3
    assert classifier.clusterer.n_init == 2
    assert clone(classifier).get_params()["encoder__n_components"] == 3


def test_pipeline_and_grid_search_in_two_processes(digits):
    X, X_test, y, y_test = digits
    pipe = Pipeline(
        [("pca", PCA(random_state=0)), ("clf", ClusterClassifier(random_state=0))]
    )
    grid = {"pca__n_components": [2, 8], "clf__assignment": ["hungarian", "majority"]}
    one = GridSearchCV(pipe, grid, cv=2, n_jobs=1).fit(X, y)
    two = GridSearchCV(pipe, grid, cv=2, n_jobs=2).fit(X, y)
    np.testing.assert_allclose(
        one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"]
    )
    assert one.best_params_ == two.best_params_
    assert one.best_params_["pca__n_components"] == 8
    assert one.score(X_test, y_test) > 0.7


def test_grid_search_over_the_encoder(digits):
    X, _, y, _ = digits
    classifier = ClusterClassifier(PCA(), random_state=0)
    search = GridSearchCV(classifier, {"encoder__n_components": [1, 10]}, cv=2)
    assert search.fit(X, y).best_params_ == {"encoder__n_components": 10}


@pytest.mark.parametrize(
    "classifier",
    [
        ClusterClassifier(),
        ClusterClassifier(n_clusters=5, assignment="majority"),
        ClusterClassifier(PCA()),
        ClusterClassifier(refiner=KNeighborsClassifier(1)),
    ],
    ids=repr,
)
def test_scikit_learn_checks(classifier):
    results = check_estimator(classifier, on_skip=None)
    assert {result["status"] for result in results} == {"passed"}


@pytest.mark.parametrize(
    "check",
    [
        check_dataframe_column_names_consistency,
        check_param_validation,
        check_inplace_ensure_writeable,
    ],
)
def test_checks_that_check_estimator_leaves_out(check):
    check("ClusterClassifier", ClusterClassifier())


# -- Refiner ----------------------------------------------------------------------


class Rule(ClassifierMixin, BaseEstimator):
    """A refiner with a rule of its own, which remembers what it was passed.

    As ``labels_`` shows, it corrects labels.
    """

    def __init__(self, rule):
        self.rule = rule

    def fit(self, X, y):
        self.X_, self.y_ = X, np.array(y)
        self.classes_ = np.unique(y)
        self.labels_ = self.rule(X, self)
        return self

    def predict(self, X):
        return self.rule(X, self)


def test_the_refiner_learns_the_clusters_from_the_samples_themselves():
    X, y = load_digits(return_X_y=True)
    images = X.reshape(-1, 8, 8)
    refiner = Rule(lambda X, self: self.y_[: len(X)])
    classifier = ClusterClassifier(Flatten(), refiner=refiner, random_state=0)
    classifier.fit(images, y)
    plain = ClusterClassifier(Flatten(), random_state=0).fit(images, y)
    assert classifier.refiner_.X_.shape == (len(X), 8, 8)
    assert classifier.refiner_ is not refiner
    np.testing.assert_array_equal(classifier.refiner_.y_, plain.labels_)
    np.testing.assert_array_equal(classifier.labels_, plain.labels_)
    assert plain.refiner_ is None


def test_doubtful_labels_are_kept_from_the_refiner():
    X, y = load_digits(return_X_y=True)
    plain = ClusterClassifier(clusterer=SpectralKMeans(), random_state=0).fit(X, y)
    certainty, labels = plain.clusterer_.certainty_, plain.labels_
    settings = {"clusterer": SpectralKMeans(), "doubtful": 0.3, "random_state": 0}
    follow = Rule(lambda X, self: np.zeros(len(X), dtype=int))
    with_few = ClusterClassifier(refiner=follow, **settings).fit(X, y).refiner_

    class Semi(Rule):
        def __init__(self, rule, unlabeled=None):
            super().__init__(rule)
            self.unlabeled = unlabeled

    with_all = (
        ClusterClassifier(refiner=Semi(follow.rule), **settings).fit(X, y).refiner_
    )

    assert with_all.unlabeled == -1
    assert with_all.X_.shape == X.shape
    is_told = with_all.y_ >= 0
    np.testing.assert_array_equal(with_all.y_[is_told], labels[is_told])
    np.testing.assert_array_equal(with_few.X_, X[is_told])
    np.testing.assert_array_equal(with_few.y_, labels[is_told])
    for cluster in range(10):
        told, kept = (certainty[(labels == cluster) & m] for m in (is_told, ~is_told))
        # 30 % of a cluster, but nothing above 0.95. Of equal ones all are told.
        n_expected = (certainty[labels == cluster] < 0.95).sum()
        n_expected = min(0.3 * (len(told) + len(kept)), n_expected)
        assert len(kept) == pytest.approx(n_expected, abs=2)
        assert kept.max() < told.min()


def test_the_mark_of_the_unlabeled_is_no_cluster_to_the_refiner(digits):
    X, _, y, _ = digits
    refiner = PseudoLabelClassifier(unlabeled=0, max_epochs=3)
    classifier = ClusterClassifier(
        PCA(8), refiner=refiner, n_clusters=10, unlabeled=0, random_state=0
    ).fit(X, np.where(np.arange(len(y)) % 2, y, 0))
    assert len(classifier.refiner_.classes_) == 10
    assert set(classifier.predict(X)) <= set(range(1, 10))


@pytest.mark.parametrize("refiner", [PseudoLabelClassifier(), LogisticRegression()])
def test_one_cluster_has_no_boundaries_to_refine(blobs, refiner):
    X, _ = blobs
    classifier = ClusterClassifier(refiner=refiner, n_clusters=1, random_state=0).fit(X)
    assert classifier.refiner_ is None
    assert not classifier.labels_.any()
    np.testing.assert_array_equal(classifier.predict_proba(X), np.ones((len(X), 1)))


def test_a_regressor_is_no_refiner(blobs):
    X, y = blobs
    with pytest.raises(ValueError, match=r"refiner=Ridge\(\) must be a classifier"):
        ClusterClassifier(refiner=Ridge(), n_clusters=3, random_state=0).fit(X, y)


def test_a_class_in_the_place_of_a_clusterer():
    classifier = ClusterClassifier(clusterer=SpectralKMeans)
    assert "SpectralKMeans" in repr(classifier)
    assert get_tags(classifier).target_tags.required
    with pytest.raises(TypeError, match="instance"):
        classifier.fit([[0.0], [1.0]], [0, 1])


def test_doubt_needs_a_clusterer_that_doubts(blobs):
    X, y = blobs
    classifier = ClusterClassifier(refiner=KNeighborsClassifier(), doubtful=0.1)
    with pytest.raises(
        ValueError, match=r"doubtful=0.1 needs a clusterer with .*KMean"
    ):
        classifier.fit(X, y)
    with pytest.raises(ValueError, match=r"'doubtful' .* \[0.0, 1.0\). Got 1.0"):
        classifier.set_params(doubtful=1.0).fit(X, y)
    # Clusters far apart: all samples are equally certain, and none is left out.
    classifier = ClusterClassifier(
        clusterer=SpectralKMeans(),
        refiner=Rule(lambda X, self: np.zeros(len(X), dtype=int)),
        doubtful=0.5,
        random_state=0,
    )
    far = np.repeat([[0.0], [1e3]], 20, axis=0) + np.tile(np.arange(20), 2)[:, None]
    classifier.fit(far, np.repeat([0, 1], 20))
    assert len(classifier.refiner_.X_) == 40


def test_of_equally_certain_samples_no_more_than_the_share_is_doubted():
    class Unsure(Numbered):
        def fit(self, X, y=None):
            self.certainty_ = np.full(len(X), 0.5)
            return super().fit(X)

    X = np.repeat([[0.0], [1.0]], 8, axis=0)
    classifier = ClusterClassifier(
        clusterer=Unsure((0, 1)),
        refiner=Rule(lambda X, self: X[:, 0].astype(int)),
        doubtful=0.25,
    ).fit(X, X[:, 0].astype(int))
    assert np.bincount(classifier.refiner_.y_).min() >= 6


@pytest.mark.parametrize(
    "refiner", [LogisticRegression(C=1e-3), LinearSVC(C=1e-3), KNeighborsClassifier(50)]
)
def test_always_the_refiner_decides(digits, refiner):
    X, X_test, y, y_test = digits
    classifier = ClusterClassifier(
        PCA(16, random_state=0),
        refiner=make_pipeline(StandardScaler(), refiner),
        refine="always",
    )
    classifier.set_params(random_state=0).fit(X, y)
    for samples, clusters in ((X, classifier.labels_), (X_test, None)):
        refined = classifier.refiner_.predict(samples)
        if clusters is not None:
            np.testing.assert_array_equal(clusters, refined)
        predicted = classifier.predict(samples)
        np.testing.assert_array_equal(predicted, classifier.cluster_to_class_[refined])
    probabilities = classifier.predict_proba(X_test)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(
        classifier.classes_[probabilities.argmax(axis=1)], classifier.predict(X_test)
    )
    assert classifier.score(X_test, y_test) > 0.7


@pytest.mark.parametrize(
    "refiner",
    [LogisticRegression(C=1e-3), LinearSVC(C=1e-3), KNeighborsClassifier(50)],
)
def test_clusters_stay_with_a_refiner_that_corrects_no_labels(digits, refiner):
    X, X_test, y, _ = digits
    classifier = ClusterClassifier(
        PCA(16, random_state=0), refiner=make_pipeline(StandardScaler(), refiner)
    )
    classifier.set_params(random_state=0).fit(X, y)
    plain = clone(classifier).set_params(refiner=None).fit(X, y)
    assert (classifier.refiner_.predict(X) != plain.labels_).any()
    assert not classifier.refined_
    np.testing.assert_array_equal(classifier.labels_, plain.labels_)
    np.testing.assert_array_equal(classifier.predict(X), plain.predict(X))
    np.testing.assert_array_equal(classifier.predict(X_test), plain.predict(X_test))
    np.testing.assert_array_equal(
        classifier.predict_proba(X_test), plain.predict_proba(X_test)
    )


def test_probabilities_are_the_refiners(blobs):
    X, y = blobs
    classifier = ClusterClassifier(
        refiner=LogisticRegression(), refine="always", random_state=0
    ).fit(X, y)
    of_clusters = classifier.refiner_.predict_proba(X)
    order = np.argsort(classifier.cluster_to_class_)
    np.testing.assert_allclose(
        classifier.predict_proba(X), of_clusters[:, order], atol=1e-5
    )


def test_without_probabilities_of_the_refiner_its_clusters_are_gaussian():
    X = np.array([[-1.0], [1.0], [9.0], [11.0]])
    refiner = Rule(lambda X, self: (X[:, 0] > 0).astype(int))
    classifier = ClusterClassifier(refiner=refiner, refine="always", random_state=0)
    classifier.fit(X, ["a", "b", "b", "b"])
    np.testing.assert_array_equal(classifier.labels_, [0, 1, 1, 1])
    # The means of the refiner's clusters are -1 and 7, the variance is 56 / 4.
    x = np.array([-3.0, 4.0, 8.0])
    ratio = np.exp(-((x + 1) ** 2 - (x - 7) ** 2) / (2 * 14))
    np.testing.assert_allclose(
        classifier.predict_proba(x[:, np.newaxis])[:, 0], ratio / (1 + ratio), rtol=1e-5
    )


def move_first(n_moved):
    """Return a rule that moves some members of the first sample's cluster."""

    def rule(X, refiner):
        clusters = refiner.y_.copy()
        members = np.flatnonzero(clusters == clusters[0])
        clusters[members[:n_moved]] = 1 - clusters[0]
        return clusters[: len(X)]

    return rule


@pytest.mark.parametrize(
    ("n_moved", "is_refined"), [(0, False), (2, False), (20, True), (300, False)]
)
def test_refined_labels_replace_the_clusters_if_certain_ones_are_wrong(
    n_moved, is_refined
):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(place, 1, (500, 2)) for place in (0, 20)])
    classifier = ClusterClassifier(
        refiner=Rule(move_first(n_moved)), n_clusters=2, random_state=0
    ).fit(X)
    plain = ClusterClassifier(n_clusters=2, random_state=0).fit(X)
    assert classifier.refined_ == is_refined
    assert classifier.contradicted_fraction_ == pytest.approx(n_moved / len(X))
    n_changed = (classifier.labels_ != plain.labels_).sum()
    assert n_changed == (n_moved if is_refined else 0)
    np.testing.assert_array_equal(classifier.predict(X), classifier.labels_)
    assert not plain.refined_
    assert plain.contradicted_fraction_ == 0


def test_a_refiner_is_not_judged_where_clusters_touch():
    X = np.linspace(0, 1, 1000)[:, np.newaxis]
    # It moves the border between the clusters, which lies at 0.5.
    refiner = Rule(lambda X, self: np.where(X[:, 0] < 0.46, self.y_[0], self.y_[-1]))
    classifier = ClusterClassifier(refiner=refiner, n_clusters=2, random_state=0)
    classifier.fit(X)
    assert classifier.contradicted_fraction_ == 0
    assert not classifier.refined_
    refiner = Rule(lambda X, self: np.where(X[:, 0] < 0.4, self.y_[0], self.y_[-1]))
    classifier.set_params(refiner=refiner).fit(X)
    assert classifier.contradicted_fraction_ == pytest.approx(25 / 850, rel=0.1)
    assert classifier.refined_


def test_a_pipeline_corrects_labels_if_its_last_step_does():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(place, 1, (500, 2)) for place in (0, 20)])
    refiner = make_pipeline(StandardScaler(), Rule(move_first(20)))
    classifier = ClusterClassifier(refiner=refiner, n_clusters=2, random_state=0)
    assert classifier.fit(X).refined_


def test_a_cluster_that_the_refiner_empties_stays_where_it_was(blobs):
    X, y = blobs
    plain = ClusterClassifier(random_state=0).fit(X, y)
    lost = plain.labels_[y == 2][0]
    kept = plain.labels_[y == 0][0]

    def merge(X, self):
        clusters = plain.clusterer_.predict(X)
        return np.where(clusters == lost, kept, clusters)

    classifier = ClusterClassifier(
        refiner=Rule(merge), refine="always", random_state=0
    ).fit(X, y)
    assert set(classifier.labels_) == {0, 1, 2} - {lost}
    assert len(classifier.exemplar_indices_) == 3
    assert classifier.exemplar_indices_[lost] == plain.exemplar_indices_[lost]
    assert classifier.score(X, y) == pytest.approx(2 / 3)
    # Naming goes on with all three clusters.
    assert len(classifier.map_labels(X, y).cluster_to_class_) == 3


def test_exemplars_are_of_the_refined_clusters(blobs):
    X, y = blobs

    def swap(X, self):  # two of three clusters trade their members
        return np.array([1, 0, 2])[plain.clusterer_.predict(X)]

    plain = ClusterClassifier(random_state=0).fit(X, y)
    classifier = ClusterClassifier(
        refiner=Rule(swap), refine="always", random_state=0
    ).fit(X, y)
    np.testing.assert_array_equal(
        classifier.exemplar_indices_, plain.exemplar_indices_[[1, 0, 2]]
    )
    np.testing.assert_array_equal(
        classifier.labels_[classifier.exemplar_indices_], [0, 1, 2]
    )


def test_x_is_checked_where_only_a_refiner_sees_it(blobs):
    X, y = blobs
    classifier = ClusterClassifier(
        refiner=KNeighborsClassifier(), refine="always", random_state=0
    ).fit(X, y)
    with pytest.raises(ValueError, match="X has 2 features, but ClusterClassifier is"):
        classifier.predict(X[:, :2])
    with pytest.raises(ValueError, match="'refiner' parameter of ClusterClassifier"):
        ClusterClassifier(refiner=PCA()).fit(X, y)


def test_the_refiner_is_seeded(blobs):
    X, y = blobs
    classifier = ClusterClassifier(
        refiner=make_pipeline(StandardScaler(), RandomForestClassifier(5)),
        random_state=0,
    ).fit(X, y)
    seed = classifier.refiner_[-1].random_state
    assert isinstance(seed, int)
    assert seed not in (None, classifier.clusterer_.random_state)


def test_a_fit_that_the_refiner_stops_changes_nothing(blobs):
    X, y = blobs
    broken = LogisticRegression(C=-1)
    fresh = ClusterClassifier(refiner=broken, random_state=0)
    with pytest.raises(ValueError, match="'C' parameter"):
        fresh.fit(X, y)
    with pytest.raises(NotFittedError):
        fresh.predict(X)
    classifier = ClusterClassifier(random_state=0).fit(X, y)
    before = classifier.predict_proba(X)
    with pytest.raises(ValueError, match="'C' parameter"):
        classifier.set_params(refiner=broken, n_clusters=5).fit(X, y)
    np.testing.assert_array_equal(classifier.predict_proba(X), before)


def test_a_frame_without_an_encoder(blobs):
    X, y = blobs
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    classifier = ClusterClassifier(refiner=KNeighborsClassifier(), random_state=0)
    classifier.fit(frame, y)  # warnings are errors
    assert classifier.score(frame, y) == 1.0


def test_conventions_of_clusterers(blobs):
    X, y = blobs
    classifier = ClusterClassifier(PCA(2), random_state=0)
    classes = classifier.fit_predict(X, y)
    np.testing.assert_array_equal(classes, classifier.predict(X))
    distances = classifier.transform(X)
    codes, labels = classifier.encoder_.transform(X), classifier.labels_
    means = np.array([codes[labels == cluster].mean(axis=0) for cluster in range(3)])
    expected = np.linalg.norm(codes[:, np.newaxis] - means, axis=2)
    np.testing.assert_allclose(distances, expected)
    np.testing.assert_array_equal(distances.argmin(axis=1), labels)
    assert len(classifier.get_feature_names_out()) == 3
    log_probabilities = classifier.predict_log_proba(X)
    np.testing.assert_allclose(np.exp(log_probabilities), classifier.predict_proba(X))


def test_a_class_without_a_cluster_has_a_log_probability_of_minus_infinity(blobs):
    X, y = blobs
    one = ClusterClassifier(n_clusters=1, random_state=0).fit(X, y)
    assert (one.predict_log_proba(X) == -np.inf).sum(axis=1).tolist() == [2] * len(X)


def test_a_killed_fit_continues_and_trains_nothing_twice(tmp_path, monkeypatch):
    X, y = load_digits(return_X_y=True)
    X, y = X[:200], y[:200]
    options = {"max_epochs": 4, "skip_connection": False}
    classifier = ClusterClassifier(
        FeatureUnion(
            [(f"ae{i}", AutoEncoderTransformer(4, **options)) for i in range(2)]
        ),
        refiner=PseudoLabelClassifier(max_epochs=4),
        random_state=0,
    )
    undisturbed = clone(classifier).fit(X, y)
    classifier.set_params(checkpoint=tmp_path)
    trained, save = [], Checkpoint.save

    def save_and_die(self, epoch, state):
        save(self, epoch, state)
        trained.append((self.folder.relative_to(tmp_path).as_posix(), epoch))
        if len(trained) % 3 == 0:
            raise SystemExit

    monkeypatch.setattr(Checkpoint, "save", save_and_die)
    for _ in range(4):
        with pytest.raises(SystemExit):
            clone(classifier).fit(X, y)
    resumed = clone(classifier).fit(X, y)
    folders = ("encoder/ae0", "encoder/ae1", "refiner")
    assert trained == [
        (".", 0),
        *((folder, epoch) for folder in folders for epoch in range(1, 5)),
    ]
    np.testing.assert_array_equal(resumed.labels_, undisturbed.labels_)
    np.testing.assert_array_equal(
        resumed.predict_proba(X), undisturbed.predict_proba(X)
    )
    with pytest.raises(ValueError, match="holds another fit: n_clusters was None"):
        clone(classifier).set_params(n_clusters=11).fit(X, y)
    with pytest.raises(ValueError, match="holds another fit: X was float64"):
        clone(classifier).fit(X + 1, y)


def test_without_a_seed_a_killed_fit_keeps_its_own(tmp_path):
    X, _ = load_digits(return_X_y=True)
    classifier = ClusterClassifier(
        AutoEncoderTransformer(4, max_epochs=1), n_clusters=10, checkpoint=tmp_path
    )
    one, other = (clone(classifier).fit(X[:200]) for _ in range(2))
    np.testing.assert_array_equal(one.labels_, other.labels_)
    np.testing.assert_array_equal(one.transform(X), other.transform(X))


@pytest.mark.parametrize("clusterer", [KMeans(n_init=1), SpectralKMeans(), Birch()])
def test_sparse_samples_stay_sparse(blobs, clusterer):
    X, y = blobs
    classifier = ClusterClassifier(clusterer=clusterer, random_state=0)
    dense = clone(classifier).fit(X, y)
    sparse = classifier.fit(sp.csc_matrix(X), y)
    X = sp.coo_array(X)
    np.testing.assert_array_equal(sparse.predict(X), dense.predict(X.toarray()))
    # Clusters may have other numbers.
    np.testing.assert_allclose(
        np.sort(sparse.transform(X), axis=1),
        np.sort(dense.transform(X.toarray()), axis=1),
        atol=1e-6,
    )
    np.testing.assert_allclose(
        sparse.predict_proba(X), dense.predict_proba(X.toarray()), atol=1e-6
    )
    assert sparse.exemplar_indices_.shape == dense.exemplar_indices_.shape


def test_an_encoder_may_return_sparse_codes():
    texts = ["a red apple", "a green apple", "an apple", "rain today", "rain, no sun"]
    y = [0, 0, 0, 1, 1]
    classifier = ClusterClassifier(TfidfVectorizer(), random_state=0).fit(texts, y)
    assert classifier.predict(["the apple", "some rain"]).tolist() == [0, 1]


def test_tags_tell_whether_samples_may_be_sparse():
    assert get_tags(ClusterClassifier()).input_tags.sparse
    assert get_tags(ClusterClassifier(clusterer=SpectralKMeans())).input_tags.sparse
    assert not get_tags(ClusterClassifier(clusterer=MeanShift())).input_tags.sparse
    assert not get_tags(
        ClusterClassifier(refiner=PseudoLabelClassifier())
    ).input_tags.sparse


def test_weights_reach_spectral_k_means(blobs):
    X, y = blobs
    weight = np.arange(len(X)) % 3 + 1
    fitted = ClusterClassifier(clusterer=SpectralKMeans(), random_state=0).fit(
        X, y, sample_weight=weight
    )
    assert fitted.contingency_matrix_.sum() == weight.sum()
