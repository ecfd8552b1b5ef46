"""A classifier made of clusters: encode, cluster, refine, match clusters to classes."""

from inspect import isclass
from numbers import Integral, Real
from os import PathLike

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context, clone
from sklearn.utils import _safe_indexing, check_array, check_consistent_length, get_tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _num_samples, check_is_fitted

from skae._common.callbacks import (
    CallbackSupportMixin,
    report_fit,
    report_part,
    restore_attributes,
)
from skae._common.labels import count_classes, split_labels, warn_without_unlabeled
from skae._common.linked import LinkedEstimator
from skae._common.runtime import seed_unset
from skae._common.sample_weight import check_sample_weight, pop_weight
from skae._common.validation import Instance, check_table
from skae.semi_supervised._cluster_module import ClusterModuleMixin
from skae.semi_supervised._cluster_space import ClusterSpaceMixin
from skae.semi_supervised._clusters import (
    Clusters,
    fit_transform,
    has_default_number,
    make_clusterer,
)
from skae.semi_supervised._early_checks import refuse_early
from skae.semi_supervised._log_probability import LogProbabilityMixin
from skae.semi_supervised._naming import (
    match_clusters_to_classes,
    match_rest_to_nearest,
)
from skae.semi_supervised._refining import RefinerMixin
from skae.semi_supervised._resuming import resume_random_state, set_checkpoints

# What codes may be, and samples where there is no encoder.
CODES = {"dtype": [np.float64, np.float32], "accept_sparse": "csr"}


class ClusterClassifier(
    LogProbabilityMixin,
    ClusterModuleMixin,
    ClusterSpaceMixin,
    RefinerMixin,
    CallbackSupportMixin,
    ClassifierMixin,
    LinkedEstimator,
):
    """Classifier that clusters the samples and matches the clusters to classes.

    The encoder turns samples into codes, and the clusterer groups the codes. Neither of
    them sees a label. The labels only determine the class of each cluster, so a few of
    them are enough. Mark the samples that have none by ``unlabeled``. Or fit without
    labels, label the most typical sample of each cluster (``exemplar_indices_``), and
    match the clusters to classes by ``map_labels``.

    Parameters
    ----------
    encoder : transformer, default=None
        Turns samples into codes, for example an :class:`~skae.AutoEncoderTransformer`.
        It is cloned, fitted without labels, and gets X unchanged, also if X has images.
        Pass a fitted encoder as ``FrozenEstimator(encoder)``. None means the features
        as they are.

    clusterer : clusterer, default=None
        Groups the codes: any clusterer of scikit-learn, or a Gaussian mixture. None
        means ``KMeans(n_init=10)``. If it has no ``predict``, new samples get their
        cluster from the five nearest training samples in code space.

    refiner : classifier, default=None
        Improves the boundaries between the clusters: any classifier of scikit-learn, or
        a :class:`~skae.PseudoLabelClassifier`. It is cloned, and learns the numbers of
        the clusters from X unchanged, also if X has images. Its predictions may then
        replace the clusters, see ``refine``. None keeps the clusters as they are.

    refine : {"auto", "always"}, default="auto"
        Whether the predictions of the refiner replace the clusters.

        - "auto": only if the refiner contradicts certain clusters for a reason, see
          Notes. With a refiner that does not correct labels, such as
          ``LogisticRegression``, the clusters stay.
        - "always": in any case, for example to export the refiner alone.

    doubtful : float, default=0.0
        Fraction of each cluster, at least 0 and below 1, whose labels the refiner does
        not get: the samples with the lowest ``certainty_``, unless that is at least
        0.95. Clusters are wrong most often where they touch. The clusterer must have
        the attribute, as :class:`~skae.SpectralKMeans` has. A refiner with a parameter
        ``unlabeled`` gets those samples without a label, any other does not get them.

    n_clusters : int, default=None
        Number of clusters. It replaces the clusterer's own number; clusterers that find
        their number themselves, and pipelines, are not changed. None means the number
        of classes among the labelled samples, unless the clusterer's number differs
        from its default.

    assignment : {"hungarian", "majority"}, default="hungarian"
        How clusters get their classes from the labelled samples in them.

        - "hungarian": first one cluster for each class, so that the most samples
          agree (the Hungarian algorithm [1]_); then surplus clusters by majority.
        - "majority": each cluster by the majority of its own labels. The Hungarian
          algorithm decides ties, and clusters without any label, in favour of classes
          that have no cluster yet. Better if there are few labels.

        A cluster without any label for which no class is left gets the class of the
        nearest cluster.

    unlabeled : object, default=None
        The value of y that marks a sample without a label, such as -1, ``"?"`` or
        ``np.nan`` (which stands for None and ``pandas.NA`` in y too). None means
        that all samples are labelled.

    checkpoint : str or path-like, default=None
        Folder for the checkpoints of one fit, with a subfolder for each estimator of
        skae in encoder and refiner. A ``fit`` that was killed continues from the last
        checkpoint if it is called again with the same samples and parameters, and does
        not train again what was trained. With others it raises an error. The folder is
        not deleted.

    random_state : int, RandomState instance or None, default=None
        Determines the seeds of the encoder, the clusterer and the refiner, and of the
        estimators in them, if their own ``random_state`` is None.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted; the cluster numbers after a ``fit`` without y.

    encoder_ : transformer or None
        The fitted encoder.

    clusterer_ : clusterer
        The fitted clusterer. It may number its clusters differently.

    refiner_ : classifier or None
        The fitted refiner, whose classes are the numbers of the clusters. None also if
        there is only one cluster, which has no boundaries.

    refined_ : bool
        Whether the predictions of the refiner have replaced the clusters.

    contradicted_fraction_ : float
        Fraction of the certain clusters that the refiner contradicts; 0 without one.

    labels_ : ndarray of shape (n_samples,)
        The cluster of each training sample, from 0 to ``n_clusters - 1``: that of the
        refiner if ``refined_`` is True, otherwise that of the clusterer.

    cluster_to_class_ : ndarray of shape (n_clusters,)
        The class of each cluster.

    contingency_matrix_ : ndarray of shape (n_classes, n_clusters)
        Number of labelled samples of each class in each cluster, or their weight.

    exemplar_indices_ : ndarray of shape (n_clusters,)
        Index into the training X of the most typical sample of each cluster: the
        samples to label first. It is the member nearest to the mean of that half of the
        members that is nearest to the mean of all. A cluster that the refiner has left
        without members keeps its earlier exemplar.

    n_features_in_ : int
        Number of features seen during ``fit``, if the encoder has the attribute.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during ``fit``, if all of them are strings.

    See Also
    --------
    PseudoLabelClassifier : A refiner for images and tables.
    skae.metrics.clustering_accuracy : Accuracy of clusters under their best matching.
    sklearn.cluster.KMeans : The clusterer used by default.
    sklearn.semi_supervised.LabelSpreading : Learns from few labels along a graph.

    Notes
    -----
    Noise, the negative labels of clusterers such as DBSCAN, is not a cluster: such
    samples join the nearest cluster, and do not change where it lies.

    A refiner is judged without classes, by labels that it has learned. The least
    certain 15 % of each cluster are left out, as where clusters touch, nothing tells
    which of the two is right. Certainty is the clusterer's ``certainty_`` or else
    follows from distances to the means. The labels must be contradicted by more than
    0.1 %, at least one standard error above it, but not by more than half of a
    cluster. The refiner must also have corrected a fifth of the contradicted ones while
    it was trained, in its attribute ``labels_``. Other classifiers contradict what they
    cannot represent, such as a bent boundary.

    ``score`` counts all samples in X; leave unlabelled ones out.

    There is no ``class_weight``: clusters are found without classes, and with
    "hungarian" each class gets a cluster, however few labels it has.

    References
    ----------
    .. [1] H. W. Kuhn, "The Hungarian method for the assignment problem", Naval
       Research Logistics Quarterly 2, 1955.

    Examples
    --------
    Fitted without labels, it finds a typical digit of each cluster. With the labels of
    these ten digits it classifies more than 70 % of all digits correctly:

    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skae import ClusterClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = ClusterClassifier(PCA(16), n_clusters=10, random_state=0).fit(X)
    >>> to_label = classifier.exemplar_indices_
    >>> to_label.shape
    (10,)
    >>> classifier.map_labels(X[to_label], y[to_label]).score(X, y) > 0.7
    True
    """

    __metadata_request__fit = {"sample_weight": None}  # not in the signature
    _parameter_constraints: dict = {
        "encoder": [Instance(["fit", "transform"]), None],
        "clusterer": [Instance("fit_predict"), Instance(["fit", "predict"]), None],
        "refiner": [Instance(["fit", "predict"]), None],
        "refine": [StrOptions({"auto", "always"})],
        "doubtful": [Interval(Real, 0, 1, closed="left")],
        "n_clusters": [Interval(Integral, 1, None, closed="left"), None],
        "assignment": [StrOptions({"hungarian", "majority"})],
        "unlabeled": "no_validation",
        "checkpoint": [str, PathLike, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        encoder=None,
        clusterer=None,
        *,
        refiner=None,
        refine="auto",
        doubtful=0.0,
        n_clusters=None,
        assignment="hungarian",
        unlabeled=None,
        checkpoint=None,
        random_state=None,
    ):
        self.encoder = encoder
        self.clusterer = clusterer
        self.refiner = refiner
        self.refine = refine
        self.doubtful = doubtful
        self.n_clusters = n_clusters
        self.assignment = assignment
        self.unlabeled = unlabeled
        self.checkpoint = checkpoint
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, **fit_params):
        """Cluster all samples, then match the clusters to the classes of labelled ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or what the encoder accepts
            The training samples. Without an encoder they may be sparse, if clusterer
            and refiner take that.

        y : array-like of shape (n_samples,), default=None
            Their classes, of any type; the value ``unlabeled`` marks samples without
            one. The clustering uses at most the number of classes from y. Without y
            the classes are the cluster numbers.

        **fit_params : dict
            ``sample_weight`` may be passed, the weights of the samples, of shape
            (n_samples,) and not negative. They go to the clusterer, which must take
            them, as k-means does, to encoder and refiner where these take them, and
            into ``contingency_matrix_``. A sample of weight zero is only labelled.

        Returns
        -------
        self : ClusterClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If X or y is not valid, if no sample is labelled, if neither y nor a
            parameter determines the number of clusters, if all samples are noise, or
            if the clusterer takes no weights. If ``fit`` raises, the classifier is in
            the state from before the call.
        """
        before, weight = dict(vars(self)), pop_weight(fit_params)
        try:
            with report_fit(self, 3 - [self.encoder, self.refiner].count(None), X, y):
                return self._fit(X, y, weight)
        except BaseException:
            restore_attributes(self, before)
            raise

    def _fit(self, X, y, sample_weight):
        if self.encoder is None:
            X = check_table(self, X, reset=True, **CODES)
        if y is not None:
            is_labeled, labels = split_labels(y, self.unlabeled)
            warn_without_unlabeled(is_labeled, self.unlabeled)
            check_consistent_length(X, is_labeled)
        every, weight, counts = X, None, np.ones(_num_samples(X), dtype=bool)
        if sample_weight is not None:
            weight = check_sample_weight(sample_weight, len(counts))
            counts, weight = weight > 0, weight[weight > 0]
            X = _safe_indexing(X, counts)
        if y is not None:
            labels, is_labeled = labels[counts[is_labeled]], is_labeled[counts]
        clusterer = make_clusterer(
            self.clusterer, self.n_clusters, None if y is None else labels
        )
        refuse_early(self, clusterer, X, weight)
        random_state = resume_random_state(self)
        codes = self._fit_encoder(X, weight, random_state)
        self._fit_clusterer(clusterer, codes, weight, random_state)
        self._fit_refiner(X, codes, weight, random_state)
        if y is None:
            is_labeled, labels = slice(None), self.labels_
        of_labeled = None if weight is None else weight[is_labeled]
        self._assign_classes(self.labels_[is_labeled], labels, of_labeled)
        if not counts.all():
            rest = self._assign(_safe_indexing(every, ~counts))
            labels = np.empty(len(counts), dtype=np.intp)
            labels[counts], labels[~counts] = self.labels_, rest
            self.labels_ = labels
            self.exemplar_indices_ = np.flatnonzero(counts)[self.exemplar_indices_]
        return self

    def map_labels(self, X, y):
        """Match the clusters to the classes of labelled samples, without clustering.

        Replaces ``classes_``, ``contingency_matrix_`` and ``cluster_to_class_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or what the encoder accepts
            Samples, those of ``fit`` or others.

        y : array-like of shape (n_samples,)
            Their classes, of any type; the value ``unlabeled`` marks samples without
            one.

        Returns
        -------
        self : ClusterClassifier
            The classifier, with a class for each cluster.

        Raises
        ------
        ValueError
            If X or y is not valid, or if no sample is labelled.
        """
        check_is_fitted(self)
        self._validate_params()
        is_labeled, labels = split_labels(y, self.unlabeled)
        check_consistent_length(X, is_labeled)
        return self._assign_classes(self._assign(X)[is_labeled], labels)

    def predict_proba(self, X):
        """Return a score of each class for each sample.

        The score of a class is that of its best cluster, scaled so that rows sum to 1.
        The scores of the clusters are the refiner's probabilities. Without a refiner,
        or if it has no ``predict_proba``, a cluster is a round Gaussian about its mean,
        as wide as the clusters are on average. The class of the cluster that a sample
        is in always has the largest score.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or what the encoder accepts
            The samples.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``; rows sum to 1. A class without a cluster has
            0.
        """
        check_is_fitted(self)
        memberships = self._memberships(X)
        scores = np.zeros((len(memberships), len(self.classes_)))
        columns = np.searchsorted(self.classes_, self.cluster_to_class_)
        for of_cluster, column in zip(memberships.T, columns, strict=True):
            of_class = scores[:, column]
            np.maximum(of_class, of_cluster, out=of_class)
        return scores / scores.sum(axis=1, keepdims=True)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.n_clusters is None and (
            self.clusterer is None
            or isclass(self.clusterer)  # which `fit` refuses
            or has_default_number(self.clusterer)
        )
        if self.encoder is not None:
            tags.input_tags = get_tags(self.encoder).input_tags
        else:
            parts = [self.clusterer, self.refiner]
            tags.input_tags.sparse = all(
                isclass(part) or get_tags(part).input_tags.sparse
                for part in parts
                if part is not None
            )
        return tags

    def _fit_encoder(self, X, weight, random_state):
        """Fit ``encoder_`` and return the codes of X."""
        if self.encoder is None:
            self.encoder_ = None
            codes = X
        else:
            self.encoder_ = clone(self.encoder)
            seed_unset(self.encoder_, random_state)
            set_checkpoints(self.encoder_, self.checkpoint, "encoder")
            with report_part(self, "encoder", self.encoder_, X):
                codes = fit_transform(self.encoder_, X, weight)
            for name in ("n_features_in_", "feature_names_in_"):
                vars(self).pop(name, None)  # of an earlier fit
                if hasattr(self.encoder_, name):
                    setattr(self, name, getattr(self.encoder_, name))
            codes = check_array(codes, **CODES)
        self._code_dtype = codes.dtype.type  # which alone k-means predicts on
        return codes

    def _fit_clusterer(self, clusterer, codes, weight, random_state):
        """Fit ``clusterer_`` and find out where its clusters lie."""
        seed_unset(clusterer, random_state)
        self.clusterer_ = clusterer
        self._clusters = Clusters(clusterer)
        with report_part(self, "clusterer", clusterer, codes):
            self.labels_ = self._clusters.fit(codes, weight)
        self.exemplar_indices_ = self._clusters.exemplar_indices

    def _assign_classes(self, clusters, labels, weight=None):
        """Set the class of each cluster from the clusters and labels of samples."""
        means = self._clusters.means
        classes, contingency = count_classes(labels, clusters, len(means), weight)
        rows = match_clusters_to_classes(contingency, self.assignment)
        self.classes_ = classes
        self.contingency_matrix_ = contingency
        self.cluster_to_class_ = classes[match_rest_to_nearest(rows, means)]
        return self
