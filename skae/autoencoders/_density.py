"""The density that codes are drawn from by default."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from skae._common.memmap import copy_memmaps


class NormalDensity(BaseEstimator):
    """Normal distribution with the mean and the covariance of samples.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
        Mean of the samples.
    covariance_ : ndarray of shape (n_features, n_features)
        Covariance of the samples, divided by their number.
    """

    @classmethod
    def standard(cls, n_features):
        """Make the normal distribution with mean 0 and variance 1.

        Parameters
        ----------
        n_features : int
            Number of independent components.

        Returns
        -------
        NormalDensity
            The density.
        """
        density = cls()
        density.mean_, density.covariance_ = np.zeros(n_features), np.eye(n_features)
        return density

    def fit(self, X, y=None):
        """Learn mean and covariance.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            The samples. One is enough; its covariance is zero.
        y : None
            Ignored.

        Returns
        -------
        self : NormalDensity
            The density.
        """
        self.mean_ = X.mean(axis=0, dtype=np.float64)
        centred = X - self.mean_
        self.covariance_ = centred.T @ centred / len(X)
        return self

    def sample(self, n_samples=1, random_state=None):
        """Draw samples.

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The samples.
        """
        # A component that never varies is not a reason to warn.
        return check_random_state(random_state).multivariate_normal(
            self.mean_, self.covariance_, n_samples, check_valid="ignore"
        )

    def __setstate__(self, state):
        super().__setstate__(copy_memmaps(state))
