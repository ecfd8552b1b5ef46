"""Likelihoods p(x|h): the distribution of a sample given the decoder's outputs.

The decoder returns one output per feature. A likelihood turns it into a distribution of
the feature. Features are independent given the code, so that log p(x|h) is a sum over
them, and a likelihood returns one value per element. Training minimizes -log p(x|h) up
to terms that do not depend on the outputs: the squared error for :class:`Gaussian`, the
absolute error for :class:`Laplace`, the cross-entropy for :class:`Bernoulli` and, of
one-hot columns, for :class:`Categorical`. :class:`Poisson`, :class:`NegativeBinomial`
and :class:`Multinomial` are for counts. :class:`Mixed` has one likelihood per
column of a table.

A likelihood cannot produce every sample: :class:`Bernoulli` none with a value of 2,
:class:`Categorical` none without a level. ``fit`` and ``partial_fit`` refuse what lies
outside the support, or where no mean can be, as outside [0, 1] with a logit link.
``score_samples`` returns −inf outside the support, the logarithm of a probability of
zero, and so does ``score`` if one sample lies there. What :meth:`Likelihood.sample`
draws has a finite score. ``transform``, ``reconstruct`` and ``impute`` take any
numbers, since an encoder may get corrupted samples, whose codes p(x|h) says nothing
about.
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
