"""What a stochastic encoder makes of samples: distributions of codes, and scores."""

from numbers import Integral

import numpy as np
import torch
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from skae._common.runtime import make_generator, seeds_of
from skae._common.validation import Samples, check_samples
from skae._training.variational_objective import VariationalObjective, importance_bound
from skae.autoencoders._likely_code import draw_missing, most_likely_code
from skae.autoencoders._scoring import SCORE_SEED


class ImportanceSamplingMixin:
    """Scores by an autoencoder that draws codes from ``encode_distribution``."""

    def encode_distribution(self, X):
        """Return the distributions of the codes of samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or images
            Samples, NaN where a value is missing. If ``fit`` was passed images, their
            flat rows are accepted, too.

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

    def sample_imputations(self, X, n_draws=5, *, n_steps=50, random_state=None):
        """Draw missing values from their distribution given those that are present.

        Multiple imputation: what is computed from each draw differs by as much as is
        not known for the missing values. Codes are drawn from p_enc(h|x) and missing
        values from p(x|h) in turn. A code is accepted with the probability by which
        this is a Markov chain of the right distribution (Metropolis within Gibbs [1]_).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Samples, NaN where a value is missing.
        n_draws : int, default=5
            Number of draws, each from a chain of its own.
        n_steps : int, default=50
            Length of each chain. It starts where :meth:`impute` does.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws.

        Returns
        -------
        ndarray of shape (n_draws, n_samples, n_features) or so many images
            Copies of X without NaN.

        Raises
        ------
        TypeError or ValueError
            If X is not as it must be, or if a number is not a positive integer.

        References
        ----------
        .. [1] P.-A. Mattei and J. Frellsen, "Leveraging the exact likelihood of deep
           latent variable models", NeurIPS 2018, section 3.
        """
        check_is_fitted(self)
        check_scalar(n_draws, "n_draws", Integral, min_val=1)
        check_scalar(n_steps, "n_steps", Integral, min_val=1)
        samples = check_samples(
            self, X, reset=False, ensure_all_finite="allow-nan", accept_sparse=False
        )
        missing = np.isnan(samples.rows)
        log_prob, variance = self._log_prob(), self._variance_like()

        def sample(output):
            return self._likelihood.sample(output, variance(output))

        def draw(module, x, missing):
            drawn = draw_missing(module, x, missing.bool(), log_prob, sample, n_steps)
            return self._scaling.to_data_scale(drawn)

        rows = self._make_rows(samples), self._make_data_rows(Samples(missing))
        shape, seeds = (self.n_features_in_,), seeds_of(random_state, n_draws)
        out = np.stack([self._map_chunks(draw, shape, *rows, seed=s) for s in seeds])
        present = samples.in_data_scale.astype(out.dtype, copy=False)
        return np.where(missing, out, present).reshape(n_draws, -1, *self._sample_shape)

    def _complete(self, module, x, missing, max_iter):
        start = super()._complete(module, x, missing, max_iter)
        variance, log_prob = self._variance_like()(x), self._log_prob()
        return most_likely_code(
            module, x, missing, start, self._likelihood, variance, log_prob
        )
