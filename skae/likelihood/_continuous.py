"""Likelihoods of numbers: a distribution of one form around the decoder's mean."""

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.utils._param_validation import StrOptions
from torch import distributions

from skae.likelihood._base import Likelihood, describe_range, in_range


class _LocationFamily(Likelihood):
    """Base of the likelihoods that are a mean and a variance around it."""

    _parameter_constraints: dict = {"link": [StrOptions({"identity", "logit"})]}
    has_variance = True

    @property
    def mean_is_output(self):
        """Whether there is no link."""
        return self.link == "identity"

    def mean(self, output):
        return output if self.link == "identity" else torch.sigmoid(output)

    def check(self, X):
        # The support is not restricted, as noise around a mean of one exceeds one. But
        # no mean can reach these samples, so that there is nothing to learn from them.
        if self.link == "logit" and not in_range(X).all():
            raise ValueError(describe_range(X, repr(self)))


class Gaussian(_LocationFamily):
    """Normal distribution: with one variance, training minimizes the squared error.

    The variance is learned as the mean squared error over the training samples, which
    maximizes the likelihood.

    Parameters
    ----------
    link : {"identity", "logit"}, default="identity"
        What the decoder's outputs are: the mean itself, or its log-odds, which restrict
        it to [0, 1]. The latter suits X in [0, 1] with many values near 0 and 1, such
        as images of handwritten digits. With it, the training samples must lie in [0,
        1].
    covariance_type : {"spherical", "diag"}, default="spherical"
        "spherical" is one variance for all features, as in probabilistic PCA. "diag" is
        one per feature, as in factor analysis, for tables whose columns differ in their
        variance or unit: each column is centred and scaled by itself. The variances are
        learned in training, which then minimizes -log p(x|h). Use "diag" with
        :class:`~skae.VariationalAutoEncoder`. The code of a deterministic autoencoder
        may copy a column; therefore training assumes that at least a hundredth of the
        variance of each column is noise.

    References
    ----------
    .. [1] I. Goodfellow, Y. Bengio and A. Courville, "Deep Learning", MIT Press 2016,
       section 14.4 (stochastic encoders and decoders).

    Examples
    --------
    >>> import torch
    >>> from skae.likelihood import Gaussian
    >>> output, x = torch.zeros(1, 2), torch.tensor([[0.0, 2.0]])
    >>> Gaussian().loss(output, x)
    tensor([[0., 4.]])
    >>> Gaussian().log_prob(x, output, variance=1.0)
    tensor([[-0.9189, -2.9189]])
    """

    _parameter_constraints: dict = {
        **_LocationFamily._parameter_constraints,
        "covariance_type": [StrOptions({"spherical", "diag"})],
    }

    def __init__(self, link="identity", covariance_type="spherical"):
        self.link = link
        self.covariance_type = covariance_type

    @property
    def scale_exponent(self):
        """Two, or zero where the mean is restricted to [0, 1]."""
        return 2 if self.link == "identity" else 0

    @property
    def loss_needs_variance(self):
        """Whether each feature has a variance of its own."""
        return self.covariance_type == "diag"

    def scaled_features(self, n_features):
        if not (self.loss_needs_variance and self.scale_exponent):
            return None
        return np.ones(n_features, dtype=bool)

    def loss(self, output, x):
        return F.mse_loss(self.mean(output), x, reduction="none")

    def error(self, output, x):
        return (self.mean(output) - x).square()

    def variance(self, error):
        is_one_for_all = self.covariance_type != "diag" and error.dim() > 0
        return error.mean() if is_one_for_all else error

    def distribution(self, output, variance):
        mean = self.mean(output)
        return distributions.Normal(mean, variance**0.5, validate_args=False)


class Laplace(_LocationFamily):
    """Double-exponential distribution: training minimizes the absolute error.

    Its tails are heavier than the Gaussian's, so that outliers have less influence. The
    scale b is learned as the mean absolute error; the variance is 2 b².

    Parameters
    ----------
    link : {"identity", "logit"}, default="identity"
        What the decoder's outputs are: the median itself, or its log-odds, which
        restrict it to [0, 1]. With the latter, the training samples must lie in [0, 1].

    References
    ----------
    .. [1] P. J. Huber and E. M. Ronchetti, "Robust Statistics", 2nd edition, Wiley
       2009.

    Examples
    --------
    >>> import torch
    >>> from skae.likelihood import Laplace
    >>> Laplace().loss(torch.zeros(1, 2), torch.tensor([[0.0, 2.0]]))
    tensor([[0., 2.]])
    """

    def __init__(self, link="identity"):
        self.link = link

    @property
    def scale_exponent(self):
        """One, or zero where the median is restricted to [0, 1]."""
        return 1 if self.link == "identity" else 0

    def loss(self, output, x):
        return F.l1_loss(self.mean(output), x, reduction="none")

    def error(self, output, x):
        return (self.mean(output) - x).abs()

    def variance(self, error):
        return 2.0 * error.mean() ** 2

    def distribution(self, output, variance):
        scale = (variance / 2.0) ** 0.5
        return distributions.Laplace(self.mean(output), scale, validate_args=False)
