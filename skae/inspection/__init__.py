"""Displays: pictures of what an autoencoder has learned, in scikit-learn's form.

A Display takes its data in ``__init__``, or gets them from a fitted estimator in
``from_estimator``; ``plot`` draws them and keeps the artists as attributes. Any
estimator with the needed methods will do. matplotlib is imported when something is
drawn, and pyplot only where no ``ax`` is given. A ``LatentExplorer`` is a page for the
browser instead, which ``save`` writes.
"""

from skae.inspection._cluster import ClusterDisplay
from skae.inspection._colorization import ColorizationDisplay
from skae.inspection._explorer import LatentExplorer
from skae.inspection._interpolation import InterpolationDisplay
from skae.inspection._latent_space import LatentSpaceDisplay
from skae.inspection._loss_curve import LossCurveDisplay
from skae.inspection._manifold import ManifoldDisplay
from skae.inspection._reconstruction import ReconstructionDisplay

__all__ = [
    "ClusterDisplay",
    "ColorizationDisplay",
    "InterpolationDisplay",
    "LatentExplorer",
    "LatentSpaceDisplay",
    "LossCurveDisplay",
    "ManifoldDisplay",
    "ReconstructionDisplay",
]
