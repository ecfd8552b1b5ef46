"""What the numbers and the shapes of images mean."""

from numbers import Integral

import numpy as np

from skae._common.sparse import dense_blocks, values_of

# What one means in images of bytes.
BYTE_SCALE = 1 / 255
# Images whose values are not whole numbers are taken for bytes from here on.
MIN_BYTE_MAXIMUM = 10.0


def check_image_shape(image_shape, n_features, stack_shape):
    """Check the ``image_shape`` parameter.

    Parameters
    ----------
    image_shape : sequence
        The parameter.
    n_features : int
        Number of features of X.
    stack_shape : tuple of int or None
        Shape of an image, where X has images.

    Returns
    -------
    tuple of int
        The shape.

    Raises
    ------
    ValueError
        If it is not a shape, or does not fit X.
    """
    shape = tuple(image_shape)
    if len(shape) not in (2, 3) or not all(
        isinstance(side, Integral) and side > 0 for side in shape
    ):
        raise ValueError(
            f"image_shape={image_shape!r} must be (height, width) or (height, width, "
            "n_channels), positive integers."
        )
    if np.prod(shape) != n_features or (stack_shape or shape) != shape:
        raise ValueError(
            f"image_shape={image_shape!r} does not fit X, whose samples have "
            f"{stack_shape or n_features} features."
        )
    return tuple(map(int, shape))


def _look_like_bytes(images):
    """Whether images of another type than uint8 hold the numbers from 0 to 255."""
    low, high = value_range(images)
    if not 1 < high < np.inf or low < 0:
        return False
    if high > MIN_BYTE_MAXIMUM:
        return True
    return all(
        ((block == np.rint(block)) | np.isnan(block)).all()
        for _, block in dense_blocks(images)
    )


def value_range(rows):
    """Return the lowest and the highest value of rows.

    Parameters
    ----------
    rows : ndarray or StoredRows of shape (n_samples, n_features)
        The rows. NaN is left out.

    Returns
    -------
    low, high : scalar
        In the type of the rows.
    """
    ranges = [
        (np.fmin.reduce(block, axis=None), np.fmax.reduce(block, axis=None))
        for _, block in dense_blocks(rows)
    ]
    low, high = zip(*ranges, strict=True)
    return np.fmin.reduce(low), np.fmax.reduce(high)


def find_byte_scale(images):
    """Decide what one in an image of bytes means to a model fitted on images.

    Parameters
    ----------
    images : ndarray, csr_array or StoredRows of shape (n_samples, n_features)
        The images of the fit, as flat rows.

    Returns
    -------
    float or None
        1/255 where the images are of bytes or lie in [0, 1]; 1 where they hold the
        numbers of bytes in another type; None where bytes mean nothing.
    """
    if images.dtype == np.uint8:
        return BYTE_SCALE
    images = values_of(images)
    if _look_like_bytes(images):
        return 1.0
    low, high = value_range(images)
    return BYTE_SCALE if low >= 0 and high <= 1 else None


def check_byte_scale(images, fitted, name="X"):
    """Return what one in images means to a model that is fitted.

    Parameters
    ----------
    images : ndarray, csr_array or StoredRows of shape (n_samples, n_features)
        Images as flat rows.
    fitted : (float or None, bool)
        As :func:`find_byte_scale` decided, and whether the model was fitted on uint8.
    name : str, default="X"
        What an error calls them.

    Returns
    -------
    float
        1/255 for bytes that are scaled to [0, 1], else 1.

    Raises
    ------
    ValueError
        If they are in another unit than those of the fit.
    """
    byte_scale, of_bytes = fitted
    if images.dtype == np.uint8:
        if byte_scale is None:
            raise ValueError(
                f"{name} has images of uint8, but the images of the fit were neither "
                "bytes nor in [0, 1]; pass images in the unit of those."
            )
        return byte_scale
    if of_bytes and _look_like_bytes(values_of(images)):
        _, high = value_range(values_of(images))
        raise ValueError(
            f"{name} has images of {images.dtype} with values up to {high:g}, but "
            "those of the fit were of uint8, which are scaled to [0, 1]; pass uint8, "
            f"or divide {name} by 255."
        )
    return 1.0
