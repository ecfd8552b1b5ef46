"""Autoencoders for scikit-learn users, on torch."""

from importlib import import_module

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

# Loaded when they are first asked for: no estimator needs them.
_ON_DEMAND = ("datasets", "export", "inspection", "metrics")


def __getattr__(name):
    if name in _ON_DEMAND:
        return import_module(f"skae.{name}")
    raise AttributeError(f"module 'skae' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_ON_DEMAND})
