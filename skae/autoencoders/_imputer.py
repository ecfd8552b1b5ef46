"""Missing values filled by an autoencoder, as a step of a pipeline."""

import copy

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    MetaEstimatorMixin,
    OneToOneFeatureMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import check_is_fitted, validate_data

from skae._common.missing import refuse_empty_columns
from skae._common.runtime import draw_seed
from skae._training.scaling import subsample
from skae.autoencoders._denoising import DenoisingAutoEncoder
from skae.modules._factor_analysis import FactorAnalysis

# Share of the values of a batch that are hidden in training.
HIDDEN_SHARE = 0.3
# The code of the default may be as wide as this. It cannot copy what is hidden.
MAX_COMPONENTS = 64


class _HiddenValues:
    """Corruption that hides values and fills them with what the others tell of them.

    Parameters
    ----------
    fill : FactorAnalysis
        Fills the holes.
    """

    uses_generator_only = True

    def __init__(self, fill):
        self.fill = fill

    @torch.no_grad()
    def __call__(self, x, generator):
        shares = torch.rand(
            x.shape, generator=generator, device=generator.device, dtype=torch.float32
        )
        hidden = shares.to(x.device) < HIDDEN_SHARE
        filled = self.fill.to(x.device)(x.float().masked_fill(hidden, torch.nan))
        return torch.where(hidden, filled.to(x.dtype), x)


class AutoEncoderImputer(
    OneToOneFeatureMixin, MetaEstimatorMixin, TransformerMixin, BaseEstimator
):
    """Imputer that fills missing values by an autoencoder trained on incomplete rows.

    Missing values are first filled with their expectation given those that are present,
    by factor analysis that is fitted to the incomplete rows [1]_. A denoising
    autoencoder then learns to improve on it: values of each batch are hidden, filled in
    the same way, and restored [2]_. Values that are present stay as they are.

    Values are assumed to be missing at random: whether one is missing may depend on
    values that are present, but not on the missing value itself.

    Parameters
    ----------
    estimator : estimator with ``fit`` and ``reconstruct``, default=None
        The autoencoder. It is cloned, and trained on standardized rows whose missing
        values are filled. A :class:`DenoisingAutoEncoder` with ``corruption=None`` has
        values hidden from it; every other estimator is trained as it is. None means
        such a ``DenoisingAutoEncoder``, with a code of at most 64 numbers.
    random_state : int, RandomState instance or None, default=None
        Seed of the default autoencoder, and of an ``estimator`` whose ``random_state``
        is None. Pass an int for the same result in each fit.

    Attributes
    ----------
    estimator_ : estimator
        The fitted autoencoder.
    n_features_in_ : int
        Number of features of the samples.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where X has them.

    See Also
    --------
    Reconstructor : A cleaning step that also changes values that are present.
    sklearn.impute.IterativeImputer : Regresses each feature on the others in turn.
    sklearn.impute.KNNImputer : Takes means of the nearest samples.

    References
    ----------
    .. [1] D. B. Rubin and D. T. Thayer, "EM algorithms for ML factor analysis",
       Psychometrika 47, 1982.
    .. [2] L. Gondara and K. Wang, "MIDA: multiple imputation using denoising
       autoencoders", PAKDD 2018.

    Examples
    --------
    A third of the measurements of each flower is lost:

    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoEncoderImputer
    >>> X, _ = load_iris(return_X_y=True)
    >>> missing = np.random.default_rng(0).random(X.shape) < 0.33
    >>> X_missing = np.where(missing, np.nan, X)
    >>> X_filled = AutoEncoderImputer(random_state=0).fit_transform(X_missing)
    >>> error = ((X_filled - X)[missing] ** 2).mean()
    >>> mean_error = ((np.nanmean(X_missing, axis=0) - X)[missing] ** 2).mean()
    >>> bool(error < mean_error / 2)
    True
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "reconstruct"]), None],
        "random_state": ["random_state"],
    }

    def __init__(self, estimator=None, *, random_state=None):
        self.estimator = estimator
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Learn to fill missing values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples, NaN or ``pandas.NA`` where a value is missing.
        y : None
            Ignored.

        Returns
        -------
        self : AutoEncoderImputer
            The fitted imputer.

        Raises
        ------
        ValueError
            If X holds infinity, or a feature without any value.
        """
        X = self._validate(X, reset=True)
        refuse_empty_columns(self, X)
        self._mean = np.nanmean(X, axis=0, dtype=np.float64)
        scale = np.nanstd(X, axis=0, dtype=np.float64)
        self._scale = np.where(scale > 0.0, scale, 1.0)
        rows = torch.from_numpy((X.astype(np.float64) - self._mean) / self._scale)
        some = torch.from_numpy(np.ascontiguousarray(subsample(rows.numpy())))
        # A feature may be empty in a part of the rows.
        has_values = not some.isnan().all(dim=0).any()
        self._fill = FactorAnalysis.fit(some if has_values else rows)
        self.estimator_ = self._make_estimator().fit(self._fill(rows).numpy())
        return self

    def _make_estimator(self):
        """Return the autoencoder that is trained."""
        made = self.estimator
        if made is None:
            made = DenoisingAutoEncoder(min(self.n_features_in_, MAX_COMPONENTS))
        made, known = clone(made), made.get_params(deep=False)
        if known.get("random_state", 0) is None:
            made.set_params(random_state=draw_seed(self.random_state))
        if known.get("corruption", 0) is None:
            fill = copy.deepcopy(self._fill).float()  # the type of batches
            made.set_params(corruption=_HiddenValues(fill))
        return made

    def transform(self, X):
        """Fill missing values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, NaN or ``pandas.NA`` where a value is missing.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            A copy of X without NaN, in its type where that is float32 or float64.
        """
        check_is_fitted(self)
        X = self._validate(X, reset=False)
        out = X.copy()
        holes = np.isnan(X).any(axis=1)
        if holes.any():
            rows = torch.from_numpy(
                (X[holes].astype(np.float64) - self._mean) / self._scale
            )
            filled = self.estimator_.reconstruct(self._fill(rows).numpy())
            filled = filled * self._scale + self._mean
            out[holes] = np.where(np.isnan(X[holes]), filled, X[holes])
        return out

    def _validate(self, X, *, reset):
        return validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
