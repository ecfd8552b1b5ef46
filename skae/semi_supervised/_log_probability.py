"""Log-probabilities of classes."""

import numpy as np

from skae._common.array_api import ArrayAPIMixin


class LogProbabilityMixin(ArrayAPIMixin):
    """Log-probabilities of a classifier with ``predict_proba``."""

    def predict_log_proba(self, X):
        """Return the logarithms of ``predict_proba``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or as for ``predict_proba``
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Natural logarithms in the order of ``classes_``; −inf for a probability of
            zero.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))
