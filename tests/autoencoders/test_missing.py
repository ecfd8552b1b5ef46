"""Missing values: filled for the encoder, left out of everything that is learned."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.utils import get_tags

from skae import (
    AutoEncoderTransformer,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    VariationalAutoEncoder,
)
from skae.corruption import Masking, RandomFlip
from skae.likelihood import Categorical, Gaussian, Mixed
from skae.modules import DenseAutoencoder

OPTIONS = {"max_epochs": 5, "hidden_layer_sizes": (16,), "random_state": 0}
CLASSES = [AutoEncoderTransformer, DenoisingAutoEncoder, VariationalAutoEncoder]
DIGITS = load_digits().data[:300] / 16


def low_rank_table(n_samples=400, n_features=7, noise=0.1):
    """Return features of two factors, the same with a third missing, and which."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, 2)) @ rng.normal(size=(2, n_features))
    X = X + noise * rng.normal(size=X.shape) + 5.0
    missing = rng.random(X.shape) < 0.3
    return X, np.where(missing, np.nan, X), missing


X, HOLES, MISSING = low_rank_table()


@pytest.fixture(scope="module", params=CLASSES, ids=lambda c: c.__name__)
def model(request):
    return request.param(2, **OPTIONS).fit(HOLES)


def test_values_are_filled_by_what_the_others_tell(model):
    filled = model.impute(HOLES)
    np.testing.assert_array_equal(filled[~MISSING], X[~MISSING])
    error = np.square(filled - X)[MISSING].mean()
    assert error < 0.3 * np.square(np.nanmean(HOLES, axis=0) - X)[MISSING].mean()


def test_codes_are_nearly_those_of_the_complete_samples(model):
    codes, complete = model.transform(HOLES), model.transform(X)
    for component in range(2):
        r = np.corrcoef(codes[:, component], complete[:, component])[0, 1]
        assert r > 0.9


def test_tags_allow_what_is_accepted(model):
    assert get_tags(model).input_tags.allow_nan
    assert not get_tags(ColorizationAutoEncoder()).input_tags.allow_nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        ColorizationAutoEncoder().fit(HOLES, X)


def test_score_is_the_likelihood_of_the_present_values():
    model = AutoEncoderTransformer(2, **OPTIONS).fit(HOLES)
    std = np.sqrt(model.noise_variance_)
    log_prob = stats.norm.logpdf(HOLES, model.reconstruct(HOLES), std)
    np.testing.assert_allclose(
        model.score_samples(HOLES), np.nansum(log_prob, axis=1), rtol=1e-9
    )
    assert model.score(HOLES) == pytest.approx(np.nansum(log_prob) / len(X))
    # The variance is that of the present values, too.
    error = np.square(HOLES - model.reconstruct(HOLES))
    assert model.noise_variance_ == pytest.approx(
        np.nanmean(error, axis=0).mean(), rel=1e-6
    )


def test_a_sample_of_which_nothing_is_known(model):
    nothing = np.full((1, 7), np.nan)
    score = model.score_samples(nothing)[0]
    if isinstance(model, VariationalAutoEncoder):
        assert score < 0.2  # a bound
    else:
        assert score == 0.0
    spread = np.nanstd(HOLES, axis=0)
    far = abs(model.impute(nothing)[0] - np.nanmean(HOLES, axis=0)) / spread
    assert far.max() < 0.4


def test_missing_does_not_mean_zero(model):
    far = type(model)(2, **OPTIONS).fit(HOLES + 1000.0)
    np.testing.assert_allclose(
        far.impute(HOLES + 1000.0) - 1000.0, model.impute(HOLES), atol=0.05
    )


def test_same_seed_same_model_also_from_a_pickle(model):
    again = type(model)(2, **OPTIONS).fit(HOLES)
    loaded = pickle.loads(pickle.dumps(model))
    for other in (again, loaded):
        np.testing.assert_array_equal(other.impute(HOLES), model.impute(HOLES))
    assert again.loss_curve_ == model.loss_curve_


def test_model_of_complete_samples_takes_incomplete_ones():
    for kind in CLASSES:
        model = kind(2, **OPTIONS).fit(X)
        error = np.square(model.impute(HOLES) - X)[MISSING].mean()
        assert error < 0.2 * X.var(axis=0).mean()
        assert np.isfinite(model.transform(HOLES)).all()
        assert np.isfinite(model.score_samples(HOLES)).all()


@pytest.mark.parametrize("fitted_on", [X, HOLES], ids=["complete", "incomplete"])
@pytest.mark.filterwarnings("ignore:n_components=7 is not below")
def test_code_as_wide_as_the_table_is_better_than_the_mean(fitted_on):
    model = AutoEncoderTransformer(7, random_state=0, max_epochs=20).fit(fitted_on)
    error = np.square(model.impute(HOLES) - X)[MISSING].mean()
    assert error < 0.3 * np.square(np.nanmean(HOLES, axis=0) - X)[MISSING].mean()


def test_probabilistic_pca_of_incomplete_samples():
    X, holes, _ = low_rank_table(4000, 8, noise=0.5)
    model = VariationalAutoEncoder(2, hidden_layer_sizes=(), random_state=0)
    complete = model.fit(X).noise_variance_
    assert complete == pytest.approx(0.25, rel=0.05)
    model.fit(holes)
    assert model.noise_variance_ == pytest.approx(complete, rel=0.05)
    loadings = model.inverse_transform(np.eye(2)) - model.inverse_transform(
        np.zeros((1, 2))
    )
    covariance = loadings.T @ loadings + model.noise_variance_ * np.eye(8)
    np.testing.assert_allclose(covariance, np.cov(X.T), atol=0.15)


def test_partial_fit_continues_on_incomplete_samples():
    for first in (X, HOLES):
        model = AutoEncoderTransformer(2, **OPTIONS).partial_fit(first)
        for _ in range(3):
            model.partial_fit(HOLES)
        assert np.isfinite(model.loss_curve_).all()
        assert model.loss_curve_[-1] < 1.1 * model.loss_curve_[0]
        assert np.isfinite(model.impute(HOLES)).all()


def test_validation_on_incomplete_samples():
    options = {**OPTIONS, "early_stopping": True}
    for kind in CLASSES:
        model = kind(2, **options).fit(X, X_val=HOLES)
        assert np.isfinite(model.validation_loss_curve_).all()
        model = kind(2, **options).fit(HOLES)
        assert np.isfinite(model.validation_loss_curve_).all()


def test_selection_is_by_the_present_values():
    rng = np.random.default_rng(0)
    t = rng.uniform(-2, 2, size=(1200, 1))
    curve = np.hstack([t, t**2, np.sin(2 * t), t**3 / 4, np.cos(2 * t), abs(t)])
    curve += 0.05 * rng.normal(size=curve.shape)
    holes = np.where(rng.random(curve.shape) < 0.2, np.nan, curve)
    model = AutoEncoderTransformer(1, random_state=0).fit(holes)
    assert not model.is_linear_
    assert model.error_ratio_ < 0.8


@pytest.mark.parametrize("kind", CLASSES)
def test_bits(kind):
    bits = (DIGITS > 0.5).astype(float)
    missing = np.random.default_rng(0).random(bits.shape) < 0.3
    holes = np.where(missing, np.nan, bits)
    options = {**OPTIONS, "likelihood": "bernoulli", "max_epochs": 60, "lr": 1e-2}
    if kind is DenoisingAutoEncoder:
        options["corruption"] = Masking(0.1)
    model = kind(8, **options).fit(holes)
    assert np.isfinite(model.loss_curve_).all()
    filled = model.impute(holes)
    assert np.square(filled - bits)[missing].mean() < np.var(bits, axis=0).mean()
    scores = model.score_samples(holes)
    assert np.isfinite(scores).all()
    holes[0, ~missing[0]] = 3.0
    assert model.score_samples(holes)[0] == -np.inf
    with pytest.raises(ValueError, match="got values from 0 to 3"):
        model.fit(holes)


def test_score_of_bits_is_that_of_those_present():
    bits = (DIGITS > 0.5).astype(float)
    model = AutoEncoderTransformer(8, **OPTIONS, likelihood="bernoulli").fit(bits)
    holes = np.where(np.random.default_rng(0).random(bits.shape) < 0.3, np.nan, bits)
    probability = model.reconstruct(holes)
    log_prob = np.where(holes == 1, np.log(probability), np.log1p(-probability))
    log_prob[np.isnan(holes)] = 0.0
    np.testing.assert_allclose(
        model.score_samples(holes), log_prob.sum(axis=1), rtol=1e-6
    )


def test_numbers_and_categories():
    rng = np.random.default_rng(0)
    level = rng.integers(3, size=500)
    numbers = level[:, None] + 0.1 * rng.normal(size=(500, 2))
    table = np.hstack([numbers, np.eye(3)[level]])
    holes = table.copy()
    holes[::3, 2:] = np.nan  # all levels of the variable
    holes[1::3, 0] = np.nan
    likelihood = Mixed(
        [
            ("numbers", Gaussian(covariance_type="diag"), [0, 1]),
            ("level", Categorical(), slice(2, 5)),
        ]
    )
    model = VariationalAutoEncoder(
        2, likelihood=likelihood, hidden_layer_sizes=(16,), random_state=0, lr=1e-2
    )
    filled = model.fit(holes).impute(holes)
    assert (filled[::3, 2:].argmax(axis=1) == level[::3]).mean() > 0.9
    assert abs(filled[1::3, 0] - table[1::3, 0]).mean() < 0.4
    assert np.isfinite(model.score_samples(holes)).all()


@pytest.mark.parametrize("kind", CLASSES)
def test_images_that_are_augmented(kind):
    images = DIGITS.reshape(-1, 8, 8).astype(np.float32)
    missing = np.random.default_rng(0).random(images.shape) < 0.3
    holes = np.where(missing, np.float32(np.nan), images)
    options = {**OPTIONS, "architecture": "conv", "hidden_layer_sizes": (4,)}
    options["max_epochs"] = 2
    model = kind(8, **options, augmentation=RandomFlip(0.5)).fit(holes)
    filled = model.impute(holes)
    assert filled.shape == images.shape
    assert filled.dtype == np.float32
    error = np.square(filled - images)[missing].mean()
    assert error < np.square(np.nanmean(holes, axis=0) - images)[missing].mean()


def test_an_augmentation_gets_the_filled_images_and_those_with_nan():
    images = HOLES[:, :4].reshape(-1, 2, 2)

    def check(x, generator):
        filled, given = x.unbind(dim=3)
        missing = given.isnan()
        assert missing.any()
        assert torch.equal(filled[~missing], given[~missing])
        assert torch.isfinite(filled).all()
        return x

    AutoEncoderTransformer(2, **OPTIONS, augmentation=check).fit(images)


def test_augmented_table_has_no_targets_where_values_are_missing():
    def shift(x, generator):
        assert torch.isfinite(x).all()  # it gets filled rows
        return x + 1.0

    model = AutoEncoderTransformer(2, **OPTIONS, augmentation=shift).fit(HOLES)
    assert np.isfinite(model.loss_curve_).all()


def test_module_of_the_user_gets_filled_rows():
    class Checked(DenseAutoencoder):
        def encode(self, x):
            assert torch.isfinite(x).all()
            return super().encode(x)

    model = AutoEncoderTransformer(2, module=Checked, **OPTIONS).fit(HOLES)
    assert np.isfinite(model.transform(HOLES)).all()


def test_draws_have_the_conditional_distribution():
    X, holes, missing = low_rank_table(600, 6, noise=0.7)
    model = VariationalAutoEncoder(2, hidden_layer_sizes=(), random_state=0).fit(holes)
    holes, missing = holes[:100], missing[:100]
    drawn = model.sample_imputations(holes, 60, n_steps=30, random_state=0)
    assert drawn.shape == (60, 100, 6)
    mean, covariance = X.mean(axis=0), np.cov(X.T)
    means, variances = np.zeros((2, 100, 6))
    for row, a, m, v in zip(holes, missing, means, variances, strict=True):
        slopes = covariance[np.ix_(a, ~a)] @ np.linalg.inv(covariance[np.ix_(~a, ~a)])
        m[a] = mean[a] + slopes @ (row - mean)[~a]
        v[a] = np.diag(covariance[np.ix_(a, a)] - slopes @ covariance[np.ix_(~a, a)])
    found = drawn.var(axis=0, ddof=1)[missing]
    assert found.mean() == pytest.approx(variances[missing].mean(), rel=0.15)
    distance = np.square(drawn.mean(axis=0) - means)[missing].mean()
    assert distance < 3 * variances[missing].mean() / 60
    np.testing.assert_array_equal(
        drawn[:, ~missing], np.broadcast_to(holes[~missing], (60, (~missing).sum()))
    )
    again = model.sample_imputations(holes, 60, n_steps=30, random_state=0)
    np.testing.assert_array_equal(again, drawn)
    assert (drawn[0] != drawn[1])[missing].all()
    with pytest.raises(ValueError, match="n_draws == 0"):
        model.sample_imputations(holes, 0)


def test_frames_where_they_are_requested():
    frame = pd.DataFrame(HOLES, index=range(100, 500)).add_prefix("f")
    model = AutoEncoderTransformer(2, **OPTIONS).set_output(transform="pandas")
    model.fit(frame)
    for method in (model.impute, model.reconstruct):
        out = method(frame)
        assert [*out.columns] == [*frame.columns]
        assert [*out.index] == [*frame.index]
    images = DIGITS.reshape(-1, 8, 8)
    out = (
        AutoEncoderTransformer(2, **OPTIONS).fit(images).set_output(transform="polars")
    )
    assert out.reconstruct(images).shape == (300, 64)
    assert out.reconstruct(images).columns[:2] == ["x0", "x1"]


def test_frame_with_nullable_columns():
    frame = pd.DataFrame(HOLES).add_prefix("f").astype("Float64")
    assert frame.isna().any(axis=None)
    model = AutoEncoderTransformer(2, **OPTIONS).fit(frame)
    expected = AutoEncoderTransformer(2, **OPTIONS).fit_transform(HOLES)
    np.testing.assert_array_equal(model.transform(frame), expected)


def test_recorded_corruptions_may_be_incomplete():
    model = DenoisingAutoEncoder(2, **OPTIONS).fit(X, X_corrupted=HOLES)
    error = np.square(model.reconstruct(HOLES) - X).mean()
    assert error < 0.2 * X.var(axis=0).mean()
    assert np.isfinite(model.score(X, X_corrupted=HOLES))


def test_integer_weights_are_repeated_samples():
    weight = np.arange(len(X)) % 3
    options = {"hidden_layer_sizes": (), "random_state": 0}
    weighted = AutoEncoderTransformer(2, **options).fit(HOLES, sample_weight=weight)
    repeated = AutoEncoderTransformer(2, **options).fit(HOLES.repeat(weight, axis=0))
    np.testing.assert_allclose(weighted.mean_, repeated.mean_)
    np.testing.assert_allclose(
        weighted.impute(HOLES), repeated.impute(HOLES), atol=1e-6
    )
    assert weighted.score(HOLES) == pytest.approx(repeated.score(HOLES))


def test_what_is_refused():
    model = AutoEncoderTransformer(2, **OPTIONS).fit(HOLES)
    before = model.transform(HOLES)
    infinite = HOLES.copy()
    infinite[3, 2] = np.inf
    for method in (model.fit, model.partial_fit, model.transform, model.score_samples):
        with pytest.raises(ValueError, match="infinity"):
            method(infinite)
    sparse = csr_array(np.where(MISSING, np.nan, 0.0))
    with pytest.raises(ValueError, match="NaN"):
        model.fit(sparse)
    with pytest.raises(ValueError, match="NaN"):
        model.transform(sparse)
    empty = pd.DataFrame(HOLES).add_prefix("f").assign(f3=np.nan)
    with pytest.raises(ValueError, match="only missing values in the column 'f3'"):
        model.fit(empty)
    np.testing.assert_array_equal(model.transform(HOLES), before)
