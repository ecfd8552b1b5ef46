"""Likelihoods p(x|h): what the decoder's outputs say about a sample.

The decoder gives one output per feature; a likelihood turns it into a distribution of
the feature. Features are independent given the code, so that log p(x|h) is a sum over
them, and a likelihood returns one value per element. Training minimizes -log p(x|h) up
to what does not depend on the outputs: the squared error for :class:`Gaussian`, the
absolute error for :class:`Laplace`, the cross-entropy for :class:`Bernoulli` and, of
one-hot columns, for :class:`Categorical`. :class:`Mixed` gives each column of a table a
likelihood of its kind.
"""

from skae.likelihood._base import Likelihood
from skae.likelihood._continuous import Gaussian, Laplace
from skae.likelihood._discrete import Bernoulli, Categorical
from skae.likelihood._mixed import LIKELIHOODS, Mixed

__all__ = [
    "LIKELIHOODS",
    "Bernoulli",
    "Categorical",
    "Gaussian",
    "Laplace",
    "Likelihood",
    "Mixed",
]
