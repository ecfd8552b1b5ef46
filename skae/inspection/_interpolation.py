"""Images decoded between the codes of two samples."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_consistent_length, check_scalar

from skae.inspection._drawing import (
    as_images,
    choose_limits,
    find_image_shape,
    find_limits,
    new_axes,
    on_numpy,
)
from skae.inspection._tiles import as_panels, draw_tiles


class InterpolationDisplay:
    """Rows of images decoded in equal steps between the codes of two samples.

    Parameters
    ----------
    images : ndarray of shape (n_walks, n_steps, height, width) or \
            (n_walks, n_steps, height, width, n_channels)
        The decoded images, one walk per row.
    limits : tuple of float, default=None
        The values shown as darkest and brightest; None means [0, 1] for images that
        lie in it, else their smallest and largest value.

    Attributes
    ----------
    image_ : matplotlib AxesImage
        All images as one picture.
    ax_ : matplotlib Axes
        The Axes with the plot.
    figure_ : matplotlib Figure
        The figure of ``ax_``.

    See Also
    --------
    ManifoldDisplay : Images decoded over a plane of codes.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoEncoderTransformer
    >>> from skae.inspection import InterpolationDisplay
    >>> X = load_digits().images
    >>> autoencoder = AutoEncoderTransformer(8, random_state=0).fit(X)
    >>> display = InterpolationDisplay.from_estimator(
    ...     autoencoder, X[:3], X[3:6], n_steps=7
    ... )
    >>> display.images.shape
    (3, 7, 8, 8)
    """

    def __init__(self, *, images, limits=None):
        self.images = images
        self.limits = limits

    def plot(self, ax=None, *, cmap="gray", interpolation="nearest"):
        """Draw the images.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.
        cmap : str or matplotlib Colormap, default="gray"
            Colours of gray images and of single channels.
        interpolation : {"nearest", "bicubic"}, default="nearest"
            Draw pixels as blocks, or smooth. Neighbouring images are not mixed.

        Returns
        -------
        self : InterpolationDisplay
            The Display.

        Raises
        ------
        ValueError
            If ``interpolation`` is neither of the two.
        """
        images = as_panels(self.images)
        n_walks, n_steps, height, width = images.shape[:4]
        if ax is None:
            ax = new_axes(7, 0.8 + 6.8 * n_walks / n_steps * height / width)
        limits = choose_limits(self.limits, images)
        self.image_, _ = draw_tiles(ax, images, limits, cmap, interpolation)
        ax.set_xticks([0, n_steps - 1], ["first", "second"])
        ax.set_yticks([])
        ax.set(title="Images decoded in equal steps between two codes")
        ax.spines[:].set_visible(False)
        self.ax_ = ax
        self.figure_ = ax.figure
        return self

    @classmethod
    @on_numpy
    def from_estimator(
        cls,
        estimator,
        X1,
        X2,
        *,
        n_steps=10,
        image_shape=None,
        cmap="gray",
        interpolation="nearest",
        ax=None,
    ):
        """Walk from each sample to its partner and draw the images between them.

        Parameters
        ----------
        estimator : object
            Fitted estimator with ``interpolate``.
        X1 : array-like of shape (n_walks, n_features) or images
            Samples where the walks begin.
        X2 : array-like of the shape of X1
            Samples where they end.
        n_steps : int, default=10
            Number of images of a walk, at least 2.
        image_shape : tuple of int, default=None
            (height, width) or (height, width, n_channels); None means X1's, or the
            estimator's ``image_shape_``.
        cmap : str or matplotlib Colormap, default="gray"
            Colours of gray images and of single channels.
        interpolation : {"nearest", "bicubic"}, default="nearest"
            Draw pixels as blocks, or smooth. Neighbouring images are not mixed.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : InterpolationDisplay
            The Display, drawn.

        Raises
        ------
        ValueError
            If X1 and X2 differ in their number of samples, or if the shape of the
            images is not known or does not fit.
        """
        check_scalar(n_steps, "n_steps", Integral, min_val=2)
        check_consistent_length(X1, X2)
        image_shape = find_image_shape(image_shape, X1, estimator)
        # Slices of one row, so that a data frame keeps its column names.
        ends = [[X[i : i + 1] for i in range(len(X))] for X in (X1, X2)]
        walks = [
            estimator.interpolate(*pair, n_steps) for pair in zip(*ends, strict=True)
        ]
        images = as_images(np.concatenate(walks), image_shape)
        images = images.reshape(-1, n_steps, *images.shape[1:])
        limits = find_limits(estimator, X1)
        display = cls(images=images, limits=limits)
        return display.plot(ax, cmap=cmap, interpolation=interpolation)
