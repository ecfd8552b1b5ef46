"""The multinomial distribution."""

from numbers import Integral

import torch
from sklearn.utils._param_validation import Interval
from torch import distributions

from skae.likelihood._counts import CountLikelihood


class Multinomial(CountLikelihood):
    """How a total is divided among features: words of a text, items of a basket.

    The likelihood is that of the counts given their sum, so that long and short texts
    with the same shares have the same code. The decoder's outputs are logarithms of the
    shares up to a constant. X may hold any numbers of at least zero, such as term
    frequencies; between whole numbers the log-likelihood is continued by the gamma
    function. The encoder sees log(1 + x), and the decoder starts at the mean counts.

    Parameters
    ----------
    total_count : int, default=1
        What expected samples E[x|h] and drawn samples sum to. With 1 the former are the
        shares of the features. It has no influence on training and scores.

    References
    ----------
    .. [1] D. Liang, R. G. Krishnan, M. D. Hoffman and T. Jebara, "Variational
       autoencoders for collaborative filtering", WWW 2018.

    Examples
    --------
    >>> import torch
    >>> from skae.likelihood import Multinomial
    >>> likelihood, output = Multinomial(total_count=4), torch.zeros(1, 2)
    >>> likelihood.mean(output)
    tensor([[2., 2.]])
    >>> likelihood.log_prob(torch.tensor([[3.0, 1.0]]), output).sum()  # log 4/16
    tensor(-1.3863)
    """

    _parameter_constraints: dict = {
        "total_count": [Interval(Integral, 1, None, closed="left")]
    }
    _values = "numbers of at least 0"

    def __init__(self, total_count=1):
        self.total_count = total_count

    def loss(self, output, x):
        return -x * output.log_softmax(dim=1)

    def log_prob(self, x, output, variance=None):
        orders = _log_factorial(x.sum(dim=1, keepdim=True)) / x.shape[1]
        return orders - _log_factorial(x) - self.loss(output, x)

    def distribution(self, output, variance):
        # Of all features together, unlike the others: it is for samples.
        return distributions.Multinomial(
            int(self.total_count), logits=output, validate_args=False
        )

    def mean(self, output):
        return self.total_count * output.softmax(dim=1)

    def supports(self, X):
        return ~(X < 0).any(axis=1)


def _log_factorial(x):
    """Return log x!, also between whole numbers."""
    return torch.lgamma(x + 1.0)
