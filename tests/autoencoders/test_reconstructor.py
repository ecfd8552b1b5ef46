"""Reconstructor: an autoencoder as a cleaning step."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skae import AutoEncoderTransformer, DenoisingAutoEncoder, Reconstructor
from skae.corruption import GaussianNoise

X, y = load_digits(return_X_y=True)
X = X / 16


@parametrize_with_checks([Reconstructor(AutoEncoderTransformer(random_state=0))])
def test_scikit_learn_check(estimator, check):
    check(estimator)


def make():
    return AutoEncoderTransformer(8, max_epochs=3, random_state=0)


def test_it_is_the_reconstruction_of_the_autoencoder():
    reconstructor = Reconstructor(make())
    expected = make().fit(X).reconstruct(X)
    np.testing.assert_array_equal(reconstructor.fit_transform(X, y), expected)
    assert not hasattr(reconstructor.estimator, "module_")
    assert reconstructor.n_features_in_ == 64
    with pytest.raises(NotFittedError):
        Reconstructor(make()).transform(X)


def test_names_and_frames():
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    reconstructor = Reconstructor(make()).set_output(transform="pandas").fit(frame)
    assert list(reconstructor.transform(frame).columns) == list(frame.columns)
    assert list(reconstructor.feature_names_in_) == list(frame.columns)


def test_a_fitted_autoencoder_is_taken_as_it_is():
    fitted = make().fit(X)
    reconstructor = Reconstructor(FrozenEstimator(fitted)).fit(X[:10])
    np.testing.assert_array_equal(reconstructor.transform(X), fitted.reconstruct(X))


def test_recorded_pairs_and_a_search_over_the_noise():
    recorded = X + np.random.default_rng(0).normal(0, 0.3, X.shape)
    denoiser = DenoisingAutoEncoder(
        16, corruption=GaussianNoise(), lr=3e-3, max_epochs=40, random_state=0
    )
    cleaner = Reconstructor(denoiser).fit(X, X_corrupted=recorded)
    errors = np.square(cleaner.transform(recorded) - X).mean()
    assert errors < np.square(recorded - X).mean() / 2
    steps = [("clean", Reconstructor(denoiser)), ("knn", KNeighborsClassifier())]
    search = GridSearchCV(
        Pipeline(steps), {"clean__estimator__corruption__std": [0.1, 0.3]}, cv=2
    )
    assert search.fit(X[:400], y[:400]).best_score_ > 0.8


def test_what_cannot_reconstruct_is_refused():
    with pytest.raises(ValueError, match="'estimator' parameter of Reconstructor"):
        Reconstructor(KNeighborsClassifier()).fit(X)


def test_metadata_is_routed_to_the_autoencoder():
    denoiser = DenoisingAutoEncoder(2, max_epochs=2, random_state=0)
    X_corrupted = X + 0.1
    with sklearn.config_context(enable_metadata_routing=True):
        asking = clone(denoiser).set_fit_request(X_corrupted=True)
        pipe = make_pipeline(Reconstructor(asking), KNeighborsClassifier())
        pipe.fit(X, y)  # what it asks for is not a must
        pipe.fit(X, y, X_corrupted=X_corrupted)
        with pytest.raises(UnsetMetadataPassedError, match="X_corrupted"):
            Reconstructor(denoiser).fit(X, X_corrupted=X_corrupted)
    inner = pipe[0].estimator_
    assert inner.loss_curve_ == denoiser.fit(X, X_corrupted=X_corrupted).loss_curve_


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_images_are_rows_of_a_frame(library):
    images = load_digits().images[:50]
    reconstructor = Reconstructor(AutoEncoderTransformer(2, random_state=0)).fit(images)
    expected = reconstructor.transform(images)
    assert expected.shape == (50, 8, 8)
    frame = reconstructor.set_output(transform=library).transform(images)
    np.testing.assert_array_equal(frame.to_numpy(), expected.reshape(50, 64))
    assert [*frame.columns] == [f"x{i}" for i in range(64)]
