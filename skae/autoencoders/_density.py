"""The density that codes are drawn from by default."""

import numpy as np
from scipy.linalg import solve_triangular
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from skae._common.memmap import copy_memmaps
from skae._common.sample_weight import moments

# Added to the covariance for its inverse, as a share of the mean variance.
RIDGE = 1e-6


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

    def fit(self, X, y=None, sample_weight=None):
        """Learn mean and covariance.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            The samples. One is enough; its covariance is zero.
        y : None
            Ignored.
        sample_weight : ndarray of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        self : NormalDensity
            The density.
        """
        self.mean_, _ = moments(X, sample_weight)
        centred, n_samples = X - self.mean_, len(X)
        if sample_weight is not None:
            n_samples = sample_weight.sum()
            centred *= np.sqrt(sample_weight)[:, np.newaxis]
        self.covariance_ = centred.T @ centred / n_samples
        return self

    def score_samples(self, X):
        """Log-density of samples.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Log-densities in nats. A covariance without an inverse gets a small variance
            in all directions.
        """
        n_features = len(self.mean_)
        ridge = RIDGE * (np.trace(self.covariance_) / n_features or 1.0)
        factor = np.linalg.cholesky(self.covariance_ + ridge * np.eye(n_features))
        z = solve_triangular(factor, (X - self.mean_).T, lower=True)
        log_volume = np.log(np.diag(factor)).sum() + n_features / 2 * np.log(2 * np.pi)
        return -0.5 * np.square(z).sum(axis=0) - log_volume

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
