"""The clusters of any clusterer, with numbers from 0 on and with places."""

import inspect

import numpy as np
from scipy.sparse import issparse
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.neighbors import KNeighborsClassifier

from skae._common.sample_weight import moments, weight_for

# A sample at least this certain is never uncertain, however certain the others are.
MIN_CERTAINTY_TO_KEEP = 0.95


def find_number_parameter(clusterer):
    """Return the name of the parameter for the number of clusters, None without one."""
    is_mixture = isinstance(clusterer, GaussianMixture | BayesianGaussianMixture)
    name = "n_components" if is_mixture else "n_clusters"
    return name if name in clusterer.get_params(deep=False) else None


def has_default_number(clusterer):
    """Return whether the clusterer has its default number of clusters."""
    name = find_number_parameter(clusterer)
    if name is None:
        return False
    parameters = inspect.signature(type(clusterer)).parameters
    return getattr(clusterer, name) == parameters[name].default


def set_number(clusterer, n_clusters):
    """Set the number of clusters, if the clusterer has a parameter for it."""
    name = find_number_parameter(clusterer)
    if name is not None:
        clusterer.set_params(**{name: n_clusters})


def make_clusterer(clusterer, n_clusters, labels):
    """Make the clusterer that is fitted.

    Parameters
    ----------
    clusterer : estimator or None
        It is cloned; None means k-means.
    n_clusters : int or None
        Number of clusters; None for as many as there are classes, where the clusterer
        has a number that was not set.
    labels : ndarray or None
        The labels that there are; None where no sample has one.

    Returns
    -------
    estimator
        The clusterer, not fitted.

    Raises
    ------
    ValueError
        If the number of clusters is not determined.
    """
    clusterer = KMeans(n_init=10) if clusterer is None else clone(clusterer)
    if n_clusters is None and has_default_number(clusterer):
        if labels is None:
            raise ValueError(
                "This ClusterClassifier requires y to be passed, but the target y is "
                "None. Pass y, or the number of clusters, for example n_clusters=10."
            )
        n_clusters = len(np.unique(labels))
    if n_clusters is not None:
        set_number(clusterer, n_clusters)
    return clusterer


def fit_transform(encoder, X, weight=None):
    """Fit an encoder on samples and return their codes.

    Parameters
    ----------
    encoder : transformer
        It is changed.
    X : array-like
        What it accepts.
    weight : ndarray of shape (n_samples,), default=None
        Weights of the samples, for an encoder that takes weights.

    Returns
    -------
    array-like of shape (n_samples, n_components)
        The codes.
    """
    if hasattr(encoder, "fit_transform"):
        return encoder.fit_transform(X, **weight_for(encoder, weight))
    # A FrozenEstimator, whose `fit` does nothing but requires a y.
    return encoder.fit(X, None).transform(X)


def refuse_doubt(uncertain_fraction, clusterer):
    """Refuse to leave samples out by the certainty of a clusterer without any."""
    raise ValueError(
        f"doubtful={uncertain_fraction} needs a clusterer with an attribute "
        f"certainty_, such as SpectralKMeans; {clusterer} has none for these samples. "
        "Set doubtful=0."
    )


def find_certain(certainty, labels, uncertain_fraction):
    """Return which samples remain if the least certain of each cluster are left out.

    Parameters
    ----------
    certainty : ndarray of shape (n_samples,)
        How certain each sample is to be in its cluster, from 0 to 1.

    labels : ndarray of shape (n_samples,)
        The cluster of each sample, from 0.

    uncertain_fraction : float
        Share of each cluster that is left out, less where samples are certain.

    Returns
    -------
    ndarray of bool of shape (n_samples,)
        True for the samples that remain.
    """
    is_certain = np.ones(len(labels), dtype=bool)
    for cluster in range(labels.max() + 1):
        members = np.flatnonzero(labels == cluster)
        limit = np.quantile(certainty[members], uncertain_fraction)
        limit = min(limit, MIN_CERTAINTY_TO_KEEP)
        is_certain[members] = certainty[members] >= limit
    return is_certain


def predict_clusters(refiner, X, name):
    """Return the clusters of samples by a refiner, and their probabilities.

    Parameters
    ----------
    refiner : classifier
        Fitted on the numbers of the clusters.

    X : array-like of shape (n_samples, n_features), or what the refiner accepts
        The samples.

    name : str
        What an error calls the refiner.

    Returns
    -------
    clusters : ndarray of shape (n_samples,)
        The most probable cluster of each sample.

    probabilities : ndarray of shape (n_samples, n_clusters) or None
        None if the refiner has none.

    Raises
    ------
    ValueError
        If the refiner predicts what is not the number of a cluster.
    """
    if not hasattr(refiner, "predict_proba"):
        predicted = np.asarray(refiner.predict(X))
        clusters = predicted.astype(np.intp)
        if (clusters != predicted).any():
            raise ValueError(
                f"refiner={name} must be a classifier; it predicts "
                f"{predicted[clusters != predicted][0]}, which is not the number "
                "of a cluster."
            )
        return clusters, None
    # A copy, as it is changed; the most probable cluster is the predicted one.
    probabilities = np.array(refiner.predict_proba(X), dtype=np.float64)
    return probabilities.argmax(axis=1), probabilities


def squared_distances(codes, places):
    """Return the squared Euclidean distances of codes to places.

    Parameters
    ----------
    codes : ndarray or sparse matrix of shape (n_samples, n_components)
        The codes.
    places : ndarray of shape (n_places, n_components)
        The places.

    Returns
    -------
    ndarray of shape (n_samples, n_places)
        Squared distances in float64.
    """
    if issparse(codes):
        codes = codes.astype(np.float64)
        return euclidean_distances(codes, places, squared=True)
    return cdist(codes, places, "sqeuclidean")


def _mean_code(codes, weight):
    """Return the weighted mean of codes, dense also where they are sparse."""
    if issparse(codes):
        mean, _ = moments(codes, weight)
        return mean
    return np.average(codes, axis=0, weights=weight)


def _distances_from(codes, place):
    """Return the squared distances of codes from one place."""
    if issparse(codes):
        return squared_distances(codes, place[np.newaxis])[:, 0]
    return ((codes - place) ** 2).sum(axis=1)


def locate_clusters(codes, labels, weight=None):
    """Return the clusters' means, the variance about them, and the exemplars.

    The variance is the mean over samples and dimensions; the exemplar of a cluster is
    returned as its row in ``codes``. There is one mean and one exemplar for each
    cluster that has members.
    """
    numbers = np.unique(labels)
    means = np.empty((len(numbers), codes.shape[1]))
    exemplars = np.empty(len(numbers), dtype=np.intp)
    scatter, total = 0.0, len(labels) if weight is None else weight.sum()
    for cluster, number in enumerate(numbers):
        members = np.flatnonzero(labels == number)
        member_codes = codes[members].astype(np.float64)
        weights = np.ones(len(members)) if weight is None else weight[members]
        means[cluster] = _mean_code(member_codes, None if weight is None else weights)
        distances = _distances_from(member_codes, means[cluster])
        scatter += (weights * distances).sum()
        # Stray members of other classes pull the mean away from where most members
        # are; the mean of the nearer half is among them again.
        order = distances.argsort(kind="stable")
        counted = weights[order].cumsum()
        nearer_half = order[: counted.searchsorted(counted[-1] / 2, side="right") + 1]
        center = _mean_code(
            member_codes[nearer_half], None if weight is None else weights[nearer_half]
        )
        distances = _distances_from(member_codes, center)
        exemplars[cluster] = members[distances.argmin()]
    return means, scatter / (total * codes.shape[1]), exemplars


class Clusters:
    """What a clusterer found, and the clusters of other codes.

    Clusters are numbered 0, 1, ..., whatever numbers the clusterer uses. Noise, its
    negative labels, joins the nearest cluster.

    Parameters
    ----------
    clusterer : clusterer
        It is fitted by ``fit``.

    Attributes
    ----------
    means : ndarray of shape (n_clusters, n_components)
        The mean of each cluster.

    variance : float
        Variance about the means, the mean over samples and dimensions.

    exemplar_indices : ndarray of shape (n_clusters,)
        Index of the most typical sample of each cluster.

    numbers : ndarray of shape (n_clusters,)
        The clusterer's own number of each cluster.
    """

    def __init__(self, clusterer):
        self.clusterer = clusterer

    def fit(self, codes, weight=None):
        """Fit the clusterer and return the cluster of each code."""
        params = weight_for(self.clusterer, weight)
        if hasattr(self.clusterer, "fit_predict"):
            found = np.asarray(self.clusterer.fit_predict(codes, **params))
        else:
            self.clusterer.fit(codes, None, **params)
            found = np.asarray(self.clusterer.predict(codes))
        is_core = found >= 0  # the rest is noise
        if not is_core.any():
            raise ValueError(
                f"{self.clusterer} found no cluster: it labels all {len(found)} "
                "samples as noise (-1). Change its parameters."
            )
        self.numbers, core_labels = np.unique(found[is_core], return_inverse=True)
        self.means, self.variance, exemplars = locate_clusters(
            codes[is_core], core_labels, None if weight is None else weight[is_core]
        )
        self.exemplar_indices = np.flatnonzero(is_core)[exemplars]

        self._neighbors = None
        if not hasattr(self.clusterer, "predict"):
            self._neighbors = KNeighborsClassifier(
                n_neighbors=min(5, is_core.sum()), weights="distance"
            ).fit(codes[is_core], core_labels)
        labels = np.empty(len(found), dtype=np.intp)
        labels[is_core] = core_labels
        if not is_core.all():
            labels[~is_core] = self.assign(codes[~is_core])
        return labels

    def relocate(self, codes, labels, weight=None):
        """Update the places of clusters whose members have changed.

        A cluster that has lost all its members stays where it was.
        """
        numbers = np.unique(labels)
        self.means[numbers], self.variance, exemplars = locate_clusters(
            codes, labels, weight
        )
        self.exemplar_indices[numbers] = exemplars

    def assign(self, codes):
        """Return the cluster of each code."""
        if self._neighbors is not None:
            return self._neighbors.predict(codes)
        found = self._predict(codes)
        labels = np.searchsorted(self.numbers, found)
        labels = np.minimum(labels, len(self.numbers) - 1)
        # Noise, or a component of a mixture that no training sample belongs to.
        is_unknown = self.numbers[labels] != found
        if is_unknown.any():
            distances = squared_distances(codes[is_unknown], self.means)
            labels[is_unknown] = distances.argmin(axis=1)
        return labels

    def _predict(self, codes):
        """Return the clusterer's own number of the cluster of each code."""
        if type(self.clusterer) in (KMeans, MiniBatchKMeans) and not issparse(codes):
            # The nearest center, without checks that take most of the time of one code.
            centers = self.clusterer.cluster_centers_
            return squared_distances(codes, centers).argmin(axis=1)
        return np.asarray(self.clusterer.predict(codes))

    @property
    def width(self):
        """Twice the variance, by which squared distances are divided."""
        # Where all samples lie on their means the nearest cluster gets all probability.
        return max(2 * self.variance, np.finfo(np.float64).tiny)

    def likelihoods(self, codes):
        """Return p(cluster | code) of round Gaussian clusters, up to a factor per code.

        All clusters have the same width.
        """
        distances = squared_distances(codes, self.means)
        distances = distances.clip(max=np.finfo(np.float64).max)  # inf - inf is NaN
        distances -= distances.min(axis=1, keepdims=True)
        with np.errstate(over="ignore"):  # exp(-inf) is the 0 it should be
            return np.exp(-distances / self.width)
