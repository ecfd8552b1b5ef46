"""Log-likelihoods of samples."""

import math

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae._common.missing import has_missing
from skae._common.sample_weight import average
from skae._common.sparse import dense_blocks
from skae._common.validation import check_samples
from skae._training.objective import evaluate_present

# `score` draws the same for every estimator and every sample.
SCORE_SEED = 0


class ScoringMixin:
    """Scores by an autoencoder with a likelihood."""

    def score_samples(self, X):
        """Log-likelihood of samples given their codes.

        It measures how well samples are reconstructed, and not how usual their codes
        are. :class:`AutoEncoderOutlierDetector` adds the log-density log p(h) of the
        codes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or images
            Samples, NaN where a value is missing.

        Returns
        -------
        ndarray of shape (n_samples,)
            log p(x|h) in nats of the values that are present, higher is better; −inf
            for samples outside the support of the likelihood. Images of uint8 are
            scored as numbers in [0, 1].
        """
        check_is_fitted(self)
        log_prob = self._log_prob()
        return self._score(
            X, lambda m, x, target: log_prob(target, m.decode(m.encode(x)))
        )

    def score(self, X, y=None, sample_weight=None):
        """Mean log-likelihood of samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or images
            Samples, NaN where a value is missing.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        float
            Mean of :meth:`score_samples` in nats, higher is better.
        """
        return average(self.score_samples(X), sample_weight)

    def _log_prob(self):
        """Return log p(x|h) per sample, a function in the module's scale."""
        likelihood, variance = self._likelihood, self._variance_like()
        # A density in X's scale: that of the module's scale, divided by the volume.
        log_volume = self._scaling.log_volume

        def of_all(output, x):
            return likelihood.log_prob(x, output, variance(output))

        def log_prob(x, output):
            if math.isfinite(x.sum()):
                return of_all(output, x).sum(dim=1) - log_volume(x)
            values, missing = evaluate_present(likelihood, of_all, output, x)
            return values.sum(dim=1) - log_volume(values, missing)

        return log_prob

    def _score(self, X, function):
        """Check X and map a log-likelihood over it."""
        samples = check_samples(self, X, reset=False, ensure_all_finite=False)
        return self._score_rows(samples, function)

    def _score_rows(self, samples, function, *more_rows, seed=None):
        """Map a log-likelihood over samples; −inf for what p(x|h) cannot produce.

        ``function(module, x, target, *more)`` gets samples to encode, of which missing
        values are filled, and the same with NaN there, whose likelihood is meant.
        """
        rows = self._make_rows(samples)
        if has_missing(samples.rows):
            more_rows = (self._make_rows(samples, filled=False), *more_rows)
        else:
            of_both = function

            def function(module, x, *more):
                return of_both(module, x, x, *more)

        scores = self._map_chunks(function, (), rows, *more_rows, seed=seed)
        if samples.byte_scale == 1.0:  # images of bytes end up in [0, 1] in any case
            for numbers, block in dense_blocks(samples.rows):
                is_outside = ~self._likelihood.supports(block)
                scores[numbers][is_outside] = -np.inf
        return scores
