"""ColorizationAutoEncoder and rgb_to_gray."""

import pickle
import random

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_linnerud, make_regression
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score

from skae import ColorizationAutoEncoder, rgb_to_gray
from skae.corruption import LUMA, RandomAffine
from skae.datasets import load_color_patches

COLOR = load_color_patches(n_patches=600, random_state=0) / np.float32(255)
GRAY = rgb_to_gray(COLOR)
TEST_COLOR = load_color_patches(n_patches=300, subset="test") / np.float32(255)
TEST_GRAY = rgb_to_gray(TEST_COLOR)


def make(**parameters):
    defaults = {
        "n_components": 8,
        "hidden_layer_sizes": (8, 16),
        "lr": 3e-3,
        "batch_size": 64,
        "max_epochs": 2,
        "random_state": 0,
    }
    return ColorizationAutoEncoder(**(defaults | parameters))


def squared_error(predicted, true):
    return float(np.square(predicted - true).mean())


def chroma_power(color):
    return np.square(color - rgb_to_gray(color)[..., None]).mean()


@pytest.fixture(scope="module")
def colorizer():
    return make(max_epochs=15).fit(GRAY, COLOR)


# -- gray ------------------------------------------------------------------------------


def test_gray_is_the_mean_or_the_luma():
    color = np.random.default_rng(0).random((4, 5, 6, 3))
    np.testing.assert_allclose(rgb_to_gray(color), color.mean(axis=-1))
    red, green, blue = np.moveaxis(color, -1, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    np.testing.assert_allclose(rgb_to_gray(color, gray="luma"), luma)
    assert sum(LUMA) == pytest.approx(1.0)
    white = np.ones((1, 1, 3), np.float32)
    for gray in ("mean", "luma"):
        np.testing.assert_allclose(rgb_to_gray(white, gray), 1.0, rtol=1e-6)


def test_gray_of_bytes_is_rounded_bytes():
    color = np.array([[0, 0, 1], [0, 1, 1], [255, 255, 255], [255, 0, 0]], np.uint8)
    gray = rgb_to_gray(color)
    assert gray.dtype == np.uint8
    assert gray.tolist() == [0, 1, 255, 85]
    assert rgb_to_gray(color.astype(np.float32)).dtype == np.float32
    assert rgb_to_gray(color.tolist()).dtype == np.float64


def test_gray_needs_three_channels():
    with pytest.raises(ValueError, match=r"shape \(4, 5\); its last axis must be red"):
        rgb_to_gray(np.zeros((4, 5)))
    with pytest.raises(ValueError, match=r"'gray' parameter .*Got 'max'"):
        rgb_to_gray(np.zeros((4, 3)), gray="max")


# -- images ----------------------------------------------------------------------------


def test_predictions_are_nearer_than_gray(colorizer):
    gray_error = squared_error(TEST_GRAY[..., None], TEST_COLOR)
    predicted = colorizer.predict(TEST_GRAY)
    assert predicted.shape == TEST_COLOR.shape
    assert predicted.dtype == np.float32
    assert squared_error(predicted, TEST_COLOR) < 0.7 * gray_error


@pytest.mark.parametrize("saturation", [None, 1.0, 3.0])
@pytest.mark.parametrize("gray", ["mean", "luma"])
def test_gray_of_the_prediction_is_the_input(gray, saturation):
    colorizer = make(gray=gray, saturation=saturation)
    colorizer.fit(rgb_to_gray(COLOR, gray), COLOR)
    rng = np.random.default_rng(0)
    images = rng.random((50, 8, 8))
    images[:5], images[5:10] = 0.0, 1.0
    predicted = colorizer.predict(images)
    assert predicted.min() >= 0
    assert predicted.max() <= 1
    np.testing.assert_allclose(rgb_to_gray(predicted, gray), images, atol=1e-12)
    np.testing.assert_allclose(predicted[:5], 0.0, atol=1e-12)
    assert chroma_power(predicted[10:]) > 0


def test_gamut_keeps_hue():
    plain, vivid = (make(saturation=s).fit(GRAY, COLOR) for s in (None, 4.0))
    gray = TEST_GRAY.astype(np.float64)
    small, large = (c.predict(gray) - gray[..., None] for c in (plain, vivid))
    # Of one direction each, or both without any chroma.
    cosine = (small * large).sum(axis=-1)
    lengths = np.linalg.norm(small, axis=-1) * np.linalg.norm(large, axis=-1)
    np.testing.assert_allclose(cosine, lengths, atol=1e-9)


def test_saturation_is_the_share_of_the_true_chroma(colorizer):
    def share(estimator):
        return np.sqrt(chroma_power(estimator.predict(GRAY)) / chroma_power(COLOR))

    # Some colours find no room in [0, 1].
    own = colorizer.saturation_
    assert own < 0.95
    assert 0.9 * own < share(colorizer) <= 1.001 * own
    for saturation in (0.5, 1.0):
        vivid = make(max_epochs=15, saturation=saturation).fit(GRAY, COLOR)
        assert vivid.saturation_ == own
        assert 0.9 * saturation < share(vivid) <= 1.001 * saturation
        # It may be changed afterwards, and is still checked.
        same = clone(vivid).set_params(saturation=None).fit(GRAY, COLOR)
        same.set_params(saturation=saturation)
        np.testing.assert_array_equal(same.predict(GRAY), vivid.predict(GRAY))
        with pytest.raises(ValueError, match=r"'saturation' parameter .*Got -1"):
            same.set_params(saturation=-1).predict(GRAY)


def test_gray_targets_have_nothing_to_saturate():
    gray_color = np.repeat(GRAY[..., None], 3, axis=-1)
    colorizer = make(saturation=1.0).fit(GRAY, gray_color)
    assert colorizer.saturation_ == 1.0
    assert np.isfinite(colorizer.predict(GRAY)).all()


def test_no_other_chroma_of_the_same_power_is_nearer(colorizer):
    """The conditional mean times a number is the best of its chroma's power."""
    gray = GRAY[..., None]
    mean = colorizer.predict(GRAY) - gray
    vivid = pickle.loads(pickle.dumps(colorizer)).set_params(saturation=1.0)
    chroma = vivid.predict(GRAY) - gray
    error, power = squared_error(gray + chroma, COLOR), np.square(chroma).mean()
    assert error < 0.5 * squared_error(gray, COLOR)
    rng = np.random.default_rng(0)
    strangers = mean[rng.permutation(len(mean))]
    length = np.sqrt(np.square(mean).mean(axis=(1, 2, 3), keepdims=True))
    others = {
        "of other images": strangers,
        "mixed": mean + 0.3 * strangers,
        "noisy": mean + 0.5 * mean.std() * rng.normal(size=mean.shape),
        "one power for every image": mean / length,
        "evened out": np.sign(mean) * np.sqrt(np.abs(mean)),
        "driven apart": mean * np.abs(mean),
        "turned": mean + 0.3 * np.roll(mean, 1, axis=3),
    }
    for name, other in others.items():
        other = other * np.sqrt(power / np.square(other).mean())
        assert squared_error(gray + other, COLOR) > 1.1 * error, name


def test_rows_and_images_are_the_same(colorizer):
    rows, colors = GRAY.reshape(600, -1), COLOR.reshape(600, -1)
    of_rows = make(max_epochs=15, image_shape=(8, 8)).fit(rows, colors)
    assert of_rows.image_shape_ == (8, 8)
    predicted = of_rows.predict(rows)
    assert predicted.shape == colors.shape
    np.testing.assert_array_equal(predicted, colorizer.predict(GRAY).reshape(600, -1))
    np.testing.assert_array_equal(
        colorizer.predict(rows[:5]), colorizer.predict(GRAY[:5])
    )
    one_channel = make(max_epochs=15).fit(GRAY[..., None], COLOR)
    np.testing.assert_array_equal(
        one_channel.predict(GRAY[..., None]), colorizer.predict(GRAY)
    )


def test_images_of_bytes():
    color = load_color_patches(n_patches=600, random_state=0)
    gray = rgb_to_gray(color)
    colorizer = make(max_epochs=5).fit(gray, color)
    predicted = colorizer.predict(gray)
    assert predicted.dtype == np.float32
    assert predicted.max() <= 1
    same = make(max_epochs=5).fit(gray / np.float32(255), color / np.float32(255))
    np.testing.assert_allclose(
        predicted, same.predict(gray / np.float32(255)), atol=1e-3
    )
    expected = r2_score(color.reshape(600, -1) / 255, predicted.reshape(600, -1))
    assert colorizer.score(gray, color) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_types_are_kept(colorizer, dtype):
    gray = TEST_GRAY.astype(dtype)
    assert colorizer.predict(gray).dtype == dtype
    assert colorizer.transform(gray).dtype == dtype
    np.testing.assert_allclose(
        colorizer.predict(gray), colorizer.predict(TEST_GRAY), atol=1e-5
    )


def test_one_image_is_as_in_a_batch(colorizer):
    gray = TEST_GRAY[:10].astype(np.float64)
    alone = np.concatenate([colorizer.predict(image[None]) for image in gray])
    np.testing.assert_allclose(alone, colorizer.predict(gray), atol=1e-12)


def test_codes(colorizer):
    codes = colorizer.transform(TEST_GRAY)
    assert codes.shape == (300, 8)
    assert codes.std(axis=0).min() > 0
    names = colorizer.get_feature_names_out()
    assert names.tolist() == [f"colorizationautoencoder{i}" for i in range(8)]


@pytest.mark.parametrize("shape", [(8, 8), (7, 5), (1, 1), (2, 9)])
def test_any_size(shape):
    rng = np.random.default_rng(0)
    color = rng.random((30, *shape, 3))
    gray = rgb_to_gray(color)
    for skip_connections in (True, False):
        colorizer = make(skip_connections=skip_connections).fit(gray, color)
        assert colorizer.predict(gray).shape == color.shape
    assert colorizer.module_.decoder.image.in_channels == 8  # no gray joined in


def test_skip_connections_are_more_weights():
    joined, alone = (
        make(skip_connections=skip_connections).fit(GRAY, COLOR)
        for skip_connections in (True, False)
    )
    n_joined, n_alone = (
        sum(p.numel() for p in colorizer.module_.parameters())
        for colorizer in (joined, alone)
    )
    assert n_joined > n_alone
    assert (joined.predict(GRAY) != alone.predict(GRAY)).any()


ACTIVATIONS = ["identity", "logistic", "relu", "tanh", "gelu", torch.nn.ELU]


@pytest.mark.parametrize("is_image", [True, False])
def test_activations(is_image, check_that_the_first_alone_is_affine):
    X, y = GRAY.astype(np.float64), COLOR
    if not is_image:
        X, y = X.reshape(600, -1), y.reshape(600, -1)[:, :5]
    fitted = [make(activation=activation).fit(X, y) for activation in ACTIVATIONS]
    codes = [colorizer.transform(X) for colorizer in fitted]
    middle = [colorizer.transform((X[:300] + X[300:]) / 2) for colorizer in fitted]
    # Without an activation the encoder is affine.
    check_that_the_first_alone_is_affine(codes, middle)


def test_sample_weight_of_score(colorizer):
    weight = np.arange(300.0)
    score = colorizer.score(TEST_GRAY, TEST_COLOR, sample_weight=weight)
    predicted = colorizer.predict(TEST_GRAY)
    expected = r2_score(
        TEST_COLOR.reshape(300, -1), predicted.reshape(300, -1), sample_weight=weight
    )
    assert score == pytest.approx(expected, abs=1e-6)
    assert abs(score - colorizer.score(TEST_GRAY, TEST_COLOR)) > 1e-4


def test_loss_curve_is_the_error():
    colorizer = make(max_epochs=30, lr=1e-3).fit(GRAY, COLOR)
    error = squared_error(colorizer.predict(GRAY), COLOR)
    assert colorizer.loss_curve_[-1] == pytest.approx(error, rel=0.1)


def test_augmentation_sees_gray_and_colour_together():
    seen = []

    def note(x, generator):
        seen.append(x.clone())
        return x.flip(2)

    colorizer = make(augmentation=note, max_epochs=1).fit(GRAY, COLOR)
    batch = torch.cat(seen)
    assert batch.shape == (600, 8, 8, 4)
    torch.testing.assert_close(batch[..., 0], batch[..., 1:].mean(dim=3))
    assert np.isfinite(colorizer.loss_curve_).all()
    affine = make(augmentation=RandomAffine()).fit(GRAY, COLOR)
    assert np.isfinite(affine.predict(GRAY)).all()


def test_random_state_alone_decides():
    def states():
        numpy_state = np.random.get_state()[1].tolist()
        return random.getstate(), numpy_state, torch.get_rng_state().tolist()

    before = states()
    first, second = (
        make(augmentation=RandomAffine(), saturation=1.0).fit(GRAY, COLOR)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.predict(GRAY), second.predict(GRAY))
    assert states() == before
    other = make(random_state=1).fit(GRAY, COLOR)
    assert (other.predict(GRAY) != first.predict(GRAY)).any()


def test_pickle_and_clone(colorizer):
    twin = pickle.loads(pickle.dumps(colorizer))
    np.testing.assert_array_equal(twin.predict(TEST_GRAY), colorizer.predict(TEST_GRAY))
    assert not hasattr(clone(colorizer), "module_")


def test_early_stopping():
    # No loss falls by a hundred times the variance, so that none counts as better.
    options = {"early_stopping": True, "n_iter_no_change": 2, "max_epochs": 6}
    stopped = make(tol=100.0, **options).fit(GRAY, COLOR)
    assert stopped.n_epochs_ == len(stopped.validation_loss_curve_) == 3
    going_on = make(tol=0.0, **options).fit(GRAY, COLOR)
    assert going_on.n_epochs_ == len(going_on.validation_loss_curve_) == 6


def test_warm_start():
    warm = make(warm_start=True).fit(GRAY, COLOR)
    before = warm.loss_curve_[-1]
    warm.fit(GRAY, COLOR)
    assert warm.n_epochs_ == 4
    assert warm.loss_curve_[-1] < before


def test_partial_fit_continues():
    colorizer = make(lr_schedule="constant")
    for _ in range(3):
        colorizer.partial_fit(GRAY, COLOR)
    assert colorizer.n_epochs_ == 3
    assert colorizer.loss_curve_[-1] < colorizer.loss_curve_[0]
    # The first epoch is that of a fit.
    fitted = make(lr_schedule="constant", max_epochs=1).fit(GRAY, COLOR)
    assert colorizer.loss_curve_[0] == fitted.loss_curve_[0]
    before = colorizer.predict(TEST_GRAY)
    with pytest.raises(ValueError, match="colour images of shape"):
        colorizer.partial_fit(GRAY, COLOR[:, :4])
    with pytest.raises(ValueError, match="gray='luma' must stay 'mean'"):
        colorizer.set_params(gray="luma").partial_fit(rgb_to_gray(COLOR, "luma"), COLOR)
    with pytest.raises(ValueError, match="early_stopping=True"):
        colorizer.set_params(gray="mean", early_stopping=True).partial_fit(GRAY, COLOR)
    np.testing.assert_array_equal(colorizer.predict(TEST_GRAY), before)


def test_partial_fit_of_a_table():
    X, y = load_linnerud(return_X_y=True)
    regressor = ColorizationAutoEncoder(2, random_state=0).partial_fit(X, y)
    scale = regressor.scale_
    assert regressor.partial_fit(2 * X, y).scale_ == scale


def test_grid_search_over_images():
    search = GridSearchCV(make(), {"max_epochs": [1, 16]}, cv=2)
    search.fit(GRAY, COLOR)
    assert search.best_params_ == {"max_epochs": 16}
    assert search.best_estimator_.n_epochs_ == 16
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] + 0.02 < scores[1] < 1


# -- tables ----------------------------------------------------------------------------


def test_table_is_a_regression_with_several_outputs():
    X, y = make_regression(400, 10, n_targets=3, noise=5.0, random_state=0)
    regressor = ColorizationAutoEncoder(8, batch_size=32, random_state=0)
    score = cross_val_score(regressor, X, y, cv=3).mean()
    assert score > 0.95
    assert not hasattr(regressor.fit(X, y), "saturation_")


def test_outputs_keep_their_shape():
    X, y = load_linnerud(return_X_y=True)
    regressor = make(hidden_layer_sizes=(16,))
    assert regressor.fit(X, y).predict(X).shape == (20, 3)
    assert regressor.fit(X, y[:, 0]).predict(X).shape == (20,)
    assert regressor.fit(X, y[:, :1]).predict(X).shape == (20, 1)
    assert regressor.n_outputs_ == 1
    cube = y.reshape(20, 3, 1)
    assert regressor.fit(X, cube).predict(X).shape == cube.shape


# -- errors ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (GRAY * 255, COLOR, r"X has images with values from .* must lie in \[0, 1\]"),
        (GRAY, COLOR * 255, r"y has images with values from .* must lie in \[0, 1\]"),
        (COLOR, COLOR, "X has images of 3 channels; it must be gray .*rgb_to_gray"),
        (GRAY, COLOR[:, :4], r"y has samples of shape \(4, 8, 3\).*\(8, 8, 3\)"),
        (GRAY, GRAY, r"y has samples of shape \(8, 8\); for gray images of 8 x 8"),
        (GRAY, COLOR.transpose(0, 3, 1, 2), r"y has samples of shape \(3, 8, 8\)"),
        (GRAY, np.empty((600, 0)), "Found array with 0 feature|must hold one row"),
        (GRAY, COLOR[:5], "each of X's 600 samples"),
        (GRAY, None, "requires y to be passed, but the target y is None"),
        (GRAY, np.full_like(COLOR, np.nan), "Input y contains NaN"),
        (np.full_like(GRAY, np.nan), COLOR, "Input X contains NaN"),
        (rgb_to_gray(COLOR, "luma"), COLOR, "gray='mean', but X is closer .* gray='lu"),
    ],
)  # fmt: skip
def test_bad_input_is_named(X, y, message):
    colorizer = make()
    with pytest.raises(ValueError, match=message):
        colorizer.fit(X, y)
    assert not hasattr(colorizer, "module_")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"gray": "max"}, r"'gray' parameter .*Got 'max'"),
        ({"saturation": 0.0}, "'saturation' parameter .*Got 0.0"),
        ({"skip_connections": "yes"}, "'skip_connections' parameter .*Got 'yes'"),
        ({"hidden_layer_sizes": (8, 0)}, r"hidden_layer_sizes=\(8, 0\) must hold pos"),
        ({"hidden_layer_sizes": ()}, r"hidden_layer_sizes=\(\) must hold one numb"),
        ({"image_shape": (4, 8)}, r"image_shape=\(4, 8\) does not fit X"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        make(**parameters).fit(GRAY, COLOR)


def test_what_only_images_have_is_refused_for_tables():
    X, y = load_linnerud(return_X_y=True)
    with pytest.raises(ValueError, match=r"saturation=1\.0 must be None for a table"):
        make(saturation=1.0).fit(X, y)
    with pytest.raises(ValueError, match=r"augmentation=.* must be None for a table"):
        make(augmentation=RandomAffine()).fit(X, y)


def test_a_saturation_set_later_is_refused_for_tables_too():
    X, y = load_linnerud(return_X_y=True)
    regressor = make().fit(X, y)
    with pytest.raises(ValueError, match=r"saturation=1\.0 must be None for a table"):
        regressor.set_params(saturation=1.0).predict(X)


def test_large_outputs_are_named():
    X, y = load_linnerud(return_X_y=True)
    with pytest.raises(ValueError, match=r"y has values up to .*; scale y\."):
        make().fit(X, y * 1e200)


def test_the_gray_of_a_network_stays():
    colorizer = make(warm_start=True).fit(GRAY, COLOR)
    colorizer.set_params(gray="luma")
    with pytest.raises(ValueError, match="gray='luma' must stay 'mean'"):
        colorizer.fit(rgb_to_gray(COLOR, "luma"), COLOR)


def test_loaded_from_a_memory_map(tmp_path, colorizer):
    joblib.dump(colorizer, tmp_path / "colorizer.joblib")
    mapped = joblib.load(tmp_path / "colorizer.joblib", mmap_mode="r")
    expected = colorizer.predict(TEST_GRAY)
    np.testing.assert_array_equal(mapped.predict(TEST_GRAY), expected)


def test_a_failed_fit_changes_nothing():
    colorizer = make().fit(GRAY, COLOR)
    before = colorizer.predict(TEST_GRAY)
    with pytest.raises(ValueError, match="values from"):
        colorizer.fit(GRAY, COLOR * 255)
    np.testing.assert_array_equal(colorizer.predict(TEST_GRAY), before)


def test_bad_samples_of_predict(colorizer):
    with pytest.raises(ValueError, match="Input X contains NaN"):
        colorizer.predict(np.full_like(TEST_GRAY, np.nan))
    with pytest.raises(ValueError, match="values from"):
        colorizer.predict(TEST_GRAY * 255)
    with pytest.raises(ValueError, match=r"images of shape \(8, 8, 3\)"):
        colorizer.predict(TEST_COLOR)
