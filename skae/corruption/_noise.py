"""Corruptions of single features: noise, and values that are lost or swapped."""

import math
from numbers import Real

import torch
from sklearn.utils._param_validation import Interval

from skae._common.runtime import draw
from skae.corruption._base import FINITE, SHARE, Corruption, Pair, replace


class GaussianNoise(Corruption):
    """Add independent normal noise to every feature, x̃ = x + ε, ε ~ N(mean, std²).

    Parameters
    ----------
    mean : float, default=0.0
        Mean of the noise, in the scale of x.
    std : float or tuple of float, default=0.5
        Standard deviation of the noise, in the scale of x, not negative; a tuple has
        one for each feature of a table.
    clip : tuple (low, high), default=None
        Range into which x̃ is clipped, such as (0, 1) for images. Mean and standard
        deviation are those before clipping. None does not clip.

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

    uses_generator_only = True
    _parameter_constraints: dict = {
        "mean": [FINITE],
        "std": [Interval(Real, 0, math.inf, closed="left"), tuple],
        "clip": [Pair(Real, -math.inf, math.inf, closed="neither"), None],
    }

    def __init__(self, mean=0.0, std=0.5, clip=None):
        self.mean = mean
        self.std = std
        self.clip = clip

    def _corrupt(self, x, generator):
        noise = draw(torch.randn, x.shape, generator, x.device).to(x.dtype)
        if isinstance(self.std, tuple):
            std = torch.tensor(self._std_of_features(x), dtype=x.dtype, device=x.device)
            out = torch.addcmul(x, noise, std).add_(float(self.mean))
        else:
            out = torch.add(x, noise, alpha=float(self.std)).add_(float(self.mean))
        return out if self.clip is None else out.clamp_(*self.clip)

    def _std_of_features(self, x):
        """Return the standard deviations, checked."""
        std = self.std
        if x.ndim != 2 or len(std) != x.shape[1]:
            raise ValueError(
                f"GaussianNoise has std for {len(std)} features of a table; x has the "
                f"shape {tuple(x.shape)}."
            )
        if not all(isinstance(s, Real) and 0 <= s < math.inf for s in std):
            raise ValueError(
                f"std={std!r} of GaussianNoise must hold numbers of at least 0 only."
            )
        return std


class SaltAndPepper(Corruption):
    """Set features to the highest value, salt, or to the lowest, pepper.

    Each feature is drawn independently, in images each channel of a pixel.

    Parameters
    ----------
    amount : float, default=0.1
        Probability that a feature is set to one of the two, between 0 and 1.
    salt_vs_pepper : float, default=0.5
        Probability that it is then salt, between 0 and 1.
    low : float, default=0.0
        Value of pepper, in the scale of x.
    high : float, default=1.0
        Value of salt, in the scale of x.

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

    uses_generator_only = True
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
        out = replace(x, replaced, 0.0).add_(salt, alpha=float(self.high))
        return out.add_(replaced.sub_(salt), alpha=float(self.low))


class Masking(Corruption):
    """Drop features at random.

    Each feature is drawn independently, in images each channel of a pixel. Features
    that are kept stay as they are; they are not scaled up as by dropout.

    Parameters
    ----------
    amount : float, default=0.25
        Probability that a feature is dropped, between 0 and 1.
    fill_value : float, default=0.0
        Value of a dropped feature, in the scale of x.

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

    uses_generator_only = True
    _parameter_constraints: dict = {"amount": [SHARE], "fill_value": [FINITE]}

    def __init__(self, amount=0.25, fill_value=0.0):
        self.amount = amount
        self.fill_value = fill_value

    def _corrupt(self, x, generator):
        draws = draw(torch.rand, x.shape, generator, x.device)
        return replace(x, draws.lt_(self.amount).to(x.dtype), self.fill_value)


class SwapNoise(Corruption):
    """Replace features by their values in another sample of the batch.

    Each feature is replaced independently, from another sample that is drawn for it and
    may be the same one. The marginal distribution of each feature stays as it is, in
    any scale and for discrete features too.

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
    >>> print((swapped[:, 1] >= 5000).all().item())
    True
    """

    uses_generator_only = True
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
    """Draw one or zero for each value, with the value as the probability of a one.

    As ``augmentation`` it trains a model of bits on gray images. The bits are drawn
    again in each epoch, so that the model cannot overfit one draw [1]_.

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

    uses_generator_only = True

    def _corrupt(self, x, generator):
        return draw(torch.rand, x.shape, generator, x.device).lt(x).to(x.dtype)
