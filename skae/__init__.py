"""Autoencoders for scikit-learn users, on torch."""

from skae._autoencoder import AutoEncoderTransformer
from skae._cluster_classifier import ClusterClassifier

__version__ = "0.1.0"

__all__ = ["AutoEncoderTransformer", "ClusterClassifier", "__version__"]
