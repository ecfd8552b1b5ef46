"""The plane of a page: the codes themselves, or a projection of them."""

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from skae.inspection._drawing import check_codes, check_plane, decode_grid
from skae.inspection.explorer._sliders import MAX_SLIDERS


class Plane:
    """A plane through the codes of samples, and the axes that lead out of it.

    Parameters
    ----------
    estimator : object
        Maps points to samples by ``inverse_transform``.
    points : ndarray of shape (n_samples, n_axes)
        The points of the samples. The first two axes are those of the plane, on which
        all others have their mean.
    explained : float or None
        Fraction of the variance of the codes that the plane has; None for the codes
        themselves.
    """

    def __init__(self, estimator, points, explained):
        self.estimator = estimator
        self.points = points
        self.explained = explained
        self.middle = points.mean(axis=0, dtype=np.float64)

    def decode(self, axes, image_shape):
        """Decode images of a grid along some of the axes.

        Parameters
        ----------
        axes : dict of int to ndarray
            The values along each of these axes, in the order of the axes; the others
            have their mean.
        image_shape : tuple of int
            Shape of one image.

        Returns
        -------
        ndarray of shape (n_values_0, n_values_1, ..., height, width) or \
                (n_values_0, n_values_1, ..., height, width, n_channels)
            The images.
        """
        values = [axes.get(axis, [mean]) for axis, mean in enumerate(self.middle)]
        images = decode_grid(self.estimator, values, image_shape)
        return images.reshape(*map(len, axes.values()), *images.shape[len(values) :])


def find_plane(estimator, X, projection):
    """Find the plane that the codes of samples are drawn in.

    Parameters
    ----------
    estimator : object
        Fitted estimator with ``transform`` and ``inverse_transform``.
    X : array-like of shape (n_samples, n_features) or images
        The samples.
    projection : transformer or None
        Maps codes to two or more axes and back. None means the codes themselves if they
        have two components, and otherwise their first principal components.

    Returns
    -------
    Plane
        The plane.

    Raises
    ------
    ValueError
        If there are fewer than two components or they are not finite.
    """
    codes = check_codes(estimator.transform(X))
    if projection is None and codes.shape[1] <= 2:
        return Plane(estimator, check_plane(codes, _codes_of(estimator)), None)
    n_axes = max(2, min(2 + MAX_SLIDERS, *codes.shape))
    projection = (
        PCA(n_axes, random_state=0) if projection is None else clone(projection)
    )
    with np.errstate(invalid="ignore"):  # PCA divides by the variance of the codes
        points = check_codes(projection.fit_transform(codes))
    check_plane(points[:, :2], _codes_of(projection))
    others = np.broadcast_to(points[:, 2:].mean(axis=0), points[:, 2:].shape)
    in_plane = projection.inverse_transform(np.column_stack([points[:, :2], others]))
    lost = np.square(codes - in_plane).sum()
    total = np.square(codes - codes.mean(axis=0)).sum()
    explained = max(0.0, 1 - float(lost / total)) if total else 1.0
    chain = make_pipeline(FrozenEstimator(estimator), projection)
    return Plane(chain, points, explained)


def _codes_of(estimator):
    return f"The codes of {type(estimator).__name__}"
