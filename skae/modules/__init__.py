"""The torch modules of skae, usable without the estimators."""

from skae.modules._autoencoder import Autoencoder
from skae.modules._classifier import ConvClassifier, DenseClassifier
from skae.modules._colorizer import ConvColorizer
from skae.modules._conv import ConvAutoencoder, ConvDecoder, ConvEncoder
from skae.modules._dense import DenseAutoencoder
from skae.modules._variational import VariationalAutoencoder

__all__ = [
    "Autoencoder",
    "ConvAutoencoder",
    "ConvClassifier",
    "ConvColorizer",
    "ConvDecoder",
    "ConvEncoder",
    "DenseAutoencoder",
    "DenseClassifier",
    "VariationalAutoencoder",
]
