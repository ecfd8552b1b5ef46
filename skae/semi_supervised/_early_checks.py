"""Errors that are known before the first part of a classifier is trained."""

from numbers import Integral

import numpy as np
from sklearn.base import is_regressor
from sklearn.utils import get_tags
from sklearn.utils.validation import _num_samples

from skae._common.missing import has_missing
from skae._common.parts import check_parts
from skae._common.sample_weight import takes_weight
from skae._common.tables import is_frame
from skae.semi_supervised._clusters import find_number_parameter, refuse_doubt


def refuse_early(classifier, clusterer, X, weight=None):
    """Refuse what would stop a fit only after encoder and clusterer are trained.

    Parameters
    ----------
    classifier : ClusterClassifier
        Its encoder, refiner and ``doubtful`` are checked.
    clusterer : clusterer
        The clusterer that will be fitted.
    X : array-like
        The samples that count.
    weight : ndarray of shape (n_samples,), default=None
        Their weights.

    Raises
    ------
    ValueError
        If parts, samples or weights do not go together, or a parameter of a part is
        not valid.
    """
    refiner, n_samples = classifier.refiner, _num_samples(X)
    check_parts(classifier.encoder, clusterer, refiner)
    name = find_number_parameter(clusterer)
    n_clusters = None if name is None else getattr(clusterer, name)
    if isinstance(n_clusters, Integral) and n_clusters > n_samples:
        raise ValueError(f"n_samples={n_samples} should be >= {name}={n_clusters}.")
    if weight is not None and not takes_weight(clusterer):
        raise ValueError(
            f"sample_weight must be None with clusterer={clusterer!r}, whose fit takes "
            "no weights."
        )
    if refiner is None or n_clusters == 1:  # which needs no refiner
        return
    if is_regressor(refiner):
        raise ValueError(f"refiner={refiner!r} must be a classifier.")
    # No clusterer of scikit-learn has the attribute that is needed.
    if classifier.doubtful and type(clusterer).__module__.startswith("sklearn."):
        refuse_doubt(classifier.doubtful, clusterer)
    if not get_tags(refiner).input_tags.allow_nan and _has_missing(X):
        raise ValueError(
            f"X has missing values, which refiner={refiner!r} does not take. Fill them "
            "before, for instance by AutoEncoderImputer in a pipeline, or set "
            "refiner=None."
        )


def _has_missing(X):
    """Return whether numbers in memory have NaN among them."""
    if not isinstance(X, np.ndarray) and not is_frame(X):
        return False
    values = np.asarray(X)
    return values.dtype.kind == "f" and has_missing(values)
