"""The ensemble as an estimator of the density of samples."""

import math

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.ensemble import IsolationForest
from sklearn.preprocessing import StandardScaler

from skae._common.missing import has_missing
from skae._common.runtime import default_modes, make_generator
from skae._common.sample_weight import draw_rows, moments
from skae._common.validation import Samples
from skae._estimator.fill import learn_fill
from skae._estimator.inference import InferenceMixin
from skae._estimator.pickling import PicklingMixin
from skae._training.scaling import Scaling
from skae.outliers._ensemble import FAR, AutoencoderEnsemble
from skae.outliers._forest import find_path_lengths, score_by_forest

# Most components of an autoencoder, and fewest rows for each of them.
MAX_COMPONENTS, MIN_ROWS_PER_COMPONENT = 32, 4
# Standard deviation of the forest's part of the scores, in units of that of the
# autoencoders' part.
FOREST_SHARE = 0.5
# What fills missing values is learned from at most this many numbers.
MAX_FILL_NUMBERS = 2**20


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

    Attributes
    ----------
    baseline : ndarray of shape (1, n_features)
        The sample with which contributions of features begin: nothing of it is known.
    """

    def __init__(self, n_estimators, max_samples, seed):
        self.n_estimators = n_estimators
        self.max_samples = max_samples
        self.seed = seed

    # Missing values are filled by `log_density`, when they are standardized.
    @staticmethod
    def _fill(x):
        return x

    def fit_score_samples(self, samples):
        """Train the autoencoders and the forest, and learn what scores need.

        Parameters
        ----------
        samples : Samples
            Rows, checked, dense and in memory. Each feature has a value.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores of the rows.

        Raises
        ------
        ValueError
            If X is too large to be squared.
        """
        X, _, weight = samples
        if weight is not None and (weight == weight[0]).all():
            weight = None
        n_samples, self.n_features_in_ = X.shape
        self.baseline = np.full((1, self.n_features_in_), np.nan)
        self.device_ = torch.device("cpu")  # the networks are too small for another
        with np.errstate(over="ignore", invalid="ignore"):
            scaler = StandardScaler().fit(
                X.astype(np.float64, copy=False), sample_weight=weight
            )
        if not np.isfinite(scaler.scale_).all():
            raise ValueError(
                f"X has values up to {np.nanmax(np.abs(X)):g}, whose squares are "
                "infinite; scale X."
            )
        self._scaling = Scaling(scaler.mean_)
        rng = np.random.RandomState(self.seed)
        n_rows = min(self.max_samples, n_samples)
        most = min(
            self.n_features_in_ - 1, n_rows // MIN_ROWS_PER_COMPONENT, MAX_COMPONENTS
        )
        n_components = rng.randint(1, max(1, most) + 1, self.n_estimators)
        chosen = np.stack(
            [
                draw_rows(rng, n_rows, n_samples, weight)
                for _ in range(self.n_estimators)
            ]
        )
        with default_modes(self.device_):
            scale = torch.from_numpy(scaler.scale_).float()
            z = self._make_rows(Samples(X))[0:n_samples].float() / scale
            z = z.clamp(-FAR, FAR)
            self._expected = learn_fill(
                Samples(z.numpy(), weight=weight), MAX_FILL_NUMBERS
            )
            is_missing = z.isnan() if has_missing(X) else None
            z = self._expected(z)
            self.module_ = AutoencoderEnsemble(
                scale,
                z[torch.from_numpy(chosen)],
                torch.from_numpy(n_components),
                make_generator(self.seed),
            )
            self.module_.fit_densities(z, weight, is_missing)
        rows = z.numpy()
        if weight is not None:
            rows = rows[draw_rows(rng, n_samples, n_samples, weight)]
        self._forest = IsolationForest(random_state=self.seed).fit(rows)
        self._path_lengths = find_path_lengths(self._forest)
        parts = self._map_chunks(self._parts, (2,), self._make_rows(samples))
        _, (variance, variance_of_forest) = moments(parts, weight)
        self.forest_weight_ = 0.0
        if variance_of_forest > 0:
            ratio = np.sqrt(variance / variance_of_forest)
            self.forest_weight_ = float(FOREST_SHARE * ratio)
        return parts[:, 0] + self.forest_weight_ * parts[:, 1]

    def score_rows(self, samples):
        """Return how usual samples are.

        Parameters
        ----------
        samples : Samples
            Rows, checked, NaN where a value is missing.

        Returns
        -------
        ndarray of shape (n_samples,)
            The scores.
        """
        return self._map_chunks(self._log_density, (), self._make_rows(samples))

    def _log_density(self, module, x):
        of_autoencoders, of_forest = self._parts(module, x).unbind(dim=1)
        return of_autoencoders + self.forest_weight_ * of_forest

    def _parts(self, module, x):
        """Return the scores of the autoencoders and those of the forest."""
        z = module.standardize(x)
        is_missing = None
        if not math.isfinite(z.sum()):
            is_missing, z = z.isnan(), self._expected(z)
        rows = np.ascontiguousarray(z.float().numpy())
        of_forest = score_by_forest(self._forest, self._path_lengths, rows)
        of_forest = torch.from_numpy(of_forest).to(x)
        return torch.stack([module.log_density(z, is_missing), of_forest], dim=1)
