"""A classifier made of clusters: encode, cluster, refine, name the clusters."""

from inspect import isclass, signature
from numbers import Integral, Real

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context, clone
from sklearn.cluster import KMeans
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils import (
    _safe_indexing,
    check_array,
    check_consistent_length,
    check_random_state,
    get_tags,
)
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from skae._labels import count_classes, split_labels
from skae._random import seed_unset

# Certainty from which on nothing is doubtful, however certain the other samples are.
CERTAIN = 0.95


def _number_parameter(clusterer):
    """Name the parameter that holds the number of clusters; None without one."""
    is_mixture = isinstance(clusterer, GaussianMixture | BayesianGaussianMixture)
    name = "n_components" if is_mixture else "n_clusters"
    return name if name in clusterer.get_params(deep=False) else None


def _number_is_open(clusterer):
    """Tell whether the clusterer still has its default number of clusters."""
    name = _number_parameter(clusterer)
    if name is None:
        return False
    return (
        getattr(clusterer, name) == signature(type(clusterer)).parameters[name].default
    )


def _name_clusters(contingency, assignment):
    """Choose a class for each cluster.

    Parameters
    ----------
    contingency : ndarray of shape (n_classes, n_clusters)
        How many labelled samples of a class lie in a cluster.

    assignment : {"hungarian", "majority"}
        The rule, see ``ClusterClassifier``.

    Returns
    -------
    names : ndarray of shape (n_clusters,)
        The row of each cluster's class; -1 where nothing speaks for any class.
    """
    n_classes, n_clusters = contingency.shape
    most = contingency.max(axis=0)
    is_best = contingency == most  # every class, where a cluster has no label at all
    names = np.where(most > 0, is_best.argmax(axis=0), -1)
    if assignment == "hungarian":
        # Among the matchings with the most agreement take one that loses the fewest
        # votes of the clusters it names. It matters where there are more clusters than
        # classes: a class that wins nowhere then gets a cluster that nobody needs.
        worth = contingency * (contingency.sum() + 1) + (contingency - most)
        classes, clusters = linear_sum_assignment(worth, maximize=True)
    else:
        # Open are the clusters where several classes are best. They share out the
        # classes that have no cluster yet, where there are votes for it before where
        # there are none (hence the factor: no number of voteless pairs outweighs one).
        is_open = is_best.sum(axis=0) > 1
        is_free = ~np.isin(np.arange(n_classes), names[~is_open])
        may_take = is_free[:, np.newaxis] & is_open & is_best
        worth = np.where(may_take, contingency * (n_clusters + 1) + 1, 0)
        classes, clusters = linear_sum_assignment(worth, maximize=True)
        taken = may_take[classes, clusters]
        classes, clusters = classes[taken], clusters[taken]
    names[clusters] = classes
    return names


def _locate_clusters(codes, labels):
    """Return the clusters' means, the variance about them, and the typical samples.

    The variance is the mean over samples and dimensions; the typical sample of a
    cluster is given as its row in ``codes``. There is one of each for each cluster that
    has members.
    """
    numbers = np.unique(labels)
    means = np.empty((len(numbers), codes.shape[1]))
    typical = np.empty(len(numbers), dtype=np.intp)
    scatter = 0.0
    for cluster, number in enumerate(numbers):
        members = np.flatnonzero(labels == number)
        own = codes[members].astype(np.float64)
        means[cluster] = own.mean(axis=0)
        distances = ((own - means[cluster]) ** 2).sum(axis=1)
        scatter += distances.sum()
        # Stray members of other classes pull the mean away from where most members
        # are; the mean of the nearer half is back among them.
        nearer_half = distances.argsort(kind="stable")[: len(members) // 2 + 1]
        heart = own[nearer_half].mean(axis=0)
        typical[cluster] = members[((own - heart) ** 2).sum(axis=1).argmin()]
    return means, scatter / codes.size, typical


class ClusterClassifier(ClassifierMixin, BaseEstimator):
    """Classifier that clusters the samples and names each cluster after a class.

    The encoder turns samples into codes, the clusterer groups the codes, and the
    labels, which neither of them ever sees, only say which cluster is which class. So
    a few labels suffice: mark the samples that have none by ``unlabeled``, or fit
    without labels, look at the sample most typical of each cluster
    (``exemplar_indices_``), and name the clusters by ``map_labels``.

    Parameters
    ----------
    encoder : transformer, default=None
        What turns samples into codes, for example an
        :class:`~skae.AutoEncoderTransformer`. It is cloned, fitted without labels, and
        gets X as it came, images too. One that is fitted already is given as
        ``FrozenEstimator(encoder)``. None takes the features as they are.

    clusterer : clusterer, default=None
        What groups the codes: any clusterer of scikit-learn, or a Gaussian mixture;
        None means ``KMeans(n_init=10)``. One without ``predict`` is carried on to new
        samples by the five nearest training samples in code space.

    refiner : classifier, default=None
        What draws the boundaries between the clusters anew: any classifier of
        scikit-learn, or a :class:`~skae.PseudoLabelClassifier`. It is cloned and
        learns the cluster numbers from X as it came, images too. From then on a
        sample's cluster is the one that it thinks most probable, or the one that it
        predicts where it gives no probabilities. None keeps the clusters as they are.

    doubtful : float, default=0.0
        Share of each cluster, from 0 to below 1, whose labels are kept from the
        refiner: those samples that have the lowest ``certainty_``, unless it is above
        0.95. The clusterer must tell it, as :class:`~skae.SpectralKMeans` does. Where
        clusters touch they err most. A refiner that has a parameter ``unlabeled`` gets
        those samples without a label, any other does not get them.

    n_clusters : int, default=None
        Number of clusters. It is handed to the clusterer, and wins over the
        clusterer's own; clusterers that find their number themselves, and pipelines,
        are left alone. None means: as many as there are classes among the labelled
        samples, unless the clusterer has a number other than its default.

    assignment : {"hungarian", "majority"}, default="hungarian"
        How clusters get their names from the labelled samples in them.

        - "hungarian": first one cluster for each class, so that the most samples
          agree (the Hungarian algorithm [1]_); then surplus clusters by majority.
        - "majority": each cluster by the majority of its own labels. The Hungarian
          algorithm settles ties, and clusters without any label, in favour of classes
          that have no cluster yet. Better where labels are few.

        A cluster without any label for which no class is left is named like the
        nearest cluster.

    unlabeled : object, default=None
        The value of y that marks a sample without a label, such as -1, ``"?"`` or
        ``np.nan`` (which stands for None and ``pandas.NA`` in y too). None means
        that all samples are labelled.

    random_state : int, RandomState instance or None, default=None
        Gives their seeds to the encoder, the clusterer and the refiner, and to the
        estimators in them, where their own ``random_state`` is None.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted; the cluster numbers after a ``fit`` without y.

    encoder_ : transformer or None
        The fitted encoder.

    clusterer_ : clusterer
        The fitted clusterer. It may number its clusters in its own way.

    refiner_ : classifier or None
        The fitted refiner, whose classes are the numbers of the clusters before it.

    labels_ : ndarray of shape (n_samples,)
        The cluster of each training sample, from 0 to ``n_clusters - 1``, after the
        refiner.

    cluster_to_class_ : ndarray of shape (n_clusters,)
        The class of each cluster.

    contingency_matrix_ : ndarray of shape (n_classes, n_clusters)
        How many labelled samples of each class lie in each cluster.

    exemplar_indices_ : ndarray of shape (n_clusters,)
        Index into the training X of the sample most typical of each cluster: the
        samples to label first. It is the member nearest to the heart of its cluster,
        which is the mean of the half of the members that are nearest to their mean. A
        cluster that the refiner has left without members keeps the sample that it had.

    n_features_in_ : int
        Number of features seen during ``fit``, where the encoder counts them.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during ``fit``, where X names all of them.

    See Also
    --------
    PseudoLabelClassifier : A refiner for images and tables.
    skae.metrics.clustering_accuracy : Accuracy of clusters under their best naming.
    sklearn.cluster.KMeans : The clusterer used by default.
    sklearn.semi_supervised.LabelSpreading : Learns from few labels along a graph.

    Notes
    -----
    Noise, the negative labels of clusterers such as DBSCAN, is no cluster: such
    samples join the cluster that is nearest to them, and have no say in where it lies.

    ``score`` counts all samples that it is given; leave unlabelled ones out.

    References
    ----------
    .. [1] H. W. Kuhn, "The Hungarian method for the assignment problem", Naval
       Research Logistics Quarterly 2, 1955.

    Examples
    --------
    Without a single label, find out which ten digits to look at. Ten labels then
    make a classifier:

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

    _parameter_constraints: dict = {
        "encoder": [HasMethods(["fit", "transform"]), None],
        "clusterer": [HasMethods("fit_predict"), HasMethods(["fit", "predict"]), None],
        "refiner": [HasMethods(["fit", "predict"]), None],
        "doubtful": [Interval(Real, 0, 1, closed="left")],
        "n_clusters": [Interval(Integral, 1, None, closed="left"), None],
        "assignment": [StrOptions({"hungarian", "majority"})],
        "unlabeled": "no_validation",
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        encoder=None,
        clusterer=None,
        *,
        refiner=None,
        doubtful=0.0,
        n_clusters=None,
        assignment="hungarian",
        unlabeled=None,
        random_state=None,
    ):
        self.encoder = encoder
        self.clusterer = clusterer
        self.refiner = refiner
        self.doubtful = doubtful
        self.n_clusters = n_clusters
        self.assignment = assignment
        self.unlabeled = unlabeled
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Cluster all samples, then name the clusters from the labelled ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or what the encoder accepts
            The training samples.

        y : array-like of shape (n_samples,), default=None
            Their classes, of any type; the value ``unlabeled`` marks samples without
            one. Of y the clustering sees at most the number of classes. Without y
            the classes are the cluster numbers.

        Returns
        -------
        self : ClusterClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If X or y is not valid, if no sample is labelled, if neither y nor a
            parameter tells the number of clusters, or if all samples are noise.
            Whatever stops a fit, the classifier is then what it was before.
        """
        before = dict(vars(self))
        try:
            return self._fit(X, y)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    def _fit(self, X, y):
        if self.encoder is None:
            X = validate_data(self, X, dtype=[np.float64, np.float32])
        if y is not None:
            is_labeled, labels = split_labels(y, self.unlabeled)
            check_consistent_length(X, is_labeled)

        clusterer = (
            KMeans(n_init=10) if self.clusterer is None else clone(self.clusterer)
        )
        n_clusters = self.n_clusters
        if n_clusters is None and _number_is_open(clusterer):
            if y is None:
                raise ValueError(
                    "This ClusterClassifier requires y to be passed, but the target y "
                    "is None. Pass y, or say how many clusters there are, for example "
                    "n_clusters=10."
                )
            n_clusters = len(np.unique(labels))
        number_parameter = _number_parameter(clusterer)
        if n_clusters is not None and number_parameter is not None:
            clusterer.set_params(**{number_parameter: n_clusters})

        random_state = check_random_state(self.random_state)
        codes = self._fit_encoder(X, random_state)
        self._fit_clusterer(clusterer, codes, random_state)
        self._fit_refiner(X, codes, random_state)
        if y is None:
            return self._name(self.labels_, self.labels_)
        return self._name(self.labels_[is_labeled], labels)

    def map_labels(self, X, y):
        """Name the clusters anew from labelled samples, without clustering again.

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
            The classifier with its clusters named.

        Raises
        ------
        ValueError
            If X or y is not valid, or if no sample is labelled.
        """
        check_is_fitted(self)
        self._validate_params()
        is_labeled, labels = split_labels(y, self.unlabeled)
        check_consistent_length(X, is_labeled)
        return self._name(self._memberships(X).argmax(axis=1)[is_labeled], labels)

    def predict(self, X):
        """Predict the class of each sample: that of the cluster it belongs to.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or what the encoder accepts
            The samples.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The classes, the most probable ones of ``predict_proba``.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def predict_proba(self, X):
        """Tell how much each sample belongs to each class.

        The score of a class is that of its best cluster. The clusters' own scores are
        the refiner's probabilities. Without a refiner, or where it gives none, a
        cluster counts as a round Gaussian about its mean, as wide as the clusters are
        on average. The class of the cluster that a sample is in always comes first.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or what the encoder accepts
            The samples.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``; rows sum to 1. A class that no cluster is
            named after has 0.
        """
        check_is_fitted(self)
        memberships = self._memberships(X)
        scores = np.empty((len(memberships), len(self.classes_)))
        for column, label in enumerate(self.classes_):
            own = memberships[:, self.cluster_to_class_ == label]
            scores[:, column] = own.max(axis=1, initial=0.0)
        return scores / scores.sum(axis=1, keepdims=True)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.n_clusters is None and (
            self.clusterer is None
            or isclass(self.clusterer)  # which `fit` refuses
            or _number_is_open(self.clusterer)
        )
        if self.encoder is not None:
            tags.input_tags = get_tags(self.encoder).input_tags
        return tags

    def _fit_encoder(self, X, random_state):
        """Fit ``encoder_`` and return the codes of X."""
        if self.encoder is None:
            self.encoder_ = None
            codes = X
        else:
            self.encoder_ = clone(self.encoder)
            seed_unset(self.encoder_, random_state)
            if hasattr(self.encoder_, "fit_transform"):
                codes = self.encoder_.fit_transform(X)
            else:  # a FrozenEstimator, whose `fit` does nothing but needs a y
                codes = self.encoder_.fit(X, None).transform(X)
            for name in ("n_features_in_", "feature_names_in_"):
                vars(self).pop(name, None)  # of an earlier fit
                if hasattr(self.encoder_, name):
                    setattr(self, name, getattr(self.encoder_, name))
            codes = check_array(codes, dtype=[np.float64, np.float32])
        # k-means fitted on one of the two types refuses to predict on the other.
        self._code_dtype = codes.dtype
        return codes

    def _fit_refiner(self, X, codes, random_state):
        """Fit ``refiner_`` on the clusters, and make what it sees the clusters."""
        self.refiner_ = None
        if self.refiner is None:
            return
        refiner = clone(self.refiner)
        seed_unset(refiner, random_state)
        is_certain = self._find_certain()
        if "unlabeled" in refiner.get_params(deep=False):
            # Its labels are numbers of clusters, whatever marks those of the user.
            refiner.set_params(unlabeled=-1)
            self.refiner_ = refiner.fit(X, np.where(is_certain, self.labels_, -1))
        elif is_certain.all():
            self.refiner_ = refiner.fit(X, self.labels_)
        else:
            certain = _safe_indexing(X, is_certain)
            self.refiner_ = refiner.fit(certain, self.labels_[is_certain])
        self.labels_, _ = self._refined(X)
        # A cluster that has lost all its members stays where it was.
        numbers = np.unique(self.labels_)
        self._means[numbers], self._variance, typical = _locate_clusters(
            codes, self.labels_
        )
        self.exemplar_indices_[numbers] = typical

    def _find_certain(self):
        """Return which samples' labels the refiner is to learn from."""
        is_certain = np.ones(len(self.labels_), dtype=bool)
        if not self.doubtful:
            return is_certain
        certainty = getattr(self.clusterer_, "certainty_", None)
        if certainty is None or len(certainty) != len(self.labels_):
            raise ValueError(
                f"doubtful={self.doubtful} needs a clusterer with an attribute "
                f"certainty_, such as SpectralKMeans; {self.clusterer_} has none for "
                "these samples. Set doubtful=0."
            )
        for cluster in range(len(self._means)):
            members = np.flatnonzero(self.labels_ == cluster)
            limit = min(np.quantile(certainty[members], self.doubtful), CERTAIN)
            is_certain[members] = certainty[members] >= limit
        return is_certain

    def _refined(self, X):
        """Return the cluster of each sample after the refiner, and its probabilities.

        The probabilities are None where the refiner has none.
        """
        if not hasattr(self.refiner_, "predict_proba"):
            predicted = np.asarray(self.refiner_.predict(X))
            clusters = predicted.astype(np.intp)
            if (clusters != predicted).any():
                raise ValueError(
                    f"refiner={self.refiner!r} must be a classifier; it predicts "
                    f"{predicted[clusters != predicted][0]}, which is none of the "
                    "clusters that it was given."
                )
            return clusters, None
        # As a copy, and not twice: the most probable cluster is the one predicted.
        probabilities = np.array(self.refiner_.predict_proba(X), dtype=np.float64)
        return probabilities.argmax(axis=1), probabilities

    def _encode(self, X):
        """Return the codes of X, of the type that the clusterer was fitted on."""
        if self.encoder_ is None:
            return validate_data(self, X, dtype=self._code_dtype, reset=False)
        return check_array(self.encoder_.transform(X), dtype=self._code_dtype)

    def _fit_clusterer(self, clusterer, codes, random_state):
        """Fit ``clusterer_`` and learn where its clusters lie."""
        seed_unset(clusterer, random_state)
        self.clusterer_ = clusterer
        if hasattr(clusterer, "fit_predict"):
            found = np.asarray(clusterer.fit_predict(codes))
        else:
            found = np.asarray(clusterer.fit(codes, None).predict(codes))
        is_core = found >= 0  # the rest is noise
        if not is_core.any():
            raise ValueError(
                f"{clusterer} found no cluster: it takes all {len(codes)} samples for "
                "noise. Change its parameters."
            )

        # From here on clusters are numbered 0, 1, ..., whatever the clusterer does.
        self._found_numbers, core_labels = np.unique(
            found[is_core], return_inverse=True
        )
        self._means, self._variance, typical = _locate_clusters(
            codes[is_core], core_labels
        )
        self.exemplar_indices_ = np.flatnonzero(is_core)[typical]

        self._neighbors = None
        if not hasattr(clusterer, "predict"):
            self._neighbors = KNeighborsClassifier(
                n_neighbors=min(5, is_core.sum()), weights="distance"
            ).fit(codes[is_core], core_labels)
        self.labels_ = np.empty(len(codes), dtype=np.intp)
        self.labels_[is_core] = core_labels
        if not is_core.all():
            self.labels_[~is_core] = self._assign(codes[~is_core])

    def _assign(self, codes):
        """Return the cluster of each code."""
        if self._neighbors is not None:
            return self._neighbors.predict(codes)
        found = np.asarray(self.clusterer_.predict(codes))
        labels = np.searchsorted(self._found_numbers, found)
        labels = labels.clip(max=len(self._found_numbers) - 1)
        # Noise, or a component of a mixture that no training sample belongs to.
        is_lost = self._found_numbers[labels] != found
        if is_lost.any():
            labels[is_lost] = cdist(codes[is_lost], self._means).argmin(axis=1)
        return labels

    def _nearness(self, codes):
        """Return p(cluster | code) of Gaussian clusters, up to a factor a code."""
        distances = cdist(codes, self._means, "sqeuclidean")
        distances = distances.clip(max=np.finfo(np.float64).max)  # inf - inf is NaN
        distances -= distances.min(axis=1, keepdims=True)
        # Where all samples lie on their means the nearest cluster takes everything.
        width = max(2 * self._variance, np.finfo(np.float64).tiny)
        with np.errstate(over="ignore"):  # exp(-inf) is the 0 it should be
            return np.exp(-distances / width)

    def _memberships(self, X):
        """Return p(cluster | sample) up to a factor; a sample's cluster comes first."""
        memberships = None
        if self.refiner_ is not None:
            # Without an encoder nobody else checks X.
            checked = self._encode(X) if self.encoder_ is None else X
            clusters, memberships = self._refined(checked)
        if memberships is None:
            codes = self._encode(X)
            memberships = self._nearness(codes)
            if self.refiner_ is None:
                clusters = self._assign(codes)
        # Clusterer and refiner have the last word, ties included.
        rows = np.arange(len(memberships))
        best = memberships.max(axis=1)
        memberships[rows, clusters] = best * (1 + 1e-6)
        return memberships

    def _name(self, clusters, labels):
        """Name the clusters, given the cluster and the label of some samples."""
        classes, contingency = count_classes(labels, clusters, len(self._means))
        names = _name_clusters(contingency, self.assignment)
        is_named = names >= 0
        if not is_named.all():
            distances = cdist(self._means[~is_named], self._means[is_named])
            names[~is_named] = names[is_named][distances.argmin(axis=1)]
        self.classes_ = classes
        self.contingency_matrix_ = contingency
        self.cluster_to_class_ = classes[names]
        return self
