"""The outlier detector."""

from contextlib import contextmanager
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, _fit_context, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skae._common.callbacks import CallbackSupportMixin, report_fit, report_part
from skae._common.memmap import copy_memmaps
from skae._common.reservoir import update_reservoir
from skae._common.runtime import draw_seed, isolated_generators, seed_unset
from skae._common.validation import Samples, check_samples
from skae._estimator.base import restore_on_error
from skae.outliers._attribution import shapley_values
from skae.outliers._ensemble_density import EnsembleDensity
from skae.outliers._joint_density import joint_log_density

# Rows of all that were seen which the density is learned from.
MAX_ROWS = 4096
# What contamination="auto" stands for, as in scikit-learn's EllipticEnvelope.
AUTO_CONTAMINATION = 0.1


class AutoEncoderOutlierDetector(OutlierMixin, CallbackSupportMixin, BaseEstimator):
    """Outlier detector that scores code and reconstruction error of a sample together.

    A sample is an outlier if its code is unusual or if it is not reconstructed well.
    The reconstruction error alone does not detect the first kind. By default the score
    is that of an isolation forest and of small autoencoders, each trained on a few rows
    for a few steps, so that outliers in the training set are not learned.

    Any number of rows can be scored after the fit, those of the fit and new ones alike.
    So there is no ``novelty`` parameter, unlike in
    :class:`~sklearn.neighbors.LocalOutlierFactor`.

    Parameters
    ----------
    estimator : autoencoder, default=None
        The autoencoder whose density is the score, such as a
        :class:`VariationalAutoEncoder`. It is cloned and fitted on X as it is, so
        standardize columns of different units first. A fitted autoencoder is not fitted
        again; only the density of its codes is learned. Wrap it in
        :class:`~sklearn.frozen.FrozenEstimator` if the detector is cloned, as in a grid
        search. None means the ensemble, which standardizes each feature itself.
    n_estimators : int, default=16
        Number of autoencoders in the ensemble. Not used with an ``estimator``.
    max_samples : int, default=256
        Number of rows, drawn without replacement, on which each autoencoder of the
        ensemble is trained; all rows if there are fewer. Not used with an
        ``estimator``.
    contamination : "auto" or float, default="auto"
        Fraction of the training samples that ``predict`` calls outliers, in (0, 0.5].
        "auto" means 0.1.
    random_state : int, RandomState instance or None, default=None
        Seed of all random numbers. Pass an int for the same result in each fit.

    Attributes
    ----------
    offset_ : float
        Threshold of the scores: samples with a lower score are outliers.
    estimator_ : object
        The fitted autoencoder, or the ensemble.
    image_shape_ : tuple of int or None
        Shape of one image, if X has images.
    n_features_in_ : int
        Number of features of the samples.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    sklearn.ensemble.IsolationForest : Has the same methods, by random trees.
    skae.inspection.AnomalyDisplay : Draws scores, and why a sample is an outlier.

    Notes
    -----
    Each autoencoder of the ensemble has a random number of components, and starts at
    the principal components of its rows. A normal density of its codes h is learned
    from all rows, and then fitted repeatedly to the 70 % of rows that are most usual
    under it [1]_, so that outliers do not widen it. With the squared Mahalanobis
    distance q of the code with k components, and the residual r_j and its mean square
    s_j of feature j, the score is minus the mean over the autoencoders of

        log(1 + q/k) + mean_j log(1 + r_j²/s_j),

    plus a multiple of the score of an isolation forest [2]_ of the standardized rows.
    The multiple is such that its standard deviation over the training rows is half
    that of the first part.

    At most 4096 rows are kept, drawn evenly from all that ``fit`` and ``partial_fit``
    have seen. ``partial_fit`` needs them to set the threshold for the model as it is
    then.

    References
    ----------
    .. [1] P. J. Rousseeuw and K. Van Driessen, "A fast algorithm for the minimum
       covariance determinant estimator", Technometrics 41, 1999.
    .. [2] F. T. Liu, K. M. Ting and Z.-H. Zhou, "Isolation forest", ICDM 2008.
    .. [3] B. Zong et al., "Deep autoencoding Gaussian mixture model for unsupervised
       anomaly detection", ICLR 2018, for the density of code and error together.

    Examples
    --------
    Three wines get far too much magnesium, the fifth column:

    >>> import numpy as np
    >>> from sklearn.datasets import load_wine
    >>> from skae import AutoEncoderOutlierDetector
    >>> X, _ = load_wine(return_X_y=True)
    >>> X[:3, 4] *= 3
    >>> detector = AutoEncoderOutlierDetector(contamination=0.05, random_state=0)
    >>> detector.fit_predict(X)[:3]
    array([-1, -1, -1])
    >>> contributions = detector.feature_contributions(X[:3])
    >>> contributions.argmax(axis=1)
    array([4, 4, 4])
    >>> np.allclose(contributions.sum(axis=1), -detector.score_samples(X[:3]))
    True
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["reconstruct", "score_samples"]), None],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "max_samples": [Interval(Integral, 1, None, closed="left")],
        "contamination": [
            StrOptions({"auto"}),
            Interval(Real, 0, 0.5, closed="right"),
        ],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        n_estimators=16,
        max_samples=256,
        contamination="auto",
        random_state=None,
    ):
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.max_samples = max_samples
        self.contamination = contamination
        self.random_state = random_state

    # -- Fitting ------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Learn the density of samples, and the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Training samples, with or without outliers among them. Images have shape
            (n_samples, height, width) or (n_samples, height, width, n_channels).
        y : None
            Ignored.

        Returns
        -------
        self : AutoEncoderOutlierDetector
            The fitted detector.

        Raises
        ------
        ValueError
            If X or a parameter is not valid. After an error, the detector has the state
            from before the call.
        """
        is_trained = self.estimator is not None and not self._is_prefitted()
        with (
            restore_on_error(self, continues=False),
            report_fit(self, int(is_trained), X),
        ):
            rows = self._start(X)
            if self.estimator is None:
                self._fit_ensemble()
            elif is_trained:
                estimator = self._new_estimator()
                with report_part(self, "autoencoder", estimator, X):
                    self.estimator_ = estimator.fit(self._as_fitted(rows))
            self._fit_density()
            self._set_offset(rows)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None):
        """Learn from more samples of a stream.

        An autoencoder is trained for one epoch on X by its own ``partial_fit``, unless
        it was fitted before. The ensemble is trained again, on a random sample of all
        rows so far, so pass at least some hundred rows at a time. The threshold is then
        set by the scores of that sample under the new model. Old and new rows count the
        same, also if the stream changes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Training samples, as for :meth:`fit`.
        y : None
            Ignored.

        Returns
        -------
        self : AutoEncoderOutlierDetector
            The fitted detector.

        Raises
        ------
        ValueError
            If X or a parameter is not valid.
        """
        is_first = not hasattr(self, "offset_")
        with restore_on_error(self, continues=False), self._restore_estimator():
            rows = self._start(X) if is_first else self._continue(X)
            if self.estimator is None:
                self._fit_ensemble()
            elif not self._is_prefitted():
                if is_first:
                    self.estimator_ = self._new_estimator()
                self.estimator_.partial_fit(self._as_fitted(rows))
            self._fit_density()
            self._set_offset(self._rows)
        return self

    @contextmanager
    def _restore_estimator(self):
        """Restore an autoencoder that the code inside trains further, if it raises."""
        trains_further = hasattr(self, "estimator_") and self.estimator is not None
        if not trains_further or self._is_prefitted():
            yield
            return
        with restore_on_error(self.estimator_, continues=True) as before:
            # The optimizer is about to change.
            before.pop("_trainer", None)
            before.pop("net_", None)
            yield

    def _start(self, X):
        """Check the first training samples, and start a sample of all rows."""
        is_prefitted = self._is_prefitted()
        if is_prefitted:
            self._take_over(self.estimator)
        rows = self._check(X, reset=not is_prefitted)
        self._seed = draw_seed(self.random_state)
        self._rows, self._n_seen = rows[:0], 0
        self._keep(rows)
        return rows

    def _continue(self, X):
        """Check more training samples, and let them into the sample of all rows."""
        rows = self._check(X, reset=False)
        self._keep(rows)
        return rows

    def _keep(self, rows):
        seen = self._n_seen, MAX_ROWS, self._seed
        (self._rows,) = update_reservoir([self._rows], [rows], *seen)
        self._n_seen += len(rows)

    def _is_prefitted(self):
        """Return whether the autoencoder was fitted before it was passed."""
        if self.estimator is None:
            return False
        try:
            check_is_fitted(self.estimator)
        except NotFittedError:
            return False
        return True

    def _take_over(self, estimator):
        """Take a fitted autoencoder, which decides what samples must look like."""
        self.estimator_ = estimator
        self.__dict__.pop("feature_names_in_", None)
        for name in (
            *("n_features_in_", "feature_names_in_"),
            *("image_shape_", "_sample_shape", "_bytes"),
        ):
            if hasattr(estimator, name):
                setattr(self, name, getattr(estimator, name))

    def _new_estimator(self):
        estimator = clone(self.estimator)
        seed_unset(estimator, np.random.RandomState(self._seed))
        return estimator

    def _fit_ensemble(self):
        self.estimator_ = EnsembleDensity(
            int(self.n_estimators), int(self.max_samples), self._seed
        ).fit(self._rows)

    def _fit_density(self):
        """Learn the density that is the score, of what was learned before."""
        estimator = self.estimator_
        if self.estimator is not None:
            codes = estimator._map_chunks(
                lambda module, x: module.encode(x),
                (estimator._n_features_out,),
                estimator._make_rows(Samples(self._rows)),
            ).astype(np.float64)
            density = clone(estimator.density_)
            if not hasattr(density, "score_samples"):
                raise ValueError(
                    f"density={density!r} of the estimator must have the method "
                    "'score_samples', the logarithm of the density of codes."
                )
            seed_unset(density, np.random.RandomState(self._seed))
            with isolated_generators(self._seed, estimator.device_):
                self._code_density = density.fit(codes)
        self._baseline = np.median(self._rows, axis=0, keepdims=True)

    def _set_offset(self, rows):
        share = self.contamination
        if share == "auto":
            share = AUTO_CONTAMINATION
        # Where p(x|h) cannot produce some: percentiles between -inf and others are NaN.
        scores = np.nan_to_num(self._score(rows), neginf=-np.finfo(np.float32).max)
        self.offset_ = float(np.percentile(scores, 100 * share))

    # -- Samples ------------------------------------------------------------------

    @property
    def image_shape(self):
        """Shape of images given as rows, as in the estimator.

        Returns
        -------
        tuple of int or None
            The ``image_shape`` of ``estimator``.
        """
        return getattr(self.estimator, "image_shape", None)

    def _check(self, X, *, reset):
        """Return samples as rows, images of bytes as numbers in [0, 1]."""
        samples = check_samples(self, X, reset=reset)
        if samples.byte_scale == 1.0:
            return np.asarray(samples.rows)
        return np.asarray(samples.rows) * np.float32(samples.byte_scale)

    def _as_fitted(self, rows):
        """Return rows in the shape that X has."""
        return rows.reshape(-1, *self._sample_shape)

    # -- Inference ----------------------------------------------------------------

    def _score(self, rows):
        return self.estimator_._score_rows(Samples(rows), self._log_density)

    def score_samples(self, X):
        """Return how usual samples are.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores; lower means less usual. With an ``estimator`` they are log-densities
            in nats, log p(x|h) + log p(h) at the code h of the sample. Those of the
            ensemble are at most zero, and are not normalized.
        """
        check_is_fitted(self)
        return self._score(self._check(X, reset=False))

    def decision_function(self, X):
        """Return by how much scores are above the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            ``score_samples(X) - offset_``: negative for outliers.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """Predict which samples are outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            -1 for outliers, 1 for other samples.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def feature_contributions(self, X):
        """Return what each feature adds to ``-score_samples(X)``.

        They are estimates of Shapley values [1]_. The values of a sample of all medians
        are replaced by those of X, one after another in random orders. The contribution
        of a feature is the change of the score by it. The score of the sample of
        medians is shared equally. A sample takes ``4 * (n_features + 1)`` scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or images
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_features) or images as ``fit`` saw them
            Contributions, which sum to ``-score_samples(X)`` for each sample. A feature
            with a large contribution makes the sample unusual.

        References
        ----------
        .. [1] E. Štrumbelj and I. Kononenko, "Explaining prediction models and
           individual predictions with feature contributions", Knowledge and
           Information Systems 41, 2014.
        """
        check_is_fitted(self)
        rows = self._check(X, reset=False)
        baseline = self._baseline.astype(rows.dtype)
        rng = np.random.default_rng(self._seed)
        at_baseline = self._score(baseline)
        contributions = -shapley_values(self._score, rows, baseline, rng)
        contributions -= at_baseline / self.n_features_in_
        return self._as_fitted(contributions.astype(at_baseline.dtype))

    # -- Conventions --------------------------------------------------------------

    @property
    def _log_density(self):
        """A function of module and samples, for ``estimator_._map_chunks``."""
        if self.estimator is None:
            return self.estimator_.log_density
        return joint_log_density(self.estimator_, self._code_density)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "offset_")

    def __setstate__(self, state):
        super().__setstate__(copy_memmaps(state))
