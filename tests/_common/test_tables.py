"""Tests of tables of any library."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone

from skae import (
    AutoEncoderTransformer,
    ClusterClassifier,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    PseudoLabelClassifier,
    SpectralKMeans,
)

OPTIONS = {"max_epochs": 2, "random_state": 0}
DATES = pd.date_range("2020", periods=6, freq="D")
NUMBERS = np.arange(6.0)
OF_DATES = {
    "datetime64": DATES.to_numpy().reshape(-1, 1),
    "timedelta64": (DATES - DATES[0]).to_numpy().reshape(-1, 1),
    "NaT": np.full((6, 1), np.datetime64("NaT", "s")),
    "frame": pd.DataFrame({"number": NUMBERS, "day": DATES}),
    "frame of dates": pd.DataFrame({"day": DATES}),
    "durations": pd.DataFrame({"number": NUMBERS, "day": DATES - DATES[0]}),
    "time zone": pd.DataFrame({"number": NUMBERS, "day": DATES.tz_localize("UTC")}),
    "periods": pd.DataFrame({"number": NUMBERS, "day": DATES.to_period("D")}),
    "objects": pd.DataFrame({"number": NUMBERS, "day": [d.date() for d in DATES]}),
    "array of objects": pd.DataFrame({"a": NUMBERS, "day": DATES}).to_numpy(),
    "list": [[1.0, day] for day in DATES.to_numpy()],
    "polars": pl.DataFrame({"number": NUMBERS, "day": DATES.to_numpy()}),
    "polars days": pl.DataFrame({"number": NUMBERS, "day": [d.date() for d in DATES]}),
}
TAKE_X = [
    AutoEncoderTransformer(1, **OPTIONS),
    PseudoLabelClassifier(**OPTIONS),
    ColorizationAutoEncoder(1, **OPTIONS),
    ClusterClassifier(),
    SpectralKMeans(2),
]


@pytest.mark.parametrize("X", OF_DATES.values(), ids=OF_DATES)
@pytest.mark.parametrize("estimator", TAKE_X, ids=lambda e: type(e).__name__)
def test_dates_are_not_numbers(estimator, X):
    named = "column 'day'" if hasattr(X, "columns") else "X"
    message = rf"{named}.* dates or durations.*not numbers"
    with pytest.raises(ValueError, match=message):
        clone(estimator).fit(X, [0, 0, 0, 1, 1, 1])
    fitted = clone(estimator).fit(np.eye(6)[:, : np.shape(X)[1]], [0, 0, 0, 1, 1, 1])
    method = getattr(fitted, "transform", getattr(fitted, "predict", None))
    with pytest.raises(ValueError, match=message):
        method(X)


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame({"number": NUMBERS, "name": [*"abcdef"]}),
        pd.DataFrame({"number": NUMBERS, "name": [*"abcdef"]}, dtype=object),
        pd.DataFrame({"number": NUMBERS, "name": pd.Categorical([*"abcdef"])}),
        pl.DataFrame({"number": NUMBERS, "name": [*"abcdef"]}),
    ],
    ids=["strings", "objects", "categories", "polars"],
)
@pytest.mark.parametrize("estimator", TAKE_X, ids=lambda e: type(e).__name__)
def test_an_error_names_the_column_of_text(estimator, X):
    with pytest.raises(ValueError, match=r"float: 'a'\. The column 'name' of"):
        clone(estimator).fit(X, [0, 0, 0, 1, 1, 1])


def test_dates_are_no_targets_and_no_corrupted_samples():
    y = DATES.to_numpy()
    message = "has dates or durations.*not numbers"
    with pytest.raises(ValueError, match=f"y {message}"):
        ColorizationAutoEncoder(1, **OPTIONS).fit(np.eye(6), y)
    with pytest.raises(ValueError, match=f"X_corrupted {message}"):
        DenoisingAutoEncoder(1, **OPTIONS).fit(
            np.eye(6)[:, :1], X_corrupted=y.reshape(-1, 1)
        )


def test_columns_that_are_numbers_stay_so():
    frame = pd.DataFrame({"a": NUMBERS, "b": pd.array([1, 2, 3, 4, 5, 6], "Int64")})
    frame["c"] = frame["a"].astype(object)
    rows = AutoEncoderTransformer(1, **OPTIONS).fit(frame).reconstruct(frame)
    assert rows.shape == (6, 3)


VALUES = np.random.default_rng(0).random((30, 4), dtype=np.float32)
IN_FLOAT32 = {
    "array": VALUES,
    "tensor": torch.from_numpy(VALUES),
    "tensor with a gradient": torch.from_numpy(VALUES).requires_grad_(),
    "pandas": pd.DataFrame(VALUES, columns=[*"abcd"]),
    "nullable": pd.DataFrame(VALUES, columns=[*"abcd"]).astype("Float32"),
    "partly nullable": pd.DataFrame(VALUES, columns=[*"abcd"]).astype({"a": "Float32"}),
    "polars": pl.DataFrame(VALUES, schema=[*"abcd"]),
    "images": torch.from_numpy(VALUES.reshape(30, 2, 2)),
}


@pytest.mark.parametrize("X", IN_FLOAT32.values(), ids=IN_FLOAT32)
def test_answers_are_in_the_precision_of_the_caller(X):
    model = AutoEncoderTransformer(2, **OPTIONS)
    assert model.fit_transform(X).dtype == np.float32
    codes = model.transform(X)
    assert codes.dtype == model.score_samples(X).dtype == np.float32
    np.testing.assert_array_equal(codes, model.fit_transform(VALUES))
    np.testing.assert_array_equal(
        model.inverse_transform(torch.from_numpy(codes)),
        model.inverse_transform(codes),
    )
    assert model.inverse_transform(pl.DataFrame(codes)).dtype == np.float32


def test_a_nullable_frame_may_have_missing_values():
    frame = pd.DataFrame(VALUES).astype("Float32")
    model = AutoEncoderTransformer(2, **OPTIONS).fit(frame)
    frame.iloc[0, 0] = pd.NA
    filled = model.impute(frame)
    assert filled.dtype == np.float32
    assert np.isfinite(filled).all()
    codes = model.fit_transform(pd.DataFrame(VALUES).astype({0: "Float64"}))
    assert codes.dtype == np.float64


def test_a_polars_frame_keeps_its_names_and_its_missing_values():
    frame = pl.DataFrame(VALUES, schema=[*"abcd"])
    model = AutoEncoderTransformer(2, **OPTIONS).fit(frame)
    assert model.feature_names_in_.tolist() == [*"abcd"]
    with pytest.raises(ValueError, match="feature names"):
        model.transform(frame.rename({"a": "z"}))
    hole = frame.with_columns(a=pl.Series([None, *VALUES[1:, 0].tolist()]))
    assert np.isfinite(model.transform(hole)).all()
    assert np.isfinite(model.impute(hole)).all()


def test_bfloat16_is_computed_in_float32():
    X = torch.from_numpy(VALUES).to(torch.bfloat16)
    codes = AutoEncoderTransformer(2, **OPTIONS).fit_transform(X)
    assert codes.dtype == np.float32
