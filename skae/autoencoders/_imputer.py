"""Missing values filled by an autoencoder, as a step of a pipeline."""

from functools import partial
from numbers import Integral

import numpy as np
from sklearn.base import (
    MetaEstimatorMixin,
    OneToOneFeatureMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.impute import MissingIndicator
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_scalar
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skae._common.array_api import ArrayAPIMixin, dispatched
from skae._common.linked import LinkedEstimator
from skae._common.missing import empty_columns
from skae._common.runtime import draw_seed
from skae._common.validation import Instance, check_table
from skae._common.warn import warn_user
from skae.autoencoders._linear_mixtures import LinearMixtures

# Number of times that missing values are replaced by what is restored.
N_ITER = 3


def _can_draw(imputer):
    """Whether the estimator of an imputer draws missing values."""
    estimator = imputer.estimator
    return estimator is None or hasattr(estimator, "sample_imputations")


class AutoEncoderImputer(
    ArrayAPIMixin,
    OneToOneFeatureMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    LinkedEstimator,
):
    """Imputer that fills missing values by autoencoders trained on incomplete rows.

    By default, several mixtures of linear autoencoders predict the missing values of a
    row from its present values, and their predictions are averaged [1]_. Each
    autoencoder of a mixture is a factor analysis of a part of the rows, so relations
    between features need not be linear. The mixtures are learned from incomplete rows
    by expectation maximization. In tables of more than 25 features the nearest rows are
    used as well. To find the weights of the average, some present values are hidden and
    predicted [2]_. Values that are present stay as they are.

    Values are assumed to be missing at random: whether one is missing may depend on
    values that are present, but not on the missing value itself.

    Parameters
    ----------
    estimator : estimator with ``fit`` and ``impute``, default=None
        An autoencoder to use instead, such as :class:`VariationalAutoEncoder`. It is
        cloned, and trained on standardized incomplete rows. It fills by ``impute`` with
        ``max_iter=3``.
    keep_empty_features : bool, default=False
        Whether features that have no value in ``fit`` are filled with 0. By default
        they are left out, with a warning, as in scikit-learn's imputers.
    add_indicator : bool, default=False
        Whether ``transform`` appends a feature for each one that has missing values in
        ``fit``: 1 where its value is missing, else 0.
    random_state : int, RandomState instance or None, default=None
        Seed of the default, and of an ``estimator`` whose ``random_state`` is None.
        Pass an int for the same result in each fit.

    Attributes
    ----------
    estimator_ : estimator
        The fitted autoencoder, or the default models.
    indicator_ : MissingIndicator
        Finds what is missing. Only with ``add_indicator=True``.
    n_features_in_ : int
        Number of features of the samples.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    Reconstructor : A cleaning step that also changes values that are present.
    sklearn.impute.IterativeImputer : Regresses each feature on the others in turn.
    sklearn.impute.KNNImputer : Takes means of the nearest samples.

    References
    ----------
    .. [1] Z. Ghahramani and G. E. Hinton, "The EM algorithm for mixtures of factor
       analyzers", University of Toronto, CRG-TR-96-1, 1996.
    .. [2] L. Breiman, "Stacked regressions", Machine Learning 24, 1996.

    Examples
    --------
    A third of the measurements of flowers is missing:

    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoEncoderImputer
    >>> X, _ = load_iris(return_X_y=True)
    >>> missing = np.random.default_rng(0).random(X.shape) < 0.33
    >>> X_missing = np.where(missing, np.nan, X)
    >>> X_filled = AutoEncoderImputer(random_state=0).fit_transform(X_missing)
    >>> error = ((X_filled - X)[missing] ** 2).mean()
    >>> mean_error = ((np.nanmean(X_missing, axis=0) - X)[missing] ** 2).mean()
    >>> print(error < mean_error / 2)
    True
    """

    _parameter_constraints: dict = {
        "estimator": [Instance(["fit", "impute"]), None],
        "keep_empty_features": ["boolean"],
        "add_indicator": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        keep_empty_features=False,
        add_indicator=False,
        random_state=None,
    ):
        self.estimator = estimator
        self.keep_empty_features = keep_empty_features
        self.add_indicator = add_indicator
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
            If X is sparse, holds infinity, or has no value at all.
        """
        X = self._validate(X, reset=True)
        self._has_values = ~empty_columns(X)
        if not self._has_values.any():
            raise ValueError("X has only missing values; there is nothing to learn.")
        if not (self._has_values.all() or self.keep_empty_features):
            empty = super().get_feature_names_out()[~self._has_values].tolist()
            warn_user(
                f"X has only missing values in the columns {empty}, which are left "
                "out. keep_empty_features=True fills them with 0."
            )
        if self.add_indicator:
            self.indicator_ = MissingIndicator(error_on_new=False).fit(X)
        known = X[:, self._has_values]
        self._scaler = StandardScaler().fit(known.astype(np.float64, copy=False))
        self.estimator_ = self._make_estimator().fit(self._scaler.transform(known))
        return self

    def _make_estimator(self):
        """Return the autoencoder that is trained."""
        made = self.estimator
        if made is None:
            made = LinearMixtures()
        made = clone(made)
        if made.get_params(deep=False).get("random_state", 0) is None:
            made.set_params(random_state=draw_seed(self.random_state))
        return made

    def transform(self, X):
        """Fill missing values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, NaN or ``pandas.NA`` where a value is missing.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out)
            A copy of X without NaN, in its type where that is float32 or float64. It
            lacks features that had no value in ``fit``, and ends with those that
            ``add_indicator`` appends.
        """
        check_is_fitted(self)
        X = self._validate(X, reset=False)

        def impute(rows):
            return [np.asarray(self.estimator_.impute(rows, max_iter=N_ITER))]

        out = self._fill(X, 1, impute)[0]
        if self.add_indicator:
            out = np.hstack([out, self.indicator_.transform(X)])
        return out

    @available_if(_can_draw)
    @dispatched
    def sample_imputations(self, X, n_draws=5, *, random_state=None):
        """Draw missing values from their distribution given those that are present.

        Multiple imputation [1]_: what is computed from each draw differs by as much as
        is not known for the missing values. Available by default, and with an
        ``estimator`` that has this method, such as :class:`VariationalAutoEncoder`. By
        default each row is drawn from one of the mixtures or from its nearest rows,
        which are chosen by their weights. What is drawn is as far from what
        ``transform`` fills, on average, as present values that are hidden in ``fit``,
        unless draws of those get worse by it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, NaN or ``pandas.NA`` where a value is missing.
        n_draws : int, default=5
            Number of draws.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws.

        Returns
        -------
        ndarray of shape (n_draws, n_samples, n_features)
            Copies of X without NaN, and without features that had no value in ``fit``.

        Raises
        ------
        TypeError or ValueError
            If X is not as it must be, or if ``n_draws`` is not a positive integer.

        References
        ----------
        .. [1] D. B. Rubin, "Multiple imputation for nonresponse in surveys", Wiley
           1987.
        """
        check_is_fitted(self)
        check_scalar(n_draws, "n_draws", Integral, min_val=1)
        draw = partial(
            self.estimator_.sample_imputations,
            n_draws=n_draws,
            random_state=random_state,
        )
        return self._fill(self._validate(X, reset=False), n_draws, draw)

    def _fill(self, X, n_copies, fill):
        """Return copies of X, in which ``fill`` fills the standardized rows."""
        known = X[:, self._has_values]
        out = np.repeat(known[np.newaxis], n_copies, axis=0)
        missing = np.isnan(known)
        holes = missing.any(axis=1)
        if holes.any():
            rows = self._scaler.transform(known[holes].astype(np.float64))
            for copy, filled in zip(out, fill(rows), strict=True):
                filled = self._scaler.inverse_transform(filled)
                copy[holes] = np.where(missing[holes], filled, known[holes])
        if not self.keep_empty_features or self._has_values.all():
            return out
        whole = np.repeat(np.where(np.isnan(X), 0, X)[np.newaxis], n_copies, axis=0)
        whole[..., self._has_values] = out
        return whole

    def get_feature_names_out(self, input_features=None):
        """Return the names of the features that ``transform`` returns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features of X, where ``fit`` did not see them.

        Returns
        -------
        ndarray of str
            The names of X's features, and ``missingindicator_`` with a name for each
            one that ``add_indicator`` appends.
        """
        names = super().get_feature_names_out(input_features)
        out = names if self.keep_empty_features else names[self._has_values]
        if self.add_indicator:
            out = np.append(out, self.indicator_.get_feature_names_out(names))
        return out

    def _validate(self, X, *, reset):
        return check_table(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            order="C",
            ensure_all_finite="allow-nan",
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
