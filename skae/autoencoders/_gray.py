"""Gray from colour, and colours of a given gray."""

import numpy as np
import torch
from sklearn.utils._param_validation import StrOptions, validate_params

from skae._common.gray import GRAY_WEIGHTS


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
