"""The torch modules of skae, usable without the estimators."""

from skae.modules._autoencoder import Autoencoder
from skae.modules._dense import DenseAutoencoder

__all__ = ["Autoencoder", "DenseAutoencoder"]
