"""What a stochastic encoder makes of samples: distributions of codes, and scores."""

from numbers import Integral

import torch
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from skae._common.runtime import make_generator
from skae._training.variational_objective import VariationalObjective, importance_bound
from skae.autoencoders._likely_code import most_likely_code
from skae.autoencoders._scoring import SCORE_SEED


class ImportanceSamplingMixin:
    """Scores by an autoencoder that draws codes from ``encode_distribution``."""

    def encode_distribution(self, X):
        """Return the distributions of the codes of samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or images
            Samples, NaN where a value is missing. Where ``fit`` saw images, their flat
            rows are accepted too.

        Returns
        -------
        mean : ndarray of shape (n_samples, n_components)
            Means of p_enc(h|x), as returned by :meth:`transform`.
        std : ndarray of shape (n_samples, n_components)
            Its standard deviations.
        """
        check_is_fitted(self)
        encoded = self._infer(X, VariationalObjective.encode, (2, self._n_features_out))
        return encoded[:, 0], encoded[:, 1]

    def score_samples(self, X):
        """Log-likelihood of samples, as a lower bound.

        It is the logarithm of the mean of ``n_importance_samples`` weights
        p(x|h) p(h) / p_enc(h|x) at codes h drawn from p_enc(h|x) [1]_. All samples use
        the same fixed draws of noise, so that the score of a sample depends only on the
        sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or images
            Samples, NaN where a value is missing.

        Returns
        -------
        ndarray of shape (n_samples,)
            Bound on log p(x) in nats, of the values that are present; higher is better,
            −inf for samples outside the support of the likelihood. Its expectation is
            below log p(x) and approaches it with more draws. Images of uint8 are scored
            as numbers in [0, 1].

        References
        ----------
        .. [1] Y. Burda, R. Grosse and R. Salakhutdinov, "Importance weighted
           autoencoders", ICLR 2016.
        """
        check_is_fitted(self)
        check_scalar(
            self.n_importance_samples, "n_importance_samples", Integral, min_val=1
        )
        log_prob = self._log_prob()
        draws = torch.randn(
            (self.n_importance_samples, self._n_features_out),
            generator=make_generator(SCORE_SEED),
            dtype=torch.float64,
            device="cpu",
        )

        return self._score(
            X, lambda m, x, target: importance_bound(m, x, target, log_prob, draws)
        )

    def _complete(self, module, x, missing, max_iter):
        start = super()._complete(module, x, missing, max_iter)
        return most_likely_code(
            module, x, missing, start, self._likelihood.mean, self._log_prob()
        )
