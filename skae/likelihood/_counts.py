"""The base of the likelihoods of counts."""

import numpy as np

from skae.likelihood._base import Likelihood

# Outputs above this are taken for it, so that means and their squares stay finite.
MAX_LOG_MEAN = 40.0
# Features without any count start at this mean.
SMALLEST_MEAN = 1e-4


class CountLikelihood(Likelihood):
    """Base of the likelihoods of counts, whose outputs are logarithms of the mean.

    Encoders see log(1 + x) of a count x, since counts of one feature may differ by
    orders of magnitude. Decoders start at the mean counts of the features.
    """

    # Which values are counts, for an error.
    _values = "whole numbers of at least 0"
    transforms_input = True

    def encoder_input(self, x):
        # Corrupted counts may lie below zero.
        return x.abs().log1p() * x.sign()

    def start(self, mean):
        return np.log(np.fmax(mean, SMALLEST_MEAN))

    def mean(self, output):
        return output.clamp(max=MAX_LOG_MEAN).exp()

    def supports(self, X):
        # NaN, a missing value, is neither.
        return ~((X < 0) | (X - np.floor(X) > 0)).any(axis=1)

    def _refusal(self, X, is_inside):
        row = is_inside.argmin()
        wrong = X[row][~self.supports(X[row][:, np.newaxis])]
        return (
            f"likelihood={self!r} needs X of {self._values}; X[{row}] holds "
            f"{wrong[0]:g}. Another likelihood, such as 'gaussian', takes any numbers."
        )
