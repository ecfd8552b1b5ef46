"""The ensemble as an estimator of the density of samples."""

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.ensemble import IsolationForest
from sklearn.preprocessing import StandardScaler

from skae._common.runtime import default_modes, make_generator
from skae._common.validation import Samples
from skae._estimator.inference import CHUNK_SIZE, MAX_CHUNK, InferenceMixin
from skae._estimator.pickling import PicklingMixin
from skae._training.scaling import Scaling
from skae.outliers._ensemble import AutoencoderEnsemble

# Most components of an autoencoder, and fewest rows for each of them.
MAX_COMPONENTS, MIN_ROWS_PER_COMPONENT = 32, 4
# Standard deviation of the forest's part of the scores, in units of that of the
# autoencoders' part.
FOREST_SHARE = 0.5


class EnsembleDensity(InferenceMixin, PicklingMixin, BaseEstimator):
    """Density of samples by small autoencoders, each of some of the rows, and a forest.

    Values that are far from all others add little to a score of the forest, so that
    they do not hide other outliers.

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
        """Train the autoencoders and the forest, and learn what scores need.

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
        standardized = self.module_.standardize(rows).numpy()
        self._forest = IsolationForest(random_state=self.seed).fit(standardized)
        scores = self._score_rows(Samples(X), AutoencoderEnsemble.log_density)
        spread = self._forest.score_samples(standardized).std()
        self.forest_weight_ = 0.0
        if spread > 0:
            self.forest_weight_ = float(FOREST_SHARE * scores.std() / spread)
        return self

    def _chunk_length(self, n_rows):
        """Return the number of samples that all autoencoders take at a time."""
        size = self.n_estimators * self.n_features_in_
        return max(1, min(MAX_CHUNK, CHUNK_SIZE // size))

    def _score_rows(self, samples, function):
        """Map a function that returns scores over samples."""
        return self._map_chunks(function, (), self._make_rows(samples))

    def log_density(self, module, x):
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
        standardized = module.standardize(x).float().numpy()
        of_forest = torch.from_numpy(self._forest.score_samples(standardized))
        return module.log_density(x) + self.forest_weight_ * of_forest.to(x)
