"""Where samples lie among clusters, as clusterers of scikit-learn return it."""

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skae._common.validation import check_table, find_plain_rows, is_plain_table
from skae.semi_supervised._clusters import predict_clusters, squared_distances

# By how much the cluster of a sample leads, also where several clusters are best.
OWN_CLUSTER_FACTOR = 1 + 1e-6


def _are_finite(codes):
    """Whether codes have neither infinite values nor NaN; a large sum has, too."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(codes.sum()))


class ClusterSpaceMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """What a classifier with clusters shares with clusterers such as KMeans."""

    def fit_predict(self, X, y=None, **fit_params):
        """Fit, then predict the class of each training sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or what the encoder accepts
            The training samples.

        y : array-like of shape (n_samples,), default=None
            Their classes, as for ``fit``.

        **fit_params : dict
            Passed to ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,)
            The classes, those of ``fit(X, y).predict(X)``.
        """
        return self.fit(X, y, **fit_params).predict(X)

    def predict(self, X):
        """Predict the class of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or what the encoder accepts
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            The class of the cluster that each sample is in, which has the largest
            probability of ``predict_proba``.
        """
        check_is_fitted(self)
        return self.cluster_to_class_[self._assign(X)]

    def transform(self, X):
        """Return the distances of samples to the clusters.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or what the encoder accepts
            The samples.

        Returns
        -------
        ndarray of shape (n_samples, n_clusters)
            Euclidean distance of each code to the mean of each cluster, in the unit of
            the codes.
        """
        check_is_fitted(self)
        return np.sqrt(squared_distances(self._encode(X), self._clusters.means))

    @property
    def _n_features_out(self):
        return len(self._clusters.means)

    def _encode(self, X):
        """Return the codes of X, of the type that the clusterer was fitted on."""
        options = {"dtype": self._code_dtype, "accept_sparse": "csr"}
        if self.encoder_ is not None:
            codes = self.encoder_.transform(X)
            return codes if self._is_checked(codes) else check_array(codes, **options)
        rows = find_plain_rows(self, X)
        if self._is_checked(rows):
            return rows
        return check_table(self, X, reset=False, **options)

    def _is_checked(self, codes):
        """Whether 100 µs of checks would return codes as they are."""
        return is_plain_table(codes, [self._code_dtype]) and _are_finite(codes)

    def _assign(self, X):
        """Return the clusters of samples, without the memberships in all of them."""
        if self.refined_:
            return self._predict_refined(X)[0]
        return self._clusters.assign(self._encode(X))

    def _predict_refined(self, X):
        """Return the refiner's clusters of samples, and its probabilities or None."""
        # Without an encoder X is validated here.
        checked = self._encode(X) if self.encoder_ is None else X
        return predict_clusters(self.refiner_, checked, repr(self.refiner))

    def _memberships(self, X):
        """Return p(cluster | sample) up to a factor; a sample's cluster comes first."""
        memberships = None
        if self.refined_:
            clusters, memberships = self._predict_refined(X)
        if memberships is None:
            codes = self._encode(X)
            memberships = self._clusters.likelihoods(codes)
            if not self.refined_:
                clusters = self._clusters.assign(codes)
        # Clusterer and refiner decide, also where several clusters are best.
        rows = np.arange(len(memberships))
        best = memberships.max(axis=1)
        memberships[rows, clusters] = best * OWN_CLUSTER_FACTOR
        return memberships
