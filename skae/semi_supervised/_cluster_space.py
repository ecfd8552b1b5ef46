"""Distances to clusters, as clusterers of scikit-learn return them."""

from scipy.spatial.distance import cdist
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted


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
        return cdist(self._encode(X), self._clusters.means)

    @property
    def _n_features_out(self):
        return len(self._clusters.means)
