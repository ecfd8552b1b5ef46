"""The base classes of the corruptions, and what several of them use."""

import math
from numbers import Real

import torch
from sklearn.utils._param_validation import Interval, validate_parameter_constraints

from skae._common.linked import LinkedEstimator


class Pair(Interval):
    """Constraint: a pair (low, high) of numbers in an interval."""

    def is_satisfied_by(self, val):
        return (
            isinstance(val, (tuple, list))
            and len(val) == 2
            and all(super(Pair, self).is_satisfied_by(bound) for bound in val)
            and val[0] <= val[1]
        )

    def __str__(self):
        return f"a pair (low, high) with low <= high, each {super().__str__()}"


FINITE = Interval(Real, -math.inf, math.inf, closed="neither")
SHARE = Interval(Real, 0, 1, closed="both")


def scale_draws(draws, bounds):
    """Scale uniform draws from [0, 1) to [low, high).

    Parameters
    ----------
    draws : torch.Tensor
        The draws.
    bounds : tuple (low, high)
        Numbers, or tensors that broadcast with the draws.

    Returns
    -------
    torch.Tensor
        The scaled draws.
    """
    low, high = bounds
    return low + (high - low) * draws


def replace(x, replaced, value):
    """Put a value where ``replaced`` is one, and keep x where it is zero.

    Parameters
    ----------
    x : torch.Tensor
        Samples.
    replaced : torch.Tensor
        Zeros and ones of x's type that broadcast to its shape.
    value : float
        The value.

    Returns
    -------
    torch.Tensor of the shape of x
        A new tensor.
    """
    # Sums and products with zeros and ones are exact, and on a CPU several times faster
    # than torch.where.
    out = torch.addcmul(x, x, replaced, value=-1)
    return out.add_(replaced, alpha=float(value))


class Corruption(LinkedEstimator):
    """Base of the corruption processes.

    Corruptions of one class with equal parameters are equal. A function of the same
    form serves as a corruption, too. A new corruption overrides ``_corrupt``.

    Attributes
    ----------
    uses_generator_only : bool
        Whether all random numbers are drawn from the generator that is passed. A
        subclass must declare it again: it may draw in another way, and without a
        declaration in its own body it is assumed to use the global generators.
    """

    _parameter_constraints: dict = {}
    uses_generator_only = False

    def __call__(self, x, generator):
        """Corrupt a batch of samples.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features) or images
            Samples, finite numbers of float32 or float64; images as (n_samples,
            height, width) or (n_samples, height, width, n_channels).
        generator : torch.Generator
            Source of all random numbers, on any device.

        Returns
        -------
        torch.Tensor of the shape of x
            A new tensor of x's type, on x's device. Equal states of the generator
            return equal draws, which are the same for float32 and float64.

        Raises
        ------
        ValueError
            If a parameter, x or generator is not valid.
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
        """Return a new tensor; x and generator have been checked."""
        raise NotImplementedError

    def __eq__(self, other):
        """Whether class and parameters are the same."""
        if type(self) is not type(other):
            return NotImplemented
        return self.get_params(deep=False) == other.get_params(deep=False)

    def __hash__(self):
        """Return the class's hash, since parameters may change and a hash may not."""
        return hash(type(self))


class ImageCorruption(Corruption):
    """Base of the corruptions that need to know which pixels are neighbours."""

    def _check_shape(self, shape):
        if len(shape) not in (3, 4):
            raise ValueError(
                f"{type(self).__name__} needs images of shape (n_samples, height, "
                f"width) or (n_samples, height, width, n_channels), got x of shape "
                f"{shape}; set image_shape or pass images."
            )
