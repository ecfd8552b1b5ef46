"""Tests of images beside what an autoencoder makes of them."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skae import DenoisingAutoEncoder
from skae.inspection import ReconstructionDisplay


class Denoiser:
    """An estimator of zeros that has a corruption process."""

    image_shape_ = (8, 8)

    def corrupt(self, X, random_state=None):
        self.random_state = random_state
        return np.asarray(X) / 255 + 1

    def reconstruct(self, X):
        self.seen = X
        return np.zeros_like(X)


def test_pca_in_two_rows(digits, pca, ax):
    X, _ = digits
    display = ReconstructionDisplay.from_estimator(pca, X, image_shape=(8, 8), ax=ax)
    output = pca.inverse_transform(pca.transform(X))
    assert list(display.rows) == ["original", "output"]
    assert display.mse_ == {"output": pytest.approx(((output - X) ** 2).mean())}
    assert display.ax_ is ax
    picture = display.image_.get_array()
    assert picture.shape == (2 * 9 - 1, 10 * 9 - 1, 4)
    np.testing.assert_allclose(picture[:8, :8, 0] * 16, X[0].reshape(8, 8), atol=0.1)
    expected = output[1].reshape(8, 8).clip(0, 16)
    np.testing.assert_allclose(picture[9:, 9:17, 0] * 16, expected, atol=0.1)


def test_recorded_corruption_is_shown_and_reconstructed(digits, pca, ax):
    X, _ = digits
    X_corrupted = X + np.random.default_rng(0).normal(size=X.shape)
    display = ReconstructionDisplay.from_estimator(
        pca, X, X_corrupted=X_corrupted, image_shape=(8, 8), n_images=3, ax=ax
    )
    output = pca.inverse_transform(pca.transform(X_corrupted))
    assert display.mse_ == {
        "corrupted": pytest.approx(((X_corrupted - X) ** 2).mean()),
        "output": pytest.approx(((output - X) ** 2).mean()),
    }
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[0] == "original"
    assert labels[1].startswith("corrupted\nMSE ")
    assert labels[2].startswith("output\nMSE ")


@pytest.mark.parametrize("as_rows", [False, True])
def test_an_estimator_corrupts_by_itself(byte_images, as_rows, ax):
    denoiser = Denoiser()
    X = byte_images.reshape(-1, 64) if as_rows else byte_images
    display = ReconstructionDisplay.from_estimator(denoiser, X, random_state=7, ax=ax)
    assert denoiser.random_state == 7
    np.testing.assert_array_equal(denoiser.seen, X / 255 + 1)
    assert display.mse_["corrupted"] == pytest.approx(1)
    assert display.mse_["output"] == pytest.approx(((X / 255) ** 2).mean())


def test_denoising_autoencoder(byte_images, ax):
    denoiser = DenoisingAutoEncoder(
        2, hidden_layer_sizes=(8,), max_epochs=1, random_state=0
    ).fit(byte_images)
    display = ReconstructionDisplay.from_estimator(
        denoiser, byte_images, random_state=3, ax=ax
    )
    corrupted = denoiser.corrupt(byte_images, random_state=3)
    np.testing.assert_array_equal(display.rows["corrupted"], corrupted)
    for name, row in {
        "corrupted": corrupted,
        "output": denoiser.reconstruct(corrupted),
    }.items():
        expected = ((row - byte_images / 255) ** 2).mean()
        assert display.mse_[name] == pytest.approx(expected, rel=1e-5)


def test_given_corruption_wins(byte_images, ax):
    denoiser = Denoiser()
    ReconstructionDisplay.from_estimator(
        denoiser, byte_images, X_corrupted=byte_images // 2, ax=ax
    )
    np.testing.assert_array_equal(denoiser.seen, byte_images // 2)


def test_autoencoder_of_byte_images(byte_images, image_autoencoder, ax):
    display = ReconstructionDisplay.from_estimator(
        image_autoencoder, byte_images, ax=ax
    )
    output = image_autoencoder.reconstruct(byte_images)
    assert display.mse_["output"] == pytest.approx(
        ((output - byte_images / 255) ** 2).mean(), rel=1e-5
    )
    # Flat rows of them are the same images.
    flat = byte_images.reshape(-1, 64)
    again = ReconstructionDisplay.from_estimator(image_autoencoder, flat, ax=ax)
    assert again.mse_ == pytest.approx(display.mse_)


def test_autoencoder_of_rows(digits, row_autoencoder, ax):
    X, _ = digits
    display = ReconstructionDisplay.from_estimator(row_autoencoder, X, ax=ax)
    output = row_autoencoder.reconstruct(X)
    assert display.mse_["output"] == pytest.approx(((output - X) ** 2).mean())
    assert display.image_.get_array().shape[0] == 17


def test_bytes_of_a_table_are_numbers(digits, ax):
    X = digits[0].astype(np.uint8)
    pca = PCA(2).fit(X)
    display = ReconstructionDisplay.from_estimator(pca, X, image_shape=(8, 8), ax=ax)
    output = pca.inverse_transform(pca.transform(X))
    expected = ((output - X) ** 2).mean()
    assert expected > 10
    assert display.mse_["output"] == pytest.approx(expected, rel=1e-5)


def test_pipeline_gives_samples_back_in_their_units(digits, ax):
    X, _ = digits
    pipeline = make_pipeline(MinMaxScaler(), PCA(8)).fit(X)
    display = ReconstructionDisplay.from_estimator(
        pipeline, X, image_shape=(8, 8), ax=ax
    )
    output = pipeline.inverse_transform(pipeline.transform(X))
    assert display.mse_["output"] == pytest.approx(((output - X) ** 2).mean())


def test_data_frame_and_pandas_output(digits, ax):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(digits[0]).add_prefix("pixel")
    pca = PCA(2).set_output(transform="pandas").fit(X)
    display = ReconstructionDisplay.from_estimator(pca, X, image_shape=(8, 8), ax=ax)
    plain = PCA(2).fit(digits[0])
    output = plain.inverse_transform(plain.transform(digits[0]))
    assert display.mse_["output"] == pytest.approx(((output - X.values) ** 2).mean())


def test_missing_shape_and_missing_methods_are_named(digits, pca, ax):
    X, _ = digits
    with pytest.raises(
        ValueError, match=r"image_shape=None, and PCA takes rows of a table"
    ):
        ReconstructionDisplay.from_estimator(pca, X, ax=ax)
    kmeans = KMeans(2, n_init=1).fit(X)
    with pytest.raises(AttributeError, match="inverse_transform"):
        ReconstructionDisplay.from_estimator(kmeans, X, image_shape=(8, 8), ax=ax)


def test_new_figure(digits, pca):
    import matplotlib.pyplot as plt

    display = ReconstructionDisplay.from_estimator(
        pca, digits[0], image_shape=(8, 8), n_images=2
    )
    assert plt.get_fignums() == [display.figure_.number]
    plt.close(display.figure_)


def test_smooth_images(digits, pca, ax):
    display = ReconstructionDisplay.from_estimator(
        pca, digits[0], image_shape=(8, 8), n_images=3, interpolation="bicubic", ax=ax
    )
    assert display.image_.get_array().shape == (8 * 17, 8 * 26, 4)
