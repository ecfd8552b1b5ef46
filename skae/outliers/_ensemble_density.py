"""The ensemble as an estimator of the density of samples."""

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler

from skae._common.runtime import default_modes, make_generator
from skae._common.validation import Samples
from skae._estimator.inference import CHUNK_SIZE, MAX_CHUNK, InferenceMixin
from skae._estimator.pickling import PicklingMixin
from skae._training.scaling import Scaling
from skae.outliers._ensemble import AutoencoderEnsemble

# Most components of an autoencoder, and fewest rows for each of them.
MAX_COMPONENTS, MIN_ROWS_PER_COMPONENT = 32, 4


class EnsembleDensity(InferenceMixin, PicklingMixin, BaseEstimator):
    """Density of samples by small autoencoders, each of some of the rows.

    Parameters
    ----------
    n_estimators : int
        Number of autoencoders.
    max_samples : int
        Number of rows on which each is trained, or all rows if there are fewer.
    seed : int
        Seed of everything that is drawn.
    """

    def __init__(self, n_estimators, max_samples, seed):
        self.n_estimators = n_estimators
        self.max_samples = max_samples
        self.seed = seed

    def fit(self, X):
        """Train the autoencoders, and learn the densities of codes and residuals.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Rows, checked.

        Returns
        -------
        self : EnsembleDensity
            The fitted estimator.

        Raises
        ------
        ValueError
            If X is too large to be squared.
        """
        n_samples, self.n_features_in_ = X.shape
        self.device_ = torch.device("cpu")  # the networks are too small for another
        with np.errstate(over="ignore", invalid="ignore"):
            scaler = StandardScaler().fit(X.astype(np.float64, copy=False))
        if not np.isfinite(scaler.scale_).all():
            raise ValueError(
                f"X has values up to {np.abs(X).max():g}, whose squares are infinite; "
                "scale X."
            )
        self._scaling = Scaling(scaler.mean_)
        rng = np.random.RandomState(self.seed)
        n_rows = min(self.max_samples, n_samples)
        most = min(
            self.n_features_in_ - 1, n_rows // MIN_ROWS_PER_COMPONENT, MAX_COMPONENTS
        )
        n_components = rng.randint(1, max(1, most) + 1, self.n_estimators)
        chosen = np.stack(
            [rng.choice(n_samples, n_rows, False) for _ in range(self.n_estimators)]
        )
        with default_modes(self.device_):
            rows = self._make_rows(Samples(X))[0:n_samples].float()
            scale = torch.from_numpy(scaler.scale_).float()
            subsets = (rows / scale)[torch.from_numpy(chosen)]
            self.module_ = AutoencoderEnsemble(
                scale,
                subsets,
                torch.from_numpy(n_components),
                make_generator(self.seed),
            )
            self.module_.fit_densities(rows, self._chunk_length(n_samples))
        return self

    def _chunk_length(self, n_rows):
        """Return the number of samples that all autoencoders take at a time."""
        size = self.n_estimators * self.n_features_in_
        return max(1, min(MAX_CHUNK, CHUNK_SIZE // size))

    def _score_rows(self, samples, function):
        """Map a function that returns scores over samples."""
        return self._map_chunks(function, (), self._make_rows(samples))

    @staticmethod
    def log_density(module, x):
        """Return how usual samples are, for :meth:`_map_chunks`.

        Parameters
        ----------
        module : AutoencoderEnsemble
            The autoencoders.
        x : torch.Tensor of shape (n_samples, n_features)
            Centred samples.

        Returns
        -------
        torch.Tensor of shape (n_samples,)
            The scores.
        """
        return module.log_density(x)
