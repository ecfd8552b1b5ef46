"""Generation from codes: new samples, interpolation, and missing values."""

import copy
from inspect import signature
from numbers import Integral

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from skae._common.runtime import draw_seed, isolated_generators, seed_unset
from skae._common.sample_weight import fit_density
from skae._common.validation import Samples, check_samples
from skae._estimator.inference import GRADIENT_CHUNK_SIZE
from skae._training.scaling import Scaling
from skae.autoencoders._density import NormalDensity
from skae.autoencoders._frames import as_requested


class GenerationMixin:
    """Generation by an autoencoder with a density of its codes, ``density_``."""

    def _learn_density(self, codes, weight):
        """Learn the density that codes of new samples are drawn from."""
        density = NormalDensity() if self.density is None else clone(self.density)
        seed_unset(density, np.random.RandomState(self._seed))
        with isolated_generators(self._seed, self.device_):
            self.density_ = fit_density(density, codes, weight)

    def sample(self, n_samples=1, random_state=None, *, noise=True):
        """Draw new samples.

        A code is drawn from ``density_`` for each sample, and then the sample from
        p(x|h).

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws.
        noise : bool, default=True
            Whether to draw samples from p(x|h). False returns its mean E[x|h], which is
            usual for showing images.

        Returns
        -------
        ndarray of shape (n_samples, n_features) or images as ``fit`` saw them
            New samples, float64.

        Raises
        ------
        TypeError or ValueError
            If ``n_samples`` is not a positive integer.
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        seed = draw_seed(random_state)
        codes = self._sample_latent(n_samples, seed)
        if not noise:
            return self.inverse_transform(codes)
        likelihood, variance = self._likelihood, self._variance_like()

        def draw(module, h):
            output = module.decode(h)
            samples = likelihood.sample(output, variance(output))
            return self._scaling.to_data_scale(samples)

        # torch's distributions draw from its global generator only.
        rows = self._make_rows(Samples(codes), Scaling.identity(codes.shape[1]))
        out = self._map_chunks(draw, (self.n_features_in_,), rows, seed=seed)
        return out.reshape(-1, *self._sample_shape)

    def _sample_latent(self, n_samples, seed):
        """Draw codes of new samples."""
        density, options = self.density_, {}
        if "random_state" in signature(density.sample).parameters:
            options["random_state"] = seed
        elif "random_state" in density.get_params(deep=False):
            density = copy.copy(density).set_params(random_state=seed)
        # Another seed than that of p(x|h), which would repeat the same numbers.
        with isolated_generators(draw_seed(seed), self.device_):
            drawn = density.sample(n_samples, **options)
        if isinstance(drawn, tuple):  # scikit-learn's mixtures add the component
            drawn = drawn[0]
        return np.asarray(drawn, dtype=np.float64)

    def interpolate(self, x1, x2, n=10):
        """Interpolate between two samples in the code space.

        Parameters
        ----------
        x1 : array-like of the shape of a sample, or of one sample
            The first end, as ``X[0]`` or ``X[:1]``.
        x2 : array-like of the shape of a sample, or of one sample
            The other end.
        n : int, default=10
            Number of samples including the ends, at least 2.

        Returns
        -------
        ndarray of shape (n, n_features) or images as ``fit`` saw them
            Means E[x|h] at codes in equal steps on the straight line from the code of
            ``x1`` to that of ``x2``. The first and the last are the reconstructions of
            ``x1`` and ``x2``.

        Raises
        ------
        TypeError or ValueError
            If an end is not one sample, or if ``n`` is not an integer of at least 2.
        """
        check_is_fitted(self)
        check_scalar(n, "n", Integral, min_val=2)
        ends = [self._encode_one(x, name) for x, name in ((x1, "x1"), (x2, "x2"))]
        return self.inverse_transform(np.linspace(*ends, n))

    def _encode_one(self, x, name):
        if np.shape(x) in (self._sample_shape, (self.n_features_in_,)):
            # A row of a DataFrame keeps the names of its columns.
            x = x.toarray() if issparse(x) else x
            x = x.to_frame().T if hasattr(x, "to_frame") else np.asarray(x)[np.newaxis]
        if np.shape(x)[:1] != (1,):
            raise ValueError(
                f"{name} must be one sample; it has the shape {np.shape(x)}."
            )
        return np.asarray(self.transform(x))[0]

    def impute(self, X, *, max_iter=1):
        """Fill in missing values with their expected values.

        First, missing values are filled by a factor analysis of the training samples
        [1]_. Then the filled sample is encoded, and its missing values are replaced by
        their expectation E[x|h], ``max_iter`` times [2]_.
        :class:`~skae.VariationalAutoEncoder` then searches for the code that is most
        likely given the values that are present. A :class:`~skae.DenoisingAutoEncoder`
        that was trained with :class:`~skae.corruption.Masking` needs one step only.
        Values that are present stay as they are. Nothing is drawn at random, so equal
        samples have equal results.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Samples, NaN where a value is missing.
        max_iter : int, default=1
            Number of times that the missing values are replaced, at least 1. More than
            one may improve the result of a denoising autoencoder. It may worsen that of
            others, which were not trained on filled samples.

        Returns
        -------
        ndarray of shape (n_samples, n_features) or images as ``fit`` saw them
            A copy of X without NaN; a DataFrame if ``set_output`` requests one.

        Raises
        ------
        TypeError or ValueError
            If X holds infinity or has another shape than in ``fit``, or if ``max_iter``
            is not an integer of at least 1.

        References
        ----------
        .. [1] D. B. Rubin and D. T. Thayer, "EM algorithms for ML factor analysis",
           Psychometrika 47, 1982.
        .. [2] D. J. Rezende, S. Mohamed and D. Wierstra, "Stochastic backpropagation
           and approximate inference in deep generative models", ICML 2014,
           section 6.4.
        """
        check_is_fitted(self)
        check_scalar(max_iter, "max_iter", Integral, min_val=1)
        samples = check_samples(
            self, X, reset=False, ensure_all_finite="allow-nan", accept_sparse=False
        )

        def fill(module, x, incomplete):
            missing = incomplete.isnan()
            filled = self._decode(module, self._complete(module, x, missing, max_iter))
            return torch.where(missing, filled, incomplete)

        out = self._map_chunks(
            fill,
            (self.n_features_in_,),
            self._make_rows(samples),
            self._make_data_rows(samples, filled=False),
            chunk_size=GRADIENT_CHUNK_SIZE,
        )
        return as_requested(self, out, X)

    def _complete(self, module, x, missing, max_iter):
        """Return the codes of samples of which some values are missing."""
        code, mean = module.encode(x), self._likelihood.mean
        for _ in range(max_iter - 1):
            code = module.encode(torch.where(missing, mean(module.decode(code)), x))
        return code
