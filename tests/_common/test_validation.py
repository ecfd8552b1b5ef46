"""Tests of what images mean (bytes, floats in [0, 1], and others) and of parameters."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.utils.validation import validate_data

from skae import (
    AutoEncoderImputer,
    AutoEncoderOutlierDetector,
    AutoEncoderTransformer,
    ClusterClassifier,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    PseudoLabelClassifier,
    Reconstructor,
    VariationalAutoEncoder,
)
from skae._common.stored import DTYPES
from skae._common.validation import find_plain_rows

DIGITS = load_digits()
BYTES = np.round(DIGITS.images[:80] / 16 * 255).astype(np.uint8)
Y = DIGITS.target[:80]
COLORS = np.stack([BYTES, 255 - BYTES, BYTES // 2], axis=-1)
OPTIONS = {"max_epochs": 2, "random_state": 0}

# Each is an estimator, what it is fitted to besides the images, and what it answers.
CASES = {
    "plain": (AutoEncoderTransformer(4, **OPTIONS), None, "transform"),
    "conv": (
        AutoEncoderTransformer(
            4, architecture="conv", hidden_layer_sizes=(4,), **OPTIONS
        ),
        None,
        "transform",
    ),
    "denoising": (DenoisingAutoEncoder(4, **OPTIONS), None, "transform"),
    "variational": (VariationalAutoEncoder(4, **OPTIONS), None, "transform"),
    "colorization": (
        ColorizationAutoEncoder(4, hidden_layer_sizes=(4, 4), **OPTIONS),
        COLORS,
        "predict",
    ),
    "pseudo labels": (
        PseudoLabelClassifier(hidden_layer_sizes=(4,), **OPTIONS),
        Y,
        "predict_proba",
    ),
}


@pytest.fixture(params=CASES)
def name(request):
    return request.param


@pytest.fixture
def fit(name):
    """Return a function from images to the answers of the fitted model."""
    estimator, target, method = CASES[name]

    def fit(images):
        return getattr(estimator.fit(images, target), method)

    return fit


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_fitted_on_the_numbers_of_bytes(name, fit, dtype):
    as_numbers = BYTES.astype(dtype)
    if name == "colorization":  # it needs to know what is black and what is white
        with pytest.raises(ValueError, match=r"must lie in \[0, 1\], or be of uint8"):
            fit(as_numbers)
        return
    answer = fit(as_numbers)
    expected = answer(as_numbers)
    assert np.ptp(expected, axis=0).max() > 1e-4
    np.testing.assert_allclose(answer(BYTES), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_fitted_on_bytes(fit, dtype):
    answer = fit(BYTES)
    message = (
        r"X has images of .* up to 255, but those of the fit were of uint8.*by 255"
    )
    with pytest.raises(ValueError, match=message):
        answer(BYTES.astype(dtype))
    if np.dtype(dtype).kind == "f":
        as_floats = (BYTES / 255).astype(dtype)
        np.testing.assert_allclose(
            answer(as_floats), answer(BYTES), rtol=1e-3, atol=1e-4
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fitted_on_floats_from_zero_to_one(fit, dtype):
    as_floats = (BYTES / 255).astype(dtype)
    answer = fit(as_floats)
    expected = answer(as_floats)
    assert np.ptp(expected, axis=0).max() > 1e-4
    np.testing.assert_allclose(answer(BYTES), expected, rtol=1e-3, atol=1e-4)


def test_fitted_on_standardized_floats(name, fit):
    standardized = (BYTES - BYTES.mean()) / BYTES.std()
    if name == "colorization":
        with pytest.raises(ValueError, match=r"must lie in \[0, 1\], or be of uint8"):
            fit(standardized)
        return
    answer = fit(standardized)
    with pytest.raises(ValueError, match="uint8, but the images of the fit were neith"):
        answer(BYTES)


def test_a_table_of_bytes_is_numbers():
    table = BYTES.reshape(80, -1)
    ae = AutoEncoderTransformer(4, **OPTIONS).fit(table)
    codes = ae.transform(table)
    as_floats = ae.transform(table.astype(np.float32))
    np.testing.assert_allclose(as_floats, codes, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (4, 8, 6)])
def test_channels_come_last(shape):
    X = np.random.default_rng(0).random((6, *shape))
    message = rf"images of shape \({shape[0]}, .*must come last.*np\.moveaxis"
    with pytest.raises(ValueError, match=message):
        AutoEncoderTransformer(2, **OPTIONS).fit(X)
    with pytest.raises(ValueError, match=message):
        AutoEncoderTransformer(2, image_shape=shape, **OPTIONS).fit(X.reshape(6, -1))
    moved = np.moveaxis(X, 1, -1)
    model = AutoEncoderTransformer(2, **OPTIONS).fit(moved)
    assert model.reconstruct(moved).shape == moved.shape


@pytest.mark.parametrize("shape", [(3, 3, 3), (5, 32, 32), (3, 32), (4, 16, 3)])
def test_small_images_are_not_channels(shape):
    X = np.random.default_rng(0).random((6, *shape))
    assert AutoEncoderTransformer(2, **OPTIONS).fit(X).image_shape_ == shape


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)])
def test_one_image_is_to_be_passed_as_several(shape):
    X = np.random.default_rng(0).random((6, *shape))
    autoencoder = AutoEncoderTransformer(2, **OPTIONS).fit(X)
    with pytest.raises(ValueError, match=r"one image, .*pass X\[np\.newaxis\]\.$"):
        autoencoder.transform(X[0])
    assert autoencoder.transform(X[0][np.newaxis]).shape == (1, 2)
    with pytest.raises(ValueError, match=r"shape \(4, 2\), .*\(4, 5(, 3)?\)\.$"):
        autoencoder.transform(np.zeros((5, 4, 2)))


def test_a_row_of_pixels_is_not_an_image_alone():
    X = np.random.default_rng(0).random((6, 1, 5))
    autoencoder = AutoEncoderTransformer(2, **OPTIONS).fit(X)
    np.testing.assert_array_equal(
        autoencoder.transform(X[0]), autoencoder.transform(X)[:1]
    )


def test_one_row_is_to_be_passed_as_several():
    model = AutoEncoderTransformer(4, **OPTIONS).fit(DIGITS.data[:80])
    row = DIGITS.data[0]
    for alone in (row, torch.from_numpy(row), row.tolist()):
        with pytest.raises(ValueError, match=r"Reshape .*reshape\(1, -1\)"):
            model.transform(alone)
    with pytest.raises(ValueError, match="DataFrame containing a single row"):
        model.transform(pd.Series(row))


@pytest.mark.parametrize("rows", [[0], [[0.0] * 63], np.zeros((0, 64))])
def test_what_has_another_shape_is_refused_after_the_fit(rows):
    model = AutoEncoderTransformer(4, **OPTIONS).fit(DIGITS.data[:80])
    with pytest.raises(ValueError, match=r"Expected 2D|63 features|0 sample"):
        model.transform(np.asarray(rows, dtype=float))


def test_one_row_is_encoded_as_many_are_however_it_is_stored():
    X = DIGITS.data[:80]
    model = AutoEncoderTransformer(4, **OPTIONS).fit(X)
    codes = model.transform(X)
    table = np.full((1, 128), np.nan)
    table[:, ::2] = X[:1]
    for row in (X[:1], table[:, ::2], X[:1].astype(">f8"), X[:1].tolist()):
        np.testing.assert_allclose(model.transform(row), codes[:1], rtol=1e-12)
    table[:, 1::2] = np.inf
    with pytest.raises(ValueError, match="contains infinity"):
        model.transform(table[:, :64].copy())


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (Reconstructor(AutoEncoderTransformer), "estimator"),
        (AutoEncoderImputer(estimator=AutoEncoderTransformer), "estimator"),
        (AutoEncoderOutlierDetector(estimator=AutoEncoderTransformer), "estimator"),
        (ClusterClassifier(encoder=AutoEncoderTransformer), "encoder"),
        (ClusterClassifier(clusterer=KMeans), "clusterer"),
        (ClusterClassifier(refiner=PseudoLabelClassifier), "refiner"),
        (AutoEncoderTransformer(density=GaussianMixture), "density"),
    ],
)
def test_a_class_in_the_place_of_an_estimator_is_refused(estimator, name):
    X, y = np.zeros((6, 2)), np.array([0, 1] * 3)
    with pytest.raises(
        ValueError,
        match=rf"The '{name}' parameter of {type(estimator).__name__} must be an "
        r"instance \(not a class\) implementing .* Got <class ",
    ):
        estimator.fit(X, y)


FRAME = pd.DataFrame(DIGITS.data[:50, 2:6], columns=[*"abcd"])


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "uint8"])
def test_a_plain_frame_is_what_checks_return(dtype):
    frame = FRAME.astype(dtype)
    fitted = PCA(2).fit(frame)
    for X in (frame, frame[:1], frame[::-3], frame[["a", "b"]].assign(c=frame.c, d=1)):
        X = X.astype(dtype)
        rows = find_plain_rows(fitted, X)
        expected = validate_data(fitted, X, reset=False, dtype=DTYPES, order="C")
        assert rows.dtype == expected.dtype
        assert rows.flags.c_contiguous
        np.testing.assert_array_equal(rows, expected)


@pytest.mark.parametrize(
    "X",
    [
        FRAME[[*"abdc"]],
        FRAME[[*"abc"]],
        FRAME.set_axis([*"wxyz"], axis=1),
        FRAME.astype({"a": "float32"}),
        FRAME.astype("Float64"),
        FRAME.astype("category"),
        FRAME.astype(object),
        FRAME[:0],
        FRAME.a,
        FRAME.to_numpy(),
        FRAME.to_numpy().tolist(),
    ],
    ids=lambda X: type(X).__name__,
)
def test_what_checks_convert_or_refuse_is_left_to_them(X):
    assert find_plain_rows(PCA(2).fit(FRAME), X) is None


def test_arrays_are_plain_where_fit_saw_no_names():
    X = FRAME.to_numpy()
    fitted = PCA(2).fit(X)
    assert find_plain_rows(fitted, X) is not None
    assert find_plain_rows(fitted, X[:, :3]) is None
    assert find_plain_rows(fitted, X.astype(complex)) is None
    assert find_plain_rows(fitted, FRAME) is None  # a warning says that it has names
    rows = find_plain_rows(fitted, np.asfortranarray(X))
    assert rows.flags.c_contiguous
    np.testing.assert_array_equal(rows, X)
