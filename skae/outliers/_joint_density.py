"""The joint density of a sample and its code under an autoencoder."""

import numpy as np
import torch
from sklearn.base import clone

from skae._common.runtime import isolated_generators, seed_unset
from skae._common.sample_weight import fit_density


class JointDensity:
    """Density of samples by an autoencoder, log p(x|h) + log p(h) at the code h.

    Parameters
    ----------
    autoencoder : BaseAutoEncoder
        The fitted autoencoder, which stays as it is.
    seed : int
        Seed of everything that is drawn.

    Attributes
    ----------
    baseline : ndarray of shape (1, n_features)
        The sample with which contributions of features begin: that of all medians.
    """

    def __init__(self, autoencoder, seed):
        self.autoencoder = autoencoder
        self.seed = seed

    def fit_score_samples(self, samples):
        """Learn the density of the codes.

        Parameters
        ----------
        samples : Samples
            Rows, checked, dense and in memory.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores of the rows.

        Raises
        ------
        ValueError
            If the density of the autoencoder has no scores.
        """
        autoencoder = self.autoencoder
        # Missing values would not do: what is normal adds to a log-density, too.
        self.baseline = np.nanmedian(samples.rows, axis=0, keepdims=True)
        codes = autoencoder._map_chunks(
            lambda module, x: module.encode(x),
            (autoencoder._n_features_out,),
            autoencoder._make_rows(samples),
        ).astype(np.float64)
        density = clone(autoencoder.density_)
        if not hasattr(density, "score_samples"):
            raise ValueError(
                f"density={density!r} of the estimator must have the method "
                "'score_samples', the logarithm of the density of codes."
            )
        seed_unset(density, np.random.RandomState(self.seed))
        with isolated_generators(self.seed, autoencoder.device_):
            self.density_ = fit_density(density, codes, samples.weight)
        return self.score_rows(samples)

    def score_rows(self, samples):
        """Return how usual samples are.

        Parameters
        ----------
        samples : Samples
            Rows, checked, NaN where a value is missing.

        Returns
        -------
        ndarray of shape (n_samples,)
            Log-densities in nats.
        """
        log_prob = self.autoencoder._log_prob()

        def log_density(module, x, target):
            code = module.encode(x)
            log_prior = self.density_.score_samples(
                code.cpu().numpy().astype(np.float64)
            )
            return log_prob(target, module.decode(code)) + torch.from_numpy(
                log_prior
            ).to(code)

        return self.autoencoder._score_rows(samples, log_density)
