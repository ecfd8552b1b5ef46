"""Likelihoods of bits and of categories."""

from numbers import Integral

import numpy as np
import torch
import torch.nn.functional as F
from torch import distributions

from skae.likelihood._base import (
    Likelihood,
    describe_range,
    in_range,
    rounding_tolerance,
)

# By how much the one-hot columns of a variable may miss the sum of one: probabilities
# that were written with few digits are accepted.
SUM_TOLERANCE = 1e-3


class Bernoulli(Likelihood):
    """Probability of a one: training minimizes the cross-entropy.

    The decoder's outputs are log-odds. X must lie in [0, 1]. Values between 0 and 1 are
    taken as probabilities of a one, as is usual for gray pixels; the log-likelihood is
    then the negative cross-entropy.

    References
    ----------
    .. [1] I. Goodfellow, Y. Bengio and A. Courville, "Deep Learning", MIT Press 2016,
       section 6.2.2.2.

    Examples
    --------
    >>> import torch
    >>> from skae.likelihood import Bernoulli
    >>> Bernoulli().mean(torch.zeros(1, 2))
    tensor([[0.5000, 0.5000]])
    >>> Bernoulli().log_prob(torch.tensor([[0.0, 1.0]]), torch.zeros(1, 2))
    tensor([[-0.6931, -0.6931]])
    """

    def loss(self, output, x):
        return F.binary_cross_entropy_with_logits(output, x, reduction="none")

    def distribution(self, output, variance):
        return distributions.Bernoulli(logits=output, validate_args=False)

    def mean(self, output):
        return torch.sigmoid(output)

    def supports(self, X):
        return in_range(X)

    def _refusal(self, X, is_inside):
        return describe_range(X, "'bernoulli'")


class Categorical(Likelihood):
    """Levels of categorical variables, one-hot encoded: a multi-class cross-entropy.

    The columns are those that :class:`~sklearn.preprocessing.OneHotEncoder` makes, one
    per level. The decoder's outputs are log-probabilities up to a constant for each
    variable. The mean E[x|h] is the probability of each level.

    Parameters
    ----------
    n_levels : sequence of int, default=None
        Number of levels of each variable in the order of the columns, such as
        ``[len(levels) for levels in encoder.categories_]``. None for one variable with
        all columns.

    References
    ----------
    .. [1] I. Goodfellow, Y. Bengio and A. Courville, "Deep Learning", MIT Press 2016,
       section 6.2.2.3.

    Examples
    --------
    A colour of three levels and a size of two:

    >>> import torch
    >>> from skae.likelihood import Categorical
    >>> likelihood, x = Categorical([3, 2]), torch.tensor([[0.0, 1.0, 0.0, 1.0, 0.0]])
    >>> likelihood.mean(torch.zeros(1, 5))
    tensor([[0.3333, 0.3333, 0.3333, 0.5000, 0.5000]])
    >>> likelihood.log_prob(x, torch.zeros(1, 5)).sum(dim=1)  # log 1/3 + log 1/2
    tensor([-1.7918])
    """

    _parameter_constraints: dict = {"n_levels": ["array-like", None]}
    binds_features = True

    def __init__(self, n_levels=None):
        self.n_levels = n_levels

    def _variables(self, rows):
        """Divide columns into those of each variable."""
        return rows.split(self._sizes(rows.shape[1]), dim=1)

    def _sizes(self, n_features):
        return [n_features] if self.n_levels is None else [*self.n_levels]

    def bind(self, n_features, names=None):
        sizes = self._sizes(n_features)
        if not all(isinstance(size, Integral) and size > 0 for size in sizes):
            raise ValueError(f"n_levels={self.n_levels!r} must be positive integers.")
        if sum(sizes) != n_features:
            raise ValueError(
                f"n_levels={self.n_levels!r} makes {sum(sizes)} one-hot columns; there "
                f"are {n_features}."
            )

    def loss(self, output, x):
        return -self.log_prob(x, output)

    def log_prob(self, x, output, variance=None):
        log_probabilities = [v.log_softmax(dim=1) for v in self._variables(output)]
        return x * torch.cat(log_probabilities, dim=1)

    def mean(self, output):
        return torch.cat([v.softmax(dim=1) for v in self._variables(output)], dim=1)

    def sample(self, output, variance=None):
        kind = distributions.OneHotCategorical
        draws = [kind(logits=v).sample() for v in self._variables(output)]
        return torch.cat(draws, dim=1)

    def supports(self, X):
        # Where a level is missing, the sum of the others may be any up to one.
        distance = np.fmax.reduce(abs(self._sums(X) - 1), axis=1)
        return in_range(X) & ~(distance > SUM_TOLERANCE + rounding_tolerance(X))

    def _sums(self, X):
        """Return the sum of the columns of each variable."""
        starts = np.cumsum([0, *self._sizes(X.shape[1])[:-1]])
        return np.add.reduceat(X, starts, axis=1, dtype=np.float64)

    def _refusal(self, X, is_inside):
        if not in_range(X).all():
            return describe_range(X, repr(self))
        sums = self._sums(X)
        return (
            f"likelihood={self!r} needs one-hot columns of X, whose sum is one for "
            f"each variable; got sums from {np.nanmin(sums):g} to {np.nanmax(sums):g}."
        )
