"""Autoencoders for scikit-learn users, on torch."""

from skae._autoencoder import AutoEncoderTransformer
from skae._colorization import ColorizationAutoEncoder, rgb_to_gray
from skae._denoising import DenoisingAutoEncoder
from skae._pseudo_label import PseudoLabelClassifier
from skae._reconstructor import Reconstructor
from skae._variational import VariationalAutoEncoder
from skae.clustering import SpectralKMeans
from skae.semi_supervised import ClusterClassifier, make_self_supervised_classifier

__version__ = "0.1.0"

__all__ = [
    "AutoEncoderTransformer",
    "ClusterClassifier",
    "ColorizationAutoEncoder",
    "DenoisingAutoEncoder",
    "PseudoLabelClassifier",
    "Reconstructor",
    "SpectralKMeans",
    "VariationalAutoEncoder",
    "__version__",
    "make_self_supervised_classifier",
    "rgb_to_gray",
]
