"""Gray images beside their true and their predicted colours."""

import numpy as np

from skae.inspection._drawing import (
    as_floats,
    as_images,
    find_image_shape,
    on_numpy,
    takes_images,
)
from skae.inspection._image_rows import ImageRowsDisplay


class ColorizationDisplay(ImageRowsDisplay):
    """Colour images, their gray copies, and the colours predicted from those, in rows.

    Beside each row is its mean squared error against the truth, over all samples and
    not only over those that are drawn. The error of the gray row is that of predicting
    the gray image itself: the error of a colorizer must be below it.

    Parameters
    ----------
    rows : dict of str to ndarray
        The rows from the top, by name: images, or flat rows of ``image_shape``. The
        others are compared with the first row; gray images, of shape
        (n_samples, height, width), become colour images with equal channels. Images of
        uint8 mean 0 to 255 and are scaled to [0, 1].
    image_shape : tuple of int, default=None
        (height, width, n_channels); None means the shapes of the rows.

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
    ReconstructionDisplay : Images and their reconstructions.

    Examples
    --------
    A linear colorizer of 4 x 4 patches of a photograph:

    >>> from sklearn.datasets import load_sample_image
    >>> from sklearn.feature_extraction.image import extract_patches_2d
    >>> from sklearn.linear_model import Ridge
    >>> from skae.inspection import ColorizationDisplay
    >>> photograph = load_sample_image("flower.jpg") / 255
    >>> X = extract_patches_2d(photograph, (4, 4), max_patches=500, random_state=0)
    >>> X_gray = X.mean(axis=-1).reshape(500, -1)
    >>> colorizer = Ridge().fit(X_gray, X.reshape(500, -1))
    >>> display = ColorizationDisplay.from_estimator(colorizer, X_gray, X)
    >>> display.mse_["predicted"] < display.mse_["gray"]
    True
    """

    @classmethod
    @on_numpy
    def from_estimator(
        cls,
        estimator,
        X_gray,
        X_color,
        *,
        image_shape=None,
        n_images=10,
        interpolation="nearest",
        ax=None,
    ):
        """Draw the colours that an estimator predicts.

        Parameters
        ----------
        estimator : object
            Fitted estimator whose ``predict`` returns colour images of gray ones.
        X_gray : array-like of shape (n_samples, height * width) or images
            The gray images, as the estimator takes them.
        X_color : array-like of shape (n_samples, height * width * 3) or images
            The true colours, on the scale of the predicted ones.
        image_shape : tuple of int, default=None
            (height, width) of an image; None means X_color's or X_gray's, or the
            estimator's ``image_shape_``.
        n_images : int, default=10
            Number of columns.
        interpolation : {"nearest", "bicubic"}, default="nearest"
            Draw pixels as blocks, or smooth. Neighbouring images are not mixed.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : ColorizationDisplay
            The Display, drawn.

        Raises
        ------
        ValueError
            If the shape of the images is not known or does not fit.
        """
        some_images = X_color if np.ndim(X_color) > 2 else X_gray
        height, width = find_image_shape(image_shape, some_images, estimator)[:2]
        gray, color = (height, width), (height, width, 3)
        # The estimator took gray and colour images in the same form in `fit`.
        are_images = takes_images(estimator, X_gray)
        rows = {
            "truth": as_images(as_floats(X_color, are_images=are_images), color),
            "gray": as_images(as_floats(X_gray, are_images=are_images), gray),
            "predicted": as_images(estimator.predict(X_gray), color),
        }
        return cls(rows).plot(ax, n_images=n_images, interpolation=interpolation)
