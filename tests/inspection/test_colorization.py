"""Tests of gray images beside their true and predicted colours."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from skae import ColorizationAutoEncoder, rgb_to_gray
from skae.inspection import ColorizationDisplay


class Colorizer:
    """An estimator of images of bytes that answers 0.5."""

    def __init__(self, image_shape=None):
        self.image_shape_ = image_shape

    def predict(self, X):
        return np.full((len(X), 4, 5, 3), 0.5)


@pytest.fixture(scope="module")
def colors():
    return np.random.default_rng(0).random((40, 4, 5, 3))


def test_three_rows_of_a_linear_colorizer(colors, ax):
    gray = colors.mean(axis=-1).reshape(40, -1)
    ridge = Ridge().fit(gray, colors.reshape(40, -1))
    display = ColorizationDisplay.from_estimator(ridge, gray, colors, n_images=6, ax=ax)
    predicted = ridge.predict(gray).reshape(colors.shape)
    assert list(display.rows) == ["truth", "gray", "predicted"]
    assert display.mse_ == {
        "gray": pytest.approx((colors.var(axis=-1)).mean()),
        "predicted": pytest.approx(((predicted - colors) ** 2).mean()),
    }
    assert display.ax_ is ax
    assert ax.get_title() == "First 6 of 40 images, MSE over all"
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert [label.split("\n")[0] for label in labels] == ["truth", "gray", "predicted"]
    picture = display.image_.get_array()
    assert picture.shape == (3 * 5 - 1, 6 * 6 - 1, 4)
    np.testing.assert_allclose(picture[:4, :5, :3], colors[0])
    np.testing.assert_allclose(picture[5:9, :5, 1], colors[0].mean(axis=-1))
    np.testing.assert_allclose(picture[10:, 6:11, :3], predicted[1].clip(0, 1))


def test_flat_colours_need_the_shape_of_an_image(colors, ax):
    gray, flat = colors.mean(axis=-1).reshape(40, -1), colors.reshape(40, -1)
    ridge = Ridge().fit(gray, flat)
    by_images = ColorizationDisplay.from_estimator(ridge, gray, colors, ax=ax)
    by_rows = ColorizationDisplay.from_estimator(
        ridge, gray, flat, image_shape=(4, 5), ax=ax
    )
    assert by_rows.mse_ == by_images.mse_
    with pytest.raises(
        ValueError, match=r"image_shape=None, and Ridge takes rows of a table"
    ):
        ColorizationDisplay.from_estimator(ridge, gray, flat, ax=ax)
    with pytest.raises(ValueError, match=r"image_shape=\(5, 5, 3\) does not fit"):
        ColorizationDisplay.from_estimator(ridge, gray, flat, image_shape=(5, 5), ax=ax)


@pytest.mark.parametrize("as_rows", [False, True])
def test_bytes_are_shares_to_a_colorizer_of_images(colors, as_rows, ax):
    X_color = (colors * 255).astype(np.uint8)
    X_gray = X_color.mean(axis=-1).astype(np.uint8)
    colorizer = Colorizer()
    if as_rows:
        X_gray, X_color = X_gray.reshape(40, -1), X_color.reshape(40, -1)
        colorizer = Colorizer(image_shape=(4, 5))
    display = ColorizationDisplay.from_estimator(colorizer, X_gray, X_color, ax=ax)
    assert display.mse_["predicted"] == pytest.approx(
        ((X_color / 255 - 0.5) ** 2).mean(), rel=1e-5
    )
    assert display.mse_["gray"] < 0.2


@pytest.mark.parametrize("as_rows", [False, True])
def test_colorization_autoencoder(colors, as_rows, ax):
    X_color = (colors * 255).astype(np.uint8)
    X_gray = rgb_to_gray(X_color)
    image_shape = None
    if as_rows:
        X_gray, X_color = X_gray.reshape(40, -1), X_color.reshape(40, -1)
        image_shape = (4, 5)
    colorizer = ColorizationAutoEncoder(
        4, hidden_layer_sizes=(4,), image_shape=image_shape, max_epochs=1
    ).fit(X_gray, X_color)
    display = ColorizationDisplay.from_estimator(colorizer, X_gray, X_color, ax=ax)
    expected = ((colorizer.predict(X_gray) - X_color / 255) ** 2).mean()
    assert display.mse_["predicted"] == pytest.approx(expected, rel=1e-5)


def test_bytes_are_numbers_to_a_colorizer_of_tables(colors, ax):
    X_color = (colors * 255).astype(np.uint8)
    X_gray = X_color.mean(axis=-1).astype(np.uint8).reshape(40, -1)
    ridge = Ridge().fit(X_gray, X_color.reshape(40, -1))
    display = ColorizationDisplay.from_estimator(ridge, X_gray, X_color, ax=ax)
    predicted = ridge.predict(X_gray).reshape(X_color.shape)
    assert display.mse_["predicted"] == pytest.approx(
        ((predicted - X_color) ** 2).mean(), rel=1e-5
    )
    assert display.mse_["predicted"] > 10


def test_gray_images_with_a_channel(colors, ax):
    X_gray = colors.mean(axis=-1, keepdims=True)
    display = ColorizationDisplay.from_estimator(Colorizer(), X_gray, colors, ax=ax)
    assert display.mse_["gray"] == pytest.approx(colors.var(axis=-1).mean())


def test_new_figure(colors):
    import matplotlib.pyplot as plt

    display = ColorizationDisplay.from_estimator(
        Colorizer(), colors.mean(axis=-1), colors, n_images=2
    )
    assert plt.get_fignums() == [display.figure_.number]
    plt.close(display.figure_)


def test_smooth_images(colors, ax):
    display = ColorizationDisplay.from_estimator(
        Colorizer(),
        colors.mean(axis=-1),
        colors,
        n_images=2,
        interpolation="bicubic",
        ax=ax,
    )
    height, width = colors.shape[1:3]
    factor = -(-64 // min(height, width))
    shape = (factor * (3 * height + 2), factor * (2 * width + 1), 4)
    assert display.image_.get_array().shape == shape
