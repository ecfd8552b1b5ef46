"""Samples beside their reconstructions."""

import numpy as np

from skae.inspection._drawing import (
    as_floats,
    find_image_shape,
    on_numpy,
    takes_images,
)
from skae.inspection._image_rows import ImageRowsDisplay


class ReconstructionDisplay(ImageRowsDisplay):
    """Images, their corrupted copies, and an autoencoder's reconstructions, in rows.

    Beside each row is its mean squared error against the first one, over all samples
    and not only over those that are drawn.

    Parameters
    ----------
    rows : dict of str to ndarray
        The rows from the top, by name: images, or flat rows of ``image_shape``. The
        others are compared with the first row. Images of uint8 mean 0 to 255 and are
        scaled to [0, 1].
    image_shape : tuple of int, default=None
        (height, width) or (height, width, n_channels); None means the shape of the
        rows.

    Attributes
    ----------
    mse_ : dict of str to float
        Mean squared error of each row against the first one.
    image_ : matplotlib AxesImage
        All rows as one picture.
    ax_ : matplotlib Axes
        The Axes with the plot.
    figure_ : matplotlib Figure
        The figure of ``ax_``.

    See Also
    --------
    ColorizationDisplay : Gray images and their predicted colours.
    ManifoldDisplay : Images decoded over a plane of codes.

    Examples
    --------
    Any estimator can be used that has ``reconstruct``, or ``transform`` and
    ``inverse_transform``:

    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skae.inspection import ReconstructionDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> pca = PCA(n_components=8).fit(X)
    >>> display = ReconstructionDisplay.from_estimator(pca, X, image_shape=(8, 8))
    >>> display.mse_
    {'output': 6.1...}

    Two methods compared, row by row:

    >>> rows = {"original": X}
    >>> for n_components in (2, 16):
    ...     pca = PCA(n_components).fit(X)
    ...     rows[f"PCA, {n_components}"] = pca.inverse_transform(pca.transform(X))
    >>> display = ReconstructionDisplay(rows, image_shape=(8, 8)).plot()
    """

    @classmethod
    @on_numpy
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        X_corrupted=None,
        random_state=None,
        image_shape=None,
        n_images=10,
        cmap="gray",
        interpolation="nearest",
        ax=None,
    ):
        """Draw images and their reconstructions.

        Parameters
        ----------
        estimator : object
            Fitted estimator with ``reconstruct``, or ``transform`` and
            ``inverse_transform``.
        X : array-like of shape (n_samples, n_features) or images
            The true images.
        X_corrupted : array-like of X's shape, default=None
            Input of the estimator. None means ``estimator.corrupt(X)`` if the
            estimator has ``corrupt``, else X itself.
        random_state : int, RandomState instance or None, default=None
            Passed to ``estimator.corrupt``.
        image_shape : tuple of int, default=None
            (height, width) or (height, width, n_channels); None means X's, or the
            estimator's ``image_shape_``.
        n_images : int, default=10
            Number of columns.
        cmap : str or matplotlib Colormap, default="gray"
            Colours of gray images and of single channels.
        interpolation : {"nearest", "bicubic"}, default="nearest"
            Draw pixels as blocks, or smooth. Neighbouring images are not mixed.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : ReconstructionDisplay
            The Display, drawn.

        Raises
        ------
        ValueError
            If the shape of the images is not known or does not fit.
        """
        image_shape = find_image_shape(image_shape, X, estimator)
        are_images = takes_images(estimator, X)
        rows = {"original": as_floats(X, are_images=are_images)}
        if X_corrupted is None and hasattr(estimator, "corrupt"):
            X_corrupted = estimator.corrupt(X, random_state=random_state)
        if X_corrupted is None:
            X_corrupted = X
        else:
            rows["corrupted"] = as_floats(X_corrupted, are_images=are_images)
        if hasattr(estimator, "reconstruct"):
            rows["output"] = np.asarray(estimator.reconstruct(X_corrupted))
        else:
            codes = estimator.transform(X_corrupted)
            rows["output"] = estimator.inverse_transform(codes)
        display = cls(rows, image_shape=image_shape)
        return display.plot(
            ax, n_images=n_images, cmap=cmap, interpolation=interpolation
        )
