"""Clusters that are Gaussian are those of a Gaussian mixture.

A graph cannot show a border where clusters overlap. If one Gaussian describes each of
them, a mixture tells which samples belong to it. It starts at the clusters of the
graph, and they may be wrong: only those of the fitted mixture need be Gaussian.
"""

import numpy as np
import scipy.sparse as sp
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from skae._common.sparse import column_range

# More points show where clusters overlap less, and need no such assumption.
MAX_POINTS = 5000
# A mixture is fitted to at most so many of the points.
MAX_FITTED = 2000
# A Gaussian is fitted to so many samples for each of its parameters at least.
MIN_SAMPLES_PER_PARAMETER = 1.5
# By how many standard errors one Gaussian per cluster must describe samples that were
# held out better than two. This and the limit above were chosen with labels in sight,
# of iris, blobs, and principal components of tables and digits.
MIN_STANDARD_ERRORS = 2
N_FOLDS = 5
# Part of the variance of a feature that is added to that of each Gaussian.
REGULARIZATION = 1e-3
MAX_ITER = 50
# A mixture is fitted once the mean log-likelihood of a sample rises by less.
TOL = 1e-4


def assign_to_gaussians(points, counts, labels, n_clusters):
    """Return the clusters of a mixture that starts at given clusters.

    The given clusters are returned if there are many points or few for each parameter
    of a Gaussian, and if it is not clear that the clusters of the mixture are Gaussian.
    """
    n_points = points.shape[0]
    if n_clusters == 1 or n_points > MAX_POINTS:
        return labels
    # The points are ordered by place, so that these are from everywhere.
    some = np.linspace(0, n_points - 1, min(n_points, MAX_FITTED)).astype(int)
    weights, found = counts[some], labels[some]
    low, high = column_range(points)
    varying = np.flatnonzero(high > low)
    if not _are_large(weights, found, n_clusters, len(varying)):
        return labels
    points = _scale(points[:, varying])
    fitted = points[some]
    shares = _fit_shares(fitted, weights, _shares(found, weights, n_clusters))
    found = shares.argmax(axis=1)
    if not (
        _are_large(weights, found, n_clusters, len(varying))
        and _are_gaussian(fitted, weights, found, n_clusters)
    ):
        return labels
    found = _log_joint(fitted, shares, points).argmax(axis=1)
    return found if len(np.unique(found)) == n_clusters else labels


def _are_large(counts, labels, n_clusters, n_features):
    """Return whether each cluster has enough samples to fit a Gaussian to them."""
    n_parameters = n_features * (n_features + 3) / 2
    sizes = np.bincount(labels, counts, minlength=n_clusters)
    return sizes.min() >= MIN_SAMPLES_PER_PARAMETER * n_parameters


def _fit_shares(points, counts, shares):
    """Return the shares of the points in the Gaussians of a mixture fitted to them."""
    old = -np.inf
    for _ in range(MAX_ITER):
        joint = _log_joint(points, shares, points)
        total = logsumexp(joint, axis=1, keepdims=True)
        new = np.average(total.ravel(), weights=counts)
        likely = np.exp(joint - total) * counts[:, np.newaxis]
        if new - old < TOL or likely.sum(axis=0).min() < 1:
            break
        shares, old = likely, new
    return shares


def _scale(points):
    """Return the features with a mean of zero and a variance of one."""
    if sp.issparse(points):
        points = points.toarray()
    points = points.astype(np.float64)
    return (points - points.mean(axis=0)) / points.std(axis=0)


def _shares(labels, counts, n_clusters):
    """Return one column per cluster, with the counts of its members."""
    return np.identity(n_clusters)[labels] * counts[:, np.newaxis]


def _are_gaussian(points, counts, labels, n_clusters):
    """Return whether one Gaussian per cluster is clearly better than two.

    Both are fitted to four fifths of the points, and judged by the others.
    """
    halves = 2 * labels
    for label in range(n_clusters):
        is_member = labels == label
        mean, covariance = _moments(points[is_member], counts[is_member])
        axis = np.linalg.eigh(covariance)[1][:, -1]  # along which the cluster is long
        halves[is_member] += (points[is_member] - mean) @ axis > 0
    one = _shares(labels, counts, n_clusters)
    two = _shares(halves, counts, 2 * n_clusters)
    gains = np.empty(len(points))
    fold = np.arange(len(points)) % N_FOLDS  # the points are ordered by place
    for i in range(N_FOLDS):
        out = fold == i
        ones, twos = (
            logsumexp(_log_joint(points[~out], shares[~out], points[out]), axis=1)
            for shares in (one, two)
        )
        gains[out] = ones - twos
    gain = np.average(gains, weights=counts)
    variance = np.average(np.square(gains - gain), weights=counts)
    return gain > MIN_STANDARD_ERRORS * np.sqrt(variance / counts.sum())


def _moments(points, weights):
    """Return the mean and the regularized covariance of points with weights."""
    total = weights.sum()
    mean = weights @ points / total
    centered = points - mean
    covariance = (centered.T * weights) @ centered / total
    return mean, covariance + REGULARIZATION * np.identity(len(mean))


def _log_joint(points, shares, new):
    """Return the log density of new points under each of some weighted Gaussians.

    They are fitted to shares of the points; one without any is left out. Constants are
    left out as well.
    """
    columns = []
    for share in shares.T[shares.any(axis=0)]:
        mean, covariance = _moments(points, share)
        factor = np.linalg.cholesky(covariance)
        distances = solve_triangular(factor, (new - mean).T, lower=True)
        column = -np.square(distances).sum(axis=0) / 2
        columns.append(column + np.log(share.sum()) - np.log(factor.diagonal()).sum())
    return np.column_stack(columns)
