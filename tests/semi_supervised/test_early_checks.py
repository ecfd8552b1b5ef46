"""Tests that errors come before anything is trained."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import DBSCAN, AgglomerativeClustering, KMeans
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch.callbacks import Callback

from skae import (
    AutoEncoderTransformer,
    ClusterClassifier,
    PseudoLabelClassifier,
    SpectralKMeans,
    make_self_supervised_classifier,
)

X = np.random.default_rng(0).normal(size=(8, 3))


class Never(TransformerMixin, BaseEstimator):
    """An encoder that must not be trained."""

    def fit(self, X, y=None):
        raise AssertionError("the encoder has been trained")

    def transform(self, X):
        return X


class NeverTrained(Callback):
    """A callback of a network that must not be trained."""

    def on_train_begin(self, net, **kwargs):
        raise AssertionError("the network has been trained")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_clusters": 9}, "n_samples=8 should be >= n_clusters=9"),
        (
            {"n_clusters": 9, "clusterer": SpectralKMeans()},
            "n_samples=8 should be >= n_clusters=9",
        ),
        (
            {"clusterer": GaussianMixture(10)},
            "n_samples=8 should be >= n_components=10",
        ),
        (
            {"clusterer": KMeans(3, algorithm="best")},
            "The 'algorithm' parameter of KMeans",
        ),
        (
            {"n_clusters": 2, "clusterer": SpectralKMeans(n_neighbors=0)},
            "The 'n_neighbors' parameter of SpectralKMeans",
        ),
        (
            {"n_clusters": 2, "refiner": PseudoLabelClassifier(confidence=3.0)},
            "The 'confidence' parameter of PseudoLabelClassifier",
        ),
        (
            {
                "n_clusters": 2,
                "refiner": make_pipeline(StandardScaler(), LogisticRegression(C=-1)),
            },
            "The 'C' parameter of LogisticRegression",
        ),
        (
            {
                "n_clusters": 2,
                "encoder": make_pipeline(Never(), StandardScaler(copy=3)),
            },
            "The 'copy' parameter of StandardScaler",
        ),
        ({"n_clusters": 2, "refiner": Ridge()}, r"refiner=Ridge\(\) must be a classi"),
        (
            {"n_clusters": 2, "refiner": LogisticRegression(), "doubtful": 0.1},
            r"doubtful=0.1 needs a clusterer with .*; KMeans\(.* has none",
        ),
    ],
)
def test_what_is_not_valid_is_refused_before_the_encoder(parameters, message):
    with pytest.raises(ValueError, match=message):
        ClusterClassifier(**{"encoder": Never(), **parameters}).fit(X)


def test_weights_need_a_clusterer_that_takes_them():
    classifier = ClusterClassifier(Never(), AgglomerativeClustering(), n_clusters=2)
    with pytest.raises(ValueError, match=r"clusterer=Agglomerative.* takes no weights"):
        classifier.fit(X, sample_weight=np.arange(8))


def test_samples_of_weight_zero_are_not_counted():
    with pytest.raises(ValueError, match="n_samples=3 should be >= n_clusters=4"):
        ClusterClassifier(Never(), n_clusters=4).fit(X, sample_weight=[1] * 3 + [0] * 5)


@pytest.mark.parametrize("kind", [np.array, pd.DataFrame])
def test_missing_values_need_a_refiner_that_takes_them(kind):
    missing = X.copy()
    missing[2, 1] = np.nan
    classifier = make_self_supervised_classifier(2)
    classifier.set_params(encoder__transformer_list=[("never", Never())])
    with pytest.raises(ValueError, match=r"X has missing values, .*PseudoLabelClassif"):
        classifier.fit(kind(missing))
    filled = FunctionTransformer(np.nan_to_num)
    refiner = HistGradientBoostingClassifier(max_iter=1, min_samples_leaf=1)
    classifier = ClusterClassifier(filled, n_clusters=2, refiner=refiner)
    assert classifier.fit(missing).labels_.shape == (8,)


def test_the_recipe_on_fewer_rows_than_clusters():
    classifier = make_self_supervised_classifier(10, random_state=0)
    with pytest.raises(ValueError, match="n_samples=8 should be >= n_clusters=10"):
        classifier.fit(X)
    assert not hasattr(classifier, "encoder_")


def test_other_clusterers_have_no_number_of_clusters():
    classifier = ClusterClassifier(clusterer=DBSCAN(eps=10), n_clusters=50)
    assert classifier.fit(X).classes_.tolist() == [0]


def test_the_density_is_checked_before_the_training():
    density = GaussianMixture(2, covariance_type="round")
    ae = AutoEncoderTransformer(2, density=density, callbacks=[NeverTrained()])
    with pytest.raises(ValueError, match="The 'covariance_type' parameter of Gaussian"):
        ae.fit(X)
