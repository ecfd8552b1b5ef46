"""Tests of the recipe, with small networks: the benchmark measures the real ones."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from skae import ClusterClassifier, make_self_supervised_classifier
from skae._common.runtime import make_generator
from skae.exceptions import DivergenceError
from skae.metrics import clustering_accuracy

DIGITS = load_digits()
IMAGES, Y = DIGITS.images / 16, DIGITS.target


def make_small(n_clusters=10, **parameters):
    classifier = make_self_supervised_classifier(
        n_clusters, **{"random_state": 0} | parameters
    )
    encoder = {
        "hidden_layer_sizes": (64,),
        "lr": 5e-3,
        "batch_size": 128,
        "max_epochs": 20,
    }
    for _, each in classifier.encoder.transformer_list:
        each.set_params(**encoder)
    return classifier.set_params(
        refiner__hidden_layer_sizes=(16, 32), refiner__max_epochs=20
    )


@pytest.fixture(scope="module")
def fitted():
    return make_small().fit(IMAGES)


def test_ink_may_be_dark_or_bright():
    images = torch.from_numpy(IMAGES)
    classifier = make_self_supervised_classifier()
    views = [each.augmentation for _, each in classifier.encoder.transformer_list]
    for view in [*views, classifier.refiner.augmentation]:
        bright, dark = (view(x, make_generator(0)) for x in (images, 1 - images))
        assert not torch.allclose(bright, images, atol=0.1)
        torch.testing.assert_close(dark, 1 - bright)


def test_it_is_an_unfitted_classifier_whose_parts_can_be_changed():
    classifier = make_self_supervised_classifier(7, n_encoders=3, random_state=1)
    assert isinstance(classifier, ClusterClassifier)
    with pytest.raises(NotFittedError):
        check_is_fitted(classifier)
    assert (classifier.n_clusters, classifier.random_state) == (7, 1)
    assert [name for name, _ in classifier.encoder.transformer_list] == [
        "ae0",
        "ae1",
        "ae2",
    ]
    classifier.set_params(
        encoder__ae2__augmentation__rows__amount=0.3, refiner__confidence=0.8
    )
    copied = clone(classifier)
    encoder = dict(copied.encoder.transformer_list)["ae2"]
    assert encoder.augmentation.rows.amount == 0.3
    assert copied.refiner.confidence == 0.8


def test_effort_trains_more_encoders_and_the_refiner_longer():
    usual, more = (make_self_supervised_classifier(effort=effort) for effort in (1, 2))
    n_usual, n_more = (len(c.encoder.transformer_list) for c in (usual, more))
    assert (n_usual, n_more) == (2, 4)
    assert more.refiner.max_steps == 4 * usual.refiner.max_steps
    assert more.refiner.max_epochs == 4 * usual.refiner.max_epochs
    three = make_self_supervised_classifier(n_encoders=1, effort=3)
    assert len(three.encoder.transformer_list) == 3


def test_the_parts_share_nothing():
    classifier = make_self_supervised_classifier()
    classifier.set_params(refiner__augmentation__images__rotation=5.0)
    for _, encoder in classifier.encoder.transformer_list:
        assert encoder.augmentation.images.rotation == 15
    assert clone(classifier).get_params()["encoder__ae0__augmentation"] is not None


def test_better_than_k_means_without_a_label(fitted):
    pixels = KMeans(10, n_init=10, random_state=0).fit(IMAGES.reshape(-1, 64))
    baseline = clustering_accuracy(Y, pixels.labels_)
    assert clustering_accuracy(Y, fitted.labels_) > baseline + 0.05


def test_each_encoder_learns_by_a_seed_of_its_own(fitted):
    codes = fitted.encoder_.transform(IMAGES[:100])
    assert codes.shape == (100, 20)
    assert np.abs(codes[:, :10] - codes[:, 10:]).max() > 1e-3


def test_an_error_in_another_process_arrives_and_nothing_is_lost(fitted):
    classifier = deepcopy(fitted)
    broken = {"encoder__ae1__lr": 1e6, "encoder__ae1__optimizer": "sgd"}
    with pytest.raises(DivergenceError, match="lr"):
        classifier.set_params(**broken).fit(IMAGES)
    np.testing.assert_array_equal(classifier.predict(IMAGES), fitted.predict(IMAGES))


def test_labels_only_name_the_clusters(fitted):
    shuffled = np.random.default_rng(0).permutation(Y)
    for y in (Y, shuffled):
        classifier = make_small().fit(IMAGES, y)
        np.testing.assert_array_equal(classifier.labels_, fitted.labels_)
        np.testing.assert_array_equal(
            classifier.refiner_.predict_proba(IMAGES),
            fitted.refiner_.predict_proba(IMAGES),
        )
        np.testing.assert_array_equal(
            classifier.exemplar_indices_, fitted.exemplar_indices_
        )


def test_ten_labels_name_the_clusters(fitted):
    asked = fitted.exemplar_indices_
    classifier = clone(fitted).fit(IMAGES).map_labels(IMAGES[asked], Y[asked])
    assert len(set(Y[asked])) >= 9
    assert classifier.score(IMAGES, Y) > 0.85


def test_rows_become_images_by_their_shape(fitted):
    rows = IMAGES.reshape(-1, 64)
    classifier = make_small(image_shape=(8, 8)).fit(rows)
    np.testing.assert_array_equal(classifier.labels_, fitted.labels_)


def test_a_table():
    X, y = load_wine(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    small = make_small(None).set_params(refiner__max_epochs=100)
    classifier = make_pipeline(StandardScaler(), small)
    assert classifier.fit(X_train, y_train).score(X_test, y_test) > 0.9


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_clusters": 0}, r"'n_clusters' .* \[1, inf\) or None. Got 0"),
        ({"n_encoders": -1}, r"'n_encoders' .* \[0, inf\). Got -1"),
        ({"effort": 0}, r"'effort' .* \[1, inf\). Got 0"),
        ({"random_state": "x"}, "'random_state' .* Got 'x'"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        make_self_supervised_classifier(**parameters)


def test_a_table_without_encoders():
    X, y = load_wine(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    classifier = make_self_supervised_classifier(3, n_encoders=0, random_state=0).fit(X)
    assert classifier.encoder_ is None
    assert classifier.refiner_ is None
    to_label = classifier.exemplar_indices_
    assert classifier.map_labels(X[to_label], y[to_label]).score(X, y) > 0.92
