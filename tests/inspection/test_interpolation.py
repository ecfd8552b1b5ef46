"""Tests of images on the way from one sample to another."""

import numpy as np
import pandas as pd
import pytest

from skae import AutoEncoderTransformer
from skae.inspection import InterpolationDisplay


def test_rows_are_the_walks_of_the_estimator(byte_images, image_autoencoder, ax):
    X1, X2 = byte_images[:2], byte_images[2:4]
    display = InterpolationDisplay.from_estimator(
        image_autoencoder, X1, X2, n_steps=5, ax=ax
    )
    assert display.images.shape == (2, 5, 8, 8)
    for row, x1, x2 in zip(display.images, X1, X2, strict=True):
        np.testing.assert_array_equal(row, image_autoencoder.interpolate(x1, x2, 5))
    assert display.limits == (0, 1)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    picture = display.image_.get_array()
    assert picture.shape == (2 * 9 - 1, 5 * 9 - 1, 4)
    shown = picture[:8, 9:17, 0]
    np.testing.assert_allclose(shown, display.images[0, 1].clip(0, 1), atol=1 / 255)
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert labels == ["first", "second"]


def test_rows_and_frames_on_their_own_scale(digits, row_autoencoder, ax):
    X, _ = digits
    display = InterpolationDisplay.from_estimator(
        row_autoencoder, X[:3], X[3:6], n_steps=2, ax=ax
    )
    assert display.images.shape == (3, 2, 8, 8)
    assert display.limits == (0, 16)
    frame = pd.DataFrame(X[:100]).add_prefix("pixel")
    framed = AutoEncoderTransformer(2, max_epochs=1, random_state=0).fit(frame)
    display = InterpolationDisplay.from_estimator(
        framed, frame[:1], frame[5:6], n_steps=3, image_shape=(8, 8), ax=ax
    )
    expected = framed.reconstruct(frame[5:6]).reshape(8, 8)
    np.testing.assert_allclose(display.images[0, -1], expected)


def test_images_of_colour(ax):
    images = np.random.default_rng(0).random((2, 3, 4, 5, 3))
    display = InterpolationDisplay(images=images).plot(ax)
    np.testing.assert_allclose(display.image_.get_array()[:4, :5, :3], images[0, 0])


def test_new_figure(byte_images, image_autoencoder):
    import matplotlib.pyplot as plt

    display = InterpolationDisplay.from_estimator(
        image_autoencoder, byte_images[:1], byte_images[1:2]
    )
    assert plt.get_fignums() == [display.figure_.number]
    plt.close(display.figure_)


def test_what_does_not_fit_is_named(digits, byte_images, image_autoencoder, ax):
    walk = InterpolationDisplay.from_estimator
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[1, 2\]"):
        walk(image_autoencoder, byte_images[:1], byte_images[:2], ax=ax)
    with pytest.raises(ValueError, match="n_steps == 1, must be >= 2"):
        walk(image_autoencoder, byte_images[:1], byte_images[:1], n_steps=1, ax=ax)
    plain = AutoEncoderTransformer(2, max_epochs=1, random_state=0).fit(digits[0])
    with pytest.raises(ValueError, match="image_shape=None"):
        walk(plain, digits[0][:1], digits[0][:1], ax=ax)


def test_two_channels_are_panels(ax):
    images = np.random.default_rng(0).random((2, 3, 4, 5, 2))
    picture = InterpolationDisplay(images=images).plot(ax).image_.get_array()
    assert picture.shape == (2 * 5 - 1, 3 * 14 - 1, 4)
    shown = picture[5:9, 14:27, 0]
    np.testing.assert_allclose(shown[:, 1:6], images[1, 1, ..., 0], atol=1 / 255)
    np.testing.assert_allclose(shown[:, 7:12], images[1, 1, ..., 1], atol=1 / 255)


def test_smooth_images(byte_images, image_autoencoder, ax):
    display = InterpolationDisplay.from_estimator(
        image_autoencoder,
        byte_images[:2],
        byte_images[2:4],
        n_steps=3,
        interpolation="bicubic",
        ax=ax,
    )
    assert display.images.shape == (2, 3, 8, 8)
    assert display.image_.get_array().shape == (8 * (2 * 9 - 1), 8 * (3 * 9 - 1), 4)
