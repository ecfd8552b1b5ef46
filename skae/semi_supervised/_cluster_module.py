"""A classifier made of clusters as a torch module."""

import torch
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from torch import nn
from torch.nn.functional import one_hot

from skae._common.runtime import default_modes
from skae.semi_supervised._cluster_space import OWN_CLUSTER_FACTOR


class ClassesOfClusters(nn.Module):
    """Probabilities of classes from the refiner's probabilities of clusters.

    Parameters
    ----------
    classifier : ClusterClassifier
        A fitted classifier.
    """

    def __init__(self, classifier):
        super().__init__()
        is_of_class = classifier.classes_[:, None] == classifier.cluster_to_class_
        self.register_buffer("is_of_class", torch.from_numpy(is_of_class))

    def forward(self, probabilities):
        """Return the probabilities of the classes.

        Parameters
        ----------
        probabilities : torch.Tensor of shape (n_samples, n_clusters)
            As of the refiner's ``predict_proba``.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_classes)
            As of the classifier's ``predict_proba``.
        """
        return self._of_classes(probabilities.argmax(dim=1), probabilities)

    def _of_classes(self, clusters, memberships):
        best = memberships.amax(dim=1, keepdim=True) * OWN_CLUSTER_FACTOR
        is_own = one_hot(clusters, memberships.shape[1]).bool()
        memberships = torch.where(is_own, best, memberships)
        scores = (memberships.unsqueeze(1) * self.is_of_class).amax(dim=2)
        return scores / scores.sum(dim=1, keepdim=True)


class ClassesOfCodes(ClassesOfClusters):
    """Probabilities of classes from codes, by the nearest centre of k-means.

    Parameters
    ----------
    classifier : ClusterClassifier
        A fitted classifier without refiner.
    """

    def __init__(self, classifier):
        super().__init__(classifier)
        clusterer, clusters = classifier.clusterer_, classifier._clusters
        if not isinstance(clusterer, KMeans | MiniBatchKMeans):
            raise ValueError(
                f"clusterer={clusterer} cannot be exported; it must be KMeans or "
                "MiniBatchKMeans, or there must be a refiner whose predictions replace "
                'the clusters, as with refine="always".'
            )
        centers = clusterer.cluster_centers_[clusters.numbers]
        for name, places in (("centers", centers), ("means", clusters.means)):
            self.register_buffer(name, torch.as_tensor(places, dtype=torch.float32))
        # In float32 the smallest width would be zero.
        self.width = max(clusters.width, torch.finfo(torch.float32).tiny)

    def forward(self, codes):
        """Return the probabilities of the classes.

        Parameters
        ----------
        codes : torch.Tensor of shape (n_samples, n_components)
            Codes, as the encoder returns them.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_classes)
            As of the classifier's ``predict_proba``.
        """
        codes = codes.to(self.means.dtype)
        distances = self._distances(codes, self.means)
        distances = distances - distances.amin(dim=1, keepdim=True)
        memberships = torch.exp(-distances / self.width)
        clusters = self._distances(codes, self.centers).argmin(dim=1)
        return self._of_classes(clusters, memberships)

    def _distances(self, codes, places):
        return (codes.unsqueeze(1) - places).square().sum(dim=2)


class DataClusters(nn.Module):
    """A fitted classifier made of clusters, in the scale of X.

    Parameters
    ----------
    classifier : ClusterClassifier
        The classifier. Its refiner, or else its encoder, has a module.
    """

    methods = {"predict_proba": "forward"}

    def __init__(self, classifier):
        super().__init__()
        part, self.method = deciding_part(classifier)
        self.part = None if part is None else part.to_module()
        self.head = make_head(classifier)
        self.sample_shape = classifier._sample_shape
        if part is not None:
            self.head.to(next(self.part.parameters()).device)
        self.eval()

    def forward(self, x):
        """Return the probabilities of the classes.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, *sample_shape)
            Samples.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_classes)
            As of ``predict_proba``.
        """
        if self.part is not None:
            x = getattr(self.part, self.part.methods[self.method])(x)
        return self.head(x)


def deciding_part(classifier):
    """Return what the clusters of samples are computed by, and its method.

    Parameters
    ----------
    classifier : ClusterClassifier
        A fitted classifier.

    Returns
    -------
    part : estimator or None
        The refiner where ``refined_``, otherwise the encoder; None without one.
    method : str
        "predict_proba" or "transform".
    """
    if classifier.refined_:
        return classifier.refiner_, "predict_proba"
    return classifier.encoder_, "transform"


def make_head(classifier):
    """Make the module that follows the deciding part.

    Parameters
    ----------
    classifier : ClusterClassifier
        A fitted classifier.

    Returns
    -------
    ClassesOfClusters or ClassesOfCodes
        From its probabilities or codes to probabilities of classes.
    """
    head = ClassesOfClusters if classifier.refined_ else ClassesOfCodes
    return head(classifier)


def _is_of_torch(classifier):
    if not hasattr(classifier, "refined_"):
        return True  # not fitted, which `to_module` says
    part, _ = deciding_part(classifier)
    return part is None or hasattr(part, "to_module")


class ClusterModuleMixin:
    """Export of a fitted classifier made of clusters."""

    @property
    def _sample_shape(self):
        """Shape of one sample, where a network takes it."""
        part, _ = deciding_part(self)
        return (self.n_features_in_,) if part is None else part._sample_shape

    @available_if(_is_of_torch)
    def to_module(self):
        """Return a torch module that computes the probabilities of the classes.

        There is one if the refiner is a :class:`~skae.PseudoLabelClassifier` and
        ``refined_`` is True. Otherwise the clusterer must be k-means, and the encoder
        an autoencoder or None.

        Returns
        -------
        torch.nn.Module
            With copies of what was learned, in evaluation mode. It takes samples in the
            unit and the shape of X, and does not check them.

        Raises
        ------
        ValueError
            If neither the refiner decides nor k-means.
        """
        check_is_fitted(self)
        with default_modes(torch.device("cpu")):
            return DataClusters(self)
