"""The plane of a page: the codes themselves, or a projection of them."""

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from skae.inspection._drawing import check_codes, check_plane


def find_plane(estimator, X, projection):
    """Find the plane that the codes of samples are drawn in.

    Parameters
    ----------
    estimator : object
        Fitted estimator with ``transform`` and ``inverse_transform``.
    X : array-like of shape (n_samples, n_features) or images
        The samples.
    projection : transformer or None
        Maps codes to the plane and back. None means the codes themselves if they have
        two components, and otherwise their first two principal components.

    Returns
    -------
    plane : object
        Maps samples to points of the plane, and points to samples.
    points : ndarray of shape (n_samples, 2)
        The points of the samples.
    explained : float or None
        Fraction of the variance of the codes that the plane has; None for the codes
        themselves.

    Raises
    ------
    ValueError
        If there are not two components or they are not finite.
    """
    codes = check_codes(estimator.transform(X))
    if projection is None and codes.shape[1] <= 2:
        return estimator, check_plane(codes, _codes_of(estimator)), None
    projection = (
        PCA(n_components=2, random_state=0) if projection is None else clone(projection)
    )
    with np.errstate(invalid="ignore"):  # PCA divides by the variance of the codes
        points = check_plane(projection.fit_transform(codes), _codes_of(projection))
    lost = np.square(codes - projection.inverse_transform(points)).sum()
    total = np.square(codes - codes.mean(axis=0)).sum()
    plane = make_pipeline(FrozenEstimator(estimator), projection)
    return plane, points, max(0.0, 1 - float(lost / total)) if total else 1.0


def _codes_of(estimator):
    return f"The codes of {type(estimator).__name__}"
