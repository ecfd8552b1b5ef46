import gc
import math
import pickle
import weakref

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split

from skae import PseudoLabelClassifier
from skae._common.sample_weight import class_totals
from skae._training.label_correction import LabelCorrection
from skae._training.supervised_objective import ClassificationObjective
from skae.corruption import RandomAffine

DIGITS = load_digits()
IMAGES, Y = (DIGITS.images / 16).astype(np.float32), DIGITS.target


def spoil(y, share, seed=0):
    """Give a share of the labels another value."""
    rng = np.random.default_rng(seed)
    moved = (y + rng.integers(1, 10, size=len(y))) % 10
    return np.where(rng.random(len(y)) < share, moved, y)


def make(**parameters):
    return PseudoLabelClassifier(
        **{"max_epochs": 5, "hidden_layer_sizes": (16,), "random_state": 0} | parameters
    )


# -- What it is for ---------------------------------------------------------------


def test_it_finds_out_wrong_labels():
    noisy = spoil(Y, 0.3)
    views = RandomAffine(5.0, 0.05, (0.95, 1.05))
    classifier = PseudoLabelClassifier(augmentation=views, random_state=0)
    classifier.fit(IMAGES, noisy)
    assert (noisy == Y).mean() < 0.72
    assert (classifier.labels_ == Y).mean() > 0.95
    assert classifier.score(IMAGES, Y) > 0.95


def test_labels_are_kept_without_a_confidence():
    noisy = spoil(Y, 0.3)
    classifier = make(confidence=None).fit(IMAGES, noisy)
    np.testing.assert_array_equal(classifier.labels_, noisy)
    # Certainty itself convinces nobody.
    classifier = make(confidence=1.0).fit(IMAGES, noisy)
    np.testing.assert_array_equal(classifier.labels_, noisy)


def test_a_few_labels_spread_to_the_others():
    few = np.where(np.arange(len(Y)) < 100, Y, -1)
    views = RandomAffine(5.0, 0.05, (0.95, 1.05))
    settings = {"augmentation": views, "random_state": 0, "max_epochs": 40}
    spread = PseudoLabelClassifier(unlabeled=-1, **settings).fit(IMAGES, few)
    alone = PseudoLabelClassifier(**settings).fit(IMAGES[:100], Y[:100])
    np.testing.assert_array_equal(spread.classes_, range(10))
    rest = slice(100, None)
    score = spread.score(IMAGES[rest], Y[rest])
    assert score > alone.score(IMAGES[rest], Y[rest]) + 0.03
    # 0.87 to 0.93 by the seed, and by how the processor rounds.
    assert (spread.labels_ == Y).mean() > 0.85


@pytest.mark.parametrize("confidence", [None, 0.9])
def test_samples_without_a_label_are_given_one(confidence):
    is_known = np.arange(len(Y)) % 2 == 0
    names = np.array(list("abcdefghij"), dtype=object)[Y]
    names[~is_known] = None
    classifier = make(confidence=confidence, unlabeled=np.nan, max_epochs=1)
    classifier.fit(IMAGES, names)
    np.testing.assert_array_equal(classifier.classes_, list("abcdefghij"))
    if confidence is None:
        np.testing.assert_array_equal(classifier.labels_[is_known], names[is_known])
    np.testing.assert_array_equal(
        classifier.labels_[~is_known], classifier.predict(IMAGES[~is_known])
    )
    with pytest.raises(ValueError, match="early_stopping=True must be False if some"):
        classifier.set_params(early_stopping=True).fit(IMAGES, names)
    with pytest.raises(ValueError, match="y has no labelled sample"):
        make(unlabeled=-1).fit(IMAGES, np.full(len(Y), -1))


def test_a_table():
    X, y = make_blobs(300, centers=3, random_state=0)
    names = np.array(["red", "green", "blue"])[y]
    classifier = PseudoLabelClassifier(random_state=0).fit(X, names)
    linear = LogisticRegression().fit(X, names).score(X, names)
    assert classifier.score(X, names) > linear - 0.02
    assert classifier.classes_.tolist() == ["blue", "green", "red"]
    assert set(classifier.labels_) <= set(names)


def test_the_users_labels_are_not_touched():
    noisy = spoil(Y, 0.3)
    before = noisy.copy()
    make(max_epochs=10).fit(IMAGES, noisy)
    np.testing.assert_array_equal(noisy, before)


# -- The rule ---------------------------------------------------------------------


def make_labels(labels, probabilities, confidence=0.9):
    """Make labels that are corrected by these probabilities."""
    labels = np.array(labels)
    n_classes = np.shape(probabilities)[-1] if probabilities else 3
    return LabelCorrection(
        labels,
        class_totals(labels, n_classes),
        confidence,
        lambda: np.array(probabilities),
        torch.device("cpu"),
    )


def trained_on(labels):
    numbers = torch.arange(len(labels.labels))
    return labels.of_samples(numbers, corrected=True).tolist()


def test_confident_predictions_become_labels_and_contradicted_labels_rest():
    #                  agrees      sure of 1    thinks 1    undecided    unsure of 0
    probabilities = [[0.95, 0.05], [0.05, 0.95], [0.3, 0.7], [0.5, 0.5], [0.6, 0.4]]
    labels = make_labels([0, 0, 0, 0, 0], probabilities)
    assert trained_on(labels) == [0, 0, 0, 0, 0]
    labels.predict = lambda: np.array(probabilities)
    labels.end_epoch(2, 10)
    assert trained_on(labels) == [0, 1, -1, 0, 0]
    assert labels.labels.tolist() == [0, 1, 0, 0, 0]
    # What rested comes back once it is believed again.
    probabilities[2] = [0.6, 0.4]
    labels.end_epoch(3, 10)
    assert trained_on(labels) == [0, 1, 0, 0, 0]


def test_a_label_rests_only_if_another_class_is_more_likely_than_not():
    #                          most likely      more likely than not     sure
    probabilities = [[0.2, 0.45, 0.35], [0.2, 0.55, 0.25], [0.02, 0.95, 0.03]]
    labels = make_labels([0, 0, 0], probabilities)
    labels.end_epoch(10, 10)
    assert trained_on(labels) == [0, -1, 1]


def test_classes_are_compared_in_relation_to_how_frequent_they_are():
    # A label of the rare class is expected of every tenth sample by chance.
    chances = [[0.95, 0.05], [0.85, 0.15], [0.05, 0.95]]
    labels = make_labels([1, 1, 0] + 17 * [0], [*chances, *(17 * [[0.95, 0.05]])])
    labels.end_epoch(10, 10)
    assert trained_on(labels) == [0, 1, 1] + 17 * [0]
    np.testing.assert_allclose(labels.kept_fractions(), [17 / 18, 1 / 2])


def test_a_rare_class_keeps_its_right_labels():
    X, y = make_classification(
        2000,
        12,
        n_informative=8,
        n_classes=3,
        weights=[0.5, 0.47, 0.03],
        flip_y=0,
        random_state=2,
    )
    is_wrong = (np.random.default_rng(0).random(len(y)) < 0.2) & (y < 2)
    noisy = np.where(is_wrong, 1 - y, y)
    classifier = PseudoLabelClassifier(random_state=0).fit(X, noisy)
    assert classifier.kept_fractions_[2] > 0.9
    assert np.mean(classifier.labels_ == y) > np.mean(noisy == y) + 0.1


def test_a_class_that_loses_its_labels_is_reported():
    noisy = np.where(np.arange(len(Y)) % 100, Y, 10)  # a class like all others
    classifier = PseudoLabelClassifier(confidence=0.7, max_epochs=10, random_state=0)
    with pytest.warns(UserWarning, match=r"labels of the classes \[10\] were replaced"):
        classifier.fit(IMAGES.reshape(-1, 64), noisy)
    assert classifier.kept_fractions_[10] < 0.1 < classifier.kept_fractions_[:10].min()
    assert not np.isin(classifier.labels_, 10).any()


@pytest.mark.parametrize("early_stopping", [False, True])
def test_labels_are_predicted_in_eval_mode(early_stopping, monkeypatch):
    seen = []
    predict = PseudoLabelClassifier._probabilities

    def watched(classifier, *args):
        seen.append(classifier.module_.training)
        return predict(classifier, *args)

    monkeypatch.setattr(PseudoLabelClassifier, "_probabilities", watched)
    make(early_stopping=early_stopping, n_iter_no_change=9).fit(IMAGES, Y)
    assert seen == [False] * 5


def test_labels_of_held_out_samples_are_as_they_came():
    labels = make_labels([0, 0, 0, 0], [[0.0, 1.0]] * 4)
    labels.end_epoch(10, 10)
    numbers = torch.tensor([3, 1])
    assert labels.of_samples(numbers, corrected=True).tolist() == [1, 1]
    assert labels.of_samples(numbers, corrected=False).tolist() == [0, 0]
    # The objective takes the corrected ones in training alone.
    scores = torch.tensor([[0.0, 5.0], [0.0, 5.0]])
    objective = ClassificationObjective(Scores(), labels)
    trained = objective.train()(scores, numbers.reshape(-1, 1))
    validated = objective.eval()(scores, numbers.reshape(-1, 1))
    assert validated == pytest.approx(trained + 5.0)


def test_nothing_is_corrected_without_a_confidence():
    labels = make_labels([0, 0], [[0.0, 1.0]] * 2, confidence=None)
    labels.predict = None
    for epoch in range(1, 11):
        labels.end_epoch(epoch, 10)
    assert trained_on(labels) == labels.labels.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("n_epochs", "rounds"),
    [(1, {1}), (8, {2, 3, 4, 5, 6, 7, 8}), (20, set(range(4, 21, 2)))],
)
def test_labels_are_corrected_after_each_tenth_of_the_epochs(n_epochs, rounds):
    labels = make_labels([0, 0], [])
    predicted = set()

    def predict():
        predicted.add(epoch)
        return np.array([[0.0, 1.0]] * 2)

    labels.predict = predict
    for epoch in range(1, n_epochs + 1):
        labels.end_epoch(epoch, n_epochs)
        assert trained_on(labels) == [int(epoch >= min(rounds))] * 2
    assert predicted == rounds


@pytest.mark.parametrize(("n_epochs", "n_rounds"), [(1, 1), (8, 7), (20, 9)])
def test_a_fit_corrects_its_labels_as_often(n_epochs, n_rounds, monkeypatch):
    calls = []
    predict = PseudoLabelClassifier._probabilities
    monkeypatch.setattr(
        PseudoLabelClassifier,
        "_probabilities",
        lambda *args: calls.append(1) or predict(*args),
    )
    make(max_epochs=n_epochs).fit(IMAGES[:100], Y[:100])
    assert len(calls) == n_rounds


# -- The objective ----------------------------------------------------------------


class Scores(torch.nn.Module):
    def encode(self, x):
        return x

    def decode(self, h):
        return h


def test_the_loss_is_the_cross_entropy_of_those_that_are_not_left_out():
    scores = torch.tensor([[0.0, 1.0, 2.0], [1.0, 0.0, 0.0], [3.0, 0.0, 0.0]])
    labels, numbers = make_labels([2, 0, -1, 1], []), torch.tensor([[0], [2], [3]])
    loss = ClassificationObjective(Scores(), labels)(scores, numbers)
    log_p = scores.log_softmax(dim=1)
    torch.testing.assert_close(loss, -(log_p[0, 2] + log_p[2, 1]) / 3)
    smoothed = ClassificationObjective(Scores(), labels, 0.3)(scores, numbers)
    smooth = -(0.7 * log_p[0, 2] + 0.7 * log_p[2, 1] + 0.1 * log_p[[0, 2]].sum()) / 3
    torch.testing.assert_close(smoothed, smooth)


def test_smoothed_labels_bound_the_loss():
    # Half of each label goes to all ten classes: no prediction can be better than the
    # entropy of what comes of it.
    p = np.array([0.55] + 9 * [0.05])
    entropy = -(p * np.log(p)).sum()
    options = {"confidence": None, "dropout": 0.0, "max_epochs": 10}
    sharp, smooth = (
        make(label_smoothing=smoothing, **options).fit(IMAGES, Y).loss_curve_[-1]
        for smoothing in (0.0, 0.5)
    )
    assert sharp < 0.2
    assert entropy < smooth < 1.2 * entropy


def test_dropout_makes_training_harder():
    options = {"confidence": None, "label_smoothing": 0.0}
    none, much = (
        make(dropout=dropout, **options).fit(IMAGES, Y).loss_curve_[-1]
        for dropout in (0.0, 0.8)
    )
    assert much > 2 * none


ACTIVATIONS = ["identity", "logistic", "relu", "tanh"]


@pytest.mark.parametrize("is_image", [True, False])
def test_activations(is_image, check_that_the_first_alone_is_affine):
    X = IMAGES[:600].astype(np.float64)
    X = X if is_image else X.reshape(600, -1)

    def log_odds(classifier, X):
        scores = np.log(classifier.predict_proba(X))
        return scores - scores[:, :1]

    fitted = [
        make(activation=activation, max_epochs=2).fit(X, Y[:600])
        for activation in ACTIVATIONS
    ]
    ends = [log_odds(classifier, X) for classifier in fitted]
    middle = [log_odds(classifier, (X[:300] + X[300:]) / 2) for classifier in fitted]
    # Without an activation the log-odds are affine.
    check_that_the_first_alone_is_affine(ends, middle)


def test_dropout_keeps_the_mean_and_draws_from_its_generator():
    features = torch.ones(999, 51)
    seen = []

    class Watched(Scores):
        def decode(self, h):
            seen.append(h)
            return h

    labels, numbers = make_labels([0], []), torch.zeros(999, 1, dtype=torch.int64)
    before = torch.get_rng_state()
    for _ in range(2):
        generator = torch.Generator().manual_seed(0)
        objective = ClassificationObjective(Watched(), labels, 0.0, 0.3, generator)
        objective(features, numbers)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(seen[0], seen[1])
    assert (seen[0] == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert seen[0].mean().item() == pytest.approx(1.0, abs=0.02)
    objective.eval()(features, numbers)
    assert torch.equal(seen[2], features)


# -- Contracts --------------------------------------------------------------------


@pytest.mark.parametrize("images", [True, False])
def test_one_seed_one_result(images):
    X = IMAGES if images else IMAGES.reshape(len(IMAGES), -1)
    states = np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    first, same, other = (make(random_state=s).fit(X, Y) for s in (0, 0, 1))
    np.testing.assert_array_equal(first.predict_proba(X), same.predict_proba(X))
    assert (first.predict_proba(X) != other.predict_proba(X)).any()
    assert states == (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())


def test_types_shapes_and_pickles():
    classifier = make().fit(IMAGES, Y)
    for dtype in (np.float32, np.float64):
        X = IMAGES.astype(dtype)
        probabilities = classifier.predict_proba(X)
        assert probabilities.dtype == dtype
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_array_equal(
            classifier.predict(X), classifier.classes_[probabilities.argmax(axis=1)]
        )
    copied = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(
        copied.predict_proba(IMAGES), classifier.predict_proba(IMAGES)
    )
    rows = IMAGES.reshape(-1, 64)
    by_shape = make(image_shape=(8, 8)).fit(rows, Y)
    np.testing.assert_array_equal(
        by_shape.predict_proba(rows), classifier.predict_proba(IMAGES)
    )


def test_bytes_are_images_from_zero_to_one():
    as_bytes = np.round(IMAGES * 255).astype(np.uint8)
    as_floats = as_bytes / np.float32(255)
    # One epoch: rounding, which differs, is blown up by further ones.
    from_bytes, from_floats = (
        make(max_epochs=1, lr=3e-4).fit(X, Y).predict_proba(X)
        for X in (as_bytes, as_floats)
    )
    np.testing.assert_allclose(from_bytes, from_floats, atol=1e-3)


def test_warm_start_goes_on():
    classifier = make(warm_start=True).fit(IMAGES, Y)
    loss = classifier.loss_curve_[-1]
    classifier.fit(IMAGES, Y)
    assert classifier.n_epochs_ == 10
    assert classifier.loss_curve_[-1] < loss
    with pytest.raises(ValueError, match=r"was fitted on .*warm_start=True"):
        classifier.fit(IMAGES[Y < 5], Y[Y < 5])
    assert classifier.n_epochs_ == 10


def test_early_stopping():
    # No loss falls by a hundred nats, so that none counts as better.
    options = {"early_stopping": True, "n_iter_no_change": 2, "max_epochs": 6}
    stopped = make(tol=100.0, **options).fit(IMAGES, Y)
    assert stopped.n_epochs_ == len(stopped.validation_loss_curve_) == 3
    going_on = make(tol=0.0, **options).fit(IMAGES, Y)
    assert going_on.n_epochs_ == len(going_on.validation_loss_curve_) == 6


def test_held_out_labels_stay_as_they_came():
    # Of labels without any sense nothing can be learned that holds for others.
    # Corrected ones would be easy to predict.
    senseless = np.random.default_rng(0).integers(10, size=600)
    classifier = make(
        confidence=0.5, dropout=0.0, early_stopping=True, max_epochs=30
    ).set_params(n_iter_no_change=30)
    classifier.fit(IMAGES[:600], senseless)
    assert min(classifier.validation_loss_curve_) > 2.2
    assert classifier.validation_loss_curve_[-1] > 2.5


def test_the_samples_are_let_go():
    X = IMAGES.copy()
    classifier = make().fit(X, Y)
    watched = weakref.ref(X)
    del X
    gc.collect()
    assert watched() is None
    assert classifier.n_epochs_ == 5


def test_strings_and_numbers():
    mixed = np.array([0, "one"] * 10, dtype=object)
    with pytest.raises(
        ValueError, match=r"y has strings and the label .* all strings or"
    ):
        make().fit(IMAGES[:20], mixed)


def test_max_steps():
    # 1797 samples are 15 batches.
    for max_steps, n_epochs in ((1, 1), (15, 1), (16, 2), (1000, 5)):
        assert make(max_steps=max_steps).fit(IMAGES, Y).n_epochs_ == n_epochs


def test_a_grid_search():
    search = GridSearchCV(make(max_epochs=2), {"confidence": [0.8, None]}, cv=2)
    assert search.fit(IMAGES, Y).best_score_ > 0.5
    assert clone(make(lr=0.1)).lr == 0.1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"confidence": 0.3}, r"'confidence' .* \[0.5, 1.0\] or None. Got 0.3"),
        ({"label_smoothing": 1.0}, r"'label_smoothing' .* \[0.0, 1.0\). Got 1.0"),
        ({"dropout": -0.1}, r"'dropout' .* \[0.0, 1.0\). Got -0.1"),
        ({"hidden_layer_sizes": ()}, "must hold one number or more"),
        ({"max_steps": 0}, r"'max_steps' .* \[1, inf\) or None. Got 0"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        make(**parameters).fit(IMAGES, Y)


def test_log_probabilities():
    X, y = load_digits(return_X_y=True)
    classifier = make(max_epochs=2).fit(X, y)
    np.testing.assert_array_equal(
        classifier.predict_log_proba(X), np.log(classifier.predict_proba(X))
    )


def test_early_stopping_holds_out_the_same_share_of_each_class(monkeypatch):
    X, y = load_digits(return_X_y=True)
    rare = np.flatnonzero(y == 0)[20:]
    X, y = np.delete(X, rare, axis=0), np.delete(y, rare)
    seen = []

    def split(*arrays, **options):
        parts = train_test_split(*arrays, **options)
        seen.append(parts[1])
        return parts

    monkeypatch.setattr("skae._estimator.base.train_test_split", split)
    make(early_stopping=True, max_epochs=2).fit(X, y)
    assert np.bincount(y[seen[0]])[0] == 2  # a tenth of 20
    # A class with one sample cannot be in both parts.
    make(early_stopping=True, max_epochs=2).fit(X[19:], np.r_[10, y[20:]])
    assert len(seen[1]) == math.ceil(0.1 * (len(y) - 19))
