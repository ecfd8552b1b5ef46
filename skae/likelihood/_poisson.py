"""The Poisson distribution."""

from torch import distributions

from skae.likelihood._counts import CountLikelihood


class Poisson(CountLikelihood):
    """Counts of events: a Poisson distribution whose logarithmic mean is decoded.

    The variance of a count is then its mean. Counts that vary more, as most do that are
    not counted in one piece, are for :class:`NegativeBinomial`. The encoder sees
    log(1 + x), and the decoder starts at the mean count of each feature.

    References
    ----------
    .. [1] A. C. Cameron and P. K. Trivedi, "Regression Analysis of Count Data", 2nd
       edition, Cambridge University Press 2013, section 3.2.

    Examples
    --------
    >>> import torch
    >>> from skae.likelihood import Poisson
    >>> output = torch.zeros(1, 3)
    >>> Poisson().mean(output)
    tensor([[1., 1., 1.]])
    >>> Poisson().log_prob(torch.tensor([[0.0, 1.0, 3.0]]), output)
    tensor([[-1.0000, -1.0000, -2.7918]])
    """

    def loss(self, output, x):
        return self.mean(output) - x * output

    def distribution(self, output, variance):
        return distributions.Poisson(self.mean(output), validate_args=False)
