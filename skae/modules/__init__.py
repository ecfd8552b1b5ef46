"""The torch modules of skae, usable without the estimators."""

from skae.modules._classifier import ConvClassifier, DenseClassifier
from skae.modules._colorizer import ConvColorizer
from skae.modules._conv import ConvAutoencoder, ConvDecoder, ConvEncoder
from skae.modules._dense import Autoencoder, DenseAutoencoder
from skae.modules._variational import VariationalModule

__all__ = [
    "Autoencoder",
    "ConvAutoencoder",
    "ConvClassifier",
    "ConvColorizer",
    "ConvDecoder",
    "ConvEncoder",
    "DenseAutoencoder",
    "DenseClassifier",
    "VariationalModule",
]
