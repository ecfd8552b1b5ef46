"""Missing values are filled by what the present ones tell, which stay as they are."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_iris
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skae import (
    AutoEncoderImputer,
    AutoEncoderTransformer,
    DenoisingAutoEncoder,
    VariationalAutoEncoder,
)

SHORT = DenoisingAutoEncoder(2, max_epochs=3, hidden_layer_sizes=(8,))


@pytest.fixture(scope="module")
def table():
    """Seven features of two factors and little noise, a third of them missing."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 7))
    X = (X + 0.1 * rng.normal(size=X.shape)) * [1, 1e3, 1e-3, 1, 1, 1, 1] + 5.0
    missing = rng.random(X.shape) < 0.3
    return X, np.where(missing, np.nan, X), missing


@pytest.fixture(scope="module")
def imputer(table):
    return AutoEncoderImputer(SHORT, random_state=0).fit(table[1])


def test_fills_what_the_other_values_tell_in_any_unit(table, imputer):
    X, X_missing, missing = table
    filled = imputer.transform(X_missing)
    np.testing.assert_array_equal(filled[~missing], X[~missing])
    for j in range(X.shape[1]):
        hole = missing[:, j]
        error = np.mean((filled - X)[hole, j] ** 2)
        # Two of five present values are enough to know the factors.
        assert error < 0.25 * np.nanvar(X_missing[:, j])


def test_default_fills_what_the_other_values_tell(table):
    X, X_missing, missing = table
    imputer = AutoEncoderImputer(random_state=0).fit(X_missing)
    filled = imputer.transform(X_missing)
    np.testing.assert_array_equal(filled[~missing], X[~missing])
    errors = ((filled - X) / X.std(axis=0))[missing]
    assert np.mean(errors**2) < 0.1
    again = AutoEncoderImputer(random_state=0).fit(X_missing)
    np.testing.assert_array_equal(again.transform(X_missing), filled)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(imputer)).transform(X_missing), filled
    )
    assert AutoEncoderImputer(random_state=1).fit_transform(X_missing).dtype == float


def test_draws_in_the_unit_of_each_column(table):
    X, X_missing, missing = table
    imputer = AutoEncoderImputer(random_state=0).fit(X_missing)
    draws = imputer.sample_imputations(X_missing, 20, random_state=0)
    assert draws.shape == (20, *X.shape)
    np.testing.assert_array_equal(draws[:, ~missing], np.tile(X[~missing], (20, 1)))
    errors = ((draws.mean(axis=0) - X) / X.std(axis=0))[missing]
    assert np.mean(errors**2) < 0.15
    again = imputer.sample_imputations(X_missing, 20, random_state=0)
    np.testing.assert_array_equal(again, draws)
    with pytest.raises(ValueError, match="n_draws"):
        imputer.sample_imputations(X_missing, 0)


def test_draws_by_the_estimator_or_not_at_all(table, imputer):
    assert not hasattr(imputer, "sample_imputations")
    vae = VariationalAutoEncoder(2, max_epochs=3, hidden_layer_sizes=())
    imputer = AutoEncoderImputer(vae, random_state=0).fit(table[1])
    draws = imputer.sample_imputations(table[1][:20], 3, random_state=0)
    assert draws.shape == (3, 20, 7)
    assert np.isfinite(draws).all()
    assert (draws.std(axis=0)[table[2][:20]] > 0).all()


def test_row_without_values_gets_the_means(table, imputer):
    filled = imputer.transform(np.full((1, 7), np.nan))[0]
    mean, scale = np.nanmean(table[1], axis=0), np.nanstd(table[1], axis=0)
    np.testing.assert_array_less(abs(filled - mean), 0.3 * scale)


def test_complete_rows_stay_and_do_not_change_others(table, imputer):
    X, X_missing, _ = table
    np.testing.assert_array_equal(imputer.transform(X), X)
    together = imputer.transform(X_missing)
    np.testing.assert_allclose(imputer.transform(X_missing[:3]), together[:3])


@pytest.mark.filterwarnings("ignore:n_components=7 is not below")
@pytest.mark.parametrize("kind", [AutoEncoderTransformer, VariationalAutoEncoder])
def test_other_autoencoders_impute(table, kind):
    X, X_missing, missing = table
    estimator = kind(7, hidden_layer_sizes=())
    filled = AutoEncoderImputer(estimator, random_state=0).fit_transform(X_missing)
    errors = ((filled - X) / X.std(axis=0))[missing]
    assert np.mean(errors**2) < 0.25


def test_autoencoder_gets_standardized_incomplete_rows(table):
    class Seen(BaseEstimator):
        def fit(self, X):
            self.X = X
            return self

        def impute(self, X, *, max_iter):
            return np.nan_to_num(X)

    imputer = AutoEncoderImputer(Seen()).fit(table[1])
    X = imputer.estimator_.X
    np.testing.assert_array_equal(np.isnan(X), table[2])
    np.testing.assert_allclose(np.nanmean(X, axis=0), 0.0, atol=1e-9)
    np.testing.assert_allclose(np.nanstd(X, axis=0), 1.0)
    filled = imputer.transform(table[1])
    mean = np.broadcast_to(np.nanmean(table[1], axis=0), filled.shape)
    np.testing.assert_allclose(filled[table[2]], mean[table[2]])


def test_same_seed_same_result(table, imputer):
    again = AutoEncoderImputer(SHORT, random_state=0).fit(table[1])
    np.testing.assert_array_equal(
        again.transform(table[1]), imputer.transform(table[1])
    )


def test_nullable_columns_of_pandas_and_their_names():
    X, _ = load_iris(return_X_y=True, as_frame=True)
    holes = X.convert_dtypes().astype("Float64")
    holes.iloc[::3, 0] = pd.NA
    imputer = AutoEncoderImputer(SHORT, random_state=0).set_output(transform="pandas")
    filled = imputer.fit_transform(holes)
    assert [*filled.columns] == [*X.columns]
    assert [*imputer.get_feature_names_out()] == [*X.columns]
    assert not filled.isna().any(axis=None)
    pd.testing.assert_frame_equal(filled.iloc[:, 1:], X.iloc[:, 1:])


def test_is_searched_in_a_pipeline_on_a_frame_with_missing_values():
    X, y = load_iris(return_X_y=True, as_frame=True)
    X = X.convert_dtypes().astype("Float64")
    X.iloc[::4, 2] = pd.NA
    steps = [
        ("fill", AutoEncoderImputer(SHORT, random_state=0)),
        ("classify", LogisticRegression(max_iter=1000)),
    ]
    grid = {"fill__estimator__n_components": [1, 3]}
    search = GridSearchCV(Pipeline(steps), grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.9


@pytest.fixture
def gap():
    """A frame without values in "b", and with one missing in "c"."""
    X, _ = load_iris(return_X_y=True, as_frame=True)
    X.columns = [*"abcd"]
    X["b"] = np.nan
    X.loc[3, "c"] = np.nan
    return X


def test_feature_without_values_is_left_out(gap):
    imputer = AutoEncoderImputer(random_state=0).set_output(transform="pandas")
    with pytest.warns(UserWarning, match=r"only missing .* columns \['b'\], which are"):
        filled = imputer.fit_transform(gap)
    assert [*filled.columns] == [*"acd"] == [*imputer.get_feature_names_out()]
    assert not filled.isna().any(axis=None)
    assert imputer.sample_imputations(gap, 2).shape == (2, 150, 3)
    # What others tell of a value is the same without the column.
    alone = AutoEncoderImputer(random_state=0).fit_transform(gap[[*"acd"]])
    np.testing.assert_array_equal(filled, alone)


def test_feature_without_values_is_kept_as_zero(gap):
    imputer = AutoEncoderImputer(keep_empty_features=True, random_state=0)
    filled = imputer.set_output(transform="pandas").fit_transform(gap)
    assert [*filled.columns] == [*"abcd"] == [*imputer.get_feature_names_out()]
    np.testing.assert_array_equal(filled["b"], 0.0)
    np.testing.assert_array_equal(imputer.sample_imputations(gap, 2)[:, :, 1], 0.0)
    # A value that later samples have is present, and stays.
    assert imputer.transform(gap.assign(b=7.0)).loc[0, "b"] == 7.0
    peer = SimpleImputer(keep_empty_features=True).fit_transform(gap)
    present = gap.notna() | gap.isna().all()
    np.testing.assert_array_equal(filled.to_numpy()[present], peer[present])


def test_nothing_is_learned_from_no_values():
    for keep in (False, True):
        imputer = AutoEncoderImputer(keep_empty_features=keep)
        with pytest.raises(ValueError, match="X has only missing values"):
            imputer.fit(np.full((3, 2), np.nan))


@pytest.mark.filterwarnings("ignore:(X has only|Skipping features)")
@pytest.mark.parametrize("keep", [False, True])
def test_indicator_says_what_was_missing(gap, keep):
    options = {"add_indicator": True, "keep_empty_features": keep}
    imputer = AutoEncoderImputer(random_state=0, **options)
    filled = imputer.set_output(transform="pandas").fit_transform(gap)
    peer = SimpleImputer(**options).set_output(transform="pandas")
    expected = peer.fit_transform(gap)
    assert [*filled.columns] == [*expected.columns]
    for name in filled.columns[filled.columns.str.startswith("missing")]:
        np.testing.assert_array_equal(filled[name], expected[name])
    later = gap.assign(a=np.nan)
    np.testing.assert_array_equal(
        imputer.transform(later).iloc[:, -2:], peer.transform(later).iloc[:, -2:]
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_are_in_the_precision_of_the_caller(table, imputer, dtype):
    X = table[1].astype(dtype)
    frames = {
        "pandas": pd.DataFrame(X),
        "nullable": pd.DataFrame(X).astype(f"Float{8 * dtype().itemsize}"),
        "tensor": torch.from_numpy(X),
    }
    expected = imputer.transform(X)
    assert expected.dtype == dtype
    assert clone(imputer).fit_transform(frames["nullable"]).dtype == dtype
    for name, frame in frames.items():
        filled = imputer.transform(frame)
        assert filled.dtype == dtype, name
        np.testing.assert_array_equal(filled, expected, err_msg=name)


def test_wide_tables_in_single_precision():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 4)) @ rng.normal(size=(4, 40))
    X[rng.random(X.shape) < 0.1] = np.nan
    single = AutoEncoderImputer(random_state=0).fit_transform(X.astype(np.float32))
    assert single.dtype == np.float32
    double = AutoEncoderImputer(random_state=0).fit_transform(X)
    np.testing.assert_allclose(single, double, atol=1e-4)


def test_frames_of_polars(gap):
    frame = pl.from_pandas(gap[[*"acd"]])
    imputer = AutoEncoderImputer(random_state=0).set_output(transform="polars")
    filled = imputer.fit_transform(frame)
    assert filled.columns == [*"acd"]
    assert filled.null_count().sum_horizontal().item() == 0
    expected = AutoEncoderImputer(random_state=0).fit_transform(gap[[*"acd"]])
    np.testing.assert_array_equal(filled.to_numpy(), expected)
    with pytest.raises(ValueError, match="feature names"):
        imputer.transform(frame.rename({"a": "z"}))


def test_sparse_rows_and_dates_are_refused(gap):
    with pytest.raises(TypeError, match="dense data is required"):
        AutoEncoderImputer().fit(sparse.eye_array(5, format="csr"))
    with pytest.raises(ValueError, match="column 'd' of X has dates"):
        AutoEncoderImputer().fit(gap.assign(d=pd.Timestamp("2020-01-01")))


def test_infinity_is_refused():
    with pytest.raises(ValueError, match="infinity"):
        AutoEncoderImputer().fit([[1.0, np.inf], [2.0, 3.0]])
