"""Tests of log-likelihoods of samples that p(x|h) cannot produce."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder

from skae import AutoEncoderTransformer, DenoisingAutoEncoder, VariationalAutoEncoder
from skae.corruption import GaussianNoise, Masking, RandomAffine
from skae.likelihood import Bernoulli, Categorical, Gaussian, Laplace, Mixed

GRAY = load_digits().data[:300] / 16
LEVELS = np.random.default_rng(0).integers(3, size=(300, 4))
LEVELS[:, 1] = LEVELS[:, 0]
ENCODER = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(LEVELS)
ONE_HOT = ENCODER.transform(LEVELS)
# A number and a bit, then a variable of three levels.
TABLE = np.column_stack([GRAY[:, 20], GRAY[:, 30] > 0.5, ONE_HOT[:, :3]])
MIXED = Mixed(
    [
        ("number", "gaussian", 0),
        ("bit", Bernoulli(), [1]),
        ("level", Categorical(), slice(2, 5)),
    ]
)
UNKNOWN = ENCODER.transform([[0, 0, 1, 9]])


def changed(row, column, value):
    row = row.copy()
    row[column] = value
    return row[np.newaxis]


CASES = {
    "above": (Bernoulli(), GRAY, changed(GRAY[0], 20, 6.0)),
    "just above": (Bernoulli(), GRAY, changed(GRAY[0], 20, 1.0001)),
    "below": (Bernoulli(), GRAY, changed(GRAY[0], 20, -1.0)),
    "unseen level": (Categorical([3] * 4), ONE_HOT, UNKNOWN),
    "two levels": (Categorical([3] * 4), ONE_HOT, changed(ONE_HOT[0], slice(3), 1.0)),
    "bit of a table": (MIXED, TABLE, changed(TABLE[0], 1, 6.0)),
    "level of a table": (MIXED, TABLE, changed(TABLE[0], slice(2, 5), 0.0)),
}
KINDS = [AutoEncoderTransformer, DenoisingAutoEncoder, VariationalAutoEncoder]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def make(request):
    def make(likelihood):
        return request.param(
            3, hidden_layer_sizes=(16,), likelihood=likelihood, random_state=0
        )

    return make


@pytest.mark.parametrize(("likelihood", "X", "outside"), CASES.values(), ids=CASES)
def test_what_the_likelihood_cannot_produce_has_probability_zero(
    make, likelihood, X, outside
):
    model = make(likelihood).fit(X)
    both = np.vstack([X[:5], outside])
    scores = model.score_samples(both)
    assert scores[5] == -np.inf
    np.testing.assert_array_equal(scores[:5], model.score_samples(X[:5]))
    assert np.isfinite(scores[:5]).all()
    assert model.score(both) == -np.inf
    assert np.isfinite(model.score(X[:5]))
    with pytest.raises(ValueError, match=r"needs|one-hot"):
        model.partial_fit(both)
    # Codes exist for any row: a denoiser must encode what is corrupted.
    for method in (model.transform, model.reconstruct):
        assert np.isfinite(method(outside)).all()


def test_the_score_is_the_weighted_mean_of_the_scores_of_samples(make):
    model = make("gaussian").fit(GRAY)
    weight = np.arange(100.0)
    # A denoiser draws corrupted samples to score by, unless they are passed.
    pairs = {"X_corrupted": GRAY[:100]} if hasattr(model, "corrupt") else {}
    for each in (None, weight):
        expected = np.average(model.score_samples(GRAY[:100]), weights=each)
        found = model.score(GRAY[:100], sample_weight=each, **pairs)
        assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("likelihood", [Gaussian("logit"), Laplace("logit")], ids=str)
def test_what_no_mean_can_reach_is_refused_and_scores_low(make, likelihood):
    model = make(likelihood).fit(GRAY)
    near, far = (changed(GRAY[0], 20, value) for value in (1.01, 6.0))
    with pytest.raises(ValueError, match=r"needs X in \[0, 1\]"):
        model.partial_fit(near)
    at_near, at_far = model.score_samples(np.vstack([near, far]))
    assert at_far < at_near - 10
    assert np.isfinite(at_far)


@pytest.mark.parametrize(
    ("likelihood", "X"),
    [
        (Gaussian("logit"), GRAY),
        (Laplace("logit"), GRAY),
        (Bernoulli(), GRAY),
        (Categorical([3] * 4), ONE_HOT),
        (MIXED, TABLE),
    ],
    ids=str,
)
def test_a_model_can_produce_what_it_samples(make, likelihood, X):
    model = make(likelihood).fit(X)
    assert np.isfinite(model.score_samples(model.sample(200, random_state=0))).all()


OUTSIDE = {
    "bernoulli": (Bernoulli(), GRAY, GaussianNoise(0.5)),
    "logit": (Gaussian("logit"), GRAY, GaussianNoise(0.5)),
    "levels": (Categorical([3] * 4), ONE_HOT, Masking(0.5)),
    "table": (MIXED, TABLE, Masking(0.5)),
}


@pytest.mark.parametrize(
    ("likelihood", "X", "augmentation"), OUTSIDE.values(), ids=OUTSIDE
)
def test_targets_of_an_augmentation_are_checked(make, likelihood, X, augmentation):
    model = make(likelihood).set_params(augmentation=augmentation)
    with pytest.raises(ValueError, match=r"augmentation=.*likelihood=.* needs"):
        model.fit(X)
    assert not hasattr(model, "module_")
    model.set_params(augmentation=lambda x, generator: x.flip(0)).fit(X)


def test_augmented_bytes_are_probabilities():
    images = np.rint(255 * GRAY).astype(np.uint8).reshape(-1, 8, 8)
    AutoEncoderTransformer(
        3,
        likelihood="bernoulli",
        augmentation=RandomAffine(),
        max_epochs=3,
        random_state=0,
    ).fit(images)


def test_what_is_corrupted_may_lie_outside():
    model = DenoisingAutoEncoder(3, GaussianNoise(0.5), likelihood="bernoulli")
    assert np.isfinite(model.set_params(max_epochs=2).fit(GRAY).score(GRAY))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_rounding_step_outside_the_range_is_scored(dtype):
    X = GRAY.astype(dtype)
    model = AutoEncoderTransformer(3, likelihood="bernoulli", random_state=0).fit(X)
    step = changed(X[0], 20, 1 + np.finfo(dtype).eps)
    assert step.max() > 1
    assert np.isfinite(model.score_samples(step)).all()


def test_what_min_max_scaler_returns_is_scored():
    X = np.random.default_rng(0).normal(size=(1000, 50)) * 3 + 7
    X = MinMaxScaler().fit_transform(X)
    assert X.max() > 1  # by rounding
    model = AutoEncoderTransformer(3, likelihood="bernoulli", max_epochs=2).fit(X)
    assert np.isfinite(model.score_samples(X)).all()


def test_images_of_bytes_are_in_the_range():
    images = np.rint(255 * GRAY).astype(np.uint8).reshape(-1, 8, 8)
    model = AutoEncoderTransformer(3, likelihood="bernoulli", random_state=0)
    assert np.isfinite(model.fit(images).score_samples(images)).all()
