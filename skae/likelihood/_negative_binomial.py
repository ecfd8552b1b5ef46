"""The negative binomial distribution."""

import torch
from torch import distributions

from skae.likelihood._counts import CountLikelihood

# Smallest share by which the variance exceeds the mean: with less it is a Poisson
# distribution to within rounding, and float32 would lose its logarithm.
SMALLEST_EXCESS = 1e-2
# Means below this count as this where errors are divided by them.
SMALLEST_DIVISOR = 1e-3


class NegativeBinomial(CountLikelihood):
    """Counts that vary more than their mean says: reads of genes, words, visits.

    The variance is the mean times a factor of at least 1.01, one per feature. It is
    learned in training as the mean of the squared errors divided by the mean counts,
    and it is ``noise_variance_`` of the estimator. This is the form "NB1" of the
    distribution [1]_: the sum of two counts of one feature is of the same form. The
    decoder's outputs are logarithms of the mean. The encoder sees log(1 + x), and the
    decoder starts at the mean count of each feature.

    References
    ----------
    .. [1] A. C. Cameron and P. K. Trivedi, "Regression Analysis of Count Data", 2nd
       edition, Cambridge University Press 2013, section 3.3.
    .. [2] R. Lopez, J. Regier, M. B. Cole, M. I. Jordan and N. Yosef, "Deep generative
       modeling for single-cell transcriptomics", Nature Methods 15, 2018.

    Examples
    --------
    A count of mean 1 and variance 3:

    >>> import torch
    >>> from skae.likelihood import NegativeBinomial
    >>> output, x = torch.zeros(1, 2), torch.tensor([[0.0, 5.0]])
    >>> NegativeBinomial().log_prob(x, output, variance=3.0)
    tensor([[-0.5493, -3.9787]])
    """

    has_variance = True
    loss_needs_variance = True

    def error(self, output, x):
        mean = self.mean(output)
        return (mean - x).square() / mean.clamp(min=SMALLEST_DIVISOR)

    def variance(self, error):
        return error.clamp(min=1.0 + SMALLEST_EXCESS)

    def distribution(self, output, variance):
        mean = self.mean(output)
        excess = torch.as_tensor(variance, dtype=mean.dtype, device=mean.device) - 1.0
        return distributions.NegativeBinomial(
            mean / excess, logits=excess.log().expand_as(mean), validate_args=False
        )
