"""Corruption processes C(x̃|x): how samples lose what an autoencoder is to restore.

Each is a small object that is called as ``corruption(x, generator)`` with a batch of
samples and gives corrupted ones. What is random comes from the generator alone. The
same objects make random views of samples, as the ``augmentation`` of an estimator.
"""

import math
from numbers import Real

import torch
import torch.nn.functional as F
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import (
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.metaestimators import _BaseComposition

from skae._random import draw

# Shares of red, green and blue in the brightness of a colour, ITU-R BT.601.
LUMA = (0.299, 0.587, 0.114)
# Height by width of an erased rectangle, of random erasing's paper.
ASPECT_RATIO = (0.3, 1 / 0.3)


class _Pair(Interval):
    """Constraint: a pair (low, high) of numbers in an interval."""

    def is_satisfied_by(self, val):
        return (
            isinstance(val, (tuple, list))
            and len(val) == 2
            and all(super(_Pair, self).is_satisfied_by(bound) for bound in val)
            and val[0] <= val[1]
        )

    def __str__(self):
        return f"a pair (low, high) with low <= high, each {super().__str__()}"


FINITE = Interval(Real, -math.inf, math.inf, closed="neither")
SHARE = Interval(Real, 0, 1, closed="both")


def _scale_draws(draws, bounds):
    """Turn uniform draws from [0, 1) into draws from [low, high)."""
    low, high = bounds
    return low + (high - low) * draws


def _around_zero(width):
    """Read a number as the range around zero that it spans, and a pair as it is."""
    return (-width, width) if isinstance(width, Real) else width


def _replace(x, replaced, value):
    """Put a value where ``replaced`` is one, and keep x where it is zero."""
    # Sums and products of zeros and ones are exact, and on a CPU several times faster
    # than to choose by a mask.
    out = torch.addcmul(x, x, replaced, value=-1)
    return out.add_(replaced, alpha=float(value))


def _background(images):
    """Give the median of the outermost pixels of each image and channel."""
    if images.shape[2] == 1:  # one line, each pixel of which counts twice
        images = images.transpose(1, 2)
    left, right = images[:, 1:-1, 0], images[:, 1:-1, -1]
    border = torch.cat((images[:, 0], left, right, images[:, -1]), dim=1)
    # Sorted, since torch.median is not deterministic on a GPU; along the last
    # dimension, where that is fastest.
    border = border.transpose(1, 2).sort(dim=2).values
    half = border.shape[2] // 2
    return border[:, :, half - 1 : half + 1].mean(dim=2)[:, None, None]


class Corruption(BaseEstimator):
    """Base of the corruption processes.

    Corruptions of one class with equal parameters are equal. A function of the same
    form serves as a corruption, too.
    """

    _parameter_constraints: dict = {}

    def __call__(self, x, generator):
        """Corrupt a batch of samples.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features) or images
            Samples, finite numbers of float32 or float64; images as (n_samples,
            height, width) or (n_samples, height, width, n_channels).
        generator : torch.Generator
            Draws all that is random, on its own device.

        Returns
        -------
        torch.Tensor of the shape of x
            A new tensor of x's type, on x's device. Equal states of the generator give
            equal draws, for float32 and float64 the same.

        Raises
        ------
        ValueError
            If a parameter, x or generator is not as it must be.
        """
        self._check_params()
        name = type(self).__name__
        if not (isinstance(x, torch.Tensor) and x.is_floating_point()):
            kind = x.dtype if isinstance(x, torch.Tensor) else type(x).__name__
            raise ValueError(f"{name} needs x as a tensor of floats, got {kind}.")
        if not isinstance(generator, torch.Generator):
            raise ValueError(
                f"{name} needs generator as a torch.Generator, got {generator!r}."
            )
        self._check_shape(tuple(x.shape))
        return self._corrupt(x, generator)

    def _check_params(self):
        # For every batch, so not by BaseEstimator's method, which takes longer.
        validate_parameter_constraints(
            self._parameter_constraints, vars(self), type(self).__name__
        )

    def _check_shape(self, shape):
        if not 2 <= len(shape) <= 4:
            raise ValueError(
                f"{type(self).__name__} needs rows of shape (n_samples, n_features) or "
                f"images, got x of shape {shape}."
            )

    def _corrupt(self, x, generator):
        """Give a new tensor; x and generator have been checked."""
        raise NotImplementedError

    def __eq__(self, other):
        """Whether class and parameters are the same."""
        if type(self) is not type(other):
            return NotImplemented
        return self.get_params(deep=False) == other.get_params(deep=False)

    def __hash__(self):
        """Give the class's hash, since parameters may change and a hash may not."""
        return hash(type(self))


class _ImageCorruption(Corruption):
    """Base of what needs to know which numbers are neighbours."""

    def _check_shape(self, shape):
        if len(shape) not in (3, 4):
            raise ValueError(
                f"{type(self).__name__} needs images of shape (n_samples, height, "
                f"width) or (n_samples, height, width, n_channels), got x of shape "
                f"{shape}; give image_shape or images."
            )


class GaussianNoise(Corruption):
    """Add independent normal noise to every feature, x̃ = x + ε, ε ~ N(mean, std²).

    Parameters
    ----------
    mean : float, default=0.0
        Mean of the noise, in the units of x.
    std : float, default=0.5
        Standard deviation of the noise, in the units of x, not negative.
    clip : tuple (low, high), default=None
        Range into which x̃ is clipped, (0, 1) for images that must stay images. Mean
        and standard deviation are those before.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio and P.-A. Manzagol, "Stacked
       denoising autoencoders", Journal of Machine Learning Research 11, 2010,
       section 3.3.

    Examples
    --------
    >>> import torch
    >>> from skae.corruption import GaussianNoise
    >>> x = torch.zeros(1000, 64)
    >>> noise = GaussianNoise(mean=0.5, std=0.5)(x, torch.Generator().manual_seed(0))
    >>> print(f"{noise.mean():.2f} {noise.std():.2f}")
    0.50 0.50
    """

    _parameter_constraints: dict = {
        "mean": [FINITE],
        "std": [Interval(Real, 0, math.inf, closed="left")],
        "clip": [_Pair(Real, -math.inf, math.inf, closed="neither"), None],
    }

    def __init__(self, mean=0.0, std=0.5, clip=None):
        self.mean = mean
        self.std = std
        self.clip = clip

    def _corrupt(self, x, generator):
        noise = draw(torch.randn, x.shape, generator, x.device).to(x.dtype)
        out = torch.add(x, noise, alpha=float(self.std)).add_(float(self.mean))
        return out if self.clip is None else out.clamp_(*self.clip)


class SaltAndPepper(Corruption):
    """Set features to the highest value, salt, or to the lowest, pepper.

    Which features is drawn for each by itself, in images for each channel of a pixel.

    Parameters
    ----------
    amount : float, default=0.1
        Probability that a feature is set to one of the two, between 0 and 1.
    salt_vs_pepper : float, default=0.5
        Probability that it is then salt, between 0 and 1.
    low : float, default=0.0
        Value of pepper, in the units of x.
    high : float, default=1.0
        Value of salt, in the units of x.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio and P.-A. Manzagol, "Stacked
       denoising autoencoders", Journal of Machine Learning Research 11, 2010,
       section 3.3.

    Examples
    --------
    >>> import torch
    >>> from skae.corruption import SaltAndPepper
    >>> x = torch.full((1000, 64), 0.3)
    >>> noisy = SaltAndPepper(0.2)(x, torch.Generator().manual_seed(0))
    >>> for value in (0.0, 0.3, 1.0):
    ...     print(f"{(noisy == value).float().mean():.2f}")
    0.10
    0.80
    0.10
    """

    _parameter_constraints: dict = {
        "amount": [SHARE],
        "salt_vs_pepper": [SHARE],
        "low": [FINITE],
        "high": [FINITE],
    }

    def __init__(self, amount=0.1, salt_vs_pepper=0.5, low=0.0, high=1.0):
        self.amount = amount
        self.salt_vs_pepper = salt_vs_pepper
        self.low = low
        self.high = high

    def _corrupt(self, x, generator):
        draws = draw(torch.rand, x.shape, generator, x.device)
        salt = draws.lt(self.amount * self.salt_vs_pepper).to(x.dtype)
        replaced = draws.lt_(self.amount).to(x.dtype)
        out = _replace(x, replaced, 0.0).add_(salt, alpha=float(self.high))
        return out.add_(replaced.sub_(salt), alpha=float(self.low))


class Masking(Corruption):
    """Drop features at random.

    Which features is drawn for each by itself, in images for each channel of a pixel.
    The features that are kept stay as they are; they are not scaled up as by dropout.

    Parameters
    ----------
    amount : float, default=0.25
        Probability that a feature is dropped, between 0 and 1.
    fill_value : float, default=0.0
        Value of a dropped feature, in the units of x.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio and P.-A. Manzagol, "Stacked
       denoising autoencoders", Journal of Machine Learning Research 11, 2010,
       section 3.3.

    Examples
    --------
    >>> import torch
    >>> from skae.corruption import Masking
    >>> masked = Masking(0.3)(torch.ones(1000, 64), torch.Generator().manual_seed(0))
    >>> print(f"{(masked == 0).float().mean():.2f}")
    0.30
    """

    _parameter_constraints: dict = {"amount": [SHARE], "fill_value": [FINITE]}

    def __init__(self, amount=0.25, fill_value=0.0):
        self.amount = amount
        self.fill_value = fill_value

    def _corrupt(self, x, generator):
        draws = draw(torch.rand, x.shape, generator, x.device)
        return _replace(x, draws.lt_(self.amount).to(x.dtype), self.fill_value)


class SwapNoise(Corruption):
    """Give features the value that they have in another sample of the batch.

    Which features is drawn for each by itself, and so is the other sample, which may be
    the same one. What comes out has the marginal distribution of each feature, whatever
    its unit, also where a feature is one of a few numbers.

    Parameters
    ----------
    amount : float, default=0.1
        Probability that a feature is taken from another sample, between 0 and 1.

    References
    ----------
    .. [1] J. Yoon, Y. Zhang, J. Jordon and M. van der Schaar, "VIME: extending the
       success of self- and semi-supervised learning to tabular domain", NeurIPS 2020.

    Examples
    --------
    >>> import torch
    >>> from skae.corruption import SwapNoise
    >>> x = torch.arange(1000.0)[:, None] + torch.tensor([0.0, 5000.0])
    >>> swapped = SwapNoise(0.3)(x, torch.Generator().manual_seed(0))
    >>> print(f"{(swapped != x).float().mean():.2f}")
    0.30
    >>> bool((swapped[:, 1] >= 5000).all())
    True
    """

    _parameter_constraints: dict = {"amount": [SHARE]}

    def __init__(self, amount=0.1):
        self.amount = amount

    def _corrupt(self, x, generator):
        rows = x.flatten(1)
        is_swapped = draw(torch.rand, rows.shape, generator, x.device) < self.amount
        others = draw(torch.rand, rows.shape, generator, x.device).mul_(len(x)).long()
        swapped = rows.gather(0, others.clamp_(max=len(x) - 1))
        return torch.where(is_swapped, swapped, rows).view(x.shape)


class Binarize(Corruption):
    """Make of each value a draw of one or zero, with the value as probability of a one.

    As ``augmentation`` it trains a model of bits on gray images, which are drawn anew
    in each epoch, so that it cannot learn one draw by heart [1]_.

    References
    ----------
    .. [1] Y. Burda, R. Grosse and R. Salakhutdinov, "Importance weighted autoencoders",
       ICLR 2016, section 5.

    Examples
    --------
    >>> import torch
    >>> from skae.corruption import Binarize
    >>> gray = torch.full((1000, 64), 0.3)
    >>> bits = Binarize()(gray, torch.Generator().manual_seed(0))
    >>> print(bits.unique(), f"{bits.mean():.2f}")
    tensor([0., 1.]) 0.30
    """

    def _corrupt(self, x, generator):
        return draw(torch.rand, x.shape, generator, x.device).lt(x).to(x.dtype)


class RandomErasing(_ImageCorruption):
    """Tear a rectangle out of every image, all channels of it.

    The rectangle's height by its width is drawn log-uniformly from [0.3, 1 / 0.3], as
    far as the image has room for it, and its place uniformly from those where it lies
    in the image as a whole. Its sides are whole pixels, rounded at random so that the
    mean of its area is exactly what was asked for.

    Parameters
    ----------
    area : float or tuple (low, high), default=0.25
        Area of the rectangle as a share of the image, between 0 and 1; a pair is the
        range from which it is drawn uniformly for each image.
    fill_value : float, default=0.0
        Value inside the rectangle, in the units of x.

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

    _parameter_constraints: dict = {
        "area": [SHARE, _Pair(Real, 0, 1, closed="both")],
        "fill_value": [FINITE],
    }

    def __init__(self, area=0.25, fill_value=0.0):
        self.area = area
        self.fill_value = fill_value

    def _corrupt(self, x, generator):
        height, width = x.shape[1:3]
        draws = draw(torch.rand, (5, len(x)), generator, x.device)
        bounds = (self.area, self.area) if isinstance(self.area, Real) else self.area
        area = height * width * _scale_draws(draws[0], bounds)
        # Logarithms of the ratios with which the rectangle fits into the image.
        narrowest, widest = (height**2 / area).log(), (area / width**2).log()
        low, high = (
            torch.full_like(area, math.log(ratio)).clamp(widest, narrowest)
            for ratio in ASPECT_RATIO
        )
        ratio = _scale_draws(draws[1], (low, high)).exp()
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
        return _replace(lines, down * across, self.fill_value).reshape(x.shape)


class Grayscale(_ImageCorruption):
    """Take the colour out of images.

    Every channel becomes the gray value, so that the shape stays. Nothing is random.

    Parameters
    ----------
    gray : {"mean", "luma"}, default="mean"
        What a pixel's gray is: the mean of its channels, or the brightness that the
        eye sees, 0.299 red + 0.587 green + 0.114 blue, for three channels only.

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

    _parameter_constraints: dict = {"gray": [StrOptions({"mean", "luma"})]}

    def __init__(self, gray="mean"):
        self.gray = gray

    def _check_shape(self, shape):
        if len(shape) != 4 or (self.gray == "luma" and shape[3] != len(LUMA)):
            channels = len(LUMA) if self.gray == "luma" else "n_channels"
            raise ValueError(
                f"Grayscale(gray={self.gray!r}) needs images of shape (n_samples, "
                f"height, width, {channels}), got x of shape {shape}; give image_shape "
                "or images."
            )

    def _corrupt(self, x, generator):
        channels = x.unbind(3)
        if self.gray == "mean":
            gray = sum(channels) / len(channels)
        else:
            gray = sum(w * channel for w, channel in zip(LUMA, channels, strict=True))
        return gray[..., None].expand_as(x).contiguous()


class RandomAffine(_ImageCorruption):
    """Rotate, shift, scale and shear images, each as drawn for it.

    A pixel that stands (u, v) from the image's centre, u to the right and v upward in
    pixels, goes to R(S(u + v tan(shear), v)) + shift: it is sheared, scaled, rotated,
    and shifted. All channels of an image move together. Values between the pixels are
    bilinear.

    Parameters
    ----------
    rotation : float or tuple (low, high), default=15.0
        Angle in degrees, counter-clockwise as seen, drawn uniformly: from [-r, r] for
        a number r, or from the range of a pair, between -180 and 180.
    shift : float, default=0.1
        By how much at most an image moves along each axis, up or down as a share of
        its height and left or right as a share of its width, between 0 and 1. Each is
        drawn uniformly.
    scale : tuple (low, high), default=(0.9, 1.1)
        Range of the factor of height and width, above zero, drawn uniformly.
    shear : float or tuple (low, high), default=0.0
        Angle in degrees by which upright lines lean to the right, drawn uniformly:
        from [-s, s] for a number s, or from the range of a pair, between -90 and 90,
        which are excluded.
    outside : {"zero", "background"}, default="zero"
        What comes from outside the image: zero, or the image's background, by which is
        meant the median of its outermost pixels, for each channel.

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

    _parameter_constraints: dict = {
        "rotation": [
            Interval(Real, 0, 180, closed="both"),
            _Pair(Real, -180, 180, closed="both"),
        ],
        "shift": [SHARE],
        "scale": [_Pair(Real, 0, math.inf, closed="neither")],
        "shear": [
            Interval(Real, 0, 90, closed="left"),
            _Pair(Real, -90, 90, closed="neither"),
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
        angle = _scale_draws(draws[0], _around_zero(self.rotation)).deg2rad()
        right, down = (
            side * _scale_draws(share, _around_zero(self.shift))
            for side, share in ((width, draws[1]), (height, draws[2]))
        )
        factor = _scale_draws(draws[3], self.scale)
        lean = _scale_draws(draws[4], _around_zero(self.shear)).deg2rad().tan()

        # Where the value of each pixel comes from: the map, run backward. Here v is
        # downward, as pixels are counted.
        def places(n):
            return torch.arange(n, device=x.device, dtype=x.dtype) - (n - 1) / 2

        u, v = places(width) - right, places(height)[:, None] - down
        cos, sin = angle.cos() / factor, angle.sin() / factor
        # In grid_sample's units the image goes from -1 to 1.
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


class RandomFlip(_ImageCorruption):
    """Mirror images left to right, each with some probability.

    A random view rather than a loss: for ``augmentation``, where a mirror image is as
    good as the image, as of photographs.

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

    _parameter_constraints: dict = {"probability": [SHARE]}

    def __init__(self, probability=0.5):
        self.probability = probability

    def _corrupt(self, x, generator):
        is_flipped = draw(torch.rand, (len(x),), generator, x.device).lt(
            self.probability
        )
        flipped = is_flipped.view(-1, *[1] * (x.ndim - 1))
        return torch.where(flipped, x.flip(2), x)


class Chain(Corruption, _BaseComposition):
    """Apply corruptions one after the other.

    Parameters
    ----------
    steps : list of (str, callable) tuples
        Names and corruptions in the order in which they are applied: objects of this
        module, whose parameters can be searched as ``noise__std`` for a step called
        "noise", or callables of the same form.

    Examples
    --------
    >>> import torch
    >>> from skae.corruption import Chain, GaussianNoise, RandomErasing
    >>> chain = Chain([("torn", RandomErasing()), ("noise", GaussianNoise())])
    >>> chain.set_params(noise__std=0.1)(torch.ones(2, 28, 28), torch.Generator()).shape
    torch.Size([2, 28, 28])
    """

    def __init__(self, steps):
        self.steps = steps

    def get_params(self, deep=True):
        """Get the parameters.

        Parameters
        ----------
        deep : bool, default=True
            Whether to give the steps and their parameters, too.

        Returns
        -------
        dict
            Values by name.
        """
        return self._get_params("steps", deep=deep)

    def set_params(self, **params):
        """Set parameters, also those of the steps, or replace a step.

        Parameters
        ----------
        **params : dict
            Values by name.

        Returns
        -------
        self : Chain
            The chain.
        """
        self._set_params("steps", **params)
        return self

    def _check_params(self):
        steps = self.steps
        if not (
            isinstance(steps, list)
            and steps
            and all(isinstance(step, tuple) and len(step) == 2 for step in steps)
            # A class can be called, too, but not with x and a generator.
            and all(
                isinstance(name, str) and callable(step) and not isinstance(step, type)
                for name, step in steps
            )
        ):
            raise ValueError(
                "The 'steps' parameter of Chain must be a list of (name, corruption) "
                f"tuples, at least one. Got {steps!r} instead."
            )
        names = [name for name, _ in steps]
        if len(set(names)) < len(names) or any(
            "__" in name or name == "steps" for name in names
        ):
            raise ValueError(
                "The names in the 'steps' parameter of Chain must be unique, without "
                f"'__' and not 'steps'. Got {names!r} instead."
            )

    def _corrupt(self, x, generator):
        for _, corruption in self.steps:
            x = corruption(x, generator)
        return x


class ImagesOrRows(Corruption):
    """Corrupt images in one way, and the rows of a table in another.

    For what is to be ready for both before it has seen the samples.

    Parameters
    ----------
    images : callable
        What is done to images: an object of this module, or a callable of its form.
    rows : callable
        What is done to rows.

    Examples
    --------
    >>> import torch
    >>> from skae.corruption import ImagesOrRows, RandomFlip, SwapNoise
    >>> corruption = ImagesOrRows(images=RandomFlip(1.0), rows=SwapNoise(0.0))
    >>> x = torch.tensor([[0.0, 1.0]])
    >>> corruption(x, torch.Generator())
    tensor([[0., 1.]])
    >>> corruption(x[:, None], torch.Generator())
    tensor([[[1., 0.]]])
    """

    _parameter_constraints: dict = {"images": [callable], "rows": [callable]}

    def __init__(self, images, rows):
        self.images = images
        self.rows = rows

    def _check_params(self):
        super()._check_params()
        for name, corruption in vars(self).items():
            if isinstance(corruption, type):
                raise ValueError(
                    f"The {name!r} parameter of ImagesOrRows is the class "
                    f"{corruption.__name__}; give an object of it."
                )

    def _corrupt(self, x, generator):
        corruption = self.rows if x.dim() == 2 else self.images
        return corruption(x, generator)


def is_own_code(function):
    """Whether a function is the user's own, which may draw from global generators.

    Parameters
    ----------
    function : callable or None
        What is used as corruption or augmentation.

    Returns
    -------
    bool
        False for None and for objects of this module, whose draws are all from the
        generator that they are handed.
    """
    if isinstance(function, Chain):
        function._check_params()
        return any(is_own_code(step) for _, step in function.steps)
    if isinstance(function, ImagesOrRows):
        return is_own_code(function.images) or is_own_code(function.rows)
    return function is not None and type(function).__module__ != __name__
