"""Tests of the outlier detector."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skae import (
    AutoEncoderOutlierDetector,
    AutoEncoderTransformer,
    DenoisingAutoEncoder,
    VariationalAutoEncoder,
)
from skae.autoencoders._density import NormalDensity
from skae.outliers import _ensemble
from skae.outliers._ensemble import CODE_RIDGE, RESIDUAL_RIDGE


def make_plane(n_samples, seed=0, n_outliers=0):
    """Return samples near a curved sheet in six dimensions, outliers first."""
    rng = np.random.default_rng(seed)
    place = rng.normal(size=(n_samples, 2))
    X = np.column_stack([place, place[:, 0] ** 2, place @ rng.normal(size=(2, 3))])
    X += 0.1 * rng.normal(size=X.shape)
    X[:n_outliers] = 3 * rng.normal(size=(n_outliers, 6))
    return X * [1, 10, 100, 1, 1, 1] + 5


def small(cls=AutoEncoderTransformer, **parameters):
    return cls(2, hidden_layer_sizes=(8,), max_epochs=2, random_state=0, **parameters)


@pytest.fixture(scope="module")
def contaminated():
    X = make_plane(400, n_outliers=20)
    return X, np.arange(400) < 20


@pytest.fixture(scope="module")
def detector(contaminated):
    X, _ = contaminated
    return AutoEncoderOutlierDetector(contamination=0.05, random_state=0).fit(X)


def test_outliers_in_training_are_found(detector, contaminated):
    X, is_outlier = contaminated
    assert roc_auc_score(is_outlier, -detector.score_samples(X)) > 0.98
    predicted = detector.predict(X)
    assert (predicted == -1).sum() == 20
    assert (predicted[is_outlier] == -1).sum() >= 16
    np.testing.assert_array_equal(clone(detector).fit_predict(X), predicted)


def test_what_lies_far_out_on_the_sheet_is_an_outlier():
    # Its reconstruction is perfect, only its code is unusual.
    X = np.random.default_rng(0).normal(size=(300, 1)) @ np.ones((1, 5))
    far = np.full((1, 5), 20.0)
    detector = AutoEncoderOutlierDetector(random_state=0).fit(X)
    assert detector.score_samples(far) < detector.score_samples(X).min()


def test_decision_function_is_the_distance_to_the_threshold(detector, contaminated):
    X, _ = contaminated
    scores = detector.score_samples(X)
    assert detector.offset_ == pytest.approx(np.percentile(scores, 5))
    np.testing.assert_array_equal(
        detector.decision_function(X), scores - detector.offset_
    )
    np.testing.assert_array_equal(detector.predict(X) == -1, scores < detector.offset_)


def test_auto_contamination_is_a_tenth(contaminated):
    X, _ = contaminated
    by_name = AutoEncoderOutlierDetector(random_state=0).fit(X)
    by_number = AutoEncoderOutlierDetector(contamination=0.1, random_state=0).fit(X)
    assert by_name.offset_ == by_number.offset_


@pytest.mark.parametrize("contamination", [0, 0.6, "some"])
def test_contamination_out_of_range(contaminated, contamination):
    with pytest.raises(ValueError, match="contamination"):
        AutoEncoderOutlierDetector(contamination=contamination).fit(contaminated[0])


def test_one_seed_gives_one_result(detector, contaminated):
    X, _ = contaminated
    state = np.random.get_state()[1].copy()
    again = clone(detector).fit(X)
    np.testing.assert_array_equal(again.score_samples(X), detector.score_samples(X))
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    other = clone(detector).set_params(random_state=1).fit(X)
    assert (other.score_samples(X) != detector.score_samples(X)).all()


def test_units_of_the_columns_do_not_matter(detector, contaminated):
    X, _ = contaminated
    # Powers of two change no digit.
    scaled = X * 2.0 ** np.array([-20, 0, 10, 0, 0, 3])
    scores = clone(detector).fit(scaled).score_samples(scaled)
    np.testing.assert_array_equal(scores, detector.score_samples(X))


def test_score_is_the_formula_of_the_notes(detector, contaminated):
    X, _ = contaminated
    ensemble = detector.estimator_
    # float64 weights, as for the scores of float64 samples
    module = deepcopy(ensemble.module_).double()
    z = torch.from_numpy(X - X.mean(axis=0)) / module.scale
    codes, residuals = (tensor.detach().numpy() for tensor in module(z))
    of_codes, of_residuals = np.zeros(len(X)), np.zeros(len(X))
    for code, residual, k in zip(codes, residuals, module.n_components, strict=True):
        code = code[:, :k]
        variance = (residual**2).mean(axis=0) + RESIDUAL_RIDGE
        is_kept = np.ones(len(X), bool)
        for _ in range(4):
            covariance = np.cov(code[is_kept].T, ddof=0).reshape(k, k)
            covariance += CODE_RIDGE * np.eye(k)
            centred = code - code[is_kept].mean(axis=0)
            q = np.einsum("ni,ij,nj->n", centred, np.linalg.inv(covariance), centred)
            is_kept = q <= np.quantile(q, 0.7)
        of_codes += int(k) * np.log1p(q / int(k))
        unusual = np.log1p(residual**2 / variance)
        of_residuals += ((1 + 1.5 * unusual.mean(axis=0)) * unusual).mean(axis=1)
    expected = -of_codes / int(module.n_components.sum()) - of_residuals / len(codes)
    forest = IsolationForest(random_state=ensemble.seed).fit(z.float().numpy())
    of_forest = forest.score_samples(z.float().numpy())
    expected += of_forest * (expected.std() / of_forest.std() / 2)
    np.testing.assert_allclose(detector.score_samples(X), expected, rtol=1e-3)


@pytest.mark.parametrize("estimator", [None, small(), small(VariationalAutoEncoder)])
def test_contributions_sum_to_minus_the_score(estimator, contaminated):
    X, _ = contaminated
    detector = AutoEncoderOutlierDetector(estimator, random_state=0).fit(X)
    contributions = detector.feature_contributions(X[:50])
    assert contributions.shape == (50, 6)
    scores = detector.score_samples(X[:50])
    np.testing.assert_allclose(contributions.sum(axis=1), -scores, rtol=1e-9)


def test_columns_of_heavy_tails_count_less():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 6))
    X[:, 0] = rng.standard_t(2, size=1000)
    X[:, 1] = 0.0
    detector = AutoEncoderOutlierDetector(random_state=0).fit(X)
    weight = detector.estimator_.module_.residual_weight.mean(dim=0)[0]
    assert 1.0 <= weight[1] < weight[0] < weight[2:].min() - 0.1


def test_the_changed_column_contributes_most():
    X = make_plane(400)
    columns = np.arange(6)
    X[columns, columns] += 10 * X.std(axis=0)
    detector = AutoEncoderOutlierDetector(random_state=0).fit(X)
    contributions = detector.feature_contributions(X[columns])
    np.testing.assert_array_equal(contributions.argmax(axis=1), columns)


def test_a_value_that_is_unusual_beside_the_others_contributes_most():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 6))
    X += 0.05 * rng.normal(size=X.shape)
    # One value per row gets the other sign, and stays within the range of its column.
    sizes = np.abs(X / X.std(axis=0) - 1.3)
    columns = np.arange(6)
    rows = sizes.argmin(axis=0)
    X[rows, columns] *= -1
    detector = AutoEncoderOutlierDetector(random_state=0).fit(X)
    contributions = detector.feature_contributions(X[rows])
    np.testing.assert_array_equal(contributions.argmax(axis=1), columns)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_type_of_the_answers(contaminated, dtype):
    X = contaminated[0].astype(dtype)
    detector = AutoEncoderOutlierDetector(random_state=0).fit(X)
    assert detector.score_samples(X).dtype == dtype
    assert detector.feature_contributions(X[:3]).dtype == dtype


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_contributions_of_integers(dtype):
    X = np.random.default_rng(0).integers(0, 9, (200, 5)).astype(dtype)
    X[0, 2] = 100
    detector = AutoEncoderOutlierDetector(random_state=0).fit(X)
    contributions, score = (
        detector.feature_contributions(X[:1]),
        detector.score_samples(X[:1]),
    )
    assert contributions[0].argmax() == 2
    np.testing.assert_allclose(contributions.sum(axis=1), -score, rtol=1e-5)
    assert contributions.dtype == score.dtype


def test_a_pickle_scores_the_same(detector, contaminated):
    X, _ = contaminated
    loaded = pickle.loads(pickle.dumps(detector))
    np.testing.assert_array_equal(loaded.score_samples(X), detector.score_samples(X))
    assert loaded.offset_ == detector.offset_
    loaded.partial_fit(X)
    assert loaded.offset_ == deepcopy(detector).partial_fit(X).offset_


def test_grid_search_by_the_area_under_the_curve(contaminated):
    X, is_outlier = contaminated
    y = np.where(is_outlier, -1, 1)
    order = np.random.default_rng(0).permutation(len(X))
    search = GridSearchCV(
        AutoEncoderOutlierDetector(random_state=0),
        {"n_estimators": [1, 8]},
        scoring="roc_auc",
        cv=3,
    ).fit(X[order], y[order])
    assert search.best_score_ > 0.95


def test_a_table_of_numbers_and_names():
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    table = pandas.DataFrame(
        {"size": rng.normal(size=300), "kind": rng.choice(["a", "b"], 300)}
    )
    table.loc[7, "size"] = 12.0
    encode = make_column_transformer(
        (StandardScaler(), ["size"]), (OneHotEncoder(sparse_output=False), ["kind"])
    ).set_output(transform="pandas")
    pipeline = make_pipeline(encode, AutoEncoderOutlierDetector(random_state=0))
    assert pipeline.fit(table).score_samples(table).argmin() == 7
    detector = pipeline[-1]
    contributions = detector.feature_contributions(encode.transform(table.iloc[[7]]))
    names = detector.feature_names_in_
    assert names[contributions[0].argmax()] == "standardscaler__size"


# -- Numbers that are hard to compute with ----------------------------------------


def test_values_that_are_far_and_columns_that_are_constant():
    X = make_plane(200)
    X[:, 3] = 7.0
    detector = AutoEncoderOutlierDetector(random_state=0).fit(X)
    far = np.repeat(X[:1], 3, axis=0)
    far[0, 0], far[1, 3], far[2] = 1e30, 8.0, -1e300
    scores, usual = detector.score_samples(far), detector.score_samples(X)
    assert np.isfinite(scores).all()
    assert scores[[0, 2]].max() < usual.min()
    assert scores[1] < usual[0] - 1  # one constant column of six
    assert detector.feature_contributions(far)[:2].argmax(axis=1).tolist() == [0, 3]


def test_values_whose_squares_overflow():
    X = make_plane(50)
    X[0, 0] = 1e200
    with pytest.raises(ValueError, match=r"1e\+200.*scale X"):
        AutoEncoderOutlierDetector(random_state=0).fit(X)


@pytest.mark.parametrize("shape", [(1, 5), (2, 5), (5, 1), (3, 40)])
def test_few_samples_or_features(shape):
    X = np.random.default_rng(0).normal(size=shape)
    scores = AutoEncoderOutlierDetector(random_state=0).fit(X).score_samples(X)
    assert np.isfinite(scores).all()


# -- Missing values, sparse samples, weights --------------------------------------


def drop_values(X, share=0.1, seed=0):
    return np.where(np.random.default_rng(seed).random(X.shape) < share, np.nan, X)


@pytest.mark.parametrize("estimator", [None, small()], ids=["ensemble", "autoencoder"])
def test_outliers_among_rows_with_missing_values(contaminated, estimator):
    X, is_outlier = contaminated
    if estimator is not None:
        X = StandardScaler().fit_transform(X)
    incomplete = drop_values(X)
    detector = AutoEncoderOutlierDetector(estimator, random_state=0).fit(incomplete)
    scores = detector.score_samples(incomplete)
    assert roc_auc_score(is_outlier, -scores) > 0.93
    # What was not measured is not unusual.
    clean, misses = ~is_outlier, np.isnan(incomplete).any(axis=1)
    flagged = detector.predict(incomplete) == -1
    assert flagged[clean & misses].mean() < 0.12
    if estimator is None:
        assert detector.predict(np.full((1, 6), np.nan)) == 1


def test_missing_values_of_new_rows(detector, contaminated):
    X, is_outlier = contaminated
    incomplete = drop_values(X)
    scores = detector.score_samples(incomplete)
    assert roc_auc_score(is_outlier, -scores) > 0.93
    complete = ~np.isnan(incomplete).any(axis=1)
    np.testing.assert_allclose(
        scores[complete], detector.score_samples(X)[complete], rtol=1e-12
    )
    contributions = detector.feature_contributions(incomplete[:20])
    np.testing.assert_allclose(contributions.sum(axis=1), -scores[:20])


def test_a_missing_value_adds_no_residual(detector, contaminated):
    X, module = contaminated[0], detector.estimator_.module_
    z = module.standardize(torch.from_numpy(X[:5] - X.mean(axis=0))).float()
    is_missing = torch.zeros(5, 6, dtype=torch.bool)
    is_missing[:, 2] = True
    codes, residuals = module(z)
    of_code = codes.new_zeros(5)
    for i, k in enumerate(module.n_components):
        centred = codes[i, :, :k] - module.center[i, :, :k]
        whitened = centred @ module.whitening[i, :k, :k]
        of_code += k * torch.log1p(whitened.square().sum(dim=1) / k)
    unusual = torch.log1p(residuals**2 / module.residual_variance)
    kept = (unusual * module.residual_weight)[..., [0, 1, 3, 4, 5]]
    expected = -(of_code / module.n_components.sum() + kept.mean(dim=(0, 2)))
    torch.testing.assert_close(module.log_density(z, is_missing), expected)


def test_rows_in_parts_score_as_rows_at_once(detector, contaminated, monkeypatch):
    X, _ = contaminated
    incomplete = drop_values(X)
    expected = detector.score_samples(incomplete)
    monkeypatch.setattr(_ensemble, "CHUNK_SIZE", 16 * 6 * 7)
    scores = detector.score_samples(incomplete)
    np.testing.assert_allclose(scores, expected, rtol=1e-12)
    in_parts = clone(detector).fit(X)
    # float32 products of other sizes
    np.testing.assert_allclose(in_parts.offset_, detector.offset_, rtol=1e-6)


@pytest.mark.parametrize("estimator", [None, small()], ids=["ensemble", "autoencoder"])
def test_sparse_rows_score_as_dense_ones(estimator):
    rng = np.random.default_rng(0)
    X = rng.poisson(0.3, (300, 12)) * rng.random((300, 12))
    detector = AutoEncoderOutlierDetector(estimator, random_state=0).fit(X)
    in_sparse = clone(detector).fit(sparse.csr_array(X))
    for rows in (sparse.csr_array(X), sparse.csc_matrix(X), X):
        scores = in_sparse.score_samples(rows)
        np.testing.assert_allclose(scores, detector.score_samples(X), rtol=1e-5)
    assert in_sparse.offset_ == pytest.approx(detector.offset_, rel=1e-5)
    few = sparse.csr_array(X[:3])
    np.testing.assert_allclose(
        in_sparse.feature_contributions(few).sum(axis=1),
        -in_sparse.score_samples(few),
        rtol=1e-5,
    )
    in_sparse.partial_fit(sparse.csr_array(X))
    assert in_sparse.offset_ == pytest.approx(detector.partial_fit(X).offset_, rel=1e-5)


@pytest.mark.parametrize("estimator", [None, small()], ids=["ensemble", "autoencoder"])
def test_weights_of_zero_and_one(contaminated, estimator):
    X = StandardScaler().fit_transform(contaminated[0])
    kept = np.arange(400) >= 20
    detector = AutoEncoderOutlierDetector(estimator, random_state=0).fit(X[kept])
    weighted = clone(detector).fit(X, sample_weight=kept)
    again = clone(detector).fit(X[kept], sample_weight=np.ones(380))
    for other in (weighted, again):
        np.testing.assert_array_equal(other.score_samples(X), detector.score_samples(X))
        assert other.offset_ == pytest.approx(detector.offset_, rel=1e-12)


@pytest.mark.parametrize("estimator", [None, small()], ids=["ensemble", "autoencoder"])
def test_an_integer_weight_stands_for_equal_rows(estimator):
    # One group of rows counts four times, the other once.
    X = StandardScaler().fit_transform(make_plane(500))
    weight = np.where(X[:, 0] > 0, 4, 1)
    repeated = X.repeat(weight, axis=0)
    detector = AutoEncoderOutlierDetector(estimator, random_state=0)
    scores = clone(detector).fit(X).score_samples(X)
    weighted = clone(detector).fit(X, sample_weight=weight)
    of_weighted = weighted.score_samples(X)
    of_repeated = clone(detector).fit(repeated).score_samples(X)
    error = np.abs(of_weighted - of_repeated).mean()
    assert error < np.abs(scores - of_repeated).mean() / 2
    # A tenth of the weight is below the threshold.
    share = weight[of_weighted < weighted.offset_].sum() / weight.sum()
    assert share == pytest.approx(0.1, abs=0.004)


def test_a_stream_that_drifts(contaminated):
    X, _ = contaminated
    drifted = X + 5 * X.std(axis=0)
    fractions = {}
    for forget_factor in (1.0, 0.1):
        detector = AutoEncoderOutlierDetector(
            forget_factor=forget_factor, random_state=0
        )
        for chunk in (X, X, X, drifted):
            detector.partial_fit(chunk)
        fractions[forget_factor] = (detector.predict(X) == -1).mean()
    # Nothing but the last chunk is usual where the others are forgotten.
    assert fractions[1.0] < 0.2
    assert fractions[0.1] > 0.8


def test_weights_in_a_stream(contaminated):
    X, _ = contaminated
    weight = np.linspace(0.5, 3, 400)
    detector = AutoEncoderOutlierDetector(random_state=0).fit(X, sample_weight=weight)
    parts = AutoEncoderOutlierDetector(random_state=0)
    for rows in (slice(0, 150), slice(150, 400)):
        parts.partial_fit(X[rows], sample_weight=weight[rows])
    np.testing.assert_array_equal(parts.score_samples(X), detector.score_samples(X))
    assert parts.offset_ == detector.offset_
    with pytest.raises(TypeError, match="'weights'"):
        detector.fit(X, weights=weight)
    with pytest.raises(ValueError, match="sample_weight must not be negative"):
        detector.partial_fit(X, sample_weight=-weight)


# -- Images -----------------------------------------------------------------------


def test_images_of_bytes():
    digits = load_digits().images[:300]
    images = np.uint8(digits / 16 * 255)
    detector = AutoEncoderOutlierDetector(random_state=0).fit(images)
    assert detector.image_shape_ == (8, 8)
    contributions = detector.feature_contributions(images[:5])
    assert contributions.shape == (5, 8, 8)
    np.testing.assert_allclose(
        contributions.sum(axis=(1, 2)), -detector.score_samples(images[:5]), rtol=1e-5
    )
    # Numbers in [0, 1] mean the same.
    np.testing.assert_allclose(
        detector.score_samples(np.float32(images / 255)),
        detector.score_samples(images),
        rtol=1e-4,
    )
    with pytest.raises(ValueError, match="images of shape"):
        detector.score_samples(images[:, :4])


@pytest.mark.parametrize("is_fitted", [False, True])
def test_images_for_an_autoencoder_with_a_shape(is_fitted):
    rows = np.float32(load_digits().data[:200] / 16)
    autoencoder = small(architecture="conv", image_shape=(8, 8))
    if is_fitted:
        autoencoder.fit(rows)
    detector = AutoEncoderOutlierDetector(autoencoder, random_state=0).fit(rows)
    assert detector.image_shape_ == (8, 8)
    assert detector.feature_contributions(rows[:2]).shape == (2, 64)


# -- Autoencoders of the user -----------------------------------------------------


@pytest.mark.parametrize(
    "autoencoder",
    [small(), small(DenoisingAutoEncoder), small(VariationalAutoEncoder)],
    ids=lambda e: type(e).__name__,
)
@pytest.mark.parametrize("is_fitted", [False, True])
def test_score_is_the_density_of_sample_and_code(contaminated, autoencoder, is_fitted):
    X = StandardScaler().fit_transform(contaminated[0])
    autoencoder = clone(autoencoder)
    fitted = clone(autoencoder).fit(X)
    if is_fitted:
        autoencoder = fitted
    detector = AutoEncoderOutlierDetector(autoencoder, random_state=0).fit(X)
    codes = fitted.transform(X)
    log_prior = NormalDensity().fit(codes).score_samples(codes)
    log_prob = AutoEncoderTransformer.score_samples(fitted, X)
    np.testing.assert_allclose(detector.score_samples(X), log_prob + log_prior)
    assert (detector.estimator_ is autoencoder) == is_fitted
    if not is_fitted:
        assert not hasattr(autoencoder, "module_")


def test_density_of_a_mixture(contaminated):
    X = StandardScaler().fit_transform(contaminated[0])
    mixture = GaussianMixture(2, random_state=0)
    fitted = small(density=mixture).fit(X)
    detector = AutoEncoderOutlierDetector(fitted, random_state=0).fit(X)
    codes = fitted.transform(X)
    expected = fitted.score_samples(X) + clone(mixture).fit(codes).score_samples(codes)
    np.testing.assert_allclose(detector.score_samples(X), expected)


def test_frozen_autoencoder_in_a_grid_search(contaminated):
    X, is_outlier = contaminated
    X = StandardScaler().fit_transform(X)
    fitted = small().fit(X)
    detector = AutoEncoderOutlierDetector(FrozenEstimator(fitted), random_state=0)
    weights = deepcopy(fitted.module_.state_dict())
    search = GridSearchCV(
        detector, {"contamination": [0.05, 0.1]}, scoring="roc_auc", cv=2
    )
    order = np.random.default_rng(0).permutation(len(X))
    search.fit(X[order], ~is_outlier[order])
    for name, weight in fitted.module_.state_dict().items():
        np.testing.assert_array_equal(weight, weights[name])


def test_what_a_fitted_autoencoder_cannot_produce():
    X = np.random.default_rng(0).random((100, 5))
    fitted = small(likelihood="bernoulli").fit(X)
    with_impossible = np.concatenate([X, X[:9] + 1])
    detector = AutoEncoderOutlierDetector(fitted, random_state=0).fit(with_impossible)
    assert (detector.score_samples(with_impossible)[100:] == -np.inf).all()
    assert (detector.predict(with_impossible)[100:] == -1).all()
    impossible = X[:1].copy()
    impossible[0, 3] = 2.0
    contributions = detector.feature_contributions(impossible)
    assert (contributions[0] == np.inf).tolist() == [False, False, False, True, False]


@pytest.mark.parametrize("estimator", [PCA(), "ensemble"])
def test_what_is_not_an_autoencoder(contaminated, estimator):
    with pytest.raises(ValueError, match="estimator"):
        AutoEncoderOutlierDetector(estimator).fit(contaminated[0])


class NoScores(NormalDensity):
    """A density that codes can be drawn from, but not scored by."""

    score_samples = property()


def test_a_density_without_scores(contaminated):
    detector = AutoEncoderOutlierDetector(small(density=NoScores()), random_state=0)
    with pytest.raises(ValueError, match="'score_samples'"):
        detector.fit(contaminated[0])
    assert not hasattr(detector, "estimator_")


# -- Streams ----------------------------------------------------------------------


@pytest.mark.parametrize("estimator", [None, small()], ids=["ensemble", "autoencoder"])
def test_threshold_of_a_stream_stays_right(estimator):
    X = StandardScaler().fit_transform(make_plane(10000))
    stream, new = X[:6000], X[6000:]
    detector = AutoEncoderOutlierDetector(estimator, contamination=0.01, random_state=0)
    for start in range(0, 6000, 1000):
        detector.partial_fit(stream[start : start + 1000])
        assert 0.004 < (detector.predict(new) == -1).mean() < 0.025


def test_a_stream_trains_the_autoencoder(contaminated):
    X = StandardScaler().fit_transform(contaminated[0])
    detector = AutoEncoderOutlierDetector(small(), random_state=0)
    for _ in range(3):
        detector.partial_fit(X)
    expected = small()
    for _ in range(3):
        expected.partial_fit(X)
    np.testing.assert_array_equal(
        detector.estimator_.transform(X), expected.transform(X)
    )


def test_failed_fit_changes_nothing(detector, contaminated):
    X, _ = contaminated
    fitted = deepcopy(detector)
    before = dict(vars(fitted))
    for method in (fitted.fit, fitted.partial_fit):
        with pytest.raises(ValueError, match="infinity"):
            method(np.full_like(X, np.inf))
        assert vars(fitted) == before
    with pytest.raises(ValueError, match="only missing values in the column 2"):
        fitted.fit(np.where(np.arange(6) == 2, np.nan, X))
    with pytest.raises(ValueError, match="features"):
        fitted.partial_fit(X[:, :3])
    assert vars(fitted) == before


class FailsLater(NormalDensity):
    """A density whose second fit by the detector fails."""

    n_fits = 0

    def fit(self, X, y=None):
        FailsLater.n_fits += 1
        if FailsLater.n_fits == 4:  # two of them by the autoencoder
            raise ValueError("no density")
        return super().fit(X)


def test_failed_partial_fit_restores_the_autoencoder(contaminated, monkeypatch):
    X = StandardScaler().fit_transform(contaminated[0])
    monkeypatch.setattr(FailsLater, "n_fits", 0)
    detector = AutoEncoderOutlierDetector(small(density=FailsLater()), random_state=0)
    detector.partial_fit(X)
    scores, curve = detector.score_samples(X), list(detector.estimator_.loss_curve_)
    with pytest.raises(ValueError, match="no density"):
        detector.partial_fit(X)
    assert detector.estimator_.loss_curve_ == curve
    np.testing.assert_array_equal(detector.score_samples(X), scores)
    detector.partial_fit(X)
    assert len(detector.estimator_.loss_curve_) == 2
