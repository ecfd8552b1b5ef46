"""K-means on the eigenvectors of a neighbour graph, and the choice of a partition."""

from numbers import Integral

import numpy as np
from sklearn.base import ClusterMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skae._common.array_api import ArrayAPIMixin
from skae._common.linked import LinkedEstimator
from skae._common.runtime import draw_seed
from skae._common.sample_weight import check_sample_weight
from skae._common.validation import check_table
from skae._common.warn import warn_user
from skae.clustering import _graph, _partition
from skae.clustering._gaussians import assign_to_gaussians
from skae.clustering._neighbors import FeatureNeighbors
from skae.clustering._precomputed import PrecomputedNeighbors
from skae.clustering._search import PartitionSearch, numbers_to_try

# Below this agreement of two partitions that are about equally good, fit warns.
MIN_AGREEMENT = 0.25


class SpectralKMeans(ArrayAPIMixin, ClusterMixin, LinkedEstimator):
    """K-means on the eigenvectors of a neighbour graph, the best of many partitions.

    Spectral clustering finds clusters of any shape, as long as neighbours of neighbours
    connect them. But its result depends on the number of eigenvectors that k-means is
    given, and on where k-means starts. This clusterer tries several of both on one
    embedding and keeps the partition that divides the graph best, a choice that needs
    no labels. It also predicts the clusters of new samples.

    Parameters
    ----------
    n_clusters : int or "auto", default=8
        Number of clusters. "auto" finds it: the largest number, up to 20 and to a tenth
        of the distinct samples, for which every border between two clusters runs
        through a sparse region, see Notes. All numbers are tried, so `fit` takes about
        as much longer.

    n_neighbors : int, default=10
        Number of neighbours of a sample in the graph. In small data sets it is at most
        half of the number of other samples.

    metric : {"euclidean", "manhattan", "cosine", "precomputed"}, default="euclidean"
        Distance by which neighbours are near, in the graph and in `predict`. "cosine"
        suits rows whose length does not matter, such as counts of words. With
        "precomputed", X has distances instead of features: between all training
        samples in ``fit``, from new to training samples in ``predict``. If sparse, it
        has those to the nearest neighbours only, as
        :class:`~sklearn.neighbors.KNeighborsTransformer` makes it.

    n_components : int or array-like of int, default=None
        Number of eigenvectors, or the numbers to try; those below ``n_clusters`` are
        raised to it. None tries up to eleven numbers from ``n_clusters`` to twice
        ``n_clusters``, or to ``n_clusters + 5`` where that is more.

    n_init : int or "auto", default="auto"
        Number of runs of k-means for each number of eigenvectors. "auto" means 20 for
        up to 500 distinct samples, otherwise 5. One more run finds clusters that are
        merged, see Notes.

    n_jobs : int, default=None
        Number of threads that search for neighbours. None means all of OpenMP's, -1
        all processors. Distances other than Euclidean ones are searched by 1 for None.

    random_state : int, RandomState instance or None, default=None
        Seed of the eigenvalue solver and of k-means.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        The cluster of each training sample, from 0 to ``n_clusters - 1``.

    certainty_ : ndarray of shape (n_samples,)
        How certain the cluster of a training sample is, from 0 to 1: the probability
        that a random walk of ten steps along the edges of the graph, started at the
        sample, ends in its cluster. It is low where clusters touch. If ``agreement_``
        is below one quarter, it is multiplied by the share of the cluster that is the
        same in the other partitions that are about equally good.

    alternative_labels_ : ndarray of shape (n_samples,)
        The clusters of another partition that is about equally good, the one that
        agrees least with the chosen one; equal to ``labels_`` if there is none. If a
        Gaussian mixture gave ``labels_``, it may be that of the graph.

    agreement_ : float
        Adjusted Rand index of ``labels_`` and ``alternative_labels_``: 1 if they are
        the same, about 0 if they have nothing in common.

    n_clusters_ : int
        The number of clusters. It is below ``n_clusters`` if fewer samples are
        distinct.

    weakest_border_curve_ : ndarray of shape (n_tried,)
        With ``n_clusters="auto"``, for 1, 2, ... clusters: the smallest mean rank of
        the ends of the edges between two clusters, from 0 to 1, and 1 where no clusters
        touch. See Notes, and :class:`~skae.inspection.ClusterNumberDisplay`.

    n_components_ : int
        The chosen number of eigenvectors.

    normalized_cut_ : float
        Normalized cut of the clusters: the sum over clusters of the share of a
        cluster's edge weight that leaves it.

    mutual_information_ : float
        Mutual information, in nats, of the clusters of two neighbours.

    uncertainty_coefficient_ : float
        Mutual information as a share of the entropy of the clusters, from 0 to 1.

    n_features_in_ : int
        Number of features seen during ``fit``.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X has names that are all strings.

    See Also
    --------
    ClusterClassifier : Matches the clusters to classes.
    sklearn.cluster.SpectralClustering : One embedding and one partition, with more
        kinds of graphs; cannot predict.

    Notes
    -----
    The graph links each sample with its nearest neighbours. The embedding has the
    leading eigenvectors of the normalized graph Laplacian as columns, and its rows are
    scaled to unit length [2]_. Equal samples are one point of greater weight, and so
    are samples at precomputed distance zero.

    Each run of k-means gives a partition. Two criteria judge it, and both start from
    the mutual information of the clusters of two neighbours [4]_: the mutual
    information itself, and its share of the entropy of the clusters, the uncertainty
    coefficient [5]_, which is 1 where no edge leads from one cluster to another.
    Neither is enough alone. The mutual information prefers to split a cluster that is
    larger than others. The coefficient, like the normalized cut [1]_, prefers to
    separate a small group that lies a little aside over two large clusters that touch.
    So first borders are judged by where they run, whatever the sizes of the clusters.
    The ends of the edges between clusters are ranked by how far their neighbours are,
    among the samples of their cluster. The mean rank is about 1/2 or less where a
    border runs through one dense region, and larger where it runs between two. A
    partition is not chosen if its mean rank is more than 0.1 below the largest and its
    coefficient below that of the partition whose mean rank is the largest.
    Then the partition with the greatest mutual information is chosen among those whose
    coefficient is at most three standard errors below the best: sizes count where the
    edges do not decide. On large data sets these errors are small, and the coefficient
    decides almost alone. Finally each sample moves to the cluster of most of its
    neighbours, as long as the mutual information rises.

    ``n_clusters="auto"`` asks the same of each border alone, the edges between two
    clusters, unless their share of the edges of the smaller cluster is less than half
    of the largest such share. Of the numbers for which even the smallest of these mean
    ranks is at least 0.59 it takes the largest. Classes without a sparse region between
    them count as one.

    K-means cuts across long and bent clusters in the embedding, too. So for each number
    of eigenvectors up to eight surplus clusters are found as well. These are merged two
    by two, such that the coefficient becomes as large as possible. The resulting
    partitions take part in the choice, but the best coefficient, of which three
    standard errors may be missing, is one that k-means found, unless a merged partition
    has both a larger mean rank and a coefficient that is larger by more than three
    standard errors of each of the two.

    From 4,000 distinct samples of at least 6 features on, the neighbours in the graph
    are approximate if the package faiss is installed (``pip install
    "skae[neighbors]"``): faiss divides the space into cells, as many as the root of the
    number of samples, and searches the 12 that are nearest to a sample. Of samples of
    10 to 20 features whose clusters overlap it found more than 99 % of the neighbours
    of 5,000, and 95 to 98 % of those of 60,000. Without faiss, for sparse X, for other
    metrics and for ``n_neighbors`` above 20, neighbours are exact, and the time of the
    search grows with the square of the number of samples unless they have few
    features. ``predict`` always searches exactly. K-means is fitted to at most 2,000
    samples, or 100 per cluster if that is more.

    A graph hardly shows a border where clusters overlap. So for up to 5,000 distinct
    samples and Euclidean distances the clusters are the start of a mixture of Gaussians
    with full covariances, fitted to at most 2,000 of the samples, and a sample belongs
    to the component that it most likely comes from. This needs clusters of the mixture
    that are Gaussian: one Gaussian for each must describe held-out samples better than
    two, by at least two standard errors of the mean log-likelihood. And it needs at
    least 1.5 of the fitted samples in each cluster for each parameter of a Gaussian.

    If the graph has as many components as there are clusters, these are the clusters
    [3]_. If it has more, the smallest are linked to the samples nearest to them.

    A new sample gets the cluster of the nearest training samples, which vote with the
    inverse of their distance as weight; so a training sample always gets its own label.

    References
    ----------
    .. [1] J. Shi and J. Malik, "Normalized cuts and image segmentation", IEEE
       Transactions on Pattern Analysis and Machine Intelligence 22, 2000.
    .. [2] A. Y. Ng, M. I. Jordan and Y. Weiss, "On spectral clustering: analysis and
       an algorithm", NIPS 2001.
    .. [3] U. von Luxburg, "A tutorial on spectral clustering", Statistics and
       Computing 17, 2007.
    .. [4] X. Ji, J. F. Henriques and A. Vedaldi, "Invariant information clustering
       for unsupervised image classification and segmentation", ICCV 2019.
    .. [5] H. Theil, "On the estimation of relationships involving qualitative
       variables", American Journal of Sociology 76, 1970.

    Examples
    --------
    Two half moons, each of which k-means alone would cut in two:

    >>> from sklearn.datasets import make_moons
    >>> from skae import SpectralKMeans
    >>> from skae.metrics import clustering_accuracy
    >>> X, y = make_moons(500, noise=0.08, random_state=0)
    >>> clusterer = SpectralKMeans(n_clusters=2, random_state=0).fit(X)
    >>> clustering_accuracy(y, clusterer.labels_) > 0.99
    True
    >>> X_new, y_new = make_moons(100, noise=0.08, random_state=1)
    >>> clustering_accuracy(y_new, clusterer.predict(X_new)) > 0.99
    True
    """

    _parameter_constraints: dict = {
        "n_clusters": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "metric": [StrOptions({"cosine", "euclidean", "manhattan", "precomputed"})],
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            "array-like",
            None,
        ],
        "n_init": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_clusters=8,
        *,
        n_neighbors=10,
        metric="euclidean",
        n_components=None,
        n_init="auto",
        n_jobs=None,
        random_state=None,
    ):
        self.n_clusters = n_clusters
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.n_components = n_components
        self.n_init = n_init
        self.n_jobs = n_jobs
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Find the clusters.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                (n_samples, n_samples)
            The samples, or the distances between them if ``metric`` is "precomputed".
            Sparse ones are converted to CSR format and stay sparse.

        y : None
            Ignored.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, not negative. An integer weight has exactly the
            effect of that many equal samples; weights with a mean below one are divided
            by it. A sample of weight zero gets the cluster of the nearest of the
            others.

        Returns
        -------
        self : SpectralKMeans
            The fitted clusterer.

        Raises
        ------
        ValueError
            If X is not valid, has fewer samples than ``n_clusters``, or values too
            large or too close to each other to be squared, or if ``n_components`` holds
            anything but ints of at least 1. With ``metric="precomputed"``, if X is not
            square, has negative values or others than 0 on its diagonal, or is a
            sparse graph of more pieces than clusters.

        Warns
        -----
        ConvergenceWarning
            If fewer than ``n_clusters`` samples are distinct.
        UserWarning
            If two partitions that are about equally good have little in common:
            ``agreement_`` is below one quarter.
        """
        X = self._check(X, reset=True)
        if self.metric == "precomputed":
            neighbors = PrecomputedNeighbors()
        else:
            neighbors = FeatureNeighbors(self.metric, self.n_jobs)
        neighbors.check_training(X)
        is_auto = self.n_clusters == "auto"
        if not is_auto and X.shape[0] < self.n_clusters:
            raise ValueError(
                f"n_samples={X.shape[0]} should be >= n_clusters={self.n_clusters}."
            )
        weight, is_counted = None, slice(None)
        if sample_weight is not None:
            weight = check_sample_weight(sample_weight, X.shape[0])
            is_counted = weight > 0
            weight = weight[is_counted]
            weight = weight / min(1.0, weight.mean())
        points, point_of, counts = neighbors.fit(X, is_counted, weight)
        n_points = points.shape[0]
        numbers_to_try(self.n_components, 1, n_points)  # checks them
        if not is_auto and n_points < self.n_clusters:
            warn_user(
                f"X has {n_points} distinct samples, fewer than "
                f"n_clusters={self.n_clusters}: each becomes a cluster.",
                ConvergenceWarning,
            )
        search = PartitionSearch(
            neighbors,
            points,
            counts,
            int(self.n_neighbors),
            self.n_components,
            self.n_init,
            draw_seed(self.random_state),
        )
        vars(self).pop("weakest_border_curve_", None)  # of an earlier fit
        if is_auto:
            found, self.weakest_border_curve_ = search.find_number()
        else:
            found = search.find(min(int(self.n_clusters), n_points))
        graph, labels, n_clusters = found.graph, found.labels, found.n_clusters
        if self.metric == "euclidean":
            labels = assign_to_gaussians(points, counts, labels, n_clusters)
        self.n_clusters_, self.n_components_ = n_clusters, found.n_components
        joint = _graph.joint_weights(graph, labels, n_clusters)
        self.normalized_cut_ = _partition.normalized_cut(joint)
        self.mutual_information_ = _partition.mutual_information(joint)
        self.uncertainty_coefficient_ = _partition.uncertainty_coefficient(joint)
        self._neighbors, self._point_labels = neighbors, labels
        self._n_votes = min(int(self.n_neighbors), n_points)
        if weight is not None and not is_counted.all():
            counted, point_of = point_of, np.empty(X.shape[0], dtype=np.intp)
            point_of[is_counted] = counted
            _, nearest = neighbors.nearest(X[~is_counted], 1)
            point_of[~is_counted] = nearest[:, 0]
        self.labels_ = labels[point_of]
        shared, agreements = _partition.compare_partitions(
            found.chosen, found.others, counts, n_clusters
        )
        certainty = _partition.random_walk_certainty(graph, labels, n_clusters)
        alternative = _partition.vote(
            graph, found.others[agreements.argmin()], n_clusters
        )
        self.alternative_labels_ = alternative[point_of]
        self.agreement_ = _partition.agreement(labels, alternative, counts, n_clusters)
        if self.agreement_ < MIN_AGREEMENT:
            # Not where partitions differ in details: there the walk alone tells better
            # which samples are wrong.
            certainty = certainty * shared
            warn_user(
                f"The samples hardly determine {n_clusters} clusters: another "
                "partition is about as good as the chosen one and has little in common "
                f"with it (agreement_={self.agreement_:.2f}). Compare labels_ with "
                "alternative_labels_, or try another n_clusters."
            )
        self.certainty_ = certainty[point_of]
        return self

    def predict(self, X):
        """Predict the cluster of each sample from the nearest training samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
                (n_samples, n_train)
            The samples, or their distances to the training samples if ``metric`` is
            "precomputed".

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            The clusters.

        Raises
        ------
        ValueError
            If X is not valid, has values too large to be squared, or is a sparse graph
            with a row without distances.
        """
        check_is_fitted(self)
        X = self._check(X, reset=False)
        self._neighbors.check(X)
        # Not a KNeighborsClassifier: it warns if more than half of the labels differ.
        distances, neighbors = self._neighbors.nearest(X, self._n_votes)
        # A training sample is at distance 0 from itself, and only its own vote counts.
        votes = (distances == 0).astype(np.float64)
        np.divide(distances[:, :1], distances, out=votes, where=distances > 0)
        n_clusters = self._point_labels.max() + 1
        n_samples = X.shape[0]
        rows = np.arange(n_samples)[:, np.newaxis]
        cells = rows * n_clusters + self._point_labels[neighbors]
        votes = np.bincount(cells.ravel(), votes.ravel(), n_samples * n_clusters)
        return votes.reshape(n_samples, n_clusters).argmax(axis=1)

    def _check(self, X, *, reset):
        """Return checked rows."""
        return check_table(
            self, X, reset=reset, dtype=[np.float64, np.float32], accept_sparse="csr"
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.pairwise = self.metric == "precomputed"
        tags.input_tags.positive_only = self.metric == "precomputed"
        return tags
