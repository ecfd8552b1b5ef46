"""Displays: plots of what an autoencoder has learned, with scikit-learn's interface.

A Display takes its data in ``__init__``, or computes them from a fitted estimator in
``from_estimator``; ``plot`` draws them and stores the artists as attributes. Any
estimator with the required methods can be used. matplotlib is imported when something
is drawn, and pyplot only if ``ax`` is None. A ``LatentExplorer`` is a page for the
browser instead, which ``save`` writes.
"""

from skae.inspection._anomaly import AnomalyDisplay
from skae.inspection._cluster import ClusterDisplay
from skae.inspection._cluster_number import ClusterNumberDisplay
from skae.inspection._colorization import ColorizationDisplay
from skae.inspection._interpolation import InterpolationDisplay
from skae.inspection._latent_space import LatentSpaceDisplay
from skae.inspection._loss_curve import LossCurveDisplay
from skae.inspection._manifold import ManifoldDisplay
from skae.inspection._reconstruction import ReconstructionDisplay
from skae.inspection.explorer import LatentExplorer

__all__ = [
    "AnomalyDisplay",
    "ClusterDisplay",
    "ClusterNumberDisplay",
    "ColorizationDisplay",
    "InterpolationDisplay",
    "LatentExplorer",
    "LatentSpaceDisplay",
    "LossCurveDisplay",
    "ManifoldDisplay",
    "ReconstructionDisplay",
]
