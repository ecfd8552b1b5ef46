"""Images decoded over a plane of codes."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_scalar

from skae.inspection._drawing import (
    choose_limits,
    decode_grid,
    encode_plane,
    find_image_shape,
    find_limits,
    new_axes,
    on_numpy,
)
from skae.inspection._tiles import as_panels, draw_tiles


def _write_values(values):
    """Write numbers such that their range has three digits."""
    span = np.ptp(values)
    decimals = max(0, 2 - int(np.floor(np.log10(span)))) if span else 2
    # The sum is zero instead of minus zero.
    return [f"{value:.{decimals}f}" for value in np.round(values, decimals) + 0.0]


class ManifoldDisplay:
    """Images decoded over a grid of 2-dimensional codes: the learned manifold.

    The grid follows the codes of the samples. Along each axis its lines are equally
    spaced quantiles, so that they are close where there are many codes. A field of the
    grid without a code stays blank: the decoder was not trained there.

    Parameters
    ----------
    images : ndarray of shape (n_steps, n_steps, height, width) or \
            (n_steps, n_steps, height, width, n_channels)
        The decoded images; ``images[i, j]`` belongs to the code
        ``(values[0, i], values[1, j])``. NaN stays blank.
    values : ndarray of shape (2, n_steps)
        The values of the two components along the axes.
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
    LatentSpaceDisplay : The codes of the samples in the plane.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skae.inspection import ManifoldDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> pca = PCA(n_components=2).fit(X)
    >>> display = ManifoldDisplay.from_estimator(pca, X, n_steps=5, image_shape=(8, 8))
    >>> display.images.shape
    (5, 5, 8, 8)
    >>> display.values[0]  # denser in the middle
    array([-17.9..., -7.5..., -0.4..., 6.4..., 19.0...])
    """

    def __init__(self, *, images, values, limits=None):
        self.images = images
        self.values = values
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
        self : ManifoldDisplay
            The Display.

        Raises
        ------
        ValueError
            If ``interpolation`` is neither of the two.
        """
        from matplotlib.ticker import Formatter

        images = as_panels(self.images)
        n_steps, _, height, width = images.shape[:4]
        if ax is None:
            ax = new_axes(7, 0.8 + 6.4 * height / width)
        # Component 1 grows upwards, as in a plot.
        from_top = images.swapaxes(0, 1)[::-1]
        limits = choose_limits(self.limits, images)
        self.image_, middles = draw_tiles(ax, from_top, limits, cmap, interpolation)
        labelled = np.arange(0, n_steps, -(-n_steps // 8))
        labels = [
            [Formatter.fix_minus(text) for text in _write_values(axis[labelled])]
            for axis in np.asarray(self.values)
        ]
        ax.set_xticks(labelled, labels[0])
        ax.set_yticks(middles[::-1][labelled], labels[1])
        title = "Images decoded over quantiles of the codes"
        if np.isnan(self.images).any():
            title += "\n(blank where no code lies)"
        ax.set(title=title, xlabel="component 0", ylabel="component 1")
        ax.spines[:].set_visible(False)
        self.ax_ = ax
        self.figure_ = ax.figure
        return self

    @classmethod
    @on_numpy
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        n_steps=15,
        image_shape=None,
        cmap="gray",
        interpolation="nearest",
        ax=None,
    ):
        """Decode images over the codes of samples and draw them.

        Parameters
        ----------
        estimator : object
            Fitted estimator with ``transform`` to two components, and
            ``inverse_transform``.
        X : array-like of shape (n_samples, n_features) or images
            Samples whose codes determine the grid, such as the training samples.
        n_steps : int, default=15
            Number of images along each axis.
        image_shape : tuple of int, default=None
            (height, width) or (height, width, n_channels); None means X's, or the
            estimator's ``image_shape_``.
        cmap : str or matplotlib Colormap, default="gray"
            Colours of gray images and of single channels.
        interpolation : {"nearest", "bicubic"}, default="nearest"
            Draw pixels as blocks, or smooth. Neighbouring images are not mixed.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : ManifoldDisplay
            The Display, drawn.

        Raises
        ------
        ValueError
            If the codes do not have two components, or if the shape of the images is
            not known or does not fit.
        """
        check_scalar(n_steps, "n_steps", Integral, min_val=1)
        image_shape = find_image_shape(image_shape, X, estimator)
        codes = encode_plane(estimator, X)
        edges = np.quantile(codes, np.linspace(0, 1, n_steps + 1), axis=0).T
        values = np.quantile(codes, (np.arange(n_steps) + 0.5) / n_steps, axis=0).T
        n_codes, _, _ = np.histogram2d(*codes.T, bins=edges)
        images = decode_grid(estimator, values, image_shape).copy()
        images[n_codes == 0] = np.nan
        limits = find_limits(estimator, X)
        display = cls(images=images, values=values, limits=limits)
        return display.plot(ax, cmap=cmap, interpolation=interpolation)
