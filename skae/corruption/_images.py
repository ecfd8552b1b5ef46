"""Corruptions that need to know which pixels are neighbours."""

import math
from numbers import Real

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.utils._param_validation import Interval, StrOptions

from skae._common.gray import GRAY_WEIGHTS, LUMA
from skae._common.runtime import draw
from skae.corruption._base import (
    FINITE,
    SHARE,
    ImageCorruption,
    Pair,
    replace,
    scale_draws,
)

# Range of height divided by width of an erased rectangle, as in Zhong et al. (2020).
ASPECT_RATIO = (0.3, 1 / 0.3)


def _around_zero(width):
    """Read a number as the range around zero that it spans, and a pair as it is."""
    return (-width, width) if isinstance(width, Real) else width


def _background(images):
    """Return the median of the outermost pixels of each image and channel."""
    if images.shape[2] == 1:  # one line, each pixel of which counts twice
        images = images.transpose(1, 2)
    left, right = images[:, 1:-1, 0], images[:, 1:-1, -1]
    border = torch.cat((images[:, 0], left, right, images[:, -1]), dim=1)
    # Sorted, since torch.median is not deterministic on a GPU; along the last
    # dimension, where that is fastest.
    border = border.transpose(1, 2)
    if border.device.type == "cpu":  # there NumPy is up to 20 times as fast as torch
        border = torch.from_numpy(np.sort(border.numpy(force=True), axis=2))
    else:
        border = border.sort(dim=2).values
    half = border.shape[2] // 2
    return border[:, :, half - 1 : half + 1].mean(dim=2)[:, None, None]


class RandomErasing(ImageCorruption):
    """Erase a rectangle of every image, in all its channels.

    The ratio of the rectangle's height to its width is drawn log-uniformly from
    [0.3, 1 / 0.3], as far as it fits into the image. Its place is drawn uniformly from
    those inside the image. Its sides are whole pixels, rounded at random so that the
    expected area is exactly the requested one.

    Parameters
    ----------
    area : float or tuple (low, high), default=0.25
        Area of the rectangle as a share of the image, between 0 and 1; a pair is the
        range from which it is drawn uniformly for each image.
    fill_value : float, default=0.0
        Value inside the rectangle, in the scale of x.

    References
    ----------
    .. [1] Z. Zhong, L. Zheng, G. Kang, S. Li and Y. Yang, "Random erasing data
       augmentation", AAAI Conference on Artificial Intelligence, 2020.

    Examples
    --------
    >>> import torch
    >>> from skae.corruption import RandomErasing
    >>> images = torch.ones(1000, 28, 28)
    >>> torn = RandomErasing(0.25)(images, torch.Generator().manual_seed(0))
    >>> print(f"{(torn == 0).float().mean():.2f}")
    0.25
    """

    uses_generator_only = True
    _parameter_constraints: dict = {
        "area": [SHARE, Pair(Real, 0, 1, closed="both")],
        "fill_value": [FINITE],
    }

    def __init__(self, area=0.25, fill_value=0.0):
        self.area = area
        self.fill_value = fill_value

    def _corrupt(self, x, generator):
        height, width = x.shape[1:3]
        draws = draw(torch.rand, (5, len(x)), generator, x.device)
        bounds = (self.area, self.area) if isinstance(self.area, Real) else self.area
        area = height * width * scale_draws(draws[0], bounds)
        # Logarithms of the ratios with which the rectangle fits into the image.
        narrowest, widest = (height**2 / area).log(), (area / width**2).log()
        low, high = (
            torch.full_like(area, math.log(ratio)).clamp(widest, narrowest)
            for ratio in ASPECT_RATIO
        )
        ratio = scale_draws(draws[1], (low, high)).exp()
        rows = (area * ratio).sqrt().round().clamp(1, height)
        # One side rounded down or up at random: the area is right in the mean.
        rows = torch.maximum(rows, (area / width).ceil())
        columns = (area / rows + draws[2]).floor().clamp(max=width)

        def inside(n, length, share):
            start = (share * (n - length + 1)).floor()[:, None]
            place = torch.arange(n, device=x.device)
            return ((place >= start) & (place < start + length[:, None])).to(x.dtype)

        # A row of pixels as one row of numbers: all channels of a pixel alike.
        lines = x.flatten(2)
        down = inside(height, rows, draws[3])[:, :, None]
        across = inside(width, columns, draws[4])[:, None, :]
        across = across.repeat_interleave(lines.shape[2] // width, dim=2)
        return replace(lines, down * across, self.fill_value).reshape(x.shape)


class Grayscale(ImageCorruption):
    """Remove the colour from images.

    Every channel becomes the gray value, so that the shape stays. Nothing is random.

    Parameters
    ----------
    gray : {"mean", "luma"}, default="mean"
        The gray of a pixel: the mean of its channels, or the brightness as perceived,
        0.299 red + 0.587 green + 0.114 blue, for three channels only.

    References
    ----------
    .. [1] Recommendation ITU-R BT.601-7, "Studio encoding parameters of digital
       television", International Telecommunication Union, 2011.

    Examples
    --------
    >>> import torch
    >>> from skae.corruption import Grayscale
    >>> red = torch.tensor([1.0, 0.0, 0.0]).expand(1, 1, 1, 3)
    >>> Grayscale("luma")(red, torch.Generator())
    tensor([[[[0.2990, 0.2990, 0.2990]]]])
    """

    uses_generator_only = True
    _parameter_constraints: dict = {"gray": [StrOptions(set(GRAY_WEIGHTS))]}

    def __init__(self, gray="mean"):
        self.gray = gray

    def _check_shape(self, shape):
        if len(shape) != 4 or (self.gray == "luma" and shape[3] != len(LUMA)):
            channels = len(LUMA) if self.gray == "luma" else "n_channels"
            raise ValueError(
                f"Grayscale(gray={self.gray!r}) needs images of shape (n_samples, "
                f"height, width, {channels}), got x of shape {shape}; set image_shape "
                "or pass images."
            )

    def _corrupt(self, x, generator):
        channels = x.unbind(3)
        if self.gray == "mean":
            gray = sum(channels) / len(channels)
        else:
            gray = sum(w * channel for w, channel in zip(LUMA, channels, strict=True))
        return gray[..., None].expand_as(x).contiguous()


class RandomAffine(ImageCorruption):
    """Rotate, shift, scale and shear images, each with its own random numbers.

    A pixel at (u, v) from the centre of the image, u to the right and v upward in
    pixels, goes to R(S(u + v tan(shear), v)) + shift: it is sheared, scaled, rotated,
    and shifted. All channels of an image move together. Values between pixels are
    interpolated bilinearly.

    Parameters
    ----------
    rotation : float or tuple (low, high), default=15.0
        Angle in degrees, counter-clockwise as seen, drawn uniformly: from [-r, r] for
        a number r, or from the range of a pair, between -180 and 180.
    shift : float, default=0.1
        Largest shift along each axis, as a share of height or width, between 0 and 1.
        Each is drawn uniformly in both directions.
    scale : tuple (low, high), default=(0.9, 1.1)
        Range of the factor of height and width, above zero, drawn uniformly.
    shear : float or tuple (low, high), default=0.0
        Angle in degrees by which upright lines lean to the right, drawn uniformly:
        from [-s, s] for a number s, or from the range of a pair, between -90 and 90,
        which are excluded.
    outside : {"zero", "background"}, default="zero"
        Value of pixels that come from outside the image: zero, or the background of the
        image, which is the median of its outermost pixels per channel.

    References
    ----------
    .. [1] P. Y. Simard, D. Steinkraus and J. C. Platt, "Best practices for
       convolutional neural networks applied to visual document analysis", International
       Conference on Document Analysis and Recognition, 2003.

    Examples
    --------
    >>> import torch
    >>> from skae.corruption import RandomAffine
    >>> image = torch.tensor([[[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]])
    >>> turn = RandomAffine(rotation=(90.0, 90.0), shift=0.0, scale=(1.0, 1.0))
    >>> turn(image, torch.Generator()).round().abs()
    tensor([[[0., 1., 0.],
             [0., 0., 0.],
             [0., 0., 0.]]])
    """

    uses_generator_only = True
    _parameter_constraints: dict = {
        "rotation": [
            Interval(Real, 0, 180, closed="both"),
            Pair(Real, -180, 180, closed="both"),
        ],
        "shift": [SHARE],
        "scale": [Pair(Real, 0, math.inf, closed="neither")],
        "shear": [
            Interval(Real, 0, 90, closed="left"),
            Pair(Real, -90, 90, closed="neither"),
        ],
        "outside": [StrOptions({"zero", "background"})],
    }

    def __init__(
        self,
        rotation=15.0,
        shift=0.1,
        scale=(0.9, 1.1),
        shear=0.0,
        outside="zero",
    ):
        self.rotation = rotation
        self.shift = shift
        self.scale = scale
        self.shear = shear
        self.outside = outside

    def _corrupt(self, x, generator):
        height, width = x.shape[1:3]
        draws = draw(torch.rand, (5, len(x), 1, 1), generator, x.device).to(x.dtype)
        angle = scale_draws(draws[0], _around_zero(self.rotation)).deg2rad()
        right, down = (
            side * scale_draws(share, _around_zero(self.shift))
            for side, share in ((width, draws[1]), (height, draws[2]))
        )
        factor = scale_draws(draws[3], self.scale)
        lean = scale_draws(draws[4], _around_zero(self.shear)).deg2rad().tan()

        # Where the value of each pixel comes from: the inverse of the map. Here v is
        # downward, as pixels are counted.
        def places(n):
            return torch.arange(n, device=x.device, dtype=x.dtype) - (n - 1) / 2

        u, v = places(width) - right, places(height)[:, None] - down
        cos, sin = angle.cos() / factor, angle.sin() / factor
        # In the coordinates of grid_sample the image goes from -1 to 1.
        to_u, to_v = 2 / width, 2 / height
        source_u = to_u * (cos + lean * sin) * u + to_u * (lean * cos - sin) * v
        source_v = to_v * sin * u + to_v * cos * v
        # Two planes seen as pairs: written and read faster than pairs.
        grid = torch.stack((source_u, source_v), dim=1).permute(0, 2, 3, 1)

        def move(images):
            out = F.grid_sample(
                images.permute(0, 3, 1, 2), grid, mode="bilinear", align_corners=False
            )
            return out.permute(0, 2, 3, 1)

        images = x[..., None] if x.ndim == 3 else x
        if self.outside == "background":
            background = _background(images)
            out = move(images - background) + background
        else:
            out = move(images)
        return out.reshape(x.shape).contiguous()


class RandomFlip(ImageCorruption):
    """Mirror images left to right, each with some probability.

    For ``augmentation`` of images whose mirror images are as likely, such as
    photographs. It loses no information.

    Parameters
    ----------
    probability : float, default=0.5
        Probability that an image is mirrored, between 0 and 1.

    References
    ----------
    .. [1] A. Krizhevsky, I. Sutskever and G. E. Hinton, "ImageNet classification with
       deep convolutional neural networks", NIPS 2012.

    Examples
    --------
    >>> import torch
    >>> from skae.corruption import RandomFlip
    >>> image = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    >>> RandomFlip(probability=1.0)(image, torch.Generator())
    tensor([[[2., 1.],
             [4., 3.]]])
    """

    uses_generator_only = True
    _parameter_constraints: dict = {"probability": [SHARE]}

    def __init__(self, probability=0.5):
        self.probability = probability

    def _corrupt(self, x, generator):
        is_flipped = draw(torch.rand, (len(x),), generator, x.device).lt(
            self.probability
        )
        flipped = is_flipped.view(-1, *[1] * (x.ndim - 1))
        return torch.where(flipped, x.flip(2), x)
