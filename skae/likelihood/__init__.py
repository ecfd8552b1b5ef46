"""Likelihoods p(x|h): the distribution of a sample given the decoder's outputs.

The decoder returns one output per feature. A likelihood turns it into a distribution of
the feature. Features are independent given the code, so that log p(x|h) is a sum over
them, and a likelihood returns one value per element. Training minimizes -log p(x|h) up
to terms that do not depend on the outputs: the squared error for :class:`Gaussian`, the
absolute error for :class:`Laplace`, the cross-entropy for :class:`Bernoulli` and, of
one-hot columns, for :class:`Categorical`. :class:`Poisson`, :class:`NegativeBinomial`
and :class:`Multinomial` are for counts. :class:`Mixed` has one likelihood per
column of a table.

A likelihood cannot produce every sample. :class:`Bernoulli` cannot produce a value of
2, and :class:`Categorical` no row without a category. ``fit`` and ``partial_fit``
refuse samples outside this support, and with a logit link also values outside [0, 1].
The ``score_samples`` of such samples is −inf, the logarithm of zero, and so is
``score`` if X has one of them. Samples that :meth:`Likelihood.sample` draws have a
finite score. ``transform``, ``reconstruct`` and ``impute`` take any numbers, because an
encoder may get corrupted samples.
"""

from skae.likelihood._base import Likelihood
from skae.likelihood._continuous import Gaussian, Laplace
from skae.likelihood._discrete import Bernoulli, Categorical
from skae.likelihood._mixed import LIKELIHOODS, Mixed
from skae.likelihood._multinomial import Multinomial
from skae.likelihood._negative_binomial import NegativeBinomial
from skae.likelihood._poisson import Poisson

__all__ = [
    "LIKELIHOODS",
    "Bernoulli",
    "Categorical",
    "Gaussian",
    "Laplace",
    "Likelihood",
    "Mixed",
    "Multinomial",
    "NegativeBinomial",
    "Poisson",
]
