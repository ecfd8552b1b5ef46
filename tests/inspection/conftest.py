"""Data and estimators for the tests of the Displays."""

import sys

import pytest
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skae import AutoEncoderTransformer


@pytest.fixture
def ax():
    """Axes that pyplot does not know."""
    return Figure(figsize=(7, 6), layout="constrained").subplots()


@pytest.fixture(autouse=True)
def leaves_no_figure():
    """No test leaves pyplot with a figure: what is drawn into given Axes adds none."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        import matplotlib.pyplot as plt

        numbers = plt.get_fignums()
        plt.close("all")
        assert numbers == []


@pytest.fixture(scope="session")
def digits():
    """Digits as ``(X, y)``, rows of 64 numbers from 0 to 16."""
    return load_digits(return_X_y=True)


@pytest.fixture(scope="session")
def pca(digits):
    return PCA(n_components=2, random_state=0).fit(digits[0])


@pytest.fixture(scope="session")
def byte_images(digits):
    """Digits as images of bytes."""
    return (digits[0] * 15).astype("uint8").reshape(-1, 8, 8)


@pytest.fixture(scope="session")
def image_autoencoder(byte_images):
    """Autoencoder of 2 components, fitted on images of bytes."""
    autoencoder = AutoEncoderTransformer(
        2, hidden_layer_sizes=(16,), max_epochs=2, random_state=0
    )
    return autoencoder.fit(byte_images)


@pytest.fixture(scope="session")
def row_autoencoder(digits):
    """Autoencoder of 2 components, fitted on rows that are to be read as images."""
    autoencoder = AutoEncoderTransformer(
        2,
        image_shape=(8, 8),
        hidden_layer_sizes=(16,),
        max_epochs=2,
        early_stopping=True,
        random_state=0,
    )
    return autoencoder.fit(digits[0])
