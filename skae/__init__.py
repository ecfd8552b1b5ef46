"""Autoencoders for scikit-learn users, on torch."""

from skae._trusted_types import TRUSTED_TYPES
from skae.autoencoders import (
    AutoEncoderImputer,
    AutoEncoderTransformer,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    Reconstructor,
    VariationalAutoEncoder,
    rgb_to_gray,
)
from skae.clustering import SpectralKMeans
from skae.outliers import AutoEncoderOutlierDetector
from skae.semi_supervised import (
    ClusterClassifier,
    PseudoLabelClassifier,
    make_self_supervised_classifier,
)

__version__ = "0.1.0"

__all__ = [
    "TRUSTED_TYPES",
    "AutoEncoderImputer",
    "AutoEncoderOutlierDetector",
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
