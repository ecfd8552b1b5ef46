"""K-means on the eigenvectors of a neighbour graph, and the choice of a partition."""

import warnings
from numbers import Integral

import numpy as np
import scipy.sparse as sp
from scipy.linalg import eigh
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import LinearOperator, eigsh
from scipy.spatial import KDTree
from scipy.special import entr
from sklearn.base import BaseEstimator, ClusterMixin, _fit_context
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances_argmin
from sklearn.neighbors import NearestNeighbors
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from skae._random import draw_seed

# Up to so many points all eigenvectors are computed, densely: quick, and exact.
_DENSE_LIMIT = 500
# So many members of a component look for the points that are nearest to it.
_SCOUTS = 1000
# So many numbers of eigenvectors are tried where the user does not say which.
_TRIES = 11
# So many clusters more than are wanted are found, too, and merged again.
_SURPLUS = 8
# Steps of the random walk that tells how certain a cluster is: few would ask the next
# neighbours only, many would cross every border.
_WALK = 10
# By so many standard errors may a partition be less clean than the cleanest. Chosen on
# digits, MNIST and tables, with their labels in sight.
_STANDARD_ERRORS = 3


def _check_size(X):
    """Refuse values whose squares are infinite, since distances are made of squares."""
    largest = float(np.abs(X).max())
    # Four squared lengths may come together.
    if 4 * X.shape[1] * largest * largest == np.inf:
        raise ValueError(
            f"X has values up to {largest:g}, whose squares are infinite; scale X."
        )


def _distinct_points(X):
    """Return the distinct samples, the point that each sample is, and their counts.

    Copies would be each other's only neighbours. Points that are near each other stand
    near each other in memory, which makes the search for neighbours two to three times
    faster; their order does not depend on that of the samples.
    """
    points, point_of, counts = np.unique(
        X, axis=0, return_inverse=True, return_counts=True
    )
    order = KDTree(points).indices
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return points[order], place[point_of.ravel()], counts[order]


def _neighbor_graph(points, n_neighbors, n_jobs):
    """Link each point with its nearest neighbours and with itself.

    An edge weighs 1 if each is among the other's neighbours, otherwise 1/2. There are
    never more neighbours than half of the other points: a graph in which everybody is
    everybody's neighbour says nothing.
    """
    loops = sp.csr_array(sp.identity(len(points), format="csr"))
    if len(points) == 1:
        return loops
    n_neighbors = min(n_neighbors, max((len(points) - 1) // 2, 1))
    neighbors = NearestNeighbors(n_neighbors=n_neighbors, n_jobs=n_jobs).fit(points)
    directed = sp.csr_array(neighbors.kneighbors_graph())
    return 0.5 * (directed + directed.T) + loops


def _link_components(graph, points, n_clusters):
    """Link the smallest components to what is nearest until n_clusters are left.

    Returns the graph and the component of each point.
    """
    while True:
        n_components, components = connected_components(graph, directed=False)
        if n_components <= n_clusters:
            return graph, components
        by_size = np.argsort(-np.bincount(components), kind="stable")
        rows, columns = [], []
        for component in by_size[n_clusters:]:
            inside = np.flatnonzero(components == component)
            inside = inside[:: 1 + len(inside) // _SCOUTS]
            outside = np.flatnonzero(components != component)
            nearest = pairwise_distances_argmin(points[inside], points[outside])
            rows.append(inside)
            columns.append(outside[nearest])
        rows, columns = np.concatenate(rows), np.concatenate(columns)
        weights = np.full(len(rows), 0.5)
        links = sp.csr_array((weights, (rows, columns)), shape=graph.shape)
        graph = graph + links + links.T


def _leading_eigenvectors(graph, components, n_vectors, start):
    """Eigenvectors of D^-1/2 A D^-1/2 with the largest eigenvalues, as columns.

    They are those of the normalized Laplacian with the smallest eigenvalues.
    ``n_vectors`` is at least the number of components.
    """
    n_points = graph.shape[0]
    roots = np.sqrt(graph.sum(axis=1))
    scaling = sp.dia_array((1 / roots[np.newaxis], [0]), shape=graph.shape)
    similarity = sp.csr_array(scaling @ graph @ scaling)
    if n_points <= max(_DENSE_LIMIT, 5 * n_vectors):
        return eigh(similarity.toarray())[1][:, ::-1][:, :n_vectors]

    # Each component has an eigenvector of its own with the eigenvalue 1. These are
    # known, and a Lanczos method may miss some of many equal eigenvalues. So they are
    # sent to the other end of the spectrum, and Lanczos finds the others.
    volumes = np.bincount(components, roots**2)
    known = sp.csr_array(
        (roots / np.sqrt(volumes[components]), (np.arange(n_points), components))
    )
    known_transposed = known.T.tocsr()
    operator = LinearOperator(
        graph.shape,
        matvec=lambda v: similarity @ v - 2 * (known @ (known_transposed @ v)),
        dtype=np.float64,
    )
    n_others = n_vectors - len(volumes)
    if n_others == 0:
        return known.toarray()
    values, others = eigsh(operator, n_others, which="LA", v0=start, tol=1e-4)
    return np.hstack([known.toarray(), others[:, np.argsort(-values)]])


def _indicators(labels, n_clusters):
    """Give a column for each cluster, with a one for each of its members."""
    indicators = np.zeros((len(labels), n_clusters))
    indicators[np.arange(len(labels)), labels] = 1
    return indicators


def _joint_weights(graph, labels, n_clusters):
    """Weight of the edges from each cluster to each, from the labels of the points."""
    rows = np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr))
    pairs = labels[rows] * n_clusters + labels[graph.indices]
    joint = np.bincount(pairs, graph.data, minlength=n_clusters**2)
    return joint.reshape(n_clusters, n_clusters)


def _normalized_cut(joint):
    """Sum over the clusters of the share of a cluster's weight that leaves it."""
    return float((1 - joint.diagonal() / joint.sum(axis=1)).sum())


def _pointwise_mutual_information(joint):
    """Compare the edges between each two clusters with as many as chance would make.

    Gives the logarithms of the ratios; 0 where there is no edge.
    """
    sizes = joint.sum(axis=1)
    ratios = np.ones_like(joint)
    np.divide(joint * joint.sum(), np.outer(sizes, sizes), out=ratios, where=joint > 0)
    return np.log(ratios)


def _entropies(joint):
    """Entropy of the cluster at one end of an edge, and of both ends, in nats."""
    shares = joint / joint.sum()
    return entr(shares.sum(axis=1)).sum(), entr(shares).sum()


def _mutual_information(joint):
    """Measure what the cluster at one end of an edge tells of the other, in nats."""
    one, both = _entropies(joint)
    return float(2 * one - both)


def _uncertainty_coefficient(joint):
    """Measure the mutual information as a share of the entropy of the clusters."""
    one, both = _entropies(joint)
    return float(2 - both / one) if one > 0 else 1.0


def _standard_error(graph, labels, counts, n_clusters):
    """Give the standard error of the uncertainty coefficient.

    The coefficient is a ratio of two means over the samples: of what the neighbours of
    a sample tell of its cluster, and of the most that they could tell. Samples are
    taken as independent; as neighbours share edges, the true error is larger.
    """
    joint = _joint_weights(graph, labels, n_clusters)
    told = _pointwise_mutual_information(joint)[labels]
    told = (graph @ _indicators(labels, n_clusters) * told).sum(axis=1)
    sizes = joint.sum(axis=1) / joint.sum()
    surprisal = -graph.sum(axis=1) * np.log(sizes)[labels]
    residuals = told - told.sum() / surprisal.sum() * surprisal
    return float(np.linalg.norm(residuals / np.sqrt(counts)) / surprisal.sum())


def _count_distinct(rows, rng):
    """Count rows that differ by more than rounding, by where they lie on a line."""
    return len(np.unique((rows @ rng.uniform(-1, 1, rows.shape[1])).round(9)))


def _k_means(rows, counts, n_clusters, seed):
    """Labels of k-means from one start, on rows that count several times."""
    k_means = KMeans(n_clusters, n_init=1, random_state=seed)
    return k_means.fit(rows, sample_weight=counts).labels_.astype(np.intp)


def _best_merger(joint):
    """Find the two clusters that touch, and join to the largest coefficient."""
    i, j = np.nonzero(np.triu(joint, 1))
    shares = joint / joint.sum()
    sizes, own, between = shares.sum(axis=1), shares.diagonal(), shares[i, j]
    terms = entr(shares)
    # The rows and columns of the two go, and those of their union come.
    both = terms.sum() - 2 * (terms[i] + terms[j]).sum(axis=1)
    both += terms[i, i] + terms[j, j] + 2 * terms[i, j]
    both += 2 * entr(shares[i] + shares[j]).sum(axis=1)
    both -= 2 * (entr(own[i] + between) + entr(own[j] + between))
    both += entr(own[i] + own[j] + 2 * between)
    one = entr(sizes).sum() - entr(sizes[i]) - entr(sizes[j])
    one += entr(sizes[i] + sizes[j])
    best = (both / one).argmin()  # the coefficient is 2 - both / one
    return i[best], j[best]


def _merge(graph, labels, n_clusters):
    """Merge clusters, two at a time, until n_clusters are left.

    The graph has at most so many components, so that two that touch are always there.
    """
    joint = _joint_weights(graph, labels, labels.max() + 1)
    while len(joint) > n_clusters:
        kept, lost = _best_merger(joint)  # of which the first is the smaller number
        joint[kept] += joint[lost]
        joint[:, kept] += joint[:, lost]
        joint = np.delete(np.delete(joint, lost, axis=0), lost, axis=1)
        labels = np.where(labels == lost, kept, labels)
        labels = labels - (labels > lost)
    return labels


def _choose(graph, found, merged, counts, n_clusters):
    """Choose the most informative partition of those about as clean as the cleanest.

    Returns its number among those that k-means found and the merged ones. The cleanest
    is one that k-means found: mergers seek nothing else, and would part the smallest of
    groups for it.
    """
    partitions = found + merged
    information, coefficients = np.full((2, len(partitions)), -np.inf)
    for i, labels in enumerate(partitions):
        joint = _joint_weights(graph, labels, n_clusters)
        if joint.diagonal().all():  # no cluster is empty
            information[i] = _mutual_information(joint)
            coefficients[i] = _uncertainty_coefficient(joint)
    cleanest = coefficients[: len(found)].argmax()
    error = _standard_error(graph, found[cleanest], counts, n_clusters)
    is_clean = coefficients >= coefficients[cleanest] - _STANDARD_ERRORS * error
    return np.where(is_clean, information, -np.inf).argmax()


def _certainty(graph, labels, n_clusters):
    """Probability that a random walk from a point ends in the cluster it began in."""
    degrees = graph.sum(axis=1)
    steps = sp.dia_array((1 / degrees[np.newaxis], [0]), shape=graph.shape) @ graph
    shares = _indicators(labels, n_clusters)
    for _ in range(_WALK):
        shares = steps @ shares
    return shares[np.arange(len(labels)), labels].clip(max=1)


def _vote(graph, labels, n_clusters):
    """Let each point join the cluster of most of its neighbours, as long as it pays.

    It does while the mutual information rises and no cluster loses all its members.
    """
    joint = _joint_weights(graph, labels, n_clusters)
    while True:
        voted = (graph @ _indicators(labels, n_clusters)).argmax(axis=1)
        voted_joint = _joint_weights(graph, voted, n_clusters)
        rises = _mutual_information(voted_joint) > _mutual_information(joint)
        if not (rises and voted_joint.diagonal().all()):
            return labels
        labels, joint = voted, voted_joint


class SpectralKMeans(ClusterMixin, BaseEstimator):
    """K-means on the eigenvectors of a neighbour graph, the best of many partitions.

    Spectral clustering finds clusters of any shape, along which the neighbours of
    neighbours lead. But it depends on how many eigenvectors k-means looks at, and where
    k-means starts. This clusterer tries several of both on one embedding and keeps
    the partition that divides the graph best, a choice that needs no labels. It also
    predicts the clusters of new samples.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.

    n_neighbors : int, default=10
        Number of neighbours of a sample in the graph. In small sets it is at most
        half of the other samples.

    n_components : int or array-like of int, default=None
        Number of eigenvectors, or the numbers to try; fewer than ``n_clusters`` are
        raised to it. None tries up to eleven numbers from ``n_clusters`` to twice as
        many, five more at least.

    n_init : int, default=5
        Number of times that k-means starts, for each number of eigenvectors. It starts
        once more for clusters that are merged, see Notes.

    n_jobs : int, default=None
        Number of threads that look for neighbours. None means 1, -1 all processors.

    random_state : int, RandomState instance or None, default=None
        Seed of the eigenvalue solver and of k-means.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        The cluster of each training sample, from 0 to ``n_clusters - 1``.

    certainty_ : ndarray of shape (n_samples,)
        How certain the cluster of a training sample is, from 0 to 1: the probability
        that a random walk of ten steps along the edges of the graph ends in the
        cluster where it began. Low where clusters touch.

    n_components_ : int
        The number of eigenvectors that was chosen.

    normalized_cut_ : float
        Normalized cut of the clusters: the sum over clusters of the share of a
        cluster's edges that leave it.

    mutual_information_ : float
        Mutual information, in nats, between the clusters of two neighbours.

    uncertainty_coefficient_ : float
        Mutual information as a share of the entropy of the clusters, from 0 to 1.

    n_features_in_ : int
        Number of features seen during ``fit``.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where X has them.

    See Also
    --------
    ClusterClassifier : Names the clusters after classes.
    sklearn.cluster.SpectralClustering : One embedding and one partition, with more
        kinds of graphs; cannot predict.

    Notes
    -----
    The graph links each sample with its nearest neighbours. The embedding has the
    leading eigenvectors of the normalized graph Laplacian as columns, and its rows are
    scaled to unit length [2]_. Equal samples count as one of greater weight.

    Each k-means gives a partition. The cluster of a sample tells something of the
    cluster of its neighbour: in all, their mutual information [4]_; as a share of the
    entropy of the clusters, the uncertainty coefficient [5]_, which is 1 where no edge
    leads from one cluster to another. Neither is enough. The mutual information would
    rather split a large cluster than leave it larger than others. The coefficient, like
    the normalized cut [1]_, would rather part a small group that lies a little aside
    than two large clusters that touch. So the partition is the one of the greatest
    mutual information among those whose coefficient is at most three standard errors
    below the best: sizes count where the edges do not decide. On large sets these
    errors are small, and the coefficient decides almost alone. Finally each sample
    joins the cluster of most of its neighbours, as long as the mutual information
    rises.

    K-means cuts across what is long and bent in the embedding, too. So for each number
    of eigenvectors it also finds up to eight clusters more than are wanted. These are
    merged two by two, such that the coefficient becomes as large as it can. The
    partitions that come of it take part in the choice, but do not raise what counts as
    the best coefficient.

    If the graph falls apart into as many components as there are clusters, these are
    the clusters [3]_. If into more, the smallest are linked to the samples nearest to
    them.

    New samples go where the nearest of the training samples are, weighted by the
    inverse of the distance; so a training sample is always given its own label.

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
    Two half moons, which k-means alone would cut across:

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
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            "array-like",
            None,
        ],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_clusters=8,
        *,
        n_neighbors=10,
        n_components=None,
        n_init=5,
        n_jobs=None,
        random_state=None,
    ):
        self.n_clusters = n_clusters
        self.n_neighbors = n_neighbors
        self.n_components = n_components
        self.n_init = n_init
        self.n_jobs = n_jobs
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Find the clusters.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        y : None
            Ignored.

        Returns
        -------
        self : SpectralKMeans
            The fitted clusterer.

        Raises
        ------
        ValueError
            If X is not valid, has fewer samples than ``n_clusters`` or values too
            large or too small to be squared, or if ``n_components`` holds anything but
            ints of at least 1.

        Warns
        -----
        ConvergenceWarning
            If fewer than ``n_clusters`` samples are distinct.
        """
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        if len(X) < self.n_clusters:
            raise ValueError(
                f"n_samples={len(X)} should be >= n_clusters={self.n_clusters}."
            )
        _check_size(X)
        spread = (X.max(axis=0).astype(np.float64) - X.min(axis=0)).max()
        if spread > 0 and spread * spread < np.finfo(np.float64).tiny:
            raise ValueError(
                f"X has values that differ by {spread:g} at most, too little to be "
                "squared; scale X."
            )
        points, point_of, counts = _distinct_points(X)
        n_clusters = min(int(self.n_clusters), len(points))
        if n_clusters < self.n_clusters:
            warnings.warn(
                f"X has {len(points)} distinct samples, fewer than "
                f"n_clusters={self.n_clusters}: each becomes a cluster.",
                ConvergenceWarning,
                stacklevel=2,
            )
        tried = self._numbers_to_try(n_clusters, len(points))
        rng = np.random.RandomState(draw_seed(self.random_state))

        graph = _neighbor_graph(points, int(self.n_neighbors), self.n_jobs)
        graph, components = _link_components(graph, points, n_clusters)
        weighting = sp.dia_array((counts[np.newaxis], [0]), shape=graph.shape)
        graph = sp.csr_array(weighting @ graph @ weighting)
        start = rng.uniform(-1, 1, len(points))
        vectors = _leading_eigenvectors(graph, components, max(tried), start)

        labels = self._best_partition(graph, vectors, counts, tried, n_clusters, rng)
        joint = _joint_weights(graph, labels, n_clusters)
        self.normalized_cut_ = _normalized_cut(joint)
        self.mutual_information_ = _mutual_information(joint)
        self.uncertainty_coefficient_ = _uncertainty_coefficient(joint)
        self.labels_ = labels[point_of]
        self.certainty_ = _certainty(graph, labels, n_clusters)[point_of]
        self._neighbors = NearestNeighbors(
            n_neighbors=min(int(self.n_neighbors), len(points)), n_jobs=self.n_jobs
        ).fit(points)
        self._point_labels = labels
        return self

    def predict(self, X):
        """Predict the cluster of each sample from the nearest training samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            The clusters.

        Raises
        ------
        ValueError
            If X is not valid or has values too large to be squared.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        _check_size(X)
        distances, neighbors = self._neighbors.kneighbors(X)
        # A training sample is at distance 0 from itself, and only its own vote counts.
        votes = (distances == 0).astype(np.float64)
        np.divide(distances[:, :1], distances, out=votes, where=distances > 0)
        n_clusters = self._point_labels.max() + 1
        rows = np.arange(len(X))[:, np.newaxis]
        cells = rows * n_clusters + self._point_labels[neighbors]
        votes = np.bincount(cells.ravel(), votes.ravel(), len(X) * n_clusters)
        return votes.reshape(len(X), n_clusters).argmax(axis=1)

    def _numbers_to_try(self, n_clusters, n_points):
        """Numbers of eigenvectors to try, checked."""
        if self.n_components is None:
            most = min(max(2 * n_clusters, n_clusters + 5), n_points)
            n_tries = min(most - n_clusters + 1, _TRIES)
            return np.linspace(n_clusters, most, n_tries).astype(int)
        asked = np.atleast_1d(self.n_components)
        is_list = asked.ndim == 1 and asked.size and asked.dtype.kind in "iu"
        if not is_list or asked.min() < 1:
            raise ValueError(
                f"n_components={self.n_components!r} should be an int of at least 1, "
                "a list of them, or None."
            )
        # Narrow integers would overflow in what they are multiplied with.
        return np.unique(asked.astype(np.intp).clip(n_clusters, n_points))

    def _best_partition(self, graph, vectors, counts, tried, n_clusters, rng):
        """Labels of the best of all tries; sets ``n_components_``."""
        if n_clusters == 1:
            self.n_components_ = int(tried[0])
            return np.zeros(len(counts), dtype=np.intp)
        seeds = rng.randint(np.iinfo(np.int32).max, size=self.n_init)
        found, merged = [], []
        for n_components in tried:
            rows = vectors[:, :n_components]
            lengths = np.linalg.norm(rows, axis=1, keepdims=True)
            rows = rows / np.maximum(lengths, np.finfo(np.float64).tiny)
            found += [_k_means(rows, counts, n_clusters, seed) for seed in seeds]
            n_more = min(n_clusters + _SURPLUS, _count_distinct(rows, rng))
            labels = found[-1]
            if n_more > n_clusters:
                labels = _k_means(rows, counts, n_more, seeds[0])
                labels = _merge(graph, labels, n_clusters)
            merged.append(labels)
        best = _choose(graph, found, merged, counts, n_clusters)
        numbers = np.concatenate([np.repeat(tried, self.n_init), tried])
        self.n_components_ = int(numbers[best])
        return _vote(graph, (found + merged)[best], n_clusters)
