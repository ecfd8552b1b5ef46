"""The outlier detector."""

from contextlib import nullcontext
from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.base import OutlierMixin, _fit_context, clone
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skae._common.array_api import ArrayAPIMixin
from skae._common.callbacks import CallbackSupportMixin, report_fit, report_part
from skae._common.linked import LinkedEstimator
from skae._common.memmap import copy_memmaps
from skae._common.missing import refuse_empty_columns
from skae._common.runtime import draw_seed, seed_unset
from skae._common.sample_weight import (
    attach_weight,
    pop_weight,
    weight_for,
    weighted_quantile,
)
from skae._common.sparse import as_dense
from skae._common.validation import Instance, Samples, check_samples
from skae._estimator.restoring import restore_on_error
from skae._estimator.stream import FORGET_FACTORS, StreamSample
from skae._training.scaling import FLOAT32_ANSWERS
from skae.outliers._attribution import equal_surplus_shares
from skae.outliers._ensemble_density import EnsembleDensity
from skae.outliers._given_autoencoder import is_prefitted, restore_training, take_over
from skae.outliers._joint_density import JointDensity

# Of all rows that were seen the density is learned from so many numbers at most.
MAX_NUMBERS = 2**26
# What contamination="auto" stands for, as in scikit-learn's EllipticEnvelope.
AUTO_CONTAMINATION = 0.1


class AutoEncoderOutlierDetector(
    ArrayAPIMixin, OutlierMixin, CallbackSupportMixin, LinkedEstimator
):
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
    forget_factor : float, default=1.0
        Factor by which the weight of earlier rows falls with each ``partial_fit``, in
        the sample of them all. With 1 nothing is forgotten.
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
    distance q of the code with k components, the residual r_j of feature j and its mean
    square s_j, the score is minus the sum of two means over the autoencoders,

        of log(1 + q/k), weighted by k, and
        of mean_j (1 + 1.5 w_j) log(1 + r_j²/s_j),

    where w_j is the mean of the same logarithm over the training rows: features with a
    few residuals far larger than the others count less. Added to it is a multiple of
    the score of an isolation forest [2]_ of the standardized rows. The multiple is such
    that its standard deviation over the training rows is half that of the first part.

    Missing values (NaN) of standardized rows are filled with what factor analysis
    expects of them, given those that are present. Their residuals do not count in the
    mean, so that a missing value alone does not make a sample an outlier. Weights of
    samples count in all means and covariances, in the draws of rows, and in the
    threshold. Of sparse rows only those that are drawn, and parts of those that are
    scored, become dense.

    At most 4096 rows are kept of all that ``fit`` and ``partial_fit`` have seen.
    ``partial_fit`` needs them to set the threshold for the model as it is then.

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

    __metadata_request__fit = {"sample_weight": None}  # not in the signature
    _accepts_sparse = True
    _parameter_constraints: dict = {
        "estimator": [Instance(["reconstruct", "score_samples"]), None],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "max_samples": [Interval(Integral, 1, None, closed="left")],
        "contamination": [
            StrOptions({"auto"}),
            Interval(Real, 0, 0.5, closed="right"),
        ],
        "forget_factor": [FORGET_FACTORS],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        n_estimators=16,
        max_samples=256,
        contamination="auto",
        forget_factor=1.0,
        random_state=None,
    ):
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.max_samples = max_samples
        self.contamination = contamination
        self.forget_factor = forget_factor
        self.random_state = random_state

    # -- Fitting ------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, **fit_params):
        """Learn the density of samples, and the threshold.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or images
            Training samples, with or without outliers among them, NaN where a value is
            missing. Images have shape (n_samples, height, width) or (n_samples, height,
            width, n_channels).
        y : None
            Ignored.
        **fit_params : dict
            ``sample_weight`` may be passed, the weights of the samples, of shape
            (n_samples,) and not negative. A sample of weight zero is left out before
            anything is learned. An integer weight stands for so many equal samples, on
            average over what is drawn.

        Returns
        -------
        self : AutoEncoderOutlierDetector
            The fitted detector.

        Raises
        ------
        ValueError
            If X, ``sample_weight`` or a parameter is not valid. After an error, the
            detector has the state from before the call.
        """
        is_trained = self.estimator is not None and not is_prefitted(self.estimator)
        weight = pop_weight(fit_params)
        with (
            restore_on_error(self, continues=False),
            report_fit(self, int(is_trained), X),
        ):
            samples = self._start(X, weight)
            if is_trained:
                estimator = self._new_estimator()
                with report_part(self, "autoencoder", estimator, X):
                    self.estimator_ = estimator.fit(**self._as_training(samples))
            scores = self._fit_density()
            if len(scores) < samples.rows.shape[0]:
                scores = self._density.score_rows(samples)
            self._set_offset(scores, samples.weight)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Learn from more samples of a stream.

        An autoencoder is trained for one epoch on X by its own ``partial_fit``, unless
        it was fitted before. The ensemble is trained again, on a random sample of all
        rows so far, so pass at least some hundred rows at a time. The threshold is then
        set by the scores of that sample under the new model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or images
            Training samples, as for :meth:`fit`.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, as for :meth:`fit`.

        Returns
        -------
        self : AutoEncoderOutlierDetector
            The fitted detector.

        Raises
        ------
        ValueError
            If X, ``sample_weight`` or a parameter is not valid.
        """
        is_first = not hasattr(self, "offset_")
        is_trained = self.estimator is not None and not is_prefitted(self.estimator)
        restoring = nullcontext()
        if is_trained and not is_first:
            restoring = restore_training(self.estimator_)
        with restore_on_error(self, continues=False), restoring:
            if is_first:
                samples = self._start(X, sample_weight)
            else:
                samples = self._check(X, sample_weight, reset=False)
                self._keep(samples)
            if is_trained:
                if is_first:
                    self.estimator_ = self._new_estimator()
                self.estimator_.partial_fit(**self._as_training(samples))
            scores = self._fit_density()
            self._set_offset(scores, self._stream.weight)
        return self

    def _start(self, X, sample_weight):
        """Check the first training samples, and keep some of them."""
        takes_over = is_prefitted(self.estimator)
        if takes_over:
            self.estimator_ = self.estimator
            take_over(self, self.estimator)
        samples = self._check(X, sample_weight, reset=not takes_over)
        self._seed = draw_seed(self.random_state)
        self._stream = StreamSample.empty([samples], max_numbers=MAX_NUMBERS)
        self._keep(samples)
        return samples

    def _keep(self, samples):
        """Let training samples into the sample of all rows."""
        self._stream = self._stream.extended([samples], self._seed, self.forget_factor)

    def _new_estimator(self):
        estimator = clone(self.estimator)
        seed_unset(estimator, np.random.RandomState(self._seed))
        return estimator

    def _as_training(self, samples):
        """Return the arguments by which an autoencoder is trained on samples."""
        X = self._as_fitted(samples.rows)
        return {"X": X, **weight_for(self.estimator, samples.weight)}

    def _fit_density(self):
        """Learn the density that is the score, and return scores of the kept rows."""
        (kept,) = self._stream.to_samples()
        refuse_empty_columns(self, kept.rows)
        if self.estimator is None:
            self._density = self.estimator_ = EnsembleDensity(
                int(self.n_estimators), int(self.max_samples), self._seed
            )
        else:
            self._density = JointDensity(self.estimator_, self._seed)
        return self._density.fit_score_samples(kept)

    def _set_offset(self, scores, weight):
        share = self.contamination
        if share == "auto":
            share = AUTO_CONTAMINATION
        # Where p(x|h) cannot produce some: percentiles between -inf and others are NaN.
        scores = np.nan_to_num(scores, neginf=-np.finfo(np.float32).max)
        self.offset_ = weighted_quantile(scores, share, weight)

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

    def _check(self, X, sample_weight=None, *, reset):
        """Return samples as rows, images of bytes as numbers in [0, 1]."""
        samples = check_samples(self, X, reset=reset, ensure_all_finite="allow-nan")
        (samples,), _ = attach_weight(sample_weight, samples)
        rows = samples.rows if issparse(samples.rows) else np.asarray(samples.rows)
        rows = samples._replace(rows=rows).in_data_scale
        return samples._replace(rows=rows, byte_scale=1.0)

    def _as_fitted(self, rows):
        """Return dense rows in the shape that X has."""
        return rows if issparse(rows) else rows.reshape(-1, *self._sample_shape)

    # -- Inference ----------------------------------------------------------------

    def score_samples(self, X):
        """Return how usual samples are.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or images
            Samples, NaN where a value is missing.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores; lower means less usual. With an ``estimator`` they are log-densities
            in nats, log p(x|h) + log p(h) at the code h of the sample. Those of the
            ensemble are at most zero, and are not normalized.
        """
        check_is_fitted(self)
        return self._density.score_rows(self._check(X, reset=False))

    def decision_function(self, X):
        """Return by how much scores are above the threshold.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or images
            Samples, NaN where a value is missing.

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
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or images
            Samples, NaN where a value is missing.

        Returns
        -------
        ndarray of shape (n_samples,)
            -1 for outliers, 1 for other samples.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def feature_contributions(self, X):
        """Return what each feature adds to ``-score_samples(X)``.

        The contribution of a feature is a mean of two changes of the score: when its
        value becomes known last, after all others of the sample, which counts 0.75, and
        when it becomes known alone. The difference between the score and the sum of
        these is shared equally [1]_. Values that are not known are missing values for
        the ensemble, and medians for an ``estimator``. A sample takes
        ``2 * n_features + 1`` scores.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or images
            Samples, NaN where a value is missing.

        Returns
        -------
        ndarray of shape (n_samples, n_features) or images as ``fit`` saw them
            Contributions, which sum to ``-score_samples(X)`` for each sample. A feature
            with a large contribution makes the sample unusual.

        References
        ----------
        .. [1] R. van den Brink and Y. Funaki, "Axiomatizations of a class of equal
           surplus sharing solutions for TU-games", Theory and Decision 67, 2009.
        """
        check_is_fitted(self)
        rows = as_dense(self._check(X, reset=False).rows)
        # Only such numbers can be missing.
        dtype = np.float32 if rows.dtype in FLOAT32_ANSWERS else np.float64
        rows = rows.astype(dtype, copy=False)
        baseline = self._density.baseline.astype(dtype)

        def score(rows):
            return self._density.score_rows(Samples(rows))

        contributions = -equal_surplus_shares(score, rows, baseline)
        contributions -= score(baseline) / self.n_features_in_
        return self._as_fitted(contributions.astype(dtype))

    # -- Conventions --------------------------------------------------------------

    def __sklearn_is_fitted__(self):
        return hasattr(self, "offset_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        return tags

    def __setstate__(self, state):
        super().__setstate__(copy_memmaps(state))
