"""Gray from colour, and colours of a given gray."""

import numpy as np
import torch
from sklearn.utils._param_validation import StrOptions, validate_params

from skae._common.gray import GRAY_WEIGHTS
from skae._common.images import BYTE_SCALE, value_range
from skae._common.stored import StoredRows
from skae._common.validation import Samples, check_other
from skae._training.scaling import subsample

# Gray images may differ by this much, root mean square, from the gray of the colours:
# the step of a byte.
GRAY_TOLERANCE = 1 / 255


@validate_params(
    {"X_color": ["array-like"], "gray": [StrOptions(set(GRAY_WEIGHTS))]},
    prefer_skip_nested_validation=True,
)
def rgb_to_gray(X_color, gray="mean"):
    """Convert colour images to gray images.

    Parameters
    ----------
    X_color : array-like of shape (..., 3)
        Colour images, with red, green and blue on the last axis.
    gray : {"mean", "luma"}, default="mean"
        "mean" is the mean of the three; "luma" is the brightness as perceived,
        0.299 red + 0.587 green + 0.114 blue [1]_.

    Returns
    -------
    ndarray of shape (...)
        Gray images: rounded to uint8 for uint8, in the type of X_color for floats, else
        in float64.

    Raises
    ------
    ValueError
        If the last axis does not have length 3.

    See Also
    --------
    ColorizationAutoEncoder : Predicts the colours of gray images.
    skae.corruption.Grayscale : The same as a corruption, with three channels.

    References
    ----------
    .. [1] Recommendation ITU-R BT.601-7, "Studio encoding parameters of digital
       television", International Telecommunication Union, 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import rgb_to_gray
    >>> red = np.array([[[255, 0, 0]]], dtype=np.uint8)
    >>> rgb_to_gray(red), rgb_to_gray(red, "luma")
    (array([[85]], dtype=uint8), array([[76]], dtype=uint8))
    """
    X_color = np.asarray(X_color)
    if X_color.shape[-1:] != (3,):
        raise ValueError(
            f"X_color has the shape {X_color.shape}; its last axis must be red, green "
            "and blue."
        )
    if X_color.dtype.kind == "f":
        return X_color @ np.asarray(GRAY_WEIGHTS[gray], X_color.dtype)
    exact = X_color @ np.asarray(GRAY_WEIGHTS[gray])
    return exact.round().astype(np.uint8) if X_color.dtype == np.uint8 else exact


def into_gamut(gray, color):
    """Pull colours towards their gray until they lie in [0, 1], and no further.

    Parameters
    ----------
    gray : torch.Tensor of shape (n_samples, n_pixels, 1)
        Gray values in [0, 1], so that a colour without chroma is in range.
    color : torch.Tensor of shape (n_samples, n_pixels, 3)
        Colours of that gray.

    Returns
    -------
    torch.Tensor of shape (n_samples, n_pixels, 3)
        Colours in [0, 1], of the same gray and the same hue.
    """
    chroma = color - gray
    # How much of the chroma fits between gray and the bound that it points to.
    room = torch.where(chroma > 0, 1 - gray, gray) / chroma.abs()
    share = room.nan_to_num(1.0).amin(dim=2, keepdim=True).clamp(max=1.0)
    # Rounding may leave a colour just outside.
    return (gray + share * chroma).clamp(0, 1)


def check_image_range(samples, name):
    """Refuse images of floats outside [0, 1].

    Parameters
    ----------
    samples : Samples
        Images as rows.
    name : str
        What an error calls them.

    Raises
    ------
    ValueError
        If a value is outside.
    """
    if samples.byte_scale != 1.0:  # bytes are in [0, 1] whatever they are
        return
    low, high = value_range(samples.rows)
    if low < 0 or high > 1:
        raise ValueError(
            f"{name} has images with values from {low} to {high}; they must lie in "
            "[0, 1], or be of uint8, from 0 to 255."
        )


def check_targets(y, n_samples, image_shape):
    """Check the outputs of a table or the colour images of gray ones.

    Parameters
    ----------
    y : array-like
        Outputs or colour images.
    n_samples : int
        Number of samples of X.
    image_shape : tuple of int or None
        Shape of a gray image, if X has images.

    Returns
    -------
    targets : Samples
        As rows.
    shape : tuple of int
        Shape of one sample of y.

    Raises
    ------
    ValueError
        If y does not fit X.
    """
    rows = check_other(
        y,
        "y",
        order="C",
        ensure_2d=False,
        allow_nd=True,
        ensure_min_features=0,
    )
    is_stored = isinstance(rows, StoredRows)
    shape = (len(rows), *rows.sample_shape) if is_stored else rows.shape
    if shape[:1] != (n_samples,) or not all(shape):
        raise ValueError(
            f"y has the shape {shape}; it must hold one row or image for each of "
            f"X's {n_samples} samples. Found input variables with inconsistent "
            "numbers of samples."
        )
    targets = Samples(rows if is_stored else rows.reshape(n_samples, -1))
    if image_shape is not None:
        # X and y lie in [0, 1], or are bytes.
        targets = targets._replace(
            byte_scale=BYTE_SCALE if rows.dtype == np.uint8 else 1.0
        )
        height, width = image_shape[:2]
        if shape[1:] not in ((height, width, 3), (height * width * 3,)):
            raise ValueError(
                f"y has samples of shape {shape[1:]}; for gray images of "
                f"{height} x {width} they must be colour images of shape "
                f"({height}, {width}, 3), or their flat rows."
            )
        check_image_range(targets, "y")
    return targets, shape[1:]


def check_gray_weights(gray, inputs, targets):
    """Refuse gray images that were made of the colours in the other way.

    Parameters
    ----------
    gray : {"mean", "luma"}
        How they are said to be made.
    inputs, targets : Samples
        Gray and colour images as rows.

    Raises
    ------
    ValueError
        If the other way is nearer.
    """
    image, color = (
        samples.byte_scale * subsample(samples.rows).astype(np.float32)
        for samples in (inputs, targets)
    )
    color = color.reshape(*image.shape, 3)
    errors = {
        name: np.sqrt(np.square(rgb_to_gray(color, name) - image).mean())
        for name in GRAY_WEIGHTS
    }
    best = min(errors, key=errors.get)
    if errors[gray] > max(GRAY_TOLERANCE, 2 * errors[best]):
        raise ValueError(
            f"gray={gray!r}, but X is closer to the gray values of y with "
            f"gray={best!r}: the root mean square error is {errors[best]:.2g} instead "
            f"of {errors[gray]:.2g}."
        )
