"""Tests of the one change of scale."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.metrics import r2_score
from sklearn.preprocessing import scale

from skae import (
    AutoEncoderTransformer,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    PseudoLabelClassifier,
    VariationalAutoEncoder,
)
from skae._common.validation import Samples
from skae._training.scaling import (
    FLOAT32_MEAN_LIMIT,
    FUSED_MEAN_LIMIT,
    Scaling,
    subsample,
    warn_of_units,
)
from skae.corruption import GaussianNoise
from skae.likelihood import Gaussian, Mixed

RNG = np.random.RandomState(0)


# -- What is learned --------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int32])
def test_mean_per_feature_and_one_scale(dtype):
    rows = (RNG.randn(200, 3) * [1, 20, 5] + [50, 0, 7]).astype(dtype)
    scaling = Scaling.fit(Samples(rows))
    exact = rows.astype(np.float64)
    np.testing.assert_allclose(scaling.mean, exact.mean(axis=0), rtol=1e-6)
    assert scaling.mean.dtype == np.float64
    expected = np.square(exact - exact.mean(axis=0)).mean() ** 0.5
    assert scaling.scale == pytest.approx(expected, rel=1e-6)


def test_bytes_are_measured_as_what_they_mean():
    rows = RNG.randint(0, 256, (200, 3)).astype(np.uint8)
    scaling = Scaling.fit(Samples(rows, 1 / 255))
    expected = Scaling.fit(Samples(rows / 255))
    np.testing.assert_allclose(scaling.mean, expected.mean)
    assert scaling.scale == pytest.approx(expected.scale)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e300, -1e-300])
@pytest.mark.parametrize("n_samples", [1, 7])
def test_constant_samples_have_the_scale_one(value, n_samples):
    scaling = Scaling.fit(Samples(np.full((n_samples, 3), value)))
    assert scaling.scale == 1.0
    np.testing.assert_array_equal(scaling.mean, value)


def test_constant_columns_become_exactly_zero():
    # The mean of ten tenths is not a tenth.
    rows = np.c_[np.full(10, 0.1), np.full(10, 1e200), RNG.randn(10)]
    scaling = Scaling.fit(Samples(rows))
    assert scaling.mean[0] == 0.1
    assert scaling.mean[1] == 1e200
    assert scaling.scale == pytest.approx(rows[:, 2].std() / 3**0.5)
    z = scaling.to_module_scale(torch.from_numpy(rows))
    assert (z[:, :2] == 0).all()


@pytest.mark.parametrize(
    ("factor", "dtype", "message"),
    [
        (1e200, np.float64, r"Y has values up to .*e\+200, whose squares are infinite"),
        (1e25, np.float32, r"Y has values up to .*e\+25, whose squares are infinite"),
        (1e-200, np.float64, r"Y has values that differ by .*e-200 .*too little"),
        (1e-25, np.float32, r"Y has values that differ by .*e-25 .*too little"),
    ],
)
def test_what_cannot_be_squared_is_refused(factor, dtype, message):
    rows = (factor * RNG.randn(20, 3)).astype(dtype)
    with pytest.raises(ValueError, match=message):
        Scaling.fit(Samples(rows), name="Y")
    if dtype == np.float32:  # as float64 they can
        scale = Scaling.fit(Samples(rows.astype(np.float64))).scale
        assert scale == pytest.approx(factor, rel=0.3)


def test_of_many_samples_some_are_measured():
    rows = RNG.randn(20_000, 2)
    found, expected = Scaling.fit(Samples(rows)), Scaling.fit(Samples(subsample(rows)))
    assert found.scale == expected.scale
    np.testing.assert_allclose(found.mean, rows.mean(axis=0), atol=0.1)


@pytest.mark.parametrize("n_samples", [1, 99, 100, 101, 1000])
def test_subsamples_are_spread_and_not_copied(n_samples):
    rows = np.zeros((n_samples, 3))
    rows[:, 0] = np.arange(n_samples)
    some = subsample(rows, n_rows=100)
    assert len(some) <= 100
    assert len(some) >= min(50, n_samples)
    assert np.shares_memory(some, rows)
    assert some[0, 0] == 0
    assert some[-1, 0] >= n_samples - n_samples / 50 - 1
    assert len(set(np.diff(some[:, 0]))) <= 1


# -- There and back ---------------------------------------------------------------


@pytest.mark.parametrize("distance", [0.0, 1.0, 0.9 * FUSED_MEAN_LIMIT])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_near_means_are_taken_away_by_one_operation(distance, dtype):
    rows = (3 * (distance + RNG.randn(50, 4))).astype(dtype)
    scaling = Scaling(np.full(4, 3 * distance), 3.0)
    found = scaling.to_module_scale(torch.from_numpy(rows))
    assert found.numpy().dtype == dtype
    np.testing.assert_allclose(found, rows / 3.0 - distance, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.int32])
def test_wide_types_are_centred_before_they_are_narrowed(dtype):
    mean = np.array([1e9, -1e9, 12345.0])
    rows = (mean + RNG.randint(-100, 100, (50, 3))).astype(dtype)
    found = Scaling(mean, 60.0).to_module_scale(torch.from_numpy(rows))
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found, (rows - mean) / 60.0, rtol=0, atol=1e-9)


def test_far_means_leave_narrow_types_all_of_their_digits():
    rows = (np.float32(1e6) + RNG.randint(-8, 8, (50, 3))).astype(np.float32)
    scaling = Scaling(np.full(3, 1e6), 4.0)
    assert scaling.distance > FUSED_MEAN_LIMIT
    found = scaling.to_module_scale(torch.from_numpy(rows))
    assert found.dtype == torch.float32
    np.testing.assert_array_equal(found, (rows - 1e6) / 4.0)


def test_bytes_become_floats_by_exact_formulas():
    rows = np.arange(256, dtype=np.uint8).reshape(64, 4)
    tensor = torch.from_numpy(rows)
    identity = Scaling.identity(4)
    assert identity.to_module_scale(tensor) is tensor
    images = identity.to_module_scale(tensor, 1 / 255)
    assert torch.equal(images, tensor.float() * (1 / 255))
    assert images.max() == 1
    near, far = Scaling(rows.mean(axis=0) / 255, 0.29), Scaling(np.full(4, 0.5), 1e-3)
    for scaling in (near, far):
        found = scaling.to_module_scale(tensor, 1 / 255)
        assert found.dtype == torch.float32
        expected = (rows / 255 - scaling.mean) / scaling.scale
        np.testing.assert_allclose(
            found, expected, rtol=1e-6, atol=2e-7 / scaling.scale
        )


@pytest.mark.parametrize("distance", [0.0, 5.0, 1e3, 1e6])
@pytest.mark.parametrize("scale", [1.0, 1e-8, 1e9])
def test_round_trip(distance, scale):
    rows = scale * (distance + RNG.randn(50, 4))
    scaling = Scaling.fit(Samples(rows))
    assert scaling.distance == pytest.approx(distance, rel=0.5, abs=0.5)
    tensor = torch.from_numpy(rows)
    back = scaling.to_data_scale(scaling.to_module_scale(tensor))
    assert back.dtype == torch.float64
    np.testing.assert_allclose(back, rows, rtol=0, atol=1e-9 * scaling.scale)
    narrow = scaling.to_data_scale(scaling.to_module_scale(tensor).float())
    assert narrow.dtype == torch.float32


def test_the_identity_changes_nothing():
    scaling, x = Scaling.identity(3), torch.rand(4, 3)
    assert scaling.is_identity
    assert scaling.to_module_scale(x) is x
    assert scaling.to_data_scale(x) is x
    assert not Scaling(np.zeros(3), 2.0).is_identity
    assert not Scaling(np.ones(3)).is_identity


@pytest.mark.parametrize(
    ("dtype", "far"),
    [
        (torch.float64, torch.float64),
        (torch.int64, torch.float64),
        (torch.int32, torch.float64),
        (torch.float32, torch.float32),
        (torch.float16, torch.float32),
        (torch.uint8, torch.float32),
    ],
)
def test_type_of_views(dtype, far):
    for mean, expected in (
        (0.9 * FLOAT32_MEAN_LIMIT, torch.float32),
        (1.1 * FLOAT32_MEAN_LIMIT, far),
    ):
        scaling = Scaling(np.array([0.0, -5.0 * mean]), 5.0)
        assert scaling.view_dtype(dtype) == expected


# -- Data far from zero -----------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        AutoEncoderTransformer,
        lambda *args, **kwargs: AutoEncoderTransformer(
            *args, augmentation=GaussianNoise(0.05), **kwargs
        ),
        lambda *args, **kwargs: DenoisingAutoEncoder(
            *args, corruption=GaussianNoise(0.3), **kwargs
        ),
    ],
    ids=["plain", "augmented", "denoising"],
)
def test_an_offset_is_not_a_matter_for_what_is_learned(make):
    X = load_digits().data[:600] / 6.0  # with a spread of about one
    offset = X + 1e8 * X.std()
    scores = []
    for samples in (X, offset):
        ae = make(8, max_epochs=25, lr=5e-3, random_state=0).fit(samples)
        found = ae.reconstruct(samples)
        assert found.dtype == np.float64
        scores.append(r2_score(samples, found, multioutput="variance_weighted"))
    assert scores[0] > 0.6
    assert scores[1] == pytest.approx(scores[0], abs=0.01)


# -- Columns of other units ---------------------------------------------------------

TABLE = np.random.default_rng(0).normal(size=(200, 4)) * [1.0, 1e3, 1e-3, 0.0]
MAKERS = [
    lambda: AutoEncoderTransformer(2, max_epochs=1),
    lambda: DenoisingAutoEncoder(2, max_epochs=1),
    lambda: VariationalAutoEncoder(2, max_epochs=1),
    lambda: PseudoLabelClassifier(max_epochs=1),
    lambda: ColorizationAutoEncoder(2, max_epochs=1),
]


@pytest.mark.parametrize("make", MAKERS)
def test_columns_of_other_units_are_named_once(make):
    frame = pd.DataFrame(TABLE, columns=["volts", "meters", "amperes", "nothing"])
    labels = np.arange(200) % 2
    with pytest.warns(UserWarning, match="StandardScaler") as told:
        make().fit(frame, labels)
    (text,) = [str(w.message) for w in told if "StandardScaler" in str(w.message)]
    assert text.startswith(
        "The columns 'volts', 'amperes' of X span less than a thousandth of what "
        "'meters' span"
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*StandardScaler")
        make().fit(scale(TABLE), labels)
        make().fit(np.delete(TABLE, 1, axis=1) / [1.0, 2e-3, 1.0], labels)


def test_columns_without_names_are_told_by_their_numbers():
    wide = np.hstack([TABLE[:, 1:2]] + [TABLE[:, 2:3]] * 7)
    with pytest.warns(
        UserWarning, match=r"columns 1, 2, 3, 4, 5, \.\.\. of X .* 0 span"
    ):
        warn_of_units(wide)


def test_missing_values_and_images_have_no_units():
    table = TABLE.copy()
    table[::2] = np.nan
    with pytest.warns(UserWarning, match="columns 0, 2 of X"):
        warn_of_units(table)
    images = np.random.default_rng(0).normal(size=(60, 2, 2))
    images[:, 0, 0] *= 1e6
    AutoEncoderTransformer(2, max_epochs=1).fit(images)


# -- One scale per feature ----------------------------------------------------------


@pytest.mark.parametrize("convert", [np.asarray, np.float32, sparse.csr_array])
@pytest.mark.parametrize("weight", [None, np.arange(200.0) % 3 + 1])
def test_each_feature_may_have_a_scale(convert, weight):
    table = np.add(TABLE, [0.0, 5e3, 0.0, 7.0])
    scaled = np.array([False, True, True, True])
    scaling = Scaling.fit(Samples(convert(table), weight=weight), scaled=scaled)
    mean = np.average(table, axis=0, weights=weight)
    std = np.sqrt(np.average((table - mean) ** 2, axis=0, weights=weight))
    assert scaling.is_per_feature
    # What is not scaled stays as it is; constant features have the scale one.
    np.testing.assert_allclose(scaling.mean, [0.0, *mean[1:]], rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(scaling.scale, [1.0, *std[1:3], 1.0], rtol=1e-5)
    assert scaling.mean_scale == pytest.approx(np.prod(std[1:3]) ** 0.25, rel=1e-5)

    z = scaling.to_module_scale(torch.from_numpy(table))
    expected = (table - scaling.mean) / scaling.scale
    np.testing.assert_allclose(z, expected, rtol=1e-12)
    np.testing.assert_allclose(scaling.to_data_scale(z), table, rtol=1e-12)
    log_scales = np.log(scaling.scale)
    assert float(scaling.log_volume(z)) == pytest.approx(log_scales.sum())
    missing = torch.from_numpy(np.arange(800).reshape(200, 4) % 3 == 0)
    found = scaling.log_volume(z, missing)
    np.testing.assert_allclose(found, (~missing.numpy() * log_scales).sum(axis=1))


def test_rounding_is_not_a_scale():
    X = np.full((50, 2), 1e6)
    X[::2, 0] += 2e-10
    X[::2, 1] += 1.0
    scaling = Scaling.fit(Samples(X), scaled=np.ones(2, dtype=bool))
    assert scaling.scale.tolist() == [1.0, 0.5]


@pytest.mark.parametrize("value", [1e200, 1e-200])
def test_a_feature_that_cannot_be_squared_is_refused(value):
    X = np.zeros((50, 2))
    X[::2] = value
    with pytest.raises(ValueError, match="scale X"):
        Scaling.fit(Samples(X), scaled=np.ones(2, dtype=bool))


DIAG = Gaussian(covariance_type="diag")


@pytest.mark.parametrize(
    "likelihood",
    [DIAG, Mixed([("one", "gaussian", [0, 2]), ("two", DIAG, slice(3, None, -2))])],
    ids=["diag", "mixed"],
)
@pytest.mark.parametrize(
    "make", [AutoEncoderTransformer, DenoisingAutoEncoder, VariationalAutoEncoder]
)
def test_units_do_not_matter_to_likelihoods_with_a_variance_of_each(make, likelihood):
    rng = np.random.default_rng(0)
    Z = scale(np.tanh(rng.normal(size=(400, 2)) @ rng.normal(size=(2, 4))))
    units = np.array([1.0, 1e3, 1e-3, 10.0])
    X = Z * units + [0.0, 1e4, 0.1, -3.0]
    # Without a warning of units.
    models = [
        make(2, likelihood=likelihood, max_epochs=20, lr=5e-3, random_state=0).fit(rows)
        for rows in (Z, X)
    ]
    of_z, of_x = models
    np.testing.assert_allclose(of_x.scale_, units)
    # Corrupted samples are rounded in the units of X: training differs a little.
    np.testing.assert_allclose(
        (of_x.reconstruct(X) - X) / units, of_z.reconstruct(Z) - Z, atol=0.1
    )
    log_volume = np.log(units).sum()
    assert of_x.score(X) == pytest.approx(of_z.score(Z) - log_volume, abs=0.1)
    variance = of_z.noise_variance_ * units**2
    np.testing.assert_allclose(of_x.noise_variance_, variance, rtol=0.1)
    std = of_x.sample(400, random_state=0).std(axis=0)
    np.testing.assert_allclose(std / X.std(axis=0), 1.0, atol=0.2)
    holes = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    filled = of_x.impute(holes)
    np.testing.assert_allclose(
        (filled - X) / units,
        of_z.impute(np.where(np.isnan(holes), np.nan, Z)) - Z,
        atol=0.2,
    )
    exported = of_x.to_module()
    rows = torch.from_numpy(X)
    np.testing.assert_allclose(
        exported(rows).detach().numpy() / units, of_x.reconstruct(X) / units, atol=2e-3
    )
    if exported.log_prob is not None:
        np.testing.assert_allclose(
            exported.log_prob(rows).detach(), of_x.score_samples(X), atol=0.05
        )
    # The curve is in the units of X, too.
    per_feature = 1 if make is VariationalAutoEncoder else 4
    assert of_x.loss_curve_[-1] == pytest.approx(
        of_z.loss_curve_[-1] + log_volume / per_feature, abs=0.1
    )


def test_images_have_one_scale_whatever_the_likelihood():
    images = np.random.default_rng(0).normal(size=(60, 2, 2)) * [1.0, 3.0]
    ae = AutoEncoderTransformer(2, likelihood=DIAG, max_epochs=1).fit(images)
    assert ae.scale_ == pytest.approx(images.std(), rel=0.05)
