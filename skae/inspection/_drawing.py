"""What the Displays share: colours, new axes, the shape and the range of images."""

from numbers import Integral

import numpy as np
from sklearn import config_context
from sklearn.utils import check_array

from skae._common.channels import refuse_channels_first

# Decorator of what draws: tensors and what is computed of them become arrays of NumPy.
on_numpy = config_context(array_api_dispatch=False)

# Ten colours that differ under every kind of colour blindness, and in lightness:
# M. A. Petroff, "Accessible color sequences for data visualization", arXiv:2107.02270.
COLORS = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)


def new_axes(width, height):
    """Make a pyplot figure with one Axes.

    Parameters
    ----------
    width, height : float
        Size of the figure in inches.

    Returns
    -------
    matplotlib.axes.Axes
        The Axes.
    """
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def _known_image_shape(estimator):
    """Return the ``image_shape_`` of an estimator, or of the first one inside it.

    A Pipeline and a FeatureUnion have estimators inside.
    """
    parts = getattr(estimator, "steps", getattr(estimator, "transformer_list", ()))
    for _, part in parts:
        if part not in (None, "passthrough", "drop"):
            return _known_image_shape(part)
    return getattr(estimator, "image_shape_", None)


def _check_image_shape(shape):
    """Return a shape as a tuple, and refuse what is not the shape of an image."""
    if (
        not isinstance(shape, (tuple, list))
        or len(shape) not in (2, 3)
        or not all(isinstance(side, Integral) and side > 0 for side in shape)
    ):
        raise ValueError(
            f"image_shape={shape!r} must be (height, width) or (height, width, "
            "n_channels), positive integers."
        )
    refuse_channels_first(shape)
    return tuple(shape)


def find_image_shape(image_shape, X, estimator):
    """Find the shape of the images.

    Parameters
    ----------
    image_shape : tuple of int or None
        The user's parameter; None means the shape of X or the estimator's.
    X : array-like
        The samples; the shape of X is used if it has more than two dimensions.
    estimator : object
        Fitted estimator; its ``image_shape_`` is used, or that of its first part.

    Returns
    -------
    tuple of int
        Shape of one image.

    Raises
    ------
    ValueError
        If the shape is not known, or if it is not the shape of an image.
    """
    if image_shape is None:
        image_shape = (
            np.shape(X)[1:] if np.ndim(X) > 2 else _known_image_shape(estimator)
        )
    if image_shape is None:
        raise ValueError(
            f"image_shape=None, and {type(estimator).__name__} takes rows of a table, "
            "not images. Pass image_shape=(height, width) or (height, width, "
            "n_channels) if the rows are images."
        )
    return _check_image_shape(image_shape)


def as_images(rows, image_shape=None):
    """Return samples in the shape of images.

    Parameters
    ----------
    rows : array-like of shape (n_samples, n_features) or images
        The samples.
    image_shape : tuple of int, default=None
        Shape of one image; None means that of ``rows``.

    Returns
    -------
    ndarray of shape (n_samples, height, width) or \
            (n_samples, height, width, n_channels)
        Images, not copied where that is possible; one channel has no axis.

    Raises
    ------
    ValueError
        If the samples are not images of that shape.
    """
    rows = np.asarray(rows)
    shape = _check_image_shape(rows.shape[1:] if image_shape is None else image_shape)
    if np.prod(shape) != np.prod(rows.shape[1:]):
        raise ValueError(
            f"image_shape={shape!r} does not fit samples of shape {rows.shape[1:]}."
        )
    return rows.reshape(len(rows), *(shape[:2] if shape[2:] == (1,) else shape))


def takes_images(estimator, X):
    """Return whether an estimator takes samples as images or as rows of a table.

    Parameters
    ----------
    estimator : object
        Fitted estimator.
    X : array-like
        Samples as the estimator takes them.

    Returns
    -------
    bool
        True for images.
    """
    return np.ndim(X) > 2 or _known_image_shape(estimator) is not None


def as_floats(X, *, are_images=True):
    """Return samples as floating-point numbers, in the range that autoencoders use.

    Parameters
    ----------
    X : array-like
        Samples.
    are_images : bool, default=True
        Whether values of uint8 mean 0 to 255 and are scaled to [0, 1]. In a table they
        are numbers like any other.

    Returns
    -------
    ndarray
        Floating-point numbers, X itself if it has a floating-point dtype.
    """
    X = np.asarray(X)
    if X.dtype == np.uint8 and are_images:
        return X / np.float32(255)
    return X.astype(np.result_type(X.dtype, np.float32), copy=False)


def value_range(images):
    """Return the values that are shown as darkest and brightest.

    Parameters
    ----------
    images : ndarray
        Images.

    Returns
    -------
    low, high : float
        0 and 1 for images in [0, 1], else their smallest and largest value.
    """
    low, high = float(np.nanmin(images)), float(np.nanmax(images))
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)


def choose_limits(limits, images):
    """Return the limits that the user gave, or the value range of the images.

    Parameters
    ----------
    limits : tuple of float or None
        The values shown as darkest and brightest.
    images : ndarray
        Images.

    Returns
    -------
    low, high : float
        The limits.
    """
    return value_range(images) if limits is None else limits


def find_limits(estimator, X):
    """Return the value range of samples as images.

    Parameters
    ----------
    estimator : object
        Fitted estimator.
    X : array-like
        Samples as the estimator takes them.

    Returns
    -------
    low, high : float
        The values to show as darkest and brightest.
    """
    return value_range(as_floats(X, are_images=takes_images(estimator, X)))


def shade(images, limits):
    """Scale images such that the darkest value is 0 and the brightest is 1.

    Parameters
    ----------
    images : ndarray
        Images.
    limits : tuple of float
        The values shown as darkest and brightest; values beyond are clipped.

    Returns
    -------
    ndarray
        Numbers in [0, 1], NaN where the images have NaN.
    """
    low, high = limits
    return ((images - low) / (high - low or 1.0)).clip(0, 1)


@on_numpy
def check_codes(codes):
    """Check that codes are numbers.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_components)
        The codes.

    Returns
    -------
    ndarray of shape (n_samples, n_components)
        The codes.

    Raises
    ------
    ValueError
        If the codes are not finite.
    """
    return check_array(codes, input_name="codes")


def check_plane(codes, name="codes"):
    """Check that codes have two components.

    Parameters
    ----------
    codes : array-like of shape (n_samples, 2)
        The codes.
    name : str, default="codes"
        What an error calls them.

    Returns
    -------
    ndarray of shape (n_samples, 2)
        The codes.

    Raises
    ------
    ValueError
        If the codes do not have two components or are not finite.
    """
    codes = check_codes(codes)
    if codes.shape[1] != 2:
        raise ValueError(
            f"{name} have {codes.shape[1]} components; a plane of images needs 2."
        )
    return codes


def encode_plane(estimator, X):
    """Return the codes of samples, which must have two components.

    Parameters
    ----------
    estimator : object
        Fitted estimator with ``transform``.
    X : array-like of shape (n_samples, n_features) or images
        The samples.

    Returns
    -------
    ndarray of shape (n_samples, 2)
        The codes.

    Raises
    ------
    ValueError
        If the codes do not have two components.
    """
    name = f"The codes of {type(estimator).__name__}"
    return check_plane(estimator.transform(X), name)


def decode_grid(estimator, values, image_shape):
    """Decode the codes of a grid.

    Parameters
    ----------
    estimator : object
        Fitted estimator with ``inverse_transform``.
    values : sequence of ndarray
        The values of each component along its axis of the grid.
    image_shape : tuple of int
        Shape of one image.

    Returns
    -------
    ndarray of shape (n_values_0, n_values_1, ..., height, width) or \
            (n_values_0, n_values_1, ..., height, width, n_channels)
        The images; with two components, ``[i, j]`` belongs to the code
        ``(values[0][i], values[1][j])``.
    """
    grid = np.stack(np.meshgrid(*values, indexing="ij"), axis=-1)
    decoded = estimator.inverse_transform(grid.reshape(-1, len(values)))
    images = as_floats(as_images(decoded, image_shape))
    return images.reshape(*grid.shape[:-1], *images.shape[1:])
