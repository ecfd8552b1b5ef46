"""Tests of training on chunks of samples with labels."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.utils.estimator_checks import check_estimators_partial_fit_n_features

from skae import PseudoLabelClassifier

X, Y = load_digits(return_X_y=True)
NAMES = np.array(list("abcdefghij"))
TRAIN, TEST = slice(None, 1200), slice(1200, None)


def make(**parameters):
    return PseudoLabelClassifier(
        **{"hidden_layer_sizes": (128,), "lr": 0.01, "random_state": 0} | parameters
    )


def train(model, labels, start=0):
    for i in range(start, 1200, 100):
        model.partial_fit(X[i : i + 100], labels[i : i + 100], classes=NAMES)
    return model


def test_it_learns_from_chunks_the_first_of_which_lacks_classes():
    order = np.argsort(Y[TRAIN] < 5, kind="stable")
    model = make().partial_fit(X[order[:100]], NAMES[Y[order[:100]]], classes=NAMES)
    assert (model.classes_ == NAMES).all()
    for _ in range(4):
        train(model, NAMES[Y])
    assert model.score(X[TEST], NAMES[Y[TEST]]) > 0.9
    assert model.n_epochs_ == 49


def test_a_stream_keeps_the_labels_as_they_are_and_names_the_unlabeled():
    labels = np.where(np.arange(len(Y)) % 3 == 0, "?", NAMES[Y])
    model = make(unlabeled="?")
    for _ in range(6):
        train(model, labels)
    last = slice(1100, 1200)
    is_given = labels[last] != "?"
    np.testing.assert_array_equal(model.labels_[is_given], NAMES[Y[last]][is_given])
    np.testing.assert_array_equal(
        model.labels_[~is_given], model.predict(X[last][~is_given])
    )
    assert np.mean(model.labels_ == NAMES[Y[last]]) > 0.9
    np.testing.assert_array_equal(model.kept_fractions_, 1.0)


def test_one_seed_one_stream_and_a_fit_goes_on_without_classes():
    one, other = (train(make(), NAMES[Y]) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    fitted = make(max_epochs=1).fit(X[TRAIN], NAMES[Y[TRAIN]])
    before = fitted.loss_curve_
    fitted.partial_fit(X[:100], NAMES[Y[:100]])
    assert fitted.loss_curve_[:-1] == before
    assert fitted.loss_curve_[-1] < before[0]


def test_it_continues_with_its_optimizer_and_after_loading():
    model = train(make(), NAMES[Y])
    optimizer = model.net_.optimizer_
    model.partial_fit(X[:100], NAMES[Y[:100]])
    assert model.net_.optimizer_ is optimizer
    loaded = pickle.loads(pickle.dumps(model)).partial_fit(X[:100], NAMES[Y[:100]])
    assert loaded.n_epochs_ == model.n_epochs_ + 1


def test_zero_weights_leave_samples_out():
    weight = np.repeat([1.0, 0.0], 50)
    wrong = NAMES[np.where(weight, Y[:100], 0)]
    one = make().partial_fit(X[:100], wrong, classes=NAMES, sample_weight=weight)
    other = make().partial_fit(X[:50], NAMES[Y[:50]], classes=NAMES)
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=1e-5)


@pytest.mark.parametrize(
    ("parameters", "labels", "classes", "message"),
    [
        ({}, NAMES[Y[:100]], ["a", "z"], "is not the same as on last call"),
        ({}, ["z"] * 100, None, r"y has the labels \['z'\], which are not in classes="),
        ({}, Y[:100], None, r"y has the labels \[0, 1, .*which are not in classes="),
        ({"class_weight": "balanced"}, NAMES[Y[:100]], None, "class_weight='balanced'"),
        ({"class_weight": {"z": 2}}, NAMES[Y[:100]], None, "class_weight"),
        ({"early_stopping": True}, NAMES[Y[:100]], None, "early_stopping=True"),
    ],
)
def test_a_wrong_chunk_is_refused_and_changes_nothing(
    parameters, labels, classes, message
):
    model = train(make(), NAMES[Y], start=1000).set_params(**parameters)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X[:100], labels, classes=classes)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_the_first_chunk_needs_all_classes():
    model = make()
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        model.partial_fit(X[:100], Y[:100])
    assert not hasattr(model, "classes_")


def test_another_scale_warns_once():
    model = train(make(), NAMES[Y], start=1100)
    with pytest.warns(UserWarning, match="root mean square"):
        model.partial_fit(100 * X[:100], NAMES[Y[:100]])
    model.partial_fit(100 * X[:100], NAMES[Y[:100]])


def test_the_check_of_scikit_learn():
    check_estimators_partial_fit_n_features("PseudoLabelClassifier", make())
